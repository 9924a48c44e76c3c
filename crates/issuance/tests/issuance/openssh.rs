use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sallyport_domain::Extension;
use sallyport_issuance::{
    CaKey, CaKeyError, CriticalOptions, KeyError, KeyKind, PlainKey, Recorded, UserCertificate,
};
use ssh_key::PrivateKey;
use tempfile::TempDir;

use crate::fixture::{
    ca, host_certificate, issue_host, issue_user, plain_key, security_key, user_certificate,
};

const CERTIFIED: [&str; 4] = ["ed25519", "ecdsa-256", "ecdsa-384", "rsa-3072"];

/// The signature of an Ed25519 CA as it stands at the end: a length, then algorithm and 64 bytes with theirs.
const SIGNATURE_LENGTH: usize = 4 + 4 + 11 + 4 + 64;

fn vectors() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/generate.sh");
    let made = Command::new("sh").arg(script).arg(dir.path()).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    dir
}

fn read(dir: &Path, name: &str) -> String {
    fs::read_to_string(dir.join(name)).unwrap()
}

fn ssh_keygen_l(line: &str) -> Output {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("id-cert.pub");
    fs::write(&file, format!("{line}\n")).unwrap();
    Command::new("ssh-keygen").args(["-L", "-f"]).arg(file).env("TZ", "UTC").output().unwrap()
}

/// The lines that ssh-keygen prints, without its indentation and the file's name.
fn shown(line: &str) -> Vec<String> {
    let output = ssh_keygen_l(line);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().skip(1).map(|line| line.trim().to_owned()).collect()
}

fn fingerprint(key: &ssh_key::PublicKey) -> String {
    key.fingerprint(ssh_key::HashAlg::Sha256).to_string()
}

/// One test, because making RSA keys is what takes the time.
#[test]
fn what_ssh_keygen_makes_is_understood() {
    let dir = vectors();
    keys_are_read(dir.path());
    an_encrypted_ca_key_is_refused(dir.path());
    every_kind_is_certified(dir.path());
    the_same_content_gives_the_same_certificate(dir.path());
}

fn keys_are_read(dir: &Path) {
    let parse = |name: &str| PlainKey::parse(&read(dir, name));
    let kinds = [KeyKind::Ed25519, KeyKind::EcdsaP256, KeyKind::EcdsaP384, KeyKind::Rsa];
    for (name, kind) in CERTIFIED.into_iter().zip(kinds) {
        let key = parse(&format!("{name}.pub")).unwrap();
        assert_eq!(key.kind(), kind);
        assert!(read(dir, &format!("{name}.pub")).starts_with(&key.to_openssh()));
    }
    assert!(matches!(parse("rsa-2048.pub"), Err(KeyError::Weak(_))));
    assert!(matches!(parse("ecdsa-521.pub"), Err(KeyError::Unsupported { .. })));
    assert_eq!(parse("user-ed25519.cert"), Err(KeyError::Certificate));
}

fn an_encrypted_ca_key_is_refused(dir: &Path) {
    let key = PrivateKey::read_openssh_file(&dir.join("encrypted")).unwrap();
    assert_eq!(CaKey::new(&key).unwrap_err(), CaKeyError::Encrypted);
}

fn every_kind_is_certified(dir: &Path) {
    for name in CERTIFIED {
        let key = PlainKey::parse(&read(dir, &format!("{name}.pub"))).unwrap();
        let lines = shown(&issue_user(&key, &user_certificate()).line);
        assert_eq!(lines[0], format!("Type: {} user certificate", key.kind().certificate_name()));
        assert!(lines[1].ends_with(&fingerprint(key.public_key())), "{}", lines[1]);
    }
}

/// The content comes from ssh-keygen's own encoder: ours must read it, and sign it to the very same bytes.
fn the_same_content_gives_the_same_certificate(dir: &Path) {
    let private = PrivateKey::read_openssh_file(&dir.join("ca")).unwrap();
    let key = CaKey::new(&private).unwrap();
    for name in CERTIFIED.iter().flat_map(|kind| [format!("user-{kind}.cert"), format!("host-{kind}.cert")]) {
        let theirs = read(dir, &name);
        let blob = STANDARD.decode(theirs.split(' ').nth(1).unwrap()).unwrap();
        let tbs = blob[..blob.len() - SIGNATURE_LENGTH].to_vec();
        let ours = Recorded::from_store(tbs).unwrap().sign(&key).unwrap();
        assert!(theirs.starts_with(&format!("{} ", ours.line)), "{name}");
    }
}

#[test]
fn ssh_keygen_reads_every_field_of_a_user_certificate() {
    let critical_options = CriticalOptions {
        force_command: Some("uptime".parse().unwrap()),
        source_address: vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
        verify_required: true,
    };
    let wish = UserCertificate {
        critical_options,
        extensions: Extension::ALL.iter().copied().collect(),
        ..user_certificate()
    };
    let principals = wish.principals.to_strings();
    let expected = [
        "Type: sk-ssh-ed25519-cert-v01@openssh.com user certificate".to_owned(),
        format!("Public key: ED25519-SK-CERT {}", fingerprint(security_key().public_key())),
        format!("Signing CA: ED25519 {} (using ssh-ed25519)", fingerprint(ca().public().public_key())),
        format!("Key ID: \"{}\"", wish.key_id),
        "Serial: 77".to_owned(),
        "Valid: from 2027-01-15T07:55:00 to 2027-01-16T00:00:00".to_owned(),
        "Principals:".to_owned(),
        principals[0].clone(),
        principals[1].clone(),
        "Critical Options:".to_owned(),
        "force-command uptime".to_owned(),
        "source-address 10.0.0.0/8,2001:db8::/32".to_owned(),
        "verify-required".to_owned(),
        "Extensions:".to_owned(),
        "no-touch-required".to_owned(),
        "permit-X11-forwarding".to_owned(),
        "permit-agent-forwarding".to_owned(),
        "permit-port-forwarding".to_owned(),
        "permit-pty".to_owned(),
        "permit-user-rc".to_owned(),
    ];
    assert_eq!(shown(&issue_user(&security_key(), &wish).line), expected);
}

#[test]
fn ssh_keygen_reads_every_field_of_a_host_certificate() {
    let expected = [
        "Type: ssh-ed25519-cert-v01@openssh.com host certificate".to_owned(),
        format!("Public key: ED25519-CERT {}", fingerprint(plain_key().public_key())),
        format!("Signing CA: ED25519 {} (using ssh-ed25519)", fingerprint(ca().public().public_key())),
        "Key ID: \"sallyport v1 h:01 web-1 req=02\"".to_owned(),
        "Serial: 78".to_owned(),
        "Valid: from 2027-01-15T07:55:00 to 2027-02-14T08:00:00".to_owned(),
        "Principals:".to_owned(),
        "web-1.corp.test".to_owned(),
        "alpha".to_owned(),
        "Critical Options: (none)".to_owned(),
        "Extensions: (none)".to_owned(),
    ];
    assert_eq!(shown(&issue_host(&plain_key(), &host_certificate()).line), expected);
}

/// ssh-keygen checks the signature too: without this, the tests above would say less.
#[test]
fn ssh_keygen_refuses_a_certificate_with_one_altered_bit() {
    let line = issue_user(&plain_key(), &user_certificate()).line;
    let (kind, base64) = line.split_once(' ').unwrap();
    let mut blob = STANDARD.decode(base64).unwrap();
    *blob.last_mut().unwrap() ^= 1;
    assert!(!ssh_keygen_l(&format!("{kind} {}", STANDARD.encode(blob))).status.success());
}
