use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest key and longest value.
const LONGEST: usize = 63;

/// One `key=value` on a host or in a selector.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tag {
    key: String,
    value: String,
}

/// A set of tags, one value a key. Empty is allowed on a host; a selector that must not be empty says so itself.
#[derive(Clone, Debug, Default, Eq, PartialEq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Tags(BTreeMap<String, String>);

impl Tags {
    /// # Errors
    /// When one key stands twice with different values.
    pub fn new(tags: impl IntoIterator<Item = Tag>) -> Result<Self, TagError> {
        let mut map = BTreeMap::new();
        for Tag { key, value } in tags {
            match map.insert(key.clone(), value.clone()) {
                Some(earlier) if earlier != value => return Err(TagError::Twice { key }),
                _ => {}
            }
        }
        Ok(Self(map))
    }

    /// Whether every tag of `selector` is borne here.
    #[must_use]
    pub fn satisfy(&self, selector: &Self) -> bool {
        selector.0.iter().all(|(key, value)| self.0.get(key) == Some(value))
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

impl fmt::Display for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text: Vec<String> = self.0.iter().map(|(key, value)| format!("{key}={value}")).collect();
        f.pad(&text.join(","))
    }
}

#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TagError {
    #[error("a tag's key and value have letters, digits, '.', '_' and '-' only, not {found:?}")]
    Character { found: char },
    #[error("a tag is written key=value, both sides 1 to {LONGEST} characters long")]
    Shape,
    #[error("the tag {key} is given two values")]
    Twice { key: String },
}

impl FromStr for Tag {
    type Err = TagError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (key, value) = text.split_once('=').ok_or(TagError::Shape)?;
        for side in [key, value] {
            if let Some(found) =
                side.chars().find(|c| !matches!(c, 'A'..='Z' | 'a'..='z' | '0'..='9' | '.' | '_' | '-'))
            {
                return Err(TagError::Character { found });
            }
            if !(1..=LONGEST).contains(&side.len()) {
                return Err(TagError::Shape);
            }
        }
        Ok(Self { key: key.to_owned(), value: value.to_owned() })
    }
}

impl TryFrom<String> for Tag {
    type Error = TagError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Tag> for String {
    fn from(tag: Tag) -> Self {
        format!("{}={}", tag.key, tag.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(texts: &[&str]) -> Tags {
        Tags::new(texts.iter().map(|text| text.parse().unwrap())).unwrap()
    }

    #[test]
    fn every_tag_of_the_selector_must_be_borne() {
        let host = tags(&["env=prod", "role=web"]);
        assert!(host.satisfy(&tags(&["env=prod"])));
        assert!(host.satisfy(&tags(&["env=prod", "role=web"])));
        assert!(!host.satisfy(&tags(&["env=prod", "role=db"])));
        assert!(!host.satisfy(&tags(&["env=stage"])));
    }

    #[test]
    fn odd_tags_are_refused() {
        for text in ["", "env", "=x", "x=", "a b=c", "a=b=c", "env=pröd"] {
            assert!(text.parse::<Tag>().is_err(), "{text:?} was accepted");
        }
        assert!(Tags::new(["env=a".parse().unwrap(), "env=b".parse().unwrap()]).is_err());
    }
}
