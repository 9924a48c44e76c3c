use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use jiff::Timestamp;
use rand::{CryptoRng, RngCore};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use ulid::Ulid;

/// Length of a ULID as text: 26 upper-case characters of Crockford's base 32.
const TEXT_LENGTH: usize = 26;

/// What an id names, so that the id of a user cannot be passed where a host's is wanted.
pub trait Kind {
    /// The noun, for error sentences.
    const NOUN: &'static str;
}

/// A ULID that knows what it names.
pub struct Id<K>(Ulid, PhantomData<fn() -> K>);

impl<K> Id<K> {
    /// A fresh id from the caller's clock and randomness.
    pub fn generate(now: Timestamp, rng: &mut (impl RngCore + CryptoRng)) -> Self {
        let mut random = [0u8; 16];
        rng.fill_bytes(&mut random[..10]);
        let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
        Self(Ulid::from_parts(millis, u128::from_le_bytes(random)), PhantomData)
    }
}

// By hand: a derive would ask the same of `K`, which is only a name.
impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<K> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buffer = [0u8; TEXT_LENGTH];
        f.pad(self.0.array_to_str(&mut buffer))
    }
}

impl<K> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Text that is not the id of a `noun`.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("this is not the id of a {noun}: 26 upper-case letters and digits are expected")]
pub struct IdError {
    noun: &'static str,
}

impl<K: Kind> FromStr for Id<K> {
    type Err = IdError;

    /// Exactly the canonical spelling: one id, one text.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let ulid = Ulid::from_string(text).map_err(|_| IdError { noun: K::NOUN })?;
        let id = Self(ulid, PhantomData);
        if id.to_string() == text { Ok(id) } else { Err(IdError { noun: K::NOUN }) }
    }
}

impl<K> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, K: Kind> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// The things that have ids.
pub mod kind {
    use super::Kind;

    macro_rules! kinds {
        ($($name:ident = $noun:literal),* $(,)?) => {$(
            #[doc = concat!("Names a ", $noun, ".")]
            #[derive(Debug)]
            pub enum $name {}
            impl Kind for $name {
                const NOUN: &'static str = $noun;
            }
        )*};
    }

    kinds! {
        Certificate = "certificate",
        EnrollToken = "enrolment token",
        Grant = "grant",
        Group = "group",
        Host = "host",
        Request = "request",
        Resource = "SCIM resource",
        ScimToken = "SCIM token",
        Session = "login session",
        User = "user",
    }
}

pub type CertificateId = Id<kind::Certificate>;
pub type EnrollTokenId = Id<kind::EnrollToken>;
pub type GrantId = Id<kind::Grant>;
pub type GroupId = Id<kind::Group>;
pub type HostId = Id<kind::Host>;
pub type RequestId = Id<kind::Request>;
pub type ResourceId = Id<kind::Resource>;
pub type ScimTokenId = Id<kind::ScimToken>;
pub type SessionId = Id<kind::Session>;
pub type UserId = Id<kind::User>;

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn prints_and_parses_the_same() {
        let mut rng = ChaCha8Rng::from_seed([42; 32]);
        let id = UserId::generate(Timestamp::from_second(1_800_000_000).unwrap(), &mut rng);
        let text = id.to_string();
        assert_eq!(text.len(), TEXT_LENGTH);
        assert_eq!(text.parse::<UserId>().unwrap(), id);
    }

    #[test]
    fn refuses_other_spellings_of_the_same_number() {
        for text in [
            "",
            "01j8",
            "01kvbmtnp0000000000000000a",
            "ZZZZZZZZZZZZZZZZZZZZZZZZZZ",
            "01KVBMTNP0000000000000000U",
        ] {
            assert!(text.parse::<UserId>().is_err(), "{text} was accepted");
        }
    }
}
