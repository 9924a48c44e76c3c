//! What a certificate says, read by OpenSSH.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use sallyport_client::SystemClock;
use sallyport_domain::Clock as _;
use sallyport_protocol::ProblemCode;
use sallyport_tests::World;

use super::{listed, ssh_keygen_l};

#[test]
fn a_granted_person_gets_a_certificate_that_openssh_reads() -> Result<()> {
    let world = World::shared()?;
    let mara = world.engineer("mara.lind")?;
    let before = SystemClock.now();
    let (applicant, reply) = world.log_in(&mara)?;
    let user = world.view(&mara.upn)?;
    let folder = tempfile::tempdir()?;
    let printed = ssh_keygen_l(folder.path(), &reply.certificate)?;

    let wanted = BTreeSet::from([format!("u:{}", user.id), "mara.lind".to_owned()]);
    assert_eq!(reply.principals.iter().cloned().collect::<BTreeSet<_>>(), wanted);
    assert_eq!(listed(&printed, "Principals:")?, reply.principals);
    assert_eq!(listed(&printed, "Extensions:")?, ["permit-port-forwarding", "permit-pty"]);
    assert!(printed.contains("Critical Options: (none)"), "{printed}");
    assert!(printed.contains("ssh-ed25519-cert-v01@openssh.com user certificate"), "{printed}");
    assert!(printed.contains(&format!("Serial: {}\n", reply.serial)), "{printed}");
    let key_id = format!("Key ID: \"sallyport v1 u:{} {} req=", user.id, mara.upn);
    assert!(printed.contains(&key_id), "{printed}");

    // 16 hours, and five minutes back for clocks that differ.
    let certificate = ssh_key::Certificate::from_openssh(&reply.certificate)?;
    let after = Timestamp::from_second(certificate.valid_after().try_into()?)?;
    let until = Timestamp::from_second(certificate.valid_before().try_into()?)?;
    assert_eq!(until, reply.valid_until);
    assert_eq!(until.duration_since(after), SignedDuration::from_mins(16 * 60 + 5));
    let begun = after + 5.minutes();
    assert!(begun.duration_since(before).abs() < SignedDuration::from_mins(1), "{begun} against {before}");

    let intended = world.record()?.certificates_for(&applicant.public_line()?);
    assert_eq!(intended, [reply.serial], "on record, once");
    let keys = world.send(world.request(reqwest::Method::GET, "/v1/ca/user-keys"))?.text();
    let ca: ssh_key::PublicKey = keys.trim().parse()?;
    assert_eq!(certificate.signature_key(), ca.key_data());
    Ok(())
}

#[test]
fn serials_count_up_by_one() -> Result<()> {
    let world = World::new(&[], &[])?;
    let nils = world.engineer("nils")?;
    let mut serials = Vec::new();
    for _ in 0..4 {
        serials.push(world.log_in(&nils)?.1.serial);
    }
    let first = *serials.first().context("no serial")?;
    assert!((1..1 << 48).contains(&first), "{first}");
    assert_eq!(serials, [first, first + 1, first + 2, first + 3]);
    Ok(())
}

#[test]
fn each_sign_in_is_a_session_of_its_own() -> Result<()> {
    let world = World::shared()?;
    let nora = world.engineer("nora")?;
    let (first, second) = (world.log_in(&nora)?.1, world.log_in(&nora)?.1);
    assert_ne!(first.session, second.session);
    let record = world.record()?;
    for session in [first.session, second.session] {
        assert_eq!(record.with("login.succeeded", "session", &session).len(), 1);
    }
    Ok(())
}

#[test]
fn the_same_request_again_gets_the_very_same_certificate() -> Result<()> {
    let world = World::shared()?;
    let olga = world.engineer("olga")?;
    let (_, request) = world.sign_in(&olga)?;
    let first = world.issue(&request)?;
    assert_eq!(world.issue(&request)?, first);
    assert_eq!(world.record()?.certificates_for(&request.public_key), [first.serial]);
    Ok(())
}

#[test]
fn the_same_token_for_something_else_is_a_replay() -> Result<()> {
    let world = World::shared()?;
    let otto = world.engineer("otto")?;
    let (applicant, request) = world.sign_in(&otto)?;
    world.issue(&request)?;
    let longer = sallyport_protocol::IssueUserRequest { ttl_seconds: Some(7200), ..request.clone() };
    world.refused(&applicant.signed(longer)?, ProblemCode::TokenReplayed)?;
    let named = sallyport_protocol::IssueUserRequest { asked_as: Some(otto.upn), ..request };
    world.refused(&applicant.signed(named)?, ProblemCode::TokenReplayed)?;
    Ok(())
}

#[test]
fn an_issued_certificate_is_noted_as_issued() -> Result<()> {
    let world = World::shared()?;
    let orla = world.engineer("orla")?;
    let serial = world.log_in(&orla)?.1.serial;
    let noted = || {
        let record = world.record().ok()?;
        record.of("certificate.issued").any(|event| event["serial"] == serial).then_some(())
    };
    sallyport_tests::wait_until("the word that it was issued", std::time::Duration::from_secs(30), noted)
}
