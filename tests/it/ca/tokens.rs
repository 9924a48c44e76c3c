//! ID tokens that prove nothing, or not enough.

use anyhow::{Context as _, Result};
use jiff::SignedDuration;
use sallyport_client::SystemClock;
use sallyport_domain::Clock as _;
use sallyport_entra_sim::{MintKey, MintRequest, Sim};
use sallyport_protocol::{IssueUserRequest, ProblemCode};
use sallyport_tests::World;
use serde_json::json;

use super::{claims, header};

/// Somebody who may have everything sends a token with these changes, over the nonce of their key.
fn refused(name: &str, changes: MintRequest, code: ProblemCode) -> Result<()> {
    let world = World::shared()?;
    let someone = world.engineer(&format!("token-{name}"))?;
    let applicant = world.applicant()?;
    let token = world.mint(&someone, Some(&applicant.nonce()?), changes)?;
    world.refused(&applicant.browser(&token)?, code).map(drop)
}

#[test]
fn wrong_tenant() -> Result<()> {
    refused("tenant", claims(json!({ "tid": Sim::new_oid() })), ProblemCode::WrongTenant)
}

#[test]
fn wrong_audience() -> Result<()> {
    refused("audience", claims(json!({ "aud": Sim::new_oid() })), ProblemCode::WrongAudience)
}

#[test]
fn one_audience_of_several() -> Result<()> {
    let several = json!({ "aud": [sallyport_tests::world::CLIENT, "another"] });
    refused("audiences", claims(several), ProblemCode::WrongAudience)
}

#[test]
fn wrong_issuer() -> Result<()> {
    let elsewhere = json!({ "iss": "https://login.fabrikam.test/v2.0" });
    refused("issuer", claims(elsewhere), ProblemCode::WrongIssuer)
}

#[test]
fn the_issuer_with_a_slash_more() -> Result<()> {
    let issuer = format!("{}/", World::shared()?.sim.issuer());
    refused("slash", claims(json!({ "iss": issuer })), ProblemCode::WrongIssuer)
}

#[test]
fn without_an_object_id() -> Result<()> {
    refused("oid", claims(json!({ "oid": null })), ProblemCode::TokenInvalid)
}

#[test]
fn for_an_application() -> Result<()> {
    refused("app", claims(json!({ "idtyp": "app" })), ProblemCode::TokenInvalid)
}

#[test]
fn of_version_one() -> Result<()> {
    refused("v1", claims(json!({ "ver": "1.0" })), ProblemCode::TokenInvalid)
}

#[test]
fn signed_by_nobody() -> Result<()> {
    refused("none", header(json!({ "alg": "none" })), ProblemCode::TokenInvalid)
}

#[test]
fn signed_with_the_public_key_as_a_secret() -> Result<()> {
    refused("hs256", header(json!({ "alg": "HS256" })), ProblemCode::TokenInvalid)
}

#[test]
fn said_to_be_signed_otherwise() -> Result<()> {
    refused("rs512", header(json!({ "alg": "RS512" })), ProblemCode::TokenInvalid)
}

#[test]
fn signed_by_a_stranger_under_the_right_name() -> Result<()> {
    let forged = MintRequest { key: MintKey::Foreign, ..MintRequest::default() };
    refused("foreign", forged, ProblemCode::TokenInvalid)
}

#[test]
fn not_a_token() -> Result<()> {
    let world = World::shared()?;
    let applicant = world.applicant()?;
    for text in ["", "a.b.c", "....", "ä", &"x".repeat(20_000)] {
        world.refused(&applicant.browser(text)?, ProblemCode::TokenInvalid)?;
    }
    Ok(())
}

#[test]
fn expired() -> Result<()> {
    let ended = SystemClock.now().as_second() - 180;
    refused("expired", claims(json!({ "exp": ended })), ProblemCode::TokenExpired)
}

#[test]
fn too_old() -> Result<()> {
    // Entra dates `iat` back by five minutes: eleven more are too many.
    let old = MintRequest { age: 11 * 60, ..MintRequest::default() };
    refused("old", old, ProblemCode::TokenTooOld)
}

#[test]
fn from_the_future() -> Result<()> {
    let early = MintRequest { age: -10 * 60, ..MintRequest::default() };
    refused("early", early, ProblemCode::TokenInvalid)
}

