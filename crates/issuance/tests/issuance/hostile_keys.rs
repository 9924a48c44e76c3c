use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use sallyport_issuance::{KeyError, PlainKey};
use ssh_encoding::Encode;

use crate::fixture::{
    host_certificate, issue_host, issue_user, plain_key, private_key, security_key, user_certificate,
};

fn good() -> String {
    private_key(2).public_key().to_openssh().unwrap()
}

/// A blob of strings, as every public key is.
fn blob(parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in parts {
        part.encode(&mut out).unwrap();
    }
    out
}

fn line(parts: &[&[u8]]) -> String {
    format!("{} {}", std::str::from_utf8(parts[0]).unwrap(), STANDARD.encode(blob(parts)))
}

/// A positive number as RFC 4251's mpint: `bits` long, ended by `last`.
fn number(bits: usize, last: u8) -> Vec<u8> {
    let mut bytes = vec![0x5a; bits.div_ceil(8)];
    let top = (bits - 1) % 8;
    bytes[0] = 1 << top;
    *bytes.last_mut().unwrap() = last;
    if top == 7 {
        bytes.insert(0, 0);
    }
    bytes
}

fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<PlainKey, KeyError> {
    PlainKey::parse(&line(&[b"ssh-rsa", exponent, modulus]))
}

#[test]
fn a_plain_key_reads_and_prints_without_its_comment() {
    let key = PlainKey::parse(&format!(" {}  mara's laptop\r\n", good())).unwrap();
    assert_eq!(key.to_openssh(), good());
    assert_eq!(key.blob(), private_key(2).public_key().to_bytes().unwrap());
    assert_eq!(key.public_key().key_data(), private_key(2).public_key().key_data());
    assert_eq!(PlainKey::parse(&security_key().to_openssh()).unwrap(), security_key());
}

#[test]
fn a_certificate_is_refused_wherever_its_name_stands() {
    let certificate = issue_user(&plain_key(), &user_certificate()).line;
    assert_eq!(PlainKey::parse(&certificate), Err(KeyError::Certificate));
    assert_eq!(
        PlainKey::parse(&issue_host(&plain_key(), &host_certificate()).line),
        Err(KeyError::Certificate)
    );
    let base64 = certificate.split(' ').nth(1).unwrap();
    assert_eq!(PlainKey::parse(&format!("ssh-ed25519 {base64}")), Err(KeyError::Certificate));
    assert_eq!(PlainKey::from_blob(STANDARD.decode(base64).unwrap()), Err(KeyError::Certificate));
    let plain = good();
    let disguised = plain.replacen("ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com", 1);
    assert_eq!(PlainKey::parse(&disguised), Err(KeyError::Certificate));
    assert_eq!(PlainKey::parse("ssh-rsa-cert-v00@openssh.com AAAA"), Err(KeyError::Certificate));
}

#[test]
fn what_is_not_one_key_line_is_malformed() {
    let good = good();
    let base64 = good.split(' ').nth(1).unwrap();
    let point = &private_key(2).public_key().to_bytes().unwrap()[19..];
    let hostile = [
        ("empty", String::new()),
        ("algorithm_only", "ssh-ed25519".into()),
        ("base64_only", base64.to_owned()),
        ("options_before_the_key", format!("no-pty {good}")),
        ("command_before_the_key", format!("command=\"id\" {good}")),
        ("cert_authority_before_the_key", format!("cert-authority {good}")),
        ("known_hosts_line", format!("* {good}")),
        ("two_lines", format!("{good}\n{good}")),
        ("line_break_in_the_comment", format!("{good} a\rb")),
        ("nul_in_the_comment", format!("{good} a\0b")),
        ("private_key", private_key(2).to_openssh(ssh_key::LineEnding::LF).unwrap().to_string()),
        ("line_too_long", format!("{good} {}", "x".repeat(16 * 1024))),
        ("broken_base64", good.replace("AAAA", "AA*A")),
        ("algorithm_of_another_kind", good.replacen("ssh-ed25519", "ssh-rsa", 1)),
        (
            "trailing_byte",
            format!("ssh-ed25519 {}", STANDARD.encode([blob(&[b"ssh-ed25519", point]), vec![0]].concat())),
        ),
        ("long_point", line(&[b"ssh-ed25519", &[point, &[0]].concat()])),
        ("short_point", line(&[b"ssh-ed25519", &point[1..]])),
        ("no_point", line(&[b"ssh-ed25519"])),
        ("point_off_the_curve", line(&[b"ssh-ed25519", &[2; 32]])),
        ("compressed_point", line(&[b"ecdsa-sha2-nistp256", b"nistp256", &[&[2][..], &[1; 32]].concat()])),
        ("identity_point", line(&[b"sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256", &[0], b"ssh:"])),
        (
            "curve_of_another_size",
            line(&[b"ecdsa-sha2-nistp256", b"nistp384", &[&[4][..], &[1; 96]].concat()]),
        ),
        ("web_authn_application", line(&[b"sk-ssh-ed25519@openssh.com", point, b"https://contoso.test"])),
        ("application_with_a_line_break", line(&[b"sk-ssh-ed25519@openssh.com", point, b"ssh:\n"])),
        ("negative_modulus", line(&[b"ssh-rsa", &[1, 0, 1], &[0x80; 384]])),
        ("padded_modulus", line(&[b"ssh-rsa", &[1, 0, 1], &[&[0, 0][..], &number(3072, 1)].concat()])),
        ("length_beyond_the_end", format!("ssh-ed25519 {}", STANDARD.encode([0xff, 0xff, 0xff, 0xff, 1]))),
    ];
    for (name, text) in hostile {
        assert!(
            matches!(PlainKey::parse(&text), Err(KeyError::Malformed(_))),
            "{name}: {:?}",
            PlainKey::parse(&text)
        );
    }
}

