//! Machines that ask the CA, honestly or not, without a host around them: what the protocol holds by itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rand::rngs::OsRng;
use reqwest::Method;
use sallyport_client::{ClientError, HostClient, SystemClock, bootstrap};
use sallyport_domain::{Clock as _, Generation};
use sallyport_protocol::{
    EnrollReply, EnrollRequest, Fingerprint, HostKeyProof, LocalNames, Namespace, Problem, ProblemCode,
    Report, RequestSignature, SignedRequest, SnapshotReply, path, sign_armored,
};
use sallyport_tests::World;
use serde_json::{Value, json};
use ssh_key::{Algorithm, PrivateKey};

/// A machine: its two keys, and the names it asks for.
pub(super) struct Machine {
    world: Arc<World>,
    client: Arc<HostClient>,
    request_key: PrivateKey,
    host_key: PrivateKey,
    name: String,
}

impl Machine {
    pub(super) fn new(world: &Arc<World>, name: &str) -> Result<Self> {
        let key = || PrivateKey::random(&mut OsRng, Algorithm::Ed25519);
        let (request_key, host_key) = (key()?, key()?);
        let (_, ca) = world.wait(bootstrap(&world.ca.url().parse()?, world.ca.fingerprint()))?;
        let client = Arc::new(HostClient::new(&ca, request_key.clone())?);
        Ok(Self {
            world: Arc::clone(world),
            client,
            request_key,
            host_key,
            name: format!("{name}.corp.test"),
        })
    }

    pub(super) fn token(&self, tag: &str) -> Result<String> {
        let create = ["enroll-token", "create", "--name", &self.name, "--tag", tag];
        Ok(self.world.ca.command(&create)?.ok()?.trim().to_owned())
    }

    pub(super) fn enroll(&self, token: &str) -> Result<EnrollReply> {
        self.enroll_as(token, &self.name)
    }

    fn enroll_as(&self, token: &str, name: &str) -> Result<EnrollReply> {
        let proof = HostKeyProof {
            ca: self.world.ca.fingerprint(),
            machine_key: Fingerprint::of(self.request_key.public_key()),
            host_key: Fingerprint::of(self.host_key.public_key()),
        };
        let request = EnrollRequest {
            token: token.to_owned(),
            names: vec![name.parse()?],
            machine_key: self.request_key.public_key().to_openssh()?,
            host_key: self.host_key.public_key().to_openssh()?,
            host_key_signature: sign_armored(&self.host_key, Namespace::HostKey, &proof.message())?,
            observe: false,
        };
        Ok(self.world.wait(self.client.enroll(&request))?)
    }

    /// What it would let in now.
    pub(super) fn content(&self) -> Result<String> {
        let (reply, _) = self.world.wait(self.client.snapshot(Generation::ZERO, 0))?;
        let SnapshotReply::New { content, .. } = reply else { bail!("no snapshot for a new host") };
        Ok(content)
    }

    /// Says what is local on it.
    pub(super) fn report(&self, names: &[&str]) -> Result<()> {
        let names: Result<Vec<_>, _> = names.iter().map(|name| name.parse()).collect();
        let report = Report {
            applied: Generation::ZERO,
            lease_until: None,
            agent: "test".to_owned(),
            problems: Vec::new(),
            local: Some(LocalNames { names: names?, ids: Vec::new() }),
        };
        Ok(self.world.wait(self.client.report(&report))?)
    }

    /// Its first snapshot's generation.
    fn generation(&self) -> Result<Generation> {
        let (reply, _) = self.world.wait(self.client.snapshot(Generation::ZERO, 0))?;
        let SnapshotReply::New { snapshot, .. } = reply else { bail!("no snapshot for a new host") };
        let header: sallyport_protocol::SnapshotHeader =
            snapshot.open(self.world.ca.fingerprint(), Namespace::Snapshot)?;
        Ok(header.generation)
    }
}

fn problem(error: anyhow::Error) -> Result<Problem> {
    match error.downcast::<ClientError>()? {
        ClientError::Problem(problem) => Ok(*problem),
        other => Err(other.into()),
    }
}

#[test]
fn an_enrolment_whose_answer_was_lost_gets_it_again() -> Result<()> {
    let world = World::shared()?;
    let machine = Machine::new(&world, "lost-answer")?;
    let token = machine.token("env=test")?;
    let first = machine.enroll(&token)?;
    let again = machine.enroll(&token)?;
    assert_eq!((first.host, &first.name), (again.host, &again.name));
    assert_eq!(world.record()?.with("host.enrolled", "machine_key", &fingerprint(&machine)).len(), 1);

    // The token had one use, and it is used up for everybody else.
    let thief = Machine { name: machine.name.clone(), ..Machine::new(&world, "thief")? };
    let refused = problem(thief.enroll(&token).unwrap_err())?;
    assert_eq!(refused.code, ProblemCode::Unauthorized, "{refused}");
    assert!(refused.detail.contains("used up"), "{refused}");
    Ok(())
}

