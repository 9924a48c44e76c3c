use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::VerifyingKey;
use ssh_key::PublicKey;
use ssh_key::public::{Ed25519PublicKey, KeyData, RsaPublicKey};

use crate::KeyKind;
use crate::cursor::Cursor;

/// Longest line read: an RSA key of 4096 bits takes 720 characters, the rest is comment.
const LONGEST_LINE: usize = 16 * 1024;

/// NIST SP 800-57 part 1: 3072 bits stand for 128 bits of strength, as the other kinds do.
const SMALLEST_RSA: usize = 3072;

/// Largest modulus whose signatures this program can check (the `rsa` crate's ceiling), so that the refusal is clear.
const LARGEST_RSA: usize = 4096;

/// FIPS 186-4, appendix B.3: the exponent is odd and above 2^16; 32 bits are what other programs read.
const RSA_EXPONENTS: std::ops::RangeInclusive<u32> = 65_537..=u32::MAX;

/// SEC 1, section 2.3.3; OpenSSH's sshbuf-getput-crypto.c takes no other form.
const UNCOMPRESSED_POINT: u8 = 4;

/// A public key that may be certified: one plain key, of a known kind, strong enough.
///
/// Never a certificate: whatever signs or is certified is a plain key, or a certificate could vouch for itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PlainKey {
    kind: KeyKind,
    key: PublicKey,
    blob: Vec<u8>,
}

