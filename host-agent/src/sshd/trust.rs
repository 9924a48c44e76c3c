use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use ssh_key::certificate::CertType;
use ssh_key::{Certificate, HashAlg, PublicKey};

/// PROTOCOL.krl: the magic, then a format version of 1.
const KRL_MAGIC: &[u8] = b"SSHKRL\n\0\0\0\0\x01";
/// Magic and format, then version, date and flags (8 bytes each) and two strings of at least four.
const KRL_SHORTEST: usize = 12 + 24 + 8;

/// Why something is not given to sshd, which would refuse every login over it or trust too much.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum TrustError {
    #[error("the list of CA keys is empty")]
    NoKeys,
    #[error("a CA key is not a plain OpenSSH public key")]
    NotPlainKey,
    #[error("the revocation list is not one of OpenSSH's")]
    NotKrl,
    #[error("the revocation list has version {offered}, behind {present} which is here")]
    KrlGoesBack { present: u64, offered: u64 },
    #[error("the host certificate does not parse")]
    NotCertificate,
    #[error("the host certificate is {0}")]
    Certificate(&'static str),
    #[error(
        "the host certificate is valid from {from} on, and here it is {now}: this host's clock is behind its CA's by at least {:#}; set it", .from.duration_since(*.now)
    )]
    ClockBehind { from: Timestamp, now: Timestamp },
    #[error(
        "the host certificate was valid until {until}, and here it is {now}; if that is not the time, set this host's clock"
    )]
    Over { until: Timestamp, now: Timestamp },
}

/// The content of `TrustedUserCAKeys`: plain keys only. An empty file would refuse every certificate.
pub(crate) fn check_ca_keys(lines: &[String]) -> Result<Vec<u8>, TrustError> {
    if lines.is_empty() {
        return Err(TrustError::NoKeys);
    }
    let mut text = String::new();
    for line in lines {
        let key: PublicKey = line.parse().map_err(|_| TrustError::NotPlainKey)?;
        // Written anew: no option, no second line and no control character of a comment gets in.
        let bare =
            PublicKey::from(key.key_data().clone()).to_openssh().map_err(|_| TrustError::NotPlainKey)?;
        text += &bare;
        text.push('\n');
    }
    Ok(text.into_bytes())
}

/// The bytes of `RevokedKeys`. Nothing at all is a list too, but not in place of one that revokes something: a file
/// that sshd cannot parse refuses every key there is.
pub(crate) fn check_krl(base64: &str, present: Option<&[u8]>) -> Result<Vec<u8>, TrustError> {
    let offered = STANDARD.decode(base64).map_err(|_| TrustError::NotKrl)?;
    let offered_version =
        if offered.is_empty() { 0 } else { krl_version(&offered).ok_or(TrustError::NotKrl)? };
    let present_version = present.and_then(krl_version).unwrap_or(0);
    if offered_version < present_version {
        return Err(TrustError::KrlGoesBack { present: present_version, offered: offered_version });
    }
    Ok(offered)
}

fn krl_version(krl: &[u8]) -> Option<u64> {
    if krl.len() < KRL_SHORTEST || !krl.starts_with(KRL_MAGIC) {
        return None;
    }
    let version: [u8; 8] = krl.get(KRL_MAGIC.len()..KRL_MAGIC.len() + 8)?.try_into().ok()?;
    sections_parse(krl.get(36..)?).then(|| u64::from_be_bytes(version))
}

/// Whether what follows the fixed part is whole: two strings, then sections of a type byte and a string. A truncated
/// list would lock everybody out.
fn sections_parse(rest: &[u8]) -> bool {
    let string = |bytes: &[u8]| -> Option<usize> {
        let length: [u8; 4] = bytes.get(..4)?.try_into().ok()?;
        let end = usize::try_from(u32::from_be_bytes(length)).ok()?.checked_add(4)?;
        (end <= bytes.len()).then_some(end)
    };
    let mut rest = rest;
    for _ in 0..2 {
        match string(rest).and_then(|end| rest.get(end..)) {
            Some(next) => rest = next,
            None => return false,
        }
    }
    while let Some((_, section)) = rest.split_first() {
        match string(section).and_then(|end| section.get(end..)) {
            Some(next) => rest = next,
            None => return false,
        }
    }
    true
}

