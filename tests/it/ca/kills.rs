//! SIGKILL between request and answer, hundreds of times: no certificate without a record, and whoever asks again gets
//! theirs.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use reqwest::Method;
use sallyport_protocol::{IssueUserReply, IssueUserRequest, path};
use sallyport_tests::world::{Answer, Record};
use sallyport_tests::{Someone, World};
use serde_json::Value;

const KILLS: usize = 200;
const AT_ONCE: usize = 3;
const SEED: u64 = 42;

/// A request without its answer, or with it, and the number of the server's life that gave it.
struct Asked {
    request: IssueUserRequest,
    answer: Option<(usize, IssueUserReply)>,
}

#[test]
fn no_certificate_without_a_record_and_every_retry_gets_its_certificate() -> Result<()> {
    let mut world = World::new(&[], &[])?;
    let people = [world.engineer("killed-one")?, world.engineer("killed-two")?];
    let usual = usual_time(&world, &people[0])?;
    let mut rng = StdRng::seed_from_u64(SEED);
    let mut asked: Vec<Asked> = Vec::new();
    let mut interrupted = 0;
    for life in 1..=KILLS {
        let open = asked.iter().filter(|ask| ask.answer.is_none()).count();
        for number in open..AT_ONCE {
            let someone = &people[number % people.len()];
            asked.push(Asked { request: world.sign_in(someone)?.1, answer: None });
        }
        let delay = usual.mul_f64(rng.gen_range(0.0..2.0));
        ask_and_kill(&mut world, &mut asked, life, delay)?;
        interrupted += asked.iter().filter(|ask| ask.answer.is_none()).count();
        world.ca.start()?;
    }
    for ask in asked.iter_mut().filter(|ask| ask.answer.is_none()) {
        ask.answer = Some((KILLS + 1, world.issue(&ask.request).context("the last retry")?));
    }
    world.ca.stop()?;
    world.ca.command(&["audit", "verify"])?.ok()?;
    let record = Record::parse(&world.ca.command(&["audit", "export"])?.ok()?)?;
    let recovered = check(&record, &asked)?;
    // Else nothing was tried.
    ensure!(interrupted >= KILLS / 4, "only {interrupted} requests were interrupted");
    ensure!(recovered >= KILLS / 40, "only {recovered} answers were lost after their record was made");
    Ok(())
}

/// How long one answer takes that nobody disturbs, with the others beside it.
fn usual_time(world: &World, someone: &Someone) -> Result<Duration> {
    world.log_in(someone)?;
    let requests: Vec<_> = (0..AT_ONCE).map(|_| world.sign_in(someone)).collect::<Result<_>>()?;
    let begun = Instant::now();
    let sent: Vec<_> = requests.iter().map(|(_, request)| send(world, request)).collect();
    for answer in sent {
        ensure!(world.wait(answer)??.status == 200, "an undisturbed login fails");
    }
    Ok(begun.elapsed())
}

fn send(world: &World, request: &IssueUserRequest) -> tokio::task::JoinHandle<Result<Answer>> {
    let request = world.request(Method::POST, path::USER_CERTIFICATE).json(request);
    world.runtime().spawn(Answer::to(request))
}

fn ask_and_kill(world: &mut World, asked: &mut [Asked], life: usize, delay: Duration) -> Result<()> {
    let open: Vec<_> = asked.iter_mut().filter(|ask| ask.answer.is_none()).collect();
    let sent: Vec<_> = open.iter().map(|ask| send(world, &ask.request)).collect();
    world.wait(async { tokio::time::sleep(delay).await });
    world.ca.kill()?;
    for (ask, answer) in open.into_iter().zip(sent) {
        // No answer is what this is about; a refusal is not.
        let Ok(answer) = world.wait(answer)? else { continue };
        ensure!(answer.status == 200, "life {life}: {}", answer.text());
        ask.answer = Some((life, answer.read()?));
    }
    Ok(())
}

/// Every certificate that anybody holds is on record, once, and no request has two. Gives how many answers came in a
/// later life than their record.
fn check(record: &Record, asked: &[Asked]) -> Result<usize> {
    let mut life = 0;
    let mut intents: BTreeMap<u64, usize> = BTreeMap::new();
    for event in record.events() {
        match event["event"].as_str() {
            Some("ca.started") => life += 1,
            Some("certificate.intended") => {
                let serial = event["serial"].as_u64().context("an intent without a serial")?;
                ensure!(intents.insert(serial, life).is_none(), "serial {serial} stands twice");
            }
            _ => {}
        }
    }
    ensure!(life == KILLS + 1, "{life} starts");
    let mut recovered = 0;
    for ask in asked {
        let (answered, reply) = ask.answer.as_ref().context("a request without an answer")?;
        let on_record = record.certificates_for(&ask.request.public_key);
        ensure!(on_record == [reply.serial], "{on_record:?} on record, {} in hand", reply.serial);
        let intended = intents.get(&reply.serial).context("no intent")?;
        recovered += usize::from(intended < answered);
        holds_what_was_recorded(record, reply)?;
    }
    Ok(recovered)
}

/// The recorded content is the certificate, but for the signature at its end.
fn holds_what_was_recorded(record: &Record, reply: &IssueUserReply) -> Result<()> {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    let is_it = |event: &&Value| event["serial"] == reply.serial;
    let event = record.of("certificate.intended").find(is_it).context("no intent")?;
    let tbs = BASE64_STANDARD.decode(event["detail"]["tbs"].as_str().context("no content")?)?;
    let blob = BASE64_STANDARD.decode(reply.certificate.split(' ').nth(1).context("no blob")?)?;
    ensure!(blob.starts_with(&tbs), "serial {} says something else than its record", reply.serial);
    Ok(())
}
