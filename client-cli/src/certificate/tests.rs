use std::process::Command;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use ssh_key::certificate::{Builder, CertType};
use ssh_key::{Algorithm, PrivateKey};

use super::*;

pub(crate) const NOW: i64 = 1_800_000_000;
const KEY_ID: &str =
    "sallyport v1 u:01J8ZQ3V5T8Y4M2N6P7R9S0A1B ada@contoso.test req=01J8ZQ3V5T8Y4M2N6P7R9S0A1C";

pub(crate) fn private_key(seed: u8) -> PrivateKey {
    PrivateKey::random(&mut ChaCha8Rng::from_seed([seed; 32]), Algorithm::Ed25519).unwrap()
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// A certificate made by ssh-key, for the readers to agree about.
pub(crate) struct Made {
    pub(crate) ca: PrivateKey,
    pub(crate) key: PrivateKey,
    pub(crate) certificate: ssh_key::Certificate,
}

impl Made {
    pub(crate) fn user(serial: u64, after: i64, before: i64) -> Self {
        Self::with(serial, after, before, |_| {})
    }

    pub(crate) fn host(serial: u64, after: i64, before: i64) -> Self {
        Self::of_kind(CertType::Host, serial, after, before, |_| {})
    }

    pub(crate) fn with(serial: u64, after: i64, before: i64, more: impl FnOnce(&mut Builder)) -> Self {
        Self::of_kind(CertType::User, serial, after, before, more)
    }

    fn of_kind(
        kind: CertType,
        serial: u64,
        after: i64,
        before: i64,
        more: impl FnOnce(&mut Builder),
    ) -> Self {
        let (ca, key) = (private_key(1), private_key(2));
        let unsigned = |second: i64| u64::try_from(second).unwrap();
        let mut builder =
            Builder::new(vec![7; 32], key.public_key(), unsigned(after), unsigned(before)).unwrap();
        builder.serial(serial).unwrap().key_id(KEY_ID).unwrap().cert_type(kind).unwrap();
        builder.valid_principal("u:01J8ZQ3V5T8Y4M2N6P7R9S0A1B").unwrap().valid_principal("ada").unwrap();
        builder.valid_principal("g:sre").unwrap();
        builder.extension("permit-pty", "").unwrap();
        more(&mut builder);
        let certificate = builder.sign(&ca).unwrap();
        Self { ca, key, certificate }
    }

    pub(crate) fn line(&self) -> String {
        self.certificate.to_openssh().unwrap()
    }

    pub(crate) fn read(&self) -> Certificate {
        Certificate::from_line(&self.line()).unwrap()
    }
}

/// `ssh-keygen`, which must be there: without it nothing here is worth anything.
fn ssh_keygen(folder: &std::path::Path, arguments: &[&str]) -> String {
    let output =
        Command::new("ssh-keygen").args(arguments).env("TZ", "UTC").current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn two_readers_agree() {
    let made = Made::user(77, NOW, NOW + 3600);
    let read = made.read();
    assert_eq!(read.blob, made.certificate.to_bytes().unwrap());
    assert_eq!(Fingerprint::of_blob(&read.public_key), Fingerprint::of(made.key.public_key()));
    assert_eq!(read.signing_ca(), Fingerprint::of(made.ca.public_key()));
    assert_eq!((read.serial, read.key_id.as_str()), (77, KEY_ID));
    assert_eq!(read.principals, made.certificate.valid_principals());
    assert_eq!(read.person(), Some("ada@contoso.test"));
    assert_eq!(read.signature(), Signature::Holds);
    assert!(read.is_ours());
}

#[test]
fn its_last_second_is_the_one_before_its_end() {
    let read = Made::user(1, NOW, NOW + 3600).read();
    assert_eq!(read.standing(at(NOW - 1)), Standing::NotYet);
    assert_eq!(read.standing(at(NOW)), Standing::Valid);
    assert_eq!(read.standing(at(NOW + 3599)), Standing::Valid);
    assert_eq!(read.standing(at(NOW + 3600)), Standing::Ended);
}

#[test]
fn an_altered_byte_is_seen() {
    let mut blob = Made::user(1, NOW, NOW + 3600).read().blob;
    let place = blob.windows(3).position(|bytes| bytes == b"ada").unwrap();
    blob[place] = b'x';
    assert_eq!(Certificate::from_blob(&blob).unwrap().signature(), Signature::Broken);
}

#[test]
fn cut_and_lengthened_ones_are_damaged() {
    let blob = Made::user(1, NOW, NOW + 3600).read().blob;
    for length in 0..blob.len() {
        assert!(Certificate::from_blob(&blob[..length]).is_err(), "{length} bytes were enough");
    }
    let trailing = [blob.as_slice(), b"x"].concat();
    assert_eq!(Certificate::from_blob(&trailing), Err(CertificateError::Damaged));
}

#[test]
fn other_lines_are_told_apart() {
    let plain = private_key(1).public_key().to_openssh().unwrap();
    assert_eq!(Certificate::from_line(&plain), Err(CertificateError::PlainKey));
    for line in ["", "hello", "-----BEGIN OPENSSH PRIVATE KEY-----", "# comment here"] {
        assert_eq!(Certificate::from_line(line), Err(CertificateError::Unknown), "{line}");
    }
    let line = Made::user(1, NOW, NOW + 3600).line();
    let renamed = line.replace("ssh-ed25519-cert", "ssh-rsa-cert");
    assert_eq!(Certificate::from_line(&renamed), Err(CertificateError::Damaged));
}

/// Everything that `ssh-keygen -L` prints of a certificate stands in ours.
fn assert_shows_all(listing: &str, ours: &str) {
    let mut wanted = Vec::new();
    for line in listing.lines().skip(1).map(str::trim) {
        match line.split_once(": ") {
            Some(("Public key" | "Signing CA", rest)) => {
                wanted.extend(
                    rest.split(' ').filter(|word| word.starts_with("SHA256:")).map(ToOwned::to_owned),
                );
            }
            Some(("Key ID" | "Serial" | "Type", rest)) => wanted.push(rest.to_owned()),
            Some(("Valid", rest)) => {
                wanted.extend(rest.split(' ').filter(|w| w.contains('T')).map(ToOwned::to_owned));
            }
            _ => wanted.push(line.trim_end_matches(':').to_owned()),
        }
    }
    let one_blank = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let ours_plain = one_blank(ours);
    for text in wanted.iter().filter(|text| !text.is_empty()) {
        // Of an option that it does not know, ssh-keygen shows the bytes; we show the text in them.
        let text = one_blank(text.split(" UNKNOWN OPTION").next().unwrap());
        assert!(
            ours_plain.contains(&text),
            "{text:?} is missing in\n{ours}\nwhere ssh-keygen says\n{listing}"
        );
    }
}

#[test]
fn shows_all_that_ssh_keygen_shows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    ssh_keygen(path, &["-q", "-t", "ed25519", "-N", "", "-f", "ca"]);
    for (kind, bits) in [("ed25519", "256"), ("ecdsa", "256"), ("ecdsa", "521"), ("rsa", "2048")] {
        let name = format!("{kind}{bits}");
        ssh_keygen(path, &["-q", "-t", kind, "-b", bits, "-N", "", "-f", &name]);
        let cases: [&[&str]; 4] = [
            &["-I", "id of key", "-n", "ada,u:1", "-V", "20260101Z:20300101Z", "-z", "42"],
            &[
                "-I",
                "restricted",
                "-n",
                "ada",
                "-O",
                "clear",
                "-O",
                "force-command=ls -l",
                "-O",
                "source-address=10.0.0.0/8",
            ],
            &["-I", "a host", "-h", "-n", "web.corp.test"],
            &["-I", "odd", "-n", "ada", "-O", "extension:groups@example.test=x", "-O", "verify-required"],
        ];
        for arguments in cases {
            let public = format!("{name}.pub");
            ssh_keygen(path, &[&["-q", "-s", "ca"], arguments, &[&public]].concat());
            let file = format!("{name}-cert.pub");
            let listing = ssh_keygen(path, &["-L", "-f", &file]);
            let line = std::fs::read_to_string(path.join(&file)).unwrap();
            let read = Certificate::from_line(&line).unwrap();
            assert_eq!(read.signature(), Signature::Holds, "{listing}");
            assert_shows_all(&listing, &explain(&read, at(NOW)).to_text());
        }
    }
}

#[test]
fn forever_and_nobody_are_said_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    ssh_keygen(path, &["-q", "-t", "ed25519", "-N", "", "-f", "ca"]);
    ssh_keygen(path, &["-q", "-t", "ed25519", "-N", "", "-f", "id"]);
    ssh_keygen(path, &["-q", "-s", "ca", "-I", "x", "id.pub"]);
    let line = std::fs::read_to_string(path.join("id-cert.pub")).unwrap();
    let text = explain(&Certificate::from_line(&line).unwrap(), at(NOW)).to_text();
    assert!(text.contains("to forever: valid, and never ends"), "{text}");
    assert!(text.contains("(none: no account may be entered)"), "{text}");
}

#[test]
fn ours_is_explained() {
    let made = Made::with(5, NOW, NOW + 42_780, |builder| {
        builder.critical_option("source-address", "10.0.0.0/8").unwrap();
    });
    let explained = explain(&made.read(), at(NOW));
    let text = explained.to_text();
    for part in [
        "ada@contoso.test, the person u:01J8ZQ3V5T8Y4M2N6P7R9S0A1B, by request 01J8ZQ3V5T8Y4M2N6P7R9S0A1C",
        "valid for another 11h53m",
        "the signature holds",
        "source-address 10.0.0.0/8  good from these addresses only",
        "permit-pty  a terminal may be opened",
    ] {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
    let json = serde_json::to_value(&explained).unwrap();
    assert_eq!(json["serial"], 5);
    assert_eq!(json["kind"], "user");
    assert_eq!(json["sallyport"]["name"], "ada@contoso.test");
    assert_eq!(json["valid_before"], "2027-01-15T19:53:00Z");
    assert_eq!(json["principals"][0]["name"], "u:01J8ZQ3V5T8Y4M2N6P7R9S0A1B");
    assert_eq!(json["critical_options"][0]["value"], "10.0.0.0/8");
    assert_eq!(json["signing_ca"]["signature"], "holds");
}
