use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{PosixName, UserId};

/// Longest principal we write; sshd itself would take far more.
const LONGEST: usize = 128;

/// `SSHKEY_CERT_MAX_PRINCIPALS` in OpenSSH's sshkey.h: one more and the certificate is refused.
const MOST: usize = 256;

/// A string in a certificate that sshd compares.
///
/// OpenSSH's auth2-pubkeyfile.c splits principals on commas and white space, cuts at `#`, and from 10.0 on knows
/// wildcards: none of these can be inside.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Principal(String);

impl Principal {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<UserId> for Principal {
    /// `u:` and the id: the principal by which a host with our agent knows the person.
    fn from(id: UserId) -> Self {
        Self(format!("u:{id}"))
    }
}

impl From<&PosixName> for Principal {
    fn from(name: &PosixName) -> Self {
        Self(name.as_str().to_owned())
    }
}

#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PrincipalError {
    #[error("a principal cannot be empty")]
    Empty,
    #[error("a principal cannot hold {found:?}")]
    Forbidden { found: char },
    #[error("a principal has {LONGEST} characters at most")]
    TooLong,
}

impl FromStr for Principal {
    type Err = PrincipalError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(PrincipalError::Empty);
        }
        if text.len() > LONGEST {
            return Err(PrincipalError::TooLong);
        }
        match text.chars().find(|c| !matches!(c, 'A'..='Z' | 'a'..='z' | '0'..='9' | ':' | '.' | '_' | '-')) {
            Some(found) => Err(PrincipalError::Forbidden { found }),
            None => Ok(Self(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Principal {
    type Error = PrincipalError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Principal> for String {
    fn from(principal: Principal) -> Self {
        principal.0
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The principals of one certificate: at least one, at most 256.
///
/// To an sshd before 10.3 an empty list in an authorized_keys `cert-authority` line means *any* user, so there is no
/// empty list to be had.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Principals(BTreeSet<Principal>);

impl Principals {
    /// `None` when the set is empty or larger than sshd reads.
    #[must_use]
    pub fn new(set: BTreeSet<Principal>) -> Option<Self> {
        (1..=MOST).contains(&set.len()).then_some(Self(set))
    }

    pub fn iter(&self) -> impl Iterator<Item = &Principal> {
        self.0.iter()
    }

    #[must_use]
    pub fn to_strings(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn there_is_no_empty_list() {
        assert!(Principals::new(BTreeSet::new()).is_none());
    }

    #[test]
    fn the_256th_is_the_last_that_sshd_reads() {
        let set: BTreeSet<Principal> = (0..256).map(|n| format!("g:{n}").parse().unwrap()).collect();
        assert!(Principals::new(set.clone()).is_some());
        let more = set.into_iter().chain(["g:more".parse().unwrap()]).collect();
        assert!(Principals::new(more).is_none());
    }

    proptest! {
        #[test]
        fn nothing_that_sshd_interprets_gets_in(text in "\\PC{0,20}[,# *?\"'\\n\\t\\u{0}]\\PC{0,20}") {
            prop_assert!(text.parse::<Principal>().is_err());
        }
    }
}
