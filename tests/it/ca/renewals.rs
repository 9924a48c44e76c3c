//! A new certificate without a human: a refreshed token, and the key of the earlier certificate.

use anyhow::{Context as _, Result};
use rand::rngs::OsRng;
use sallyport_protocol::{IssueUserReply, Namespace, Previous, ProblemCode, sign_armored};
use sallyport_tests::{Applicant, Someone, World};
use ssh_key::certificate::{Builder, CertType};
use ssh_key::{Algorithm, PrivateKey};

/// Somebody with a certificate, and the applicant who will renew it.
struct Session {
    world: std::sync::Arc<World>,
    someone: Someone,
    before: Applicant,
    first: IssueUserReply,
    next: Applicant,
}

impl Session {
    fn begin(name: &str) -> Result<Self> {
        let world = World::shared()?;
        let someone = world.engineer(name)?;
        let (before, first) = world.log_in(&someone)?;
        let next = world.applicant()?;
        Ok(Self { world, someone, before, first, next })
    }

    /// As Entra refreshes it: without a nonce.
    fn refreshed(&self) -> Result<String> {
        self.world.token(&self.someone, None)
    }
}

#[test]
fn a_refreshed_token_and_the_earlier_key() -> Result<()> {
    let session = Session::begin("renews")?;
    let Session { world, before, first, next, .. } = &session;
    let request = next.renewal(&session.refreshed()?, before, &first.certificate)?;
    let second = world.issue(&request)?;
    assert_eq!(second.session, first.session, "one session");
    assert_eq!(second.principals, first.principals);
    assert_ne!(second.serial, first.serial);
    assert_eq!(world.issue(&request)?, second, "the same request, the same certificate");
    let record = world.record()?;
    let renewed = record.with("certificate.intended", "login", "renewal");
    assert!(renewed.iter().any(|event| event["serial"] == second.serial), "marked in the audit");

    // And on from there, with the renewed certificate.
    let third = world.applicant()?;
    let request = third.renewal(&session.refreshed()?, next, &second.certificate)?;
    assert_eq!(world.issue(&request)?.session, first.session);
    Ok(())
}

#[test]
fn with_the_same_key() -> Result<()> {
    let session = Session::begin("renews-same-key")?;
    let Session { world, before, first, .. } = &session;
    let request = before.renewal(&session.refreshed()?, before, &first.certificate)?;
    assert_ne!(world.issue(&request)?.serial, first.serial);
    Ok(())
}

#[test]
fn with_the_nonce_of_its_session_repeated() -> Result<()> {
    let session = Session::begin("renews-nonce")?;
    let Session { world, someone, before, first, next } = &session;
    let token = world.token(someone, Some(&before.nonce()?))?;
    let request = next.renewal(&token, before, &first.certificate)?;
    assert_eq!(world.issue(&request)?.session, first.session);
    Ok(())
}

#[test]
fn with_the_nonce_of_another_sign_in() -> Result<()> {
    let session = Session::begin("renews-other-nonce")?;
    let Session { world, someone, before, first, next } = &session;
    for nonce in [next.nonce()?, world.applicant()?.nonce()?, String::new()] {
        let token = world.token(someone, Some(&nonce))?;
        let request = next.renewal(&token, before, &first.certificate)?;
        world.refused(&request, ProblemCode::WrongNonce)?;
    }
    Ok(())
}

#[test]
fn after_a_suspension() -> Result<()> {
    let session = Session::begin("renews-suspended")?;
    let Session { world, someone, before, first, next } = &session;
    let request = next.renewal(&session.refreshed()?, before, &first.certificate)?;
    let enabled = |enabled| {
        world.edit(|tenant| tenant.user_mut(&someone.oid).map(|user| user.enabled = enabled))?;
        world.provision()
    };
    enabled(false)?;
    world.refused(&request, ProblemCode::Suspended)?;
    // Back again: a session that ended stays ended.
    enabled(true)?;
    world.refused(&request, ProblemCode::SessionEnded)?;
    world.log_in(someone)?;
    Ok(())
}

