//! Who is refused again and again, with something that is good, costs the record little; nobody else waits.

use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use sallyport_protocol::{IssueUserRequest, ProblemCode, path};
use sallyport_tests::World;

/// More than one account may be refused at once.
const MANY: usize = 130;

fn refusals(world: &World, oid: &str) -> Result<usize> {
    Ok(world.record()?.with("certificate.refused", "object_id", oid).len())
}

/// Asks [`MANY`] times; the codes of the refusals.
fn ask_often(world: &World, request: &IssueUserRequest) -> Result<Vec<ProblemCode>> {
    let ask = |_| {
        let answer = world.send(world.request(Method::POST, path::USER_CERTIFICATE).json(request))?;
        let problem = answer.problem()?;
        if problem.code == ProblemCode::TooMany {
            let seconds: u64 = answer.header("retry-after").parse().context("Retry-After")?;
            ensure!((1..=16).contains(&seconds), "Retry-After: {seconds}");
            ensure!(problem.detail.contains(&format!("{seconds} s")), "{problem}");
        }
        Ok(problem.code)
    };
    (0..MANY).map(ask).collect()
}

#[test]
fn a_person_who_is_refused_again_and_again_leaves_few_events() -> Result<()> {
    let world = World::shared()?;
    let wanda = world.stranger("throttle-wanda")?;
    let (_, request) = world.sign_in(&wanda)?;
    let codes = ask_often(&world, &request)?;
    let refused = codes.iter().take_while(|code| **code == ProblemCode::NoGrant).count();
    assert!((100..MANY).contains(&refused), "{codes:?}");
    assert!(codes[refused..].contains(&ProblemCode::TooMany), "{codes:?}");
    // One more is allowed each quarter of a minute, which a slow machine may take.
    let events = refusals(&world, &wanda.oid)?;
    assert_eq!(events, codes.iter().filter(|code| **code == ProblemCode::NoGrant).count());
    assert!(events < 120, "{events} events");

    // Another sign-in is the same person; another person is not.
    let (_, again) = world.sign_in(&wanda)?;
    assert!(ask_often(&world, &again)?.contains(&ProblemCode::TooMany));
    let wilma = world.stranger("throttle-wilma")?;
    let (_, request) = world.sign_in(&wilma)?;
    world.refused(&request, ProblemCode::NoGrant)?;
    world.log_in(&world.engineer("throttle-wendy")?)?;
    Ok(())
}

#[test]
fn somebody_who_signs_in_and_asks_again_never_waits() -> Result<()> {
    let world = World::shared()?;
    let walter = world.engineer("throttle-walter")?;
    let (_, request) = world.sign_in(&walter)?;
    let first = world.issue(&request)?;
    for _ in 0..30 {
        assert_eq!(world.issue(&request)?.serial, first.serial, "an answer that was lost");
        world.log_in(&walter)?;
    }
    Ok(())
}
