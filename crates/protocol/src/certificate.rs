use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use rand::{CryptoRng, RngCore};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Fingerprint;
use crate::hosts::sha256_hex;

/// `POST /v1/certificates/user`.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct IssueUserRequest {
    pub id_token: String,
    /// The random part of the login nonce, base64url without padding; absent for a device login or a renewal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce_random: Option<String>,
    /// An OpenSSH line: a plain key, never a certificate.
    pub public_key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_seconds: Option<u64>,
    /// The address that the person typed, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_as: Option<String>,
    /// Armoured SSHSIG by `public_key` over [`CertificateProof::message`], namespace `sallyport-certificate-v1`.
    pub signature: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Previous>,
}

impl fmt::Debug for IssueUserRequest {
    /// Without the token: it may open a door.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssueUserRequest")
            .field("public_key", &self.public_key)
            .field("ttl_seconds", &self.ttl_seconds)
            .field("asked_as", &self.asked_as)
            .finish_non_exhaustive()
    }
}

/// The earlier certificate of a renewal.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Previous {
    /// An OpenSSH certificate line.
    pub certificate: String,
    /// Armoured SSHSIG by its key over the same bytes, namespace `sallyport-renewal-v1`.
    pub signature: String,
}

/// The answer: the certificate and what it says.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub struct IssueUserReply {
    pub certificate: String,
    pub serial: u64,
    pub valid_until: Timestamp,
    pub principals: Vec<String>,
    pub session: String,
}

/// What the key to be certified signs.
#[derive(Clone, Copy, Debug)]
pub struct CertificateProof<'a> {
    pub ca: Fingerprint,
    pub id_token: &'a str,
    pub public_key: Fingerprint,
    pub ttl_seconds: Option<u64>,
    pub asked_as: Option<&'a str>,
}

impl CertificateProof<'_> {
    /// Five lines, each ended by `\n`; an absent value is an empty line.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        let ttl = self.ttl_seconds.map(|seconds| seconds.to_string()).unwrap_or_default();
        let token = sha256_hex(self.id_token.as_bytes());
        let asked_as = self.asked_as.unwrap_or_default();
        format!("{}\n{token}\n{}\n{ttl}\n{asked_as}\n", self.ca, self.public_key).into_bytes()
    }
}

/// Bytes of randomness in a login nonce.
pub const LOGIN_RANDOM_LENGTH: usize = 32;

/// The random part of a login nonce: only who began the login knows it, until it is sent with the token.
#[derive(Clone, Eq, PartialEq)]
pub struct LoginRandom([u8; LOGIN_RANDOM_LENGTH]);

impl LoginRandom {
    pub fn generate(rng: &mut (impl RngCore + CryptoRng)) -> Self {
        let mut bytes = [0u8; LOGIN_RANDOM_LENGTH];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// Base64url without padding, as `nonce_random` carries it.
    #[must_use]
    pub fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

impl fmt::Debug for LoginRandom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginRandom").finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("nonce_random is {LOGIN_RANDOM_LENGTH} bytes in base64url without padding")]
pub struct LoginRandomError;

impl FromStr for LoginRandom {
    type Err = LoginRandomError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| LoginRandomError)?;
        bytes.try_into().map(Self).map_err(|_| LoginRandomError)
    }
}

/// The nonce that binds a browser login to one SSH key:
/// `base64url(SHA-256("sallyport-login-v1" ‖ u32 length of the key blob ‖ key blob ‖ random))`, without padding.
#[must_use]
pub fn login_nonce(key_blob: &[u8], random: &LoginRandom) -> String {
    let length = u32::try_from(key_blob.len()).unwrap_or(u32::MAX);
    let digest = Sha256::new()
        .chain_update(b"sallyport-login-v1")
        .chain_update(length.to_be_bytes())
        .chain_update(key_blob)
        .chain_update(random.0)
        .finalize();
    URL_SAFE_NO_PAD.encode(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proof_is_five_lines() {
        let ca = Fingerprint::of_blob(b"ca");
        let public_key = Fingerprint::of_blob(b"key");
        let full = CertificateProof {
            ca,
            id_token: "a.b.c",
            public_key,
            ttl_seconds: Some(3600),
            asked_as: Some("m@x.test"),
        };
        let text = String::from_utf8(full.message()).unwrap();
        let hash = sha256_hex(b"a.b.c");
        assert_eq!(text, format!("{ca}\n{hash}\n{public_key}\n3600\nm@x.test\n"));
        let bare = CertificateProof { ttl_seconds: None, asked_as: None, ..full };
        assert!(String::from_utf8(bare.message()).unwrap().ends_with(&format!("{public_key}\n\n\n")));
    }

    #[test]
    fn the_nonce_is_what_another_implementation_computes() {
        // printf 'sallyport-login-v1\0\0\0\003key' + 32 bytes 07 | sha256sum, base64url
        let random: LoginRandom = URL_SAFE_NO_PAD.encode([7u8; 32]).parse().unwrap();
        let mut bytes = b"sallyport-login-v1\x00\x00\x00\x03key".to_vec();
        bytes.extend_from_slice(&[7; 32]);
        assert_eq!(login_nonce(b"key", &random), URL_SAFE_NO_PAD.encode(Sha256::digest(&bytes)));
        assert_eq!(login_nonce(b"key", &random).len(), 43);
    }

    #[test]
    fn the_token_does_not_print() {
        let request = IssueUserRequest {
            id_token: "canary".into(),
            nonce_random: Some("canary".into()),
            public_key: "k".into(),
            ttl_seconds: None,
            asked_as: None,
            signature: "canary".into(),
            previous: None,
        };
        assert!(!format!("{request:?}").contains("canary"));
    }
}