/// A host certificate that was looked at.
#[derive(Clone, Debug)]
pub(crate) struct HostCertificate {
    /// The OpenSSH line, with its newline.
    pub(crate) line: String,
    pub(crate) valid_after: Timestamp,
    pub(crate) valid_before: Timestamp,
}

impl HostCertificate {
    /// From this time on a new one is asked for.
    pub(crate) fn half_life(&self) -> Timestamp {
        let (after, before) = (self.valid_after.as_second(), self.valid_before.as_second());
        Timestamp::from_second(after.midpoint(before)).unwrap_or(self.valid_after)
    }
}

/// Reads without judging whether it is right for this host.
pub(crate) fn read_host_certificate(line: &str) -> Result<HostCertificate, TrustError> {
    let certificate = parse(line)?;
    let second = |second: u64| {
        i64::try_from(second)
            .ok()
            .and_then(|second| Timestamp::from_second(second).ok())
            .unwrap_or(Timestamp::MAX)
    };
    Ok(HostCertificate {
        line: certificate.to_openssh().map_err(|_| TrustError::NotCertificate)? + "\n",
        valid_after: second(certificate.valid_after()),
        valid_before: second(certificate.valid_before()),
    })
}

fn parse(line: &str) -> Result<Certificate, TrustError> {
    line.trim().parse().map_err(|_| TrustError::NotCertificate)
}

