use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Keeps these hashes apart from every other use of SHA-256 over similar bytes.
const DOMAIN: &[u8] = b"sallyport-audit-record-v1\0";

const LENGTH: usize = 32;

/// SHA-256 of one record and all before it; 64 lower-case hexadecimal digits as text.
#[derive(Clone, Copy, Eq, Hash, PartialEq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash([u8; LENGTH]);

impl Hash {
    /// Stands before the first record.
    pub const ZERO: Self = Self([0; LENGTH]);

    /// The previous hash has a fixed length, so the pair has only one reading.
    pub(crate) fn of_record(previous: &Self, body: &str) -> Self {
        let digest =
            Sha256::new().chain_update(DOMAIN).chain_update(previous.0).chain_update(body).finalize();
        Self(digest.into())
    }

    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; LENGTH] {
        &self.0
    }
}

impl From<[u8; LENGTH]> for Hash {
    fn from(bytes: [u8; LENGTH]) -> Self {
        Self(bytes)
    }
}

/// Text that is not a hash.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("an audit hash is 64 lower-case hexadecimal digits")]
pub struct HashError;

impl FromStr for Hash {
    type Err = HashError;

    /// Lower case only: one hash, one text.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; LENGTH];
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != LENGTH || !rest.is_empty() {
            return Err(HashError);
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Ok(Self(bytes))
    }
}

fn digit(character: u8) -> Result<u8, HashError> {
    match character {
        b'0'..=b'9' => Ok(character - b'0'),
        b'a'..=b'f' => Ok(character - b'a' + 10),
        _ => Err(HashError),
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for Hash {
    type Error = HashError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        hash.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_one_spelling() {
        let hash = Hash::of_record(&Hash::ZERO, "x");
        let text = hash.to_string();
        assert_eq!(text.parse(), Ok(hash));
        for odd in [
            text.to_uppercase(),
            text[1..].to_owned(),
            format!("{text}0"),
            format!("{text}00"),
            String::new(),
        ] {
            assert_eq!(odd.parse::<Hash>(), Err(HashError), "{odd}");
        }
        assert_eq!("é".repeat(32).parse::<Hash>(), Err(HashError));
    }
}