#[test]
fn after_the_last_grant_is_gone() -> Result<()> {
    let session = Session::begin("renews-no-grant")?;
    let Session { world, someone, before, first, next } = &session;
    let oid = someone.oid.parse()?;
    world.edit(|tenant| tenant.group_mut("engineers").map(|group| group.members.remove(&oid)))?;
    world.provision()?;
    let request = next.renewal(&session.refreshed()?, before, &first.certificate)?;
    world.refused(&request, ProblemCode::NoGrant)?;
    Ok(())
}

#[test]
fn by_another_person() -> Result<()> {
    let session = Session::begin("renews-victim")?;
    let Session { world, before, first, next, .. } = &session;
    let other = world.engineer("renews-other")?;
    let request = next.renewal(&world.token(&other, None)?, before, &first.certificate)?;
    world.refused(&request, ProblemCode::WrongPerson)?;
    Ok(())
}

#[test]
fn with_a_certificate_that_was_found_and_not_its_key() -> Result<()> {
    let session = Session::begin("renews-found")?;
    let Session { world, first, next, .. } = &session;
    let request = next.renewal(&session.refreshed()?, next, &first.certificate)?;
    world.refused(&request, ProblemCode::WrongSignature)?;
    Ok(())
}

#[test]
fn with_a_signature_over_another_request() -> Result<()> {
    let session = Session::begin("renews-old-signature")?;
    let Session { world, before, first, next, .. } = &session;
    let old = next.renewal(&session.refreshed()?, before, &first.certificate)?;
    let mut request = next.renewal(&session.refreshed()?, before, &first.certificate)?;
    request.previous = old.previous;
    world.refused(&request, ProblemCode::WrongSignature)?;
    Ok(())
}

#[test]
fn with_a_signature_from_another_namespace() -> Result<()> {
    let session = Session::begin("renews-namespace")?;
    let Session { world, before, first, next, .. } = &session;
    let mut request = next.renewal(&session.refreshed()?, before, &first.certificate)?;
    let signature = sign_armored(&before.key, Namespace::Certificate, &next.message(&request))?;
    request.previous = Some(Previous { certificate: first.certificate.clone(), signature });
    world.refused(&request, ProblemCode::WrongSignature)?;
    Ok(())
}

#[test]
fn with_a_certificate_by_another_ca() -> Result<()> {
    let session = Session::begin("renews-forged")?;
    let Session { world, before, first, next, .. } = &session;
    let ours = ssh_key::Certificate::from_openssh(&first.certificate)?;
    // The same content to the letter, signed by a key that was made for the purpose.
    let mut forged = Builder::new(
        ours.nonce(),
        before.key.public_key().key_data().clone(),
        ours.valid_after(),
        ours.valid_before(),
    )?;
    forged.serial(ours.serial())?.cert_type(CertType::User)?.key_id(ours.key_id())?;
    for principal in ours.valid_principals() {
        forged.valid_principal(principal)?;
    }
    let forged = forged.sign(&PrivateKey::random(&mut OsRng, Algorithm::Ed25519)?)?.to_openssh()?;
    let request = next.renewal(&session.refreshed()?, before, &forged)?;
    world.refused(&request, ProblemCode::WrongSignature)?;

    // A signature of ours over other content.
    let mut words: Vec<&str> = first.certificate.split(' ').collect();
    let mut bytes = ssh_key::Certificate::from_openssh(&first.certificate)?.to_bytes()?;
    let at = bytes.windows(11).position(|part| part == b"permit-pty\0").unwrap_or(bytes.len() / 2);
    *bytes.get_mut(at).context("an empty certificate")? ^= 1;
    let blob = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, bytes);
    *words.get_mut(1).context("no blob")? = &blob;
    let request = next.renewal(&session.refreshed()?, before, &words.join(" "))?;
    world.refused(&request, ProblemCode::WrongSignature)?;
    Ok(())
}

#[test]
fn with_something_that_is_no_certificate() -> Result<()> {
    let session = Session::begin("renews-nonsense")?;
    let Session { world, before, next, .. } = &session;
    for text in ["", "nonsense", &before.public_line()?] {
        let request = next.renewal(&session.refreshed()?, before, text)?;
        world.refused(&request, ProblemCode::Malformed)?;
    }
    Ok(())
}