/// Looks at all that sshd does not: a certificate for another key, of another kind, by another CA, not valid now, or
/// with names that ssh can never match is served by sshd without a word.
pub(crate) fn check_host_certificate(
    line: &str,
    host_key: &PublicKey,
    host_ca_keys: &[String],
    now: Timestamp,
) -> Result<HostCertificate, TrustError> {
    let certificate = parse(line)?;
    let refused = |why| Err(TrustError::Certificate(why));
    if certificate.cert_type() != CertType::Host {
        return refused("a user's");
    }
    if certificate.public_key() != host_key.key_data() {
        return refused("for another host key");
    }
    let names = certificate.valid_principals();
    if names.is_empty() || names.iter().any(|name| name.chars().any(|c| c.is_ascii_uppercase() || c == '*')) {
        return refused("without names, or with names that ssh cannot match");
    }
    let mut trusted = Vec::new();
    for key in host_ca_keys {
        let key: PublicKey = key.parse().map_err(|_| TrustError::NotPlainKey)?;
        trusted.push(key.fingerprint(HashAlg::Sha256));
    }
    // The time apart from the signature: a clock that is wrong wants another remedy than a CA that is.
    if certificate.validate_at(certificate.valid_after(), &trusted).is_err() {
        return refused("not valid at any time, or not by this CA");
    }
    let certificate = read_host_certificate(line)?;
    let HostCertificate { valid_after: from, valid_before: until, .. } = certificate;
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
    if now < from {
        return Err(TrustError::ClockBehind { from, now });
    }
    if until <= now {
        return Err(TrustError::Over { until, now });
    }
    Ok(certificate)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use ssh_key::PrivateKey;
    use ssh_key::certificate::Builder;

    use super::*;
    use crate::testing::{NOW, at, key};

    fn line(key: &PrivateKey) -> String {
        key.public_key().to_openssh().unwrap()
    }

    fn certificate(ca: &PrivateKey, host: &PrivateKey, kind: CertType, name: &str) -> String {
        let after = u64::try_from(NOW - 60).unwrap();
        let mut rng = ChaCha8Rng::from_seed([9; 32]);
        let mut builder = Builder::new_with_random_nonce(
            &mut rng,
            host.public_key().key_data().clone(),
            after,
            after + 3_600,
        )
        .unwrap();
        builder.cert_type(kind).unwrap().valid_principal(name).unwrap();
        builder.sign(ca).unwrap().to_openssh().unwrap()
    }

    fn krl(version: u64) -> Vec<u8> {
        let mut bytes = KRL_MAGIC.to_vec();
        bytes.extend_from_slice(&version.to_be_bytes());
        bytes.extend_from_slice(&[0; 16]);
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(&[1, 0, 0, 0, 2, 7, 7]);
        bytes
    }

    #[test]
    fn only_plain_keys_become_trusted() {
        let good = check_ca_keys(&[line(&key(1)) + " a comment"]).unwrap();
        assert_eq!(String::from_utf8(good).unwrap(), line(&key(1)) + "\n");
        assert_eq!(check_ca_keys(&[]), Err(TrustError::NoKeys));
        let hostile = [
            certificate(&key(1), &key(2), CertType::User, "x"),
            format!("{}\n{}", line(&key(1)), line(&key(2))),
            format!("cert-authority {}", line(&key(1))),
            String::new(),
        ];
        for text in hostile {
            assert!(check_ca_keys(std::slice::from_ref(&text)).is_err(), "{text}");
        }
    }

    #[test]
    fn a_list_that_sshd_could_not_read_is_refused() {
        let whole = krl(5);
        assert_eq!(check_krl(&STANDARD.encode(&whole), None).unwrap(), whole);
        for cut in 1..whole.len() {
            // Cut right before its section the list is whole again.
            if cut != KRL_SHORTEST {
                assert!(check_krl(&STANDARD.encode(&whole[..cut]), None).is_err(), "cut at {cut}");
            }
        }
        assert_eq!(check_krl("?", None), Err(TrustError::NotKrl));
        assert_eq!(
            check_krl(&STANDARD.encode("garbage that is long enough to be one, is it not?"), None),
            Err(TrustError::NotKrl)
        );
    }

    #[test]
    fn a_list_never_goes_back() {
        let (old, new) = (krl(5), krl(6));
        assert!(check_krl(&STANDARD.encode(&new), Some(&old)).is_ok());
        assert!(check_krl(&STANDARD.encode(&old), Some(&old)).is_ok());
        assert!(check_krl(&STANDARD.encode(&old), Some(&new)).is_err());
        assert!(check_krl("", Some(&old)).is_err());
        assert!(check_krl("", None).unwrap().is_empty());
        assert!(check_krl("", Some(b"")).unwrap().is_empty());
    }

    #[test]
    fn a_host_certificate_must_be_for_this_key_by_this_ca_and_now() {
        let (ca, host) = (key(1), key(2));
        let cas = [line(&ca)];
        let check = |text: &str, now| check_host_certificate(text, host.public_key(), &cas, at(now));
        let good = certificate(&ca, &host, CertType::Host, "a.corp.test");
        let read = check(&good, NOW).unwrap();
        assert_eq!(read.half_life(), at(NOW - 60 + 1_800));
        let over = check(&good, NOW + 3_540).unwrap_err();
        assert_eq!(over, TrustError::Over { until: at(NOW + 3_540), now: at(NOW + 3_540) });
        let early = check(&good, NOW - 60 - 7_500).unwrap_err();
        assert_eq!(early, TrustError::ClockBehind { from: at(NOW - 60), now: at(NOW - 60 - 7_500) });
        assert!(early.to_string().contains("by at least 2h 5m; set it"), "{early}");
        assert!(check(&good, NOW - 60).is_ok() && check(&good, NOW + 3_539).is_ok());
        let wrong = [
            certificate(&ca, &key(3), CertType::Host, "a.corp.test"),
            certificate(&key(4), &host, CertType::Host, "a.corp.test"),
            certificate(&ca, &host, CertType::User, "a.corp.test"),
            certificate(&ca, &host, CertType::Host, "A.corp.test"),
            certificate(&ca, &host, CertType::Host, "*.corp.test"),
            line(&host),
        ];
        for text in wrong {
            let why = check(&text, NOW).unwrap_err();
            assert!(matches!(why, TrustError::Certificate(_) | TrustError::NotCertificate), "{why}: {text}");
        }
    }
}
