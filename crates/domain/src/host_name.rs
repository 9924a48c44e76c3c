use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// RFC 1035, section 2.3.4.
const LONGEST_NAME: usize = 253;
const LONGEST_LABEL: usize = 63;

/// A DNS name or a single label, in lower case: ssh folds the host name before it compares principals.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostName(String);

impl HostName {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum HostNameError {
    #[error("a host name has letters, digits, '-' and '.' only, not {found:?}")]
    Character { found: char },
    #[error("each label of a host name has 1 to {LONGEST_LABEL} characters and no '-' at its ends")]
    Label,
    #[error("a host name has {LONGEST_NAME} characters at most")]
    TooLong,
}

impl FromStr for HostName {
    type Err = HostNameError;

    /// Upper case is folded, as ssh does.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.to_ascii_lowercase();
        if text.len() > LONGEST_NAME {
            return Err(HostNameError::TooLong);
        }
        if let Some(found) = text.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-' | '.')) {
            return Err(HostNameError::Character { found });
        }
        let good = |label: &str| {
            (1..=LONGEST_LABEL).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
        };
        if text.split('.').all(good) { Ok(Self(text)) } else { Err(HostNameError::Label) }
    }
}

impl TryFrom<String> for HostName {
    type Error = HostNameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<HostName> for String {
    fn from(name: HostName) -> Self {
        name.0
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// One pattern as `ssh_config(5)` writes them: `*` for any run, `?` for one character, a leading `!` negates.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostPattern {
    negated: bool,
    glob: String,
}

impl HostPattern {
    /// Whether the name is inside; never, for a pattern that negates.
    #[must_use]
    pub fn allows(&self, name: &HostName) -> bool {
        !self.negated && self.covers(name.as_str())
    }

    #[must_use]
    pub const fn is_negated(&self) -> bool {
        self.negated
    }

    /// Whether some name could be inside of both; never, when one negates.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        !self.negated && !other.negated && meet(self.glob.as_bytes(), other.glob.as_bytes())
    }

    /// Whether the glob matches, the `!` aside.
    fn covers(&self, name: &str) -> bool {
        matches(self.glob.as_bytes(), name.as_bytes())
    }
}

/// Linear backtracking over the last `*`, like OpenSSH's match.c `match_pattern`, but without its recursion.
pub(crate) fn matches(glob: &[u8], name: &[u8]) -> bool {
    let (mut g, mut n) = (0, 0);
    let mut resume: Option<(usize, usize)> = None;
    while n < name.len() {
        match glob.get(g) {
            Some(b'*') => {
                resume = Some((g + 1, n));
                g += 1;
            }
            Some(&c) if c == b'?' || Some(&c) == name.get(n) => {
                g += 1;
                n += 1;
            }
            _ => match resume {
                Some((after_star, tried)) => {
                    g = after_star;
                    n = tried + 1;
                    resume = Some((after_star, n));
                }
                None => return false,
            },
        }
    }
    glob.get(g..).is_some_and(|rest| rest.iter().all(|&c| c == b'*'))
}

/// Whether some text matches both globs: their ends first, each pair of tails once.
fn meet(one: &[u8], other: &[u8]) -> bool {
    let mut below = Vec::new();
    for i in (0..=one.len()).rev() {
        let mut row = vec![false; other.len() + 1];
        for j in (0..=other.len()).rev() {
            let at = |row: &[bool], j: usize| row.get(j).copied().unwrap_or(false);
            let found = match (one.get(i), other.get(j)) {
                (None, None) => true,
                (Some(b'*'), _) | (_, Some(b'*')) => at(&below, j) || at(&row, j + 1),
                (Some(a), Some(b)) => (a == b || *a == b'?' || *b == b'?') && at(&below, j + 1),
                (None, Some(_)) | (Some(_), None) => false,
            };
            if let Some(cell) = row.get_mut(j) {
                *cell = found;
            }
        }
        below = row;
    }
    below.first().copied().unwrap_or(false)
}

#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum HostPatternError {
    #[error("a host pattern has letters, digits, '-', '.', '*' and '?' only (and '!' first), not {found:?}")]
    Character { found: char },
    #[error("a host pattern has 1 to {LONGEST_NAME} characters")]
    Length,
    #[error(
        "the pattern {pattern} would trust this CA for every host there is; name a domain, such as *.corp.example"
    )]
    TooWide { pattern: String },
}