/// Why a text is not a key that can be certified.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyError {
    #[error("this is a certificate; send the plain public key it was made for (the .pub file without -cert)")]
    Certificate,
    #[error("this is not one OpenSSH public key line: {0}")]
    Malformed(&'static str),
    #[error("a key of the kind {algorithm} cannot be certified here; make one with: ssh-keygen -t ed25519")]
    Unsupported { algorithm: String },
    #[error("this key is too weak: {0}; make one with: ssh-keygen -t ed25519")]
    Weak(&'static str),
}

impl PlainKey {
    /// Reads an OpenSSH line: algorithm, base64, and a comment that is dropped.
    ///
    /// # Errors
    /// [`KeyError`]; options before the key, a second line and every certificate are refused.
    pub fn parse(line: &str) -> Result<Self, KeyError> {
        if line.len() > LONGEST_LINE {
            return Err(KeyError::Malformed("it is too long"));
        }
        let line = line.trim_ascii();
        if line.contains(|c: char| c.is_control() && c != '\t') {
            return Err(KeyError::Malformed("it holds a line break or a control character"));
        }
        let mut words = line.split_ascii_whitespace();
        let (Some(algorithm), Some(base64)) = (words.next(), words.next()) else {
            return Err(KeyError::Malformed("an algorithm and a key in base64 are expected"));
        };
        if is_certificate(algorithm) {
            return Err(KeyError::Certificate);
        }
        let blob = STANDARD.decode(base64).map_err(|_| {
            KeyError::Malformed("the second word is not base64; no options stand before a key")
        })?;
        match Cursor::new(&blob).text() {
            Some(inner) if inner == algorithm || is_certificate(inner) => Self::from_blob(blob),
            _ => Err(KeyError::Malformed("the key is not of the kind that its line says")),
        }
    }

    /// Reads a key blob as RFC 4253, section 6.6 writes it.
    ///
    /// # Errors
    /// [`KeyError`]
    pub fn from_blob(blob: Vec<u8>) -> Result<Self, KeyError> {
        let algorithm = Cursor::new(&blob).text().ok_or(KeyError::Malformed("the key names no algorithm"))?;
        if is_certificate(algorithm) {
            return Err(KeyError::Certificate);
        }
        let Some(kind) = KeyKind::of_name(algorithm) else {
            return Err(unsupported(algorithm));
        };
        let key = PublicKey::from_bytes(&blob).map_err(|_| KeyError::Malformed("the key does not read"))?;
        // A decoder that forgives would let one key have two blobs, and so two fingerprints.
        if key.to_bytes().ok().as_ref() != Some(&blob) {
            return Err(KeyError::Malformed("the key is not written in the one way there is"));
        }
        check(key.key_data())?;
        Ok(Self { kind, key, blob })
    }

    #[must_use]
    pub const fn kind(&self) -> KeyKind {
        self.kind
    }

    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// The blob that fingerprints are taken of.
    #[must_use]
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// One line without a comment.
    #[must_use]
    pub fn to_openssh(&self) -> String {
        format!("{} {}", self.kind.name(), STANDARD.encode(&self.blob))
    }

    /// The blob without its algorithm: what a certificate repeats.
    pub(crate) fn parts(&self) -> &[u8] {
        let mut cursor = Cursor::new(&self.blob);
        cursor.string();
        cursor.rest()
    }
}

fn is_certificate(algorithm: &str) -> bool {
    algorithm.contains("-cert-v")
}

/// The name comes from a stranger: only what is printable of it, and not much.
fn unsupported(algorithm: &str) -> KeyError {
    let algorithm = algorithm.chars().filter(char::is_ascii_graphic).take(64).collect();
    KeyError::Unsupported { algorithm }
}

/// Whether the point of an ECDSA key lies on its curve is not asked: nothing is certified before that key has signed,
/// and no signature holds for a point off the curve.
fn check(key: &KeyData) -> Result<(), KeyError> {
    match key {
        KeyData::Ecdsa(key) => check_point(key.as_sec1_bytes()),
        KeyData::Ed25519(key) => check_ed25519(key),
        KeyData::Rsa(key) => check_rsa(key),
        KeyData::SkEcdsaSha2NistP256(key) => {
            check_point(key.ec_point().as_bytes())?;
            check_application(key.application())
        }
        KeyData::SkEd25519(key) => {
            check_ed25519(key.public_key())?;
            check_application(key.application())
        }
        other => Err(unsupported(other.algorithm().as_str())),
    }
}

fn check_point(point: &[u8]) -> Result<(), KeyError> {
    match point.first() {
        Some(&UNCOMPRESSED_POINT) => Ok(()),
        _ => Err(KeyError::Malformed("the key's point is compressed")),
    }
}

fn check_ed25519(key: &Ed25519PublicKey) -> Result<(), KeyError> {
    match VerifyingKey::from_bytes(&key.0) {
        // Anybody can make signatures that hold for a point of small order.
        Ok(point) if point.is_weak() => Err(KeyError::Weak("its point has a small order")),
        Ok(_) => Ok(()),
        Err(_) => Err(KeyError::Malformed("the key is not a point of its curve")),
    }
}

fn check_rsa(key: &RsaPublicKey) -> Result<(), KeyError> {
    let (Some(modulus), Some(exponent)) = (key.n.as_positive_bytes(), key.e.as_positive_bytes()) else {
        return Err(KeyError::Malformed("a number of the RSA key is negative"));
    };
    let bits = modulus.first().map_or(0, |first| modulus.len() * 8 - leading_zeros(*first));
    if bits < SMALLEST_RSA {
        return Err(KeyError::Weak("an RSA key has 3072 bits at least"));
    }
    if bits > LARGEST_RSA {
        return Err(unsupported("ssh-rsa-of-more-than-4096-bits"));
    }
    let exponent = exponent.iter().try_fold(0_u32, |value, byte| {
        value.checked_mul(256).and_then(|value| value.checked_add(u32::from(*byte)))
    });
    let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte % 2 == 1);
    match exponent {
        Some(exponent) if RSA_EXPONENTS.contains(&exponent) && exponent % 2 == 1 && is_odd(modulus) => Ok(()),
        _ => Err(KeyError::Weak("its RSA exponent or modulus is not one that a program makes")),
    }
}

fn leading_zeros(byte: u8) -> usize {
    usize::try_from(byte.leading_zeros()).unwrap_or(0)
}

/// ssh-keygen(1) makes no other; a token's key for a web site must not become a way into hosts.
fn check_application(application: &str) -> Result<(), KeyError> {
    if application.starts_with("ssh:") && application.len() <= 255 && !application.contains(char::is_control)
    {
        Ok(())
    } else {
        Err(KeyError::Malformed("the security key is registered for something other than ssh"))
    }
}
