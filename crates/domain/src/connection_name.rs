use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest name, in bytes: it stands in columns, log lines and metric labels.
const LONGEST: usize = 40;

/// What administrators call a tenant whose directory writes here: lower-case letters, digits and hyphens, beginning
/// with a letter. It stands in paths and metric labels as it is.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct ConnectionName(String);

#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "a connection's name is 1 to {LONGEST} lower-case letters, digits and hyphens, beginning with a letter, such as contoso"
)]
pub struct ConnectionNameError;

impl ConnectionName {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ConnectionName {
    type Err = ConnectionNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        let fits = text.len() <= LONGEST && text.starts_with(|first: char| first.is_ascii_lowercase());
        if fits && text.bytes().all(plain) { Ok(Self(text.to_owned())) } else { Err(ConnectionNameError) }
    }
}

impl TryFrom<String> for ConnectionName {
    type Error = ConnectionNameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ConnectionName> for String {
    fn from(name: ConnectionName) -> Self {
        name.0
    }
}

impl fmt::Display for ConnectionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_need_no_quoting() {
        for good in ["entra", "contoso-2", "a"] {
            assert_eq!(good.parse::<ConnectionName>().unwrap().as_str(), good);
        }
        let long = "a".repeat(LONGEST + 1);
        for bad in ["", "-a", "2a", "Entra", "a b", "a/b", "ä", "a\n", long.as_str()] {
            assert!(bad.parse::<ConnectionName>().is_err(), "{bad:?} was accepted");
        }
    }
}
