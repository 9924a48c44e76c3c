use std::fmt;

/// What an attribute holds and what an expression gives.
///
/// Dates are texts, `M/d/yyyy h:mm:ss tt` in UTC, as Entra's functions give and take them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Value {
    /// Absent. Not the same as the empty text.
    Null,
    Text(String),
    Bool(bool),
    Number(i64),
    List(Vec<String>),
}

impl Value {
    /// The text of one value; `None` for an absent one and for a list.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Null | Self::List(_) => None,
            Self::Text(text) => Some(text.clone()),
            Self::Bool(value) => Some(bool_text(*value).to_owned()),
            Self::Number(value) => Some(value.to_string()),
        }
    }

    /// As [`Self::text`], without a copy where there is a text already.
    #[must_use]
    pub fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            other => other.text(),
        }
    }

    /// What to call it in an error.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Text(_) => "a text",
            Self::Bool(_) => "a truth value",
            Self::Number(_) => "a number",
            Self::List(_) => "a list",
        }
    }
}

/// As Entra prints truth values.
pub(crate) const fn bool_text(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

/// The text; nothing for an absent value; a list's items separated by `, `, for people to read.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Text(text) => f.write_str(text),
            Self::Bool(value) => f.write_str(bool_text(*value)),
            Self::Number(value) => value.fmt(f),
            Self::List(items) => f.write_str(&items.join(", ")),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Number(value)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