#[test]
fn within_the_tolerance() -> Result<()> {
    let world = World::shared()?;
    let someone = world.engineer("token-tolerated")?;
    let now = SystemClock.now().as_second();
    let tolerated = [
        // Two minutes of difference between the clocks, and a minute for a slow machine.
        claims(json!({ "exp": now - 60 })),
        claims(json!({ "iat": now + 60, "nbf": now + 60, "exp": now + 3600 })),
        MintRequest { age: 9 * 60, ..MintRequest::default() },
    ];
    for changes in tolerated {
        let applicant = world.applicant()?;
        let token = world.mint(&someone, Some(&applicant.nonce()?), changes)?;
        world.issue(&applicant.browser(&token)?)?;
    }
    Ok(())
}

#[test]
fn the_site_sets_the_age() -> Result<()> {
    let world = World::new(&[], &[("SALLYPORT_CA_LOGIN_TOKEN_MAX_AGE", "30m")])?;
    let someone = world.engineer("patient")?;
    let ask = |minutes: i64| {
        let applicant = world.applicant()?;
        let age = SignedDuration::from_mins(minutes).as_secs();
        let token =
            world.mint(&someone, Some(&applicant.nonce()?), MintRequest { age, ..MintRequest::default() })?;
        applicant.browser(&token)
    };
    world.issue(&ask(20)?)?;
    world.refused(&ask(26)?, ProblemCode::TokenTooOld)?;
    Ok(())
}

#[test]
fn made_for_another_nonce() -> Result<()> {
    let world = World::shared()?;
    let someone = world.engineer("token-nonce")?;
    let applicant = world.applicant()?;
    let token = world.token(&someone, Some("some-other-nonce"))?;
    world.refused(&applicant.browser(&token)?, ProblemCode::WrongNonce)?;
    Ok(())
}

#[test]
fn without_a_nonce_but_with_its_random_part() -> Result<()> {
    let world = World::shared()?;
    let someone = world.engineer("token-no-nonce")?;
    let applicant = world.applicant()?;
    let token = world.token(&someone, None)?;
    world.refused(&applicant.browser(&token)?, ProblemCode::WrongNonce)?;
    Ok(())
}

#[test]
fn a_browser_token_sent_as_a_device_token() -> Result<()> {
    let world = World::shared()?;
    let someone = world.engineer("token-as-device")?;
    let applicant = world.applicant()?;
    let token = world.token(&someone, Some(&applicant.nonce()?))?;
    world.refused(&applicant.device(&token)?, ProblemCode::WrongNonce)?;
    Ok(())
}

#[test]
fn a_random_part_of_another_length() -> Result<()> {
    let world = World::shared()?;
    let someone = world.engineer("token-random")?;
    let (_, request) = world.sign_in(&someone)?;
    for text in ["", "c2hvcnQ", "not base64 at all!", &"A".repeat(44)] {
        let ask = IssueUserRequest { nonce_random: Some(text.to_owned()), ..request.clone() };
        world.refused(&ask, ProblemCode::Malformed)?;
    }
    Ok(())
}

#[test]
fn a_stolen_browser_token_with_another_key() -> Result<()> {
    let world = World::shared()?;
    let someone = world.engineer("token-stolen")?;
    let (victim, request) = world.sign_in(&someone)?;
    let thief = sallyport_tests::Applicant { random: victim.random.clone(), ..world.applicant()? };
    world.refused(&thief.browser(&request.id_token)?, ProblemCode::WrongNonce)?;
    world.issue(&request).context("the refusal did not use the token up")?;
    Ok(())
}

#[test]
fn a_stolen_token_that_was_tried_is_in_the_record() -> Result<()> {
    let world = World::shared()?;
    let someone = world.engineer("stolen-and-told")?;
    let (victim, thief) = (world.applicant()?, world.applicant()?);
    let token = world.token(&someone, Some(&victim.nonce()?))?;
    world.refused(&thief.browser(&token)?, ProblemCode::WrongNonce)?;
    let told = world.record()?;
    let refusals = told.with("certificate.refused", "object_id", &someone.oid);
    assert_eq!(refusals.len(), 1, "{refusals:?}");
    assert_eq!(refusals[0]["detail"]["code"], "wrong_nonce");
    Ok(())
}
