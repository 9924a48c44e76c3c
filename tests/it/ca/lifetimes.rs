//! A lifetime that is asked for is granted or refused, never shortened.

use anyhow::Result;
use jiff::SignedDuration;
use sallyport_client::SystemClock;
use sallyport_domain::Clock as _;
use sallyport_protocol::{IssueUserRequest, ProblemCode};
use sallyport_tests::World;

const HOUR: u64 = 3600;

#[test]
fn the_lifetime_asked_for_is_the_lifetime_granted() -> Result<()> {
    let world = World::shared()?;
    let pia = world.engineer("pia")?;
    for seconds in [300, HOUR, 24 * HOUR] {
        let (applicant, request) = world.sign_in(&pia)?;
        let ask = applicant.signed(IssueUserRequest { ttl_seconds: Some(seconds), ..request })?;
        let (before, reply) = (SystemClock.now(), world.issue(&ask)?);
        let left = reply.valid_until.duration_since(before);
        let difference = left - SignedDuration::from_secs(seconds.try_into()?);
        assert!(difference.abs() < SignedDuration::from_mins(1), "{seconds}: {left}");
    }
    Ok(())
}

#[test]
fn a_lifetime_over_the_ceiling() -> Result<()> {
    refused(24 * HOUR + 1)
}

#[test]
fn a_lifetime_far_over_the_ceiling() -> Result<()> {
    refused(u64::MAX)
}

#[test]
fn a_lifetime_under_five_minutes() -> Result<()> {
    refused(299)
}

#[test]
fn a_lifetime_of_nothing() -> Result<()> {
    refused(0)
}

/// Refused, and the sign-in is not used up by it.
fn refused(seconds: u64) -> Result<()> {
    let world = World::shared()?;
    let paul = world.engineer(&format!("paul{seconds}"))?;
    let (applicant, request) = world.sign_in(&paul)?;
    let ask = applicant.signed(IssueUserRequest { ttl_seconds: Some(seconds), ..request.clone() })?;
    world.refused(&ask, ProblemCode::LifetimeOutOfPolicy)?;
    world.issue(&request)?;
    Ok(())
}

#[test]
fn the_site_sets_default_and_ceiling() -> Result<()> {
    let settings =
        [("SALLYPORT_CA_CERTIFICATES_USER_TTL", "1h"), ("SALLYPORT_CA_CERTIFICATES_USER_TTL_MAX", "2h")];
    let world = World::new(&[], &settings)?;
    let petra = world.engineer("petra")?;
    let (before, reply) = (SystemClock.now(), world.log_in(&petra)?.1);
    let left = reply.valid_until.duration_since(before);
    assert!((left - SignedDuration::from_hours(1)).abs() < SignedDuration::from_mins(1), "{left}");
    let (applicant, request) = world.sign_in(&petra)?;
    let ask = applicant.signed(IssueUserRequest { ttl_seconds: Some(2 * HOUR + 1), ..request })?;
    world.refused(&ask, ProblemCode::LifetimeOutOfPolicy)?;
    Ok(())
}
