//! What anybody may read, checked with OpenSSH and the identity key's public half alone.

use std::path::Path;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::Method;
use sallyport_protocol::path;
use sallyport_tests::{Outcome, World, command};
use serde_json::Value;

/// What `ssh-keygen -Q` says of a certificate; it fails when the certificate is revoked.
fn query(folder: &Path, krl: &[u8], certificate: &str) -> Result<Outcome> {
    let (list, file) = (folder.join("revoked.krl"), folder.join("queried-cert.pub"));
    std::fs::write(&list, krl)?;
    std::fs::write(&file, format!("{certificate}\n"))?;
    command::run(command::limited("ssh-keygen").arg("-Q").arg("-f").arg(list).arg(file))
}

/// Lets `ssh-keygen -Y verify` judge, with the identity key as an administrator would copy it.
fn verify(world: &World, namespace: &str, message: &[u8], armoured: &str) -> Result<Outcome> {
    let folder = tempfile::tempdir()?;
    let (signers, signature) = (folder.path().join("signers"), folder.path().join("signature"));
    let key = std::fs::read_to_string(world.ca.folder().join("keys/identity.pub"))?;
    std::fs::write(&signers, format!("ca {key}"))?;
    std::fs::write(&signature, armoured)?;
    let mut command = command::limited("ssh-keygen");
    command.args(["-Y", "verify", "-I", "ca", "-n", namespace, "-f"]).arg(signers).arg("-s").arg(signature);
    command::run_with_input(&mut command, message)
}

/// The SSHSIG blob of the header, in the armour that OpenSSH reads.
fn armour(header: &str) -> String {
    format!("-----BEGIN SSH SIGNATURE-----\n{header}\n-----END SSH SIGNATURE-----\n")
}

#[test]
fn a_suspension_revokes_what_is_out() -> Result<()> {
    let world = World::shared()?;
    let (leaver, stayer) = (world.engineer("krl-leaver")?, world.engineer("krl-stayer")?);
    let (left, stays) = (world.log_in(&leaver)?.1, world.log_in(&stayer)?.1);
    let folder = tempfile::tempdir()?;
    let krl = || world.send(world.request(Method::GET, path::KRL));
    query(folder.path(), &krl()?.body, &left.certificate)?.ok()?;

    world.edit(|tenant| tenant.user_mut(&leaver.oid).map(|user| user.enabled = false))?;
    world.provision()?;
    let answer = krl()?;
    let said = query(folder.path(), &answer.body, &left.certificate)?.refused()?;
    assert!(said.contains("REVOKED"), "{said}");
    query(folder.path(), &answer.body, &stays.certificate)?.ok()?;

    let signature = armour(answer.header("sallyport-signature"));
    verify(&world, "sallyport-krl-v1", &answer.body, &signature)?.ok()?;
    verify(&world, "sallyport-keys-v1", &answer.body, &signature)?.refused()?;
    let mut altered = answer.body.clone();
    *altered.last_mut().context("an empty list")? ^= 1;
    verify(&world, "sallyport-krl-v1", &altered, &signature)?.refused()?;

    // Coming back does not bring the old certificate back.
    world.edit(|tenant| tenant.user_mut(&leaver.oid).map(|user| user.enabled = true))?;
    world.provision()?;
    query(folder.path(), &krl()?.body, &left.certificate)?.refused()?;
    query(folder.path(), &krl()?.body, &world.log_in(&leaver)?.1.certificate)?.ok()?;
    Ok(())
}

#[test]
fn a_deletion_revokes_what_is_out() -> Result<()> {
    let world = World::shared()?;
    let someone = world.engineer("krl-deleted")?;
    let reply = world.log_in(&someone)?.1;
    world.edit(|tenant| tenant.remove_user(&someone.oid, true))?;
    world.provision()?;
    let folder = tempfile::tempdir()?;
    let krl = world.send(world.request(Method::GET, path::KRL))?;
    query(folder.path(), &krl.body, &reply.certificate)?.refused()?;
    Ok(())
}

#[test]
fn the_number_of_the_list_goes_up() -> Result<()> {
    let world = World::new(&[], &[])?;
    let number = || -> Result<u64> {
        let krl = world.send(world.request(Method::GET, path::KRL))?.body;
        // PROTOCOL.krl: magic and format version, then the number.
        let bytes: [u8; 8] = krl.get(12..20).context("a short list")?.try_into()?;
        Ok(u64::from_be_bytes(bytes))
    };
    let before = number()?;
    let someone = world.engineer("krl-number")?;
    world.log_in(&someone)?;
    world.edit(|tenant| tenant.user_mut(&someone.oid).map(|user| user.enabled = false))?;
    world.provision()?;
    let after = number()?;
    assert!(after > before, "{before} then {after}");
    Ok(())
}

#[test]
fn the_bootstrap_document_is_signed_by_the_pinned_key() -> Result<()> {
    let world = World::shared()?;
    let answer = world.send(world.request(Method::GET, path::BOOTSTRAP))?.json()?;
    let text = |key: &str| answer[key].as_str().with_context(|| format!("no {key} in {answer}"));
    let signed = BASE64_STANDARD.decode(text("signed")?)?;
    verify(&world, "sallyport-bootstrap-v1", &signed, text("signature")?)?.ok()?;
    verify(&world, "sallyport-keys-v1", &signed, text("signature")?)?.refused()?;

    let document: Value = serde_json::from_slice(&signed)?;
    assert_eq!(document["issuer"], world.sim.issuer());
    assert_eq!(document["tenant"], sallyport_tests::world::TENANT);
    assert_eq!(document["client_id"], sallyport_tests::world::CLIENT);
    assert_eq!(document["device_login"], "off");
    assert_eq!(document["host_domains"], serde_json::json!(["*.corp.test"]));
    assert_eq!(document["tls_roots"], serde_json::json!([]));
    let printed = command::run(
        command::limited("ssh-keygen").arg("-lf").arg(world.ca.folder().join("keys/identity.pub")),
    )?;
    assert!(printed.ok()?.contains(&world.ca.fingerprint().to_string()), "as ssh-keygen -lf prints it");
    Ok(())
}

#[test]
fn the_key_lists_are_signed_and_name_the_host_domains() -> Result<()> {
    let world = World::shared()?;
    for (route, begin) in
        [(path::USER_KEYS, "ssh-ed25519 "), (path::HOST_KEYS, "@cert-authority *.corp.test ssh-ed25519 ")]
    {
        let answer = world.send(world.request(Method::GET, route))?;
        assert!(answer.text().starts_with(begin), "{}", answer.text());
        assert_eq!(answer.text().lines().count(), 1);
        let signature = armour(answer.header("sallyport-signature"));
        verify(&world, "sallyport-keys-v1", &answer.body, &signature)?.ok()?;
    }
    Ok(())
}