#[test]
fn kinds_that_are_not_certified_are_named() {
    for (name, parts) in [
        ("ssh-dss", vec![&b"ssh-dss"[..], b"p", b"q", b"g", b"y"]),
        ("ecdsa-sha2-nistp521", vec![b"ecdsa-sha2-nistp521", b"nistp521", &[4; 133]]),
        ("ssh-mldsa@contoso.test", vec![b"ssh-mldsa@contoso.test", b"x"]),
    ] {
        assert_eq!(PlainKey::parse(&line(&parts)), Err(KeyError::Unsupported { algorithm: name.into() }));
    }
    let noise = blob(&["\u{1b}[31m".repeat(60).as_bytes()]);
    let Err(KeyError::Unsupported { algorithm }) = PlainKey::from_blob(noise) else { panic!("accepted") };
    assert!(algorithm.len() <= 64 && algorithm.chars().all(|c| c.is_ascii_graphic()), "{algorithm}");
}

#[test]
fn weak_keys_are_refused() {
    let exponent = [1, 0, 1];
    assert!(rsa(&number(3072, 1), &exponent).is_ok());
    assert!(rsa(&number(4096, 1), &exponent).is_ok());
    assert!(matches!(rsa(&number(3071, 1), &exponent), Err(KeyError::Weak(_))));
    assert!(matches!(rsa(&number(2048, 1), &exponent), Err(KeyError::Weak(_))));
    assert!(matches!(rsa(&[], &exponent), Err(KeyError::Malformed(_) | KeyError::Weak(_))));
    assert!(matches!(rsa(&number(4097, 1), &exponent), Err(KeyError::Unsupported { .. })));
    assert!(matches!(rsa(&number(3072, 2), &exponent), Err(KeyError::Weak(_))));
    for exponent in [&[1_u8][..], &[3], &[1, 0, 0], &[1, 0, 2], &[1, 0, 0, 0, 1]] {
        assert!(matches!(rsa(&number(3072, 1), exponent), Err(KeyError::Weak(_))), "{exponent:?}");
    }
    // The neutral point, and one of order 2: a signature by nobody holds for them.
    let neutral = [&[1_u8][..], &[0; 31]].concat();
    let order_two = [&[0xec_u8][..], &[0xff; 30], &[0x7f]].concat();
    for point in [neutral, order_two] {
        assert!(matches!(PlainKey::parse(&line(&[b"ssh-ed25519", &point])), Err(KeyError::Weak(_))));
        let sk = line(&[b"sk-ssh-ed25519@openssh.com", &point, b"ssh:"]);
        assert!(matches!(PlainKey::parse(&sk), Err(KeyError::Weak(_))));
    }
}

proptest! {
    #[test]
    fn any_text_is_refused_or_prints_as_a_key(text in "\\PC{0,120}|ssh-ed25519 [A-Za-z0-9+/]{0,100}={0,2}") {
        if let Ok(key) = PlainKey::parse(&text) {
            prop_assert_eq!(PlainKey::parse(&key.to_openssh()).unwrap(), key);
        }
    }

    #[test]
    fn any_altered_blob_is_refused_or_means_itself(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = security_key().blob().to_vec();
        *place.get_mut(&mut bytes) = byte;
        if let Ok(key) = PlainKey::from_blob(bytes.clone()) {
            prop_assert_eq!(key.blob(), &bytes);
            prop_assert_eq!(key.public_key().to_bytes().unwrap(), bytes);
        }
    }
}