#[test]
fn a_token_that_is_used_up_fills_no_record() -> Result<()> {
    let world = World::shared()?;
    let machine = Machine::new(&world, "worn-out")?;
    let token = machine.token("env=test")?;
    machine.enroll(&token)?;
    let thief = Machine { name: machine.name.clone(), ..Machine::new(&world, "worn-out-thief")? };
    let codes: Vec<_> =
        (0..120).map(|_| Ok(problem(thief.enroll(&token).unwrap_err())?.code)).collect::<Result<_>>()?;
    assert_eq!(codes[0], ProblemCode::Unauthorized);
    assert!(codes.contains(&ProblemCode::TooMany), "{codes:?}");
    let record = world.record()?;
    let is_ours = |event: &&serde_json::Value| event["detail"]["names"][0] == machine.name.as_str();
    let events = record.of("host.enrollment_refused").filter(is_ours).count();
    assert!((100..120).contains(&events), "{events} events");
    Ok(())
}

#[test]
fn a_host_that_asks_for_certificates_all_day_waits() -> Result<()> {
    let world = World::shared()?;
    let machine = Machine::new(&world, "insatiable")?;
    let token = machine.token("env=test")?;
    let host = machine.enroll(&token)?.host.to_string();
    let last = (0..80).map(|_| machine.enroll(&token)).find_map(Result::err);
    let refused = problem(last.context("eighty certificates in a row")?)?;
    assert_eq!(refused.code, ProblemCode::TooMany, "{refused}");
    let record = world.record()?;
    let certified = record.of("host.certified").filter(|event| event["host"] == host.as_str()).count();
    assert!((50..80).contains(&certified), "{certified}");
    Ok(())
}

#[test]
fn an_enrolled_machine_gets_no_other_name_by_asking_again() -> Result<()> {
    let world = World::shared()?;
    let machine = Machine::new(&world, "greedy")?;
    machine.enroll(&machine.token("env=test")?)?;
    let wide = ["enroll-token", "create", "--name", "*.corp.test"];
    let wide = world.ca.command(&wide)?.ok()?;
    let refused = problem(machine.enroll_as(wide.trim(), "other.corp.test").unwrap_err())?;
    assert_eq!(refused.code, ProblemCode::Conflict, "{refused}");
    Ok(())
}

#[test]
fn a_stranger_with_an_invented_token_leaves_no_event() -> Result<()> {
    let world = World::shared()?;
    let machine = Machine::new(&world, "stranger")?;
    let refused = problem(machine.enroll("spe_invented").unwrap_err())?;
    assert_eq!(refused.code, ProblemCode::Unauthorized, "{refused}");
    let told = world.record()?;
    let of_it = |event: &&serde_json::Value| event.to_string().contains(&machine.name);
    assert_eq!(told.of("host.enrollment_refused").filter(of_it).count(), 0);
    Ok(())
}

#[test]
fn a_token_misused_is_an_event() -> Result<()> {
    let world = World::shared()?;
    let machine = Machine::new(&world, "misuser")?;
    let token = machine.token("env=test")?;
    problem(machine.enroll_as(&token, "misused.corp.test").unwrap_err())?;
    let told = world.record()?;
    let of_it = |event: &&serde_json::Value| event.to_string().contains("misused.corp.test");
    assert_eq!(told.of("host.enrollment_refused").filter(of_it).count(), 1);
    machine.enroll(&token)?;
    Ok(())
}

#[test]
fn a_request_counts_once_and_an_old_one_not_at_all() -> Result<()> {
    let world = World::shared()?;
    let machine = Machine::new(&world, "replayed")?;
    machine.enroll(&machine.token("env=test")?)?;
    let poll = format!("{}?after=0&wait=0", path::HOST_SNAPSHOT);
    let signed =
        SignedRequest { method: "GET", path_and_query: &poll, body: b"", ca: world.ca.fingerprint() };
    let send = |seconds_ago: i64, nonce: &str| -> Result<sallyport_tests::world::Answer> {
        let ts = SystemClock.now().as_second() - seconds_ago;
        let signature = RequestSignature::sign(&signed, &machine.request_key, ts, nonce.to_owned())?;
        world.send(world.request(Method::GET, &poll).header("Authorization", signature.to_string()))
    };
    assert_eq!(send(0, "0123456789abcdef")?.status, 200);
    assert_eq!(send(0, "0123456789abcdef")?.problem()?.code, ProblemCode::Unauthorized);
    let old = send(3600, "fedcba9876543210")?.problem()?;
    assert_eq!(old.code, ProblemCode::ClockSkew);
    let server_time = old.server_time.context("clock_skew comes with the server's time")?;
    assert!(server_time.duration_since(SystemClock.now()).abs().as_secs() < 60);
    Ok(())
}

