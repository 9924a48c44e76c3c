use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::reserved::is_reserved;

/// Longest account name that Linux tools agree on (utmp's field).
const LONGEST: usize = 32;

/// An account name that is safe in passwd, sudoers, a principals file name and a certificate.
///
/// The shape is `^[a-z_][a-z0-9_.-]{0,31}$` without a dot first, last or doubled. Upper case is out because sudoers
/// reads capitals as an alias; `@`, `#`, `,`, `%`, white space and quotes because sshd or sudo give them meaning.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct PosixName(String);

impl PosixName {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the name belongs to the system, to a service or to a cloud image rather than to a person.
    ///
    /// A host that only has `TrustedUserCAKeys` lets a certificate into the account that its principal names, so these
    /// are refused whether or not a host has the account today.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        is_reserved(&self.0)
    }

    /// The name that a `userName` proposes: the part up to the `@`, lower-cased (ASCII only: any other letter fails
    /// the shape, and is never folded into one that passes).
    ///
    /// # Errors
    /// When that part is not an account name; see [`PosixNameError`].
    pub fn from_user_name(user_name: &str) -> Result<Self, PosixNameError> {
        let local = user_name.split('@').next().unwrap_or_default();
        local.to_ascii_lowercase().parse()
    }
}

#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PosixNameError {
    #[error("an account name cannot hold {found:?}")]
    Character { found: char },
    #[error("a dot may not stand first, last or doubled in an account name")]
    Dot,
    #[error("an account name cannot be empty")]
    Empty,
    #[error("an account name starts with a letter or an underscore")]
    FirstCharacter,
    #[error("an account name has {LONGEST} characters at most")]
    TooLong,
}

impl FromStr for PosixName {
    type Err = PosixNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let first = text.chars().next().ok_or(PosixNameError::Empty)?;
        if let Some(found) = text.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '_' | '.' | '-')) {
            return Err(PosixNameError::Character { found });
        }
        if text.len() > LONGEST {
            return Err(PosixNameError::TooLong);
        }
        if first == '.' || text.ends_with('.') || text.contains("..") {
            return Err(PosixNameError::Dot);
        }
        if !matches!(first, 'a'..='z' | '_') {
            return Err(PosixNameError::FirstCharacter);
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for PosixName {
    type Error = PosixNameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PosixName> for String {
    fn from(name: PosixName) -> Self {
        name.0
    }
}

impl fmt::Display for PosixName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hostile_names_are_refused() {
        let hostile = [
            "", "Bob", "1234", "-bob", ".bob", "bob.", "b..b", "bob$", "b~b", "a,b", "a b", "a#b", "bøb",
            "x@corp", "a:b", "a/b", "../x", "%wheel", "+ng", "!bob", "bob\n", "a*b", "a\"b", "ALL",
        ];
        for name in hostile {
            assert!(name.parse::<PosixName>().is_err(), "{name:?} was accepted");
        }
        assert!("a".repeat(33).parse::<PosixName>().is_err());
        assert!("a".repeat(32).parse::<PosixName>().is_ok());
    }

    #[test]
    fn system_names_are_reserved() {
        for name in ["root", "postgres", "ubuntu", "azureuser", "systemd-resolve", "_apt", "deploy", "sync"] {
            assert!(name.parse::<PosixName>().unwrap().is_reserved(), "{name}");
        }
        assert!(!"mara.lind".parse::<PosixName>().unwrap().is_reserved());
    }

    #[test]
    fn a_user_name_proposes_its_local_part() {
        assert_eq!(PosixName::from_user_name("Mara.Lind@contoso.test").unwrap().as_str(), "mara.lind");
        assert!(PosixName::from_user_name("@contoso.test").is_err());
        // KELVIN SIGN lower-cases to an ASCII k in Unicode; it must not become somebody else's name.
        assert!(PosixName::from_user_name("\u{212A}im@contoso.test").is_err());
    }

    proptest! {
        #[test]
        fn what_parses_prints_the_same_and_is_inert(text in "\\PC{0,40}") {
            if let Ok(name) = text.parse::<PosixName>() {
                prop_assert_eq!(name.to_string(), text);
                prop_assert!(name.as_str().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.-".contains(&b)));
            }
        }
    }
}
