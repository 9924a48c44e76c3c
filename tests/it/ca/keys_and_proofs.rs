//! The key to be certified, and what it signs.

use std::path::Path;

use anyhow::Result;
use sallyport_protocol::{Fingerprint, IssueUserRequest, ProblemCode};
use sallyport_tests::{Applicant, Someone, World, command};
use ssh_key::PrivateKey;

use super::ssh_keygen_l;

/// A request whose proof was made for something else.
fn refused(
    name: &str,
    forge: impl FnOnce(&World, Applicant, IssueUserRequest) -> Result<IssueUserRequest>,
) -> Result<()> {
    let world = World::shared()?;
    let someone = world.engineer(&format!("proof-{name}"))?;
    let (applicant, request) = world.sign_in(&someone)?;
    let forged = forge(&world, applicant, request.clone())?;
    world.refused(&forged, ProblemCode::WrongSignature)?;
    world.issue(&request)?;
    Ok(())
}

#[test]
fn a_proof_for_another_ca() -> Result<()> {
    refused("ca", |_, applicant, request| {
        Applicant { ca: Fingerprint::of_blob(b"another"), ..applicant }.signed(request)
    })
}

#[test]
fn a_proof_for_another_lifetime() -> Result<()> {
    refused("ttl", |_, _, request| Ok(IssueUserRequest { ttl_seconds: Some(3600), ..request }))
}

#[test]
fn a_proof_for_another_address() -> Result<()> {
    refused("address", |_, _, request| {
        Ok(IssueUserRequest { asked_as: Some("x@contoso.test".into()), ..request })
    })
}

#[test]
fn a_proof_for_another_token() -> Result<()> {
    refused("token", |_, _, request| {
        let id_token = format!("{}A", request.id_token);
        Ok(IssueUserRequest { id_token, ..request })
    })
}

#[test]
fn a_proof_by_another_key() -> Result<()> {
    refused("key", |world, _, request| {
        let signature = world.applicant()?.signed(request.clone())?.signature;
        Ok(IssueUserRequest { signature, ..request })
    })
}

#[test]
fn a_proof_that_is_none() -> Result<()> {
    refused("none", |_, _, request| Ok(IssueUserRequest { signature: String::new(), ..request }))
}

#[test]
fn a_proof_from_another_namespace() -> Result<()> {
    refused("namespace", |world, applicant, request| {
        // What a renewal signs with the earlier key, here with the key itself.
        let renewal = world.applicant()?.renewal(&request.id_token, &applicant, "")?;
        let signature = renewal.previous.map(|previous| previous.signature).unwrap_or_default();
        Ok(IssueUserRequest { signature, ..request })
    })
}

#[test]
fn a_certificate_instead_of_a_key() -> Result<()> {
    let world = World::shared()?;
    let someone = world.engineer("key-certificate")?;
    let (_, reply) = world.log_in(&someone)?;
    let (_, request) = world.sign_in(&someone)?;
    let before = world.record()?.certificates_for(&request.public_key);
    let ask = IssueUserRequest { public_key: reply.certificate, ..request.clone() };
    world.refused(&ask, ProblemCode::KeyNotPlain)?;
    assert_eq!(world.record()?.certificates_for(&request.public_key), before);
    Ok(())
}

#[test]
fn text_instead_of_a_key() -> Result<()> {
    let world = World::shared()?;
    let someone = world.engineer("key-text")?;
    let (applicant, request) = world.sign_in(&someone)?;
    let line = applicant.public_line()?;
    for text in
        ["", "ssh-ed25519", "ssh-ed25519 AAAA", &format!("{line}\n{line}"), &format!("restrict {line}")]
    {
        let ask = IssueUserRequest { public_key: text.to_owned(), ..request.clone() };
        world.refused(&ask, ProblemCode::KeyNotPlain)?;
    }
    Ok(())
}

#[test]
fn a_short_rsa_key() -> Result<()> {
    let world = World::shared()?;
    let someone = world.engineer("key-rsa-1024")?;
    let folder = tempfile::tempdir()?;
    let (_, request) = signed_by_openssh(&world, &someone, folder.path(), "1024")?;
    let problem = world.refused(&request, ProblemCode::KeyNotPlain)?;
    assert!(problem.detail.contains("bits"), "{problem}");
    Ok(())
}

#[test]
fn a_long_rsa_key_is_certified() -> Result<()> {
    let world = World::shared()?;
    let someone = world.engineer("key-rsa-3072")?;
    let folder = tempfile::tempdir()?;
    let (applicant, request) = signed_by_openssh(&world, &someone, folder.path(), "3072")?;
    let reply = world.issue(&request)?;
    let printed = ssh_keygen_l(folder.path(), &reply.certificate)?;
    assert!(printed.contains("ssh-rsa-cert-v01@openssh.com user certificate"), "{printed}");
    assert!(
        printed.contains(&format!("Public key: RSA-CERT {}", Fingerprint::of(applicant.key.public_key())))
    );
    Ok(())
}

/// A login with an RSA key that OpenSSH made, and a proof that it signed.
fn signed_by_openssh(
    world: &World,
    someone: &Someone,
    folder: &Path,
    bits: &str,
) -> Result<(Applicant, IssueUserRequest)> {
    let file = folder.join("id_rsa");
    let mut generate = command::limited("ssh-keygen");
    generate.args(["-q", "-t", "rsa", "-b", bits, "-N", "", "-f"]).arg(&file);
    command::run(&mut generate)?.ok()?;
    let applicant = Applicant::with_key(world.ca.fingerprint(), PrivateKey::read_openssh_file(&file)?);
    let token = world.token(someone, Some(&applicant.nonce()?))?;
    let mut request = applicant.bare(&token)?;
    request.nonce_random = Some(applicant.random.to_text());
    let mut sign = command::limited("ssh-keygen");
    sign.args(["-Y", "sign", "-n", "sallyport-certificate-v1", "-f"]).arg(&file);
    request.signature = command::run_with_input(&mut sign, &applicant.message(&request))?.ok()?;
    Ok((applicant, request))
}