#[test]
fn a_host_that_waits_hears_of_a_grant_within_a_second() -> Result<()> {
    let world = Arc::new(World::new(&["--host-domain", "*.corp.test"], &[])?);
    let machine = Machine::new(&world, "waiting")?;
    machine.enroll(&machine.token("role=waiting")?)?;
    let after = machine.generation()?;
    let client = Arc::clone(&machine.client);
    let waiting = world.runtime().spawn(async move {
        let answer = client.snapshot(after, 50).await;
        (answer, Instant::now())
    });
    // The poll is at the server, or the grant is: either way its answer is the new generation.
    world.engineer("hears-of-a-grant")?;
    let grant = ["admin", "grant", "add", "--group", "engineers", "--tag", "role=waiting"];
    world.ca.command(&grant)?.ok()?;
    let granted = Instant::now();
    let (answer, heard) = world.wait(waiting)?;
    assert!(matches!(answer?.0, SnapshotReply::New { .. }));
    // The command has returned by now, and the host has its answer: what is left is this machine's load.
    assert!(
        heard.saturating_duration_since(granted) < Duration::from_secs(1),
        "it took {:?}",
        heard - granted
    );
    Ok(())
}

/// Deactivation, removal from a group and deletion, of people and of groups: when the directory has its answer, the
/// host's next snapshot is another one already.
#[test]
fn every_loss_of_access_is_a_new_generation_before_it_is_answered() -> Result<()> {
    let world = Arc::new(World::new(&["--host-domain", "*.corp.test"], &[])?);
    let machine = Machine::new(&world, "hears-of-losses")?;
    machine.enroll(&machine.token("env=prod")?)?;
    world.engineer("loser")?;
    let id_of = |path: &str| -> Result<String> {
        let found = world.scim(Method::GET, path, None)?.json()?;
        Ok(found["Resources"][0]["id"].as_str().with_context(|| format!("{found}"))?.to_owned())
    };
    let person = id_of("/Users?filter=userName+eq+%22loser%40contoso.test%22")?;
    let user = format!("/Users/{person}");
    let group = format!("/Groups/{}", id_of("/Groups?filter=displayName+eq+%22engineers%22")?);
    let patch = |path: &str, op: &str, attribute: &str, value: Value| {
        let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{ "op": op, "path": attribute, "value": value }] });
        Ok(world.scim(Method::PATCH, path, Some(&body))?.status)
    };
    let member = || json!([{ "value": person }]);
    let mut before = machine.generation()?;
    let mut moved = |what: &str, status: Result<u16>| -> Result<()> {
        assert!(status? < 300, "{what}");
        let after = machine.generation()?;
        assert!(after > before, "{what}: {after} after {before}");
        before = after;
        Ok(())
    };
    moved("removed", patch(&group, "Remove", "members", member()))?;
    moved("added", patch(&group, "Add", "members", member()))?;
    moved("disabled", patch(&user, "Replace", "active", json!("False")))?;
    moved("enabled", patch(&user, "Replace", "active", json!("True")))?;
    moved("flagged", patch(&user, "Replace", "externalId", json!("0a0a0a0a-1111-4222-8333-444455556666")))?;
    moved("deleted", world.scim(Method::DELETE, &user, None).map(|answer| answer.status))?;
    world.engineer("loser.last")?;
    let lets_in = || Ok::<_, anyhow::Error>(machine.content()?.contains("loser.last"));
    assert!(lets_in()?);
    moved("group deleted", world.scim(Method::DELETE, &group, None).map(|answer| answer.status))?;
    assert!(!lets_in()?);
    Ok(())
}

#[test]
fn a_host_that_is_retired_while_it_waits_hears_of_that_and_gets_no_lease() -> Result<()> {
    let world = World::shared()?;
    let machine = Machine::new(&world, "retired")?;
    machine.enroll(&machine.token("env=test")?)?;
    let after = machine.generation()?;
    let client = Arc::clone(&machine.client);
    let begun = Instant::now();
    let waiting = world.runtime().spawn(async move { client.snapshot(after, 50).await });
    world.ca.command(&["admin", "host", "retire", &machine.name])?.ok()?;
    let answer = world.wait(waiting)?;
    let Err(ClientError::Problem(refused)) = answer else { bail!("a retired host got {answer:?}") };
    assert_eq!(refused.code, ProblemCode::Unauthorized);
    assert!(begun.elapsed() < Duration::from_secs(40), "it heard only when its poll was over");
    Ok(())
}

fn fingerprint(machine: &Machine) -> String {
    Fingerprint::of(machine.request_key.public_key()).to_string()
}
