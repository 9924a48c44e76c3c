use std::fmt;
use std::str::FromStr;

use crate::host_name::matches;
use crate::{PosixName, PosixNameError};

/// Which names people may have at this site: the shape that every host takes, less what the site keeps for itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NameRule {
    /// Whether a name may hold dots. Some old tools read `user.group` into them.
    pub dots: bool,
    /// Names under the site's own control, such as `svc-*`.
    pub site: Vec<NamePattern>,
}

impl Default for NameRule {
    fn default() -> Self {
        Self { dots: true, site: Vec::new() }
    }
}

/// Why a text is no person's account name. Says what to do; nothing is ever repaired silently.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NameRefusal {
    #[error("{text:?} holds a dot, and names.dots is false; take dots out in the expression")]
    Dots { text: String },
    #[error("{text:?}: {why}; change names.expression, or give a name by hand")]
    Impossible { text: String, why: PosixNameError },
    #[error("{0} is reserved for a system or service account; give another name by hand")]
    Reserved(PosixName),
    #[error("{name} is kept by this site (names.reserved has {pattern}); give another name by hand")]
    Site { name: PosixName, pattern: NamePattern },
}

impl NameRefusal {
    /// Whether the name could be an account, only not a person's.
    #[must_use]
    pub const fn is_reserved(&self) -> bool {
        matches!(self, Self::Reserved(_) | Self::Site { .. })
    }
}

impl NameRule {
    /// # Errors
    /// [`NameRefusal`] with the first thing that is wrong.
    pub fn check(&self, text: &str) -> Result<PosixName, NameRefusal> {
        let name: PosixName =
            text.parse().map_err(|why| NameRefusal::Impossible { text: shown(text), why })?;
        if name.is_reserved() {
            return Err(NameRefusal::Reserved(name));
        }
        if let Some(pattern) = self.site.iter().find(|pattern| pattern.matches(&name)) {
            return Err(NameRefusal::Site { name, pattern: pattern.clone() });
        }
        if !self.dots && name.as_str().contains('.') {
            return Err(NameRefusal::Dots { text: shown(text) });
        }
        Ok(name)
    }
}

/// What a message repeats of a text that may be long.
fn shown(text: &str) -> String {
    const MOST: usize = 64;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A name in which each `*` stands for any run of characters.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NamePattern(String);

#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NamePatternError {
    #[error("a pattern of names is made of a-z, 0-9, `_`, `.`, `-` and `*`, not {0:?}")]
    Character(char),
    #[error("a pattern of names has 1 to 64 characters")]
    Length,
    #[error("{0:?} would keep every name from everybody")]
    Everything(String),
}

impl NamePattern {
    #[must_use]
    pub fn matches(&self, name: &PosixName) -> bool {
        matches(self.0.as_bytes(), name.as_str().as_bytes())
    }
}

impl FromStr for NamePattern {
    type Err = NamePatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() || text.len() > 64 {
            return Err(NamePatternError::Length);
        }
        let odd = |c: &char| !matches!(c, 'a'..='z' | '0'..='9' | '_' | '.' | '-' | '*');
        if let Some(found) = text.chars().find(odd) {
            return Err(NamePatternError::Character(found));
        }
        if text.bytes().all(|byte| byte == b'*') {
            return Err(NamePatternError::Everything(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(dots: bool, site: &[&str]) -> NameRule {
        NameRule { dots, site: site.iter().map(|text| text.parse().unwrap()).collect() }
    }

    #[test]
    fn a_name_of_a_person_passes() {
        assert_eq!(NameRule::default().check("mara.lind").unwrap().as_str(), "mara.lind");
    }

    #[test]
    fn each_refusal_says_what_to_do() {
        let rule = rule(false, &["svc-*", "*-adm"]);
        for (text, part) in [
            ("Mara", "names.expression"),
            ("mara@contoso.test", "'@'"),
            ("", "empty"),
            ("postgres", "reserved"),
            ("svc-backup", "svc-*"),
            ("mara-adm", "*-adm"),
            ("mara.lind", "names.dots"),
        ] {
            let refusal = rule.check(text).unwrap_err().to_string();
            assert!(refusal.contains(part), "{text:?}: {refusal}");
        }
        assert!(rule.check(&"ä".repeat(500)).unwrap_err().to_string().len() < 400);
    }

    #[test]
    fn patterns_match_as_shells_do() {
        for (pattern, name, wanted) in [
            ("svc-*", "svc-", true),
            ("svc-*", "svc", false),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyy", false),
            ("*x", "axax", true),
            ("mara", "mara", true),
            ("mara", "maras", false),
        ] {
            let pattern: NamePattern = pattern.parse().unwrap();
            assert_eq!(pattern.matches(&name.parse().unwrap()), wanted, "{pattern} {name}");
        }
    }

    #[test]
    fn patterns_that_cannot_be_meant() {
        for text in ["", "*", "**", "Svc-*", "svc *", "[ab]"] {
            assert!(text.parse::<NamePattern>().is_err(), "{text:?}");
        }
    }
}
