//! Device logins: a token that no key is bound to.

use anyhow::Result;
use jiff::SignedDuration;
use reqwest::Method;
use sallyport_client::SystemClock;
use sallyport_domain::Clock as _;
use sallyport_protocol::{IssueUserRequest, ProblemCode, path};
use sallyport_tests::World;
use sallyport_tests::world::Answer;
use serde_json::json;

use super::{claims, respell};

const DEVICE: &str = "SALLYPORT_CA_LOGIN_DEVICE";
const HOUR: u64 = 3600;

#[test]
fn while_the_policy_is_off() -> Result<()> {
    let world = World::shared()?;
    let someone = world.engineer("device-off")?;
    let token = world.token(&someone, None)?;
    let problem = world.refused(&world.applicant()?.device(&token)?, ProblemCode::DeviceLoginOff)?;
    assert!(problem.detail.contains("--no-browser"), "what to do instead: {problem}");
    Ok(())
}

#[test]
fn while_the_policy_is_on() -> Result<()> {
    let world = World::new(&["--device-login", "on"], &[])?;
    let someone = world.engineer("device-on")?;
    lives_four_hours_at_most(&world, &someone)?;
    counts_once(&world, &someone)?;
    counts_once_without_an_id_of_its_own(&world, &someone)?;
    counts_once_in_a_race(&world, &someone)?;
    is_not_renewed(&world, &someone)?;
    let stranger = world.stranger("device-stranger")?;
    let token = world.token(&stranger, None)?;
    world.refused(&world.applicant()?.device(&token)?, ProblemCode::NoGrant)?;
    Ok(())
}

fn lives_four_hours_at_most(world: &World, someone: &sallyport_tests::Someone) -> Result<()> {
    let (before, applicant) = (SystemClock.now(), world.applicant()?);
    let reply = world.issue(&applicant.device(&world.token(someone, None)?)?)?;
    let left = reply.valid_until.duration_since(before);
    assert!((left - SignedDuration::from_hours(4)).abs() < SignedDuration::from_mins(1), "{left}");
    let record = world.record()?;
    let marked = record.with("certificate.intended", "login", "device");
    assert!(marked.iter().any(|event| event["serial"] == reply.serial), "marked in the audit");

    let request = applicant.device(&world.token(someone, None)?)?;
    let longer = IssueUserRequest { ttl_seconds: Some(4 * HOUR + 1), ..request.clone() };
    world.refused(&applicant.signed(longer)?, ProblemCode::LifetimeOutOfPolicy)?;
    let allowed = IssueUserRequest { ttl_seconds: Some(4 * HOUR), ..request };
    world.issue(&applicant.signed(allowed)?)?;
    Ok(())
}

/// Whoever comes second with another key gets nothing, however the token is spelt.
fn counts_once(world: &World, someone: &sallyport_tests::Someone) -> Result<()> {
    let token = world.token(someone, None)?;
    let first = world.applicant()?;
    world.issue(&first.device(&token)?)?;
    world.refused(&world.applicant()?.device(&token)?, ProblemCode::TokenReplayed)?;
    world.refused(&world.applicant()?.device(&respell(&token))?, ProblemCode::TokenReplayed)?;
    Ok(())
}

fn counts_once_without_an_id_of_its_own(world: &World, someone: &sallyport_tests::Someone) -> Result<()> {
    let token = world.mint(someone, None, claims(json!({ "uti": null })))?;
    world.issue(&world.applicant()?.device(&token)?)?;
    world.refused(&world.applicant()?.device(&token)?, ProblemCode::TokenReplayed)?;
    world.refused(&world.applicant()?.device(&respell(&token))?, ProblemCode::TokenReplayed)?;
    Ok(())
}

/// Many at once with one token and a key each: one gets a certificate.
fn counts_once_in_a_race(world: &World, someone: &sallyport_tests::Someone) -> Result<()> {
    let token = world.token(someone, None)?;
    let asked: Vec<_> = (0..8).map(|_| world.applicant()?.device(&token)).collect::<Result<_>>()?;
    let ask_at_once = |ask| {
        let request = world.request(Method::POST, path::USER_CERTIFICATE).json(ask);
        world.runtime().spawn(Answer::to(request))
    };
    let sent: Vec<_> = asked.iter().map(ask_at_once).collect();
    let mut codes = Vec::new();
    for answer in sent {
        let answer = world.wait(answer)??;
        codes.push(if answer.status == 200 { None } else { Some(answer.problem()?.code) });
    }
    assert_eq!(codes.iter().filter(|code| code.is_none()).count(), 1, "{codes:?}");
    assert!(codes.iter().flatten().all(|code| *code == ProblemCode::TokenReplayed), "{codes:?}");
    let record = world.record()?;
    let intended: usize = asked.iter().map(|ask| record.certificates_for(&ask.public_key).len()).sum();
    assert_eq!(intended, 1);
    Ok(())
}

fn is_not_renewed(world: &World, someone: &sallyport_tests::Someone) -> Result<()> {
    let before = world.applicant()?;
    let reply = world.issue(&before.device(&world.token(someone, None)?)?)?;
    let next = world.applicant()?;
    let request = next.renewal(&world.token(someone, None)?, &before, &reply.certificate)?;
    world.refused(&request, ProblemCode::SessionEnded)?;
    Ok(())
}

#[test]
fn while_the_policy_is_for_groups() -> Result<()> {
    let settings = [(DEVICE, "groups"), ("SALLYPORT_CA_LOGIN_DEVICE_GROUPS", "[\"headless\"]")];
    let world = World::new(&[], &settings)?;
    let (inside, outside) = (world.hire("inside", json!({}), true)?, world.engineer("outside")?);
    let ask = |someone| world.applicant()?.device(&world.token(someone, None)?);
    world.refused(&ask(&inside)?, ProblemCode::DeviceLoginOff)?;

    let group =
        json!({ "oid": sallyport_entra_sim::Sim::new_oid(), "name": "headless", "members": [inside.oid] });
    let group = serde_json::from_value(group)?;
    world.edit(|tenant| {
        tenant.groups.push(group);
        Ok(())
    })?;
    world.provision()?;
    // One of that name in another tenant is neither meant nor in the way.
    let other = "22222222-0d3a-4f6e-9a41-5c2f8e90d311";
    world.ca.command(&["connection", "add", "fabrikam", "--tenant", other])?.ok()?;
    let token = world.ca.command(&["scim-token", "create", "--connection", "fabrikam"])?.ok()?;
    let namesake = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "headless",
        "externalId": sallyport_entra_sim::Sim::new_oid(),
    });
    let request = world.request(Method::POST, "/scim/v2/Groups").bearer_auth(&token);
    let made = world.send(request.body(namesake.to_string()))?;
    assert_eq!(made.status, 201, "{}", made.text());
    world.issue(&ask(&inside)?)?;
    world.refused(&ask(&outside)?, ProblemCode::DeviceLoginOff)?;
    Ok(())
}

#[test]
fn a_browser_token_replayed_in_another_spelling() -> Result<()> {
    let world = World::shared()?;
    let someone = world.engineer("respelt")?;
    let (applicant, request) = world.sign_in(&someone)?;
    let first = world.issue(&request)?;
    // The same key: then it is the same request, and its answer is the same certificate.
    let again = applicant.browser(&respell(&request.id_token))?;
    assert_eq!(world.issue(&again)?, first);
    assert_eq!(world.record()?.certificates_for(&request.public_key), [first.serial]);
    Ok(())
}
