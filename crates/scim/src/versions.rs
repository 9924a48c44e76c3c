//! Versions of resources as conditions of requests (RFC 7644 section 3.14, RFC 9110 section 13.1).

use crate::error::ScimError;

/// What `If-Match` or `If-None-Match` names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Versions(Vec<String>);

impl Versions {
    /// The values of all headers of one name; `None` when there are none. What is no list of versions names none that
    /// a resource has.
    pub fn read<T: AsRef<str>>(headers: impl IntoIterator<Item = T>) -> Option<Self> {
        let mut headers = headers.into_iter().peekable();
        headers.peek()?;
        let mut tags = Vec::new();
        for list in headers {
            tags.extend(list.as_ref().split(',').map(|tag| bare(tag.trim()).to_owned()));
        }
        Some(Self(tags))
    }

    /// Whether this version is among them. Compared without what says that a tag is weak: all of ours are, and clients
    /// that leave it away mean them all the same.
    #[must_use]
    pub fn name(&self, version: &str) -> bool {
        self.0.iter().any(|tag| tag == "*" || tag == bare(version))
    }

    /// What `If-Match` asks of a resource that has this version.
    ///
    /// # Errors
    /// [`ScimError::VersionMismatch`] when another version was meant.
    pub fn require(expected: Option<&Self>, version: &str) -> Result<(), ScimError> {
        match expected {
            Some(expected) if !expected.name(version) => Err(ScimError::VersionMismatch),
            _ => Ok(()),
        }
    }
}

fn bare(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "W/\"5f0c\"";

    #[test]
    fn a_list_names_a_version_in_any_spelling() {
        for headers in [
            &["W/\"5f0c\""][..],
            &["\"5f0c\""],
            &["\"a\", W/\"5f0c\""],
            &["\"a\"", "\"5f0c\""],
            &["*"],
            &[" * "],
        ] {
            assert!(Versions::read(headers).unwrap().name(OURS), "{headers:?}");
        }
    }

    #[test]
    fn anything_else_names_another() {
        for headers in
            [&[""][..], &["5f0c"], &["\"5f0\""], &["w/\"5f0c\""], &["\"*\""], &["\u{fffd}"], &[","]]
        {
            let read = Versions::read(headers);
            assert!(!read.as_ref().unwrap().name(OURS), "{headers:?}");
            assert_eq!(Versions::require(read.as_ref(), OURS), Err(ScimError::VersionMismatch));
        }
    }

    #[test]
    fn who_names_none_asks_for_nothing() {
        assert_eq!(Versions::read([""; 0]), None);
        assert_eq!(Versions::require(None, OURS), Ok(()));
    }
}
