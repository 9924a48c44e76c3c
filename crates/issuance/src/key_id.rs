use std::fmt;
use std::str::FromStr;

use sallyport_domain::{HostId, HostName, RequestId, UserId};

/// Longest text that sshd shall repeat in its log.
const LONGEST: usize = 512;

/// Longest label that is carried.
const LONGEST_LABEL: usize = 128;

/// What sshd writes to its log at each login: who, by which request.
///
/// Printable ASCII, so that nobody forges a line of a log with their display name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyId(String);

impl KeyId {
    /// `sallyport v1 u:<id> <upn> req=<request>`. The address is a label: what is not plain in it is replaced by `?`.
    #[must_use]
    pub fn of_user(user: UserId, upn: &str, request: RequestId) -> Self {
        Self(format!("sallyport v1 u:{user} {} req={request}", plain(upn)))
    }

    /// `sallyport v1 h:<id> <name> req=<request>`
    #[must_use]
    pub fn of_host(host: HostId, name: &HostName, request: RequestId) -> Self {
        Self(format!("sallyport v1 h:{host} {} req={request}", plain(name.as_str())))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One word, never empty: the fields after it keep their places.
fn plain(label: &str) -> String {
    let keep = |c: char| if c.is_ascii_graphic() && !matches!(c, '"' | '\\') { c } else { '?' };
    let text: String = label.chars().take(LONGEST_LABEL).map(keep).collect();
    if text.is_empty() { "-".to_owned() } else { text }
}

/// Text that is not a key id.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a key id has 1 to {LONGEST} printable ASCII characters")]
pub struct KeyIdError;

impl FromStr for KeyId {
    type Err = KeyIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let printable = text.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
        if printable && (1..=LONGEST).contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(KeyIdError)
        }
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    fn ids() -> (UserId, RequestId) {
        let mut rng = ChaCha8Rng::from_seed([42; 32]);
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        (UserId::generate(now, &mut rng), RequestId::generate(now, &mut rng))
    }

    #[test]
    fn reads_as_it_is_documented() {
        let (user, request) = ids();
        let id = KeyId::of_user(user, "mara.lind@contoso.test", request);
        assert_eq!(id.as_str(), format!("sallyport v1 u:{user} mara.lind@contoso.test req={request}"));
        assert!(KeyId::of_user(user, "", request).as_str().contains(" - req="));
    }

    #[test]
    fn a_label_cannot_forge_a_field_or_a_line() {
        let (user, request) = ids();
        let id = KeyId::of_user(user, "x req=01 \" \u{202e}\n\u{7f}sshd: Accepted", request);
        assert_eq!(id.as_str().split(' ').count(), 5);
        assert!(id.as_str().contains(" x?req=01??????sshd:?Accepted "));
    }

    proptest! {
        #[test]
        fn every_label_gives_a_key_id_that_parses(label in "\\PC{0,300}|[\\x00-\\x7f]{0,300}") {
            let (user, request) = ids();
            let id = KeyId::of_user(user, &label, request);
            prop_assert_eq!(id.as_str().split(' ').count(), 5);
            prop_assert_eq!(id.as_str().parse(), Ok(id.clone()));
        }
    }
}