impl FromStr for HostPattern {
    type Err = HostPatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.to_ascii_lowercase();
        let (negated, glob) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text.as_str()),
        };
        if !(1..=LONGEST_NAME).contains(&glob.len()) {
            return Err(HostPatternError::Length);
        }
        if let Some(found) =
            glob.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-' | '.' | '*' | '?'))
        {
            return Err(HostPatternError::Character { found });
        }
        if !negated && !glob.chars().any(|c| c.is_ascii_alphanumeric()) {
            return Err(HostPatternError::TooWide { pattern: text });
        }
        Ok(Self { negated, glob: glob.to_owned() })
    }
}

impl TryFrom<String> for HostPattern {
    type Error = HostPatternError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<HostPattern> for String {
    fn from(pattern: HostPattern) -> Self {
        pattern.to_string()
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.negated {
            f.write_str("!")?;
        }
        f.write_str(&self.glob)
    }
}

/// A list of patterns: a name is inside when one pattern matches and no negated one does.
#[derive(Clone, Debug, Default, Eq, PartialEq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct HostPatterns(Vec<HostPattern>);

impl HostPatterns {
    #[must_use]
    pub fn new(patterns: Vec<HostPattern>) -> Self {
        Self(patterns)
    }

    #[must_use]
    pub fn allow(&self, name: &HostName) -> bool {
        let hit = |negated: bool| self.0.iter().any(|p| p.negated == negated && p.covers(name.as_str()));
        hit(false) && !hit(true)
    }

    /// Whether some name of the pattern could be inside, as far as the patterns that negate are not asked.
    #[must_use]
    pub fn meet(&self, pattern: &HostPattern) -> bool {
        self.0.iter().any(|own| own.meets(pattern))
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &HostPattern> {
        self.0.iter()
    }
}

impl fmt::Display for HostPatterns {
    /// Comma-separated, as known_hosts wants them after `@cert-authority`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.pad(&texts.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(texts: &[&str]) -> HostPatterns {
        HostPatterns::new(texts.iter().map(|text| text.parse().unwrap()).collect())
    }

    fn name(text: &str) -> HostName {
        text.parse().unwrap()
    }

    #[test]
    fn patterns_match_as_ssh_config_does() {
        let inside = patterns(&["*.corp.test", "web-?", "!secret.corp.test"]);
        for good in ["a.corp.test", "a.b.corp.test", "web-1"] {
            assert!(inside.allow(&name(good)), "{good}");
        }
        for bad in ["corp.test", "web-12", "secret.corp.test", "a.corp.test.evil"] {
            assert!(!inside.allow(&name(bad)), "{bad}");
        }
        assert!(!patterns(&[]).allow(&name("a")));
    }

    #[test]
    fn patterns_meet_where_one_name_could_match_both() {
        let meets = |one: &str, other: &str| {
            let (one, other): (HostPattern, HostPattern) = (one.parse().unwrap(), other.parse().unwrap());
            assert_eq!(one.meets(&other), other.meets(&one));
            one.meets(&other)
        };
        for (one, other) in [
            ("*.corp.test", "web-*.corp.test"),
            ("*.corp.test", "web-1.corp.test"),
            ("*.test", "*.corp.*"),
            ("web-?", "web-*"),
            ("a*b", "*ab"),
            ("a", "a"),
        ] {
            assert!(meets(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("*.corp.test", "web-1.corp.tset"),
            ("*.corp.test", "web-1"),
            ("*.corp.test", "corp.test"),
            ("web-?", "web-??"),
            ("a*", "b*"),
            ("!*.corp.test", "a.corp.test"),
        ] {
            assert!(!meets(one, other), "{one} {other}");
        }
        assert!(meets(&"a*".repeat(120), &"*a".repeat(120)));
    }

    #[test]
    fn a_pattern_that_trusts_everything_is_refused() {
        for text in ["*", "*.*", "?*"] {
            assert!(matches!(text.parse::<HostPattern>(), Err(HostPatternError::TooWide { .. })), "{text}");
        }
    }

    #[test]
    fn names_are_folded_and_checked() {
        assert_eq!(name("Web-1.Corp.Test").as_str(), "web-1.corp.test");
        for bad in ["", "a..b", "-a", "a-.b", "a_b", "a b", "a,b", "*.corp.test", "a.b."] {
            assert!(bad.parse::<HostName>().is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn many_stars_do_not_blow_up() {
        let pattern: HostPattern = format!("{}b", "a*".repeat(80)).parse().unwrap();
        assert!(!HostPatterns::new(vec![pattern]).allow(&name(&vec!["a".repeat(60); 4].join("."))));
    }
}
