use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use ssh_key::public::KeyData;
use ssh_key::{HashAlg, PublicKey};

/// SHA-256 of a public key's blob, written as `ssh-keygen -lf` does: `SHA256:` and 43 characters.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    #[must_use]
    pub fn of(key: &PublicKey) -> Self {
        Self::of_key_data(key.key_data())
    }

    #[must_use]
    pub fn of_key_data(key: &KeyData) -> Self {
        match key.fingerprint(HashAlg::Sha256) {
            ssh_key::Fingerprint::Sha256(digest) => Self(digest),
            // Asked for SHA-256 above; ssh-key's enum is only open for the future.
            other => Self::of_blob(other.as_bytes()),
        }
    }

    /// Of a key blob as RFC 4253, section 6.6 writes it.
    #[must_use]
    pub fn of_blob(blob: &[u8]) -> Self {
        Self(Sha256::digest(blob).into())
    }
}

/// Text that is not a fingerprint.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a fingerprint is SHA256: and 43 characters, as ssh-keygen -lf prints it")]
pub struct FingerprintError;

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digest = text.strip_prefix("SHA256:").ok_or(FingerprintError)?;
        let bytes = STANDARD_NO_PAD.decode(digest).map_err(|_| FingerprintError)?;
        bytes.try_into().map(Self).map_err(|_| FingerprintError)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SHA256:{}", STANDARD_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = FingerprintError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_ssh_key() {
        let key: PublicKey =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE5MoLA2VIzBb1KzEzSJVVgOEAS7Aqk0WxqwhCz6vDQv"
                .parse()
                .unwrap();
        let ours = Fingerprint::of(&key);
        assert_eq!(ours.to_string(), key.fingerprint(ssh_key::HashAlg::Sha256).to_string());
        assert_eq!(ours.to_string().parse::<Fingerprint>().unwrap(), ours);
    }

    #[test]
    fn other_texts_are_refused() {
        for text in
            ["", "SHA256:", "MD5:aa", "SHA256:short", "sha256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"]
        {
            assert!(text.parse::<Fingerprint>().is_err(), "{text}");
        }
    }
}
