//! TLS from certificate files, as behind a public name.

use std::path::Path;

use anyhow::{Context as _, Result};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use sallyport_client::bootstrap;
use sallyport_tests::World;

/// A root, and a certificate of it for 127.0.0.1: `root.pem`, `chain.pem`, `key.pem`.
fn make(folder: &Path) -> Result<()> {
    let mut root = CertificateParams::new(Vec::new())?;
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = CertifiedIssuer::self_signed(root, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()])?.signed_by(&key, &root)?;
    std::fs::write(folder.join("root.pem"), root.pem())?;
    std::fs::write(folder.join("chain.pem"), leaf.pem() + &root.pem())?;
    std::fs::write(folder.join("key.pem"), key.serialize_pem())?;
    Ok(())
}

#[test]
fn certificate_files_serve_and_clients_are_told_of_no_private_root() -> Result<()> {
    let mut world = World::new(&[], &[])?;
    world.ca.stop()?;
    let folder = world.ca.folder().to_owned();
    make(&folder)?;
    let file = folder.join("sallyport.toml");
    let text = std::fs::read_to_string(&file)?;
    std::fs::write(&file, format!("{text}\ntls_certificate = \"chain.pem\"\ntls_key = \"key.pem\"\n"))?;
    world.ca.command(&["check"])?.ok()?;
    world.ca.start()?;
    assert!(world.ca.url().starts_with("https://127.0.0.1:"), "{}", world.ca.url());

    let trusting = sallyport_entra_sim::http_client(&[folder.join("root.pem")])?;
    let answer = world.wait(trusting.get(format!("{}/healthz", world.ca.url())).send())?;
    assert_eq!(answer.status(), 200);
    let (told, _) = world.wait(bootstrap(&world.ca.url().parse()?, world.ca.fingerprint()))?;
    assert!(told.tls_roots.is_empty(), "people trust such a certificate by their system's roots");
    Ok(())
}

#[test]
fn files_that_are_missing_or_do_not_fit_are_named_before_anything_is_opened() -> Result<()> {
    let mut world = World::new(&[], &[])?;
    world.ca.stop()?;
    let folder = world.ca.folder().to_owned();
    make(&folder)?;
    let file = folder.join("sallyport.toml");
    let text = std::fs::read_to_string(&file)?;
    let other = KeyPair::generate()?.serialize_pem();
    std::fs::write(folder.join("other.pem"), other)?;
    std::fs::write(folder.join("empty.pem"), "")?;
    let cases = [
        ("gone.pem", "key.pem", "gone.pem"),
        ("empty.pem", "key.pem", "empty.pem"),
        ("chain.pem", "other.pem", "127.0.0.1"),
    ];
    for (certificate, key, named) in cases {
        std::fs::write(&file, format!("{text}\ntls_certificate = {certificate:?}\ntls_key = {key:?}\n"))?;
        for command in ["check", "serve"] {
            let said = world.ca.command(&[command])?.refused().context(certificate)?;
            assert!(said.contains(named), "{named} is missing: {said}");
            assert!(!said.contains("listening on"), "{said}");
        }
    }
    Ok(())
}
