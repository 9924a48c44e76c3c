//! A mapping expression over a person's attributes.

use std::borrow::Cow;
use std::fmt;

use sallyport_mapping::{MappingError, NameMapping};
use serde_json::Value as Json;

use super::Attributes;

/// An expression that decides names.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapping(NameMapping);

/// What is wrong with an expression: the reason and the place, with a caret under it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub struct BadExpression(MappingError);

impl fmt::Display for BadExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.0, self.0.caret())
    }
}

impl Mapping {
    /// The part of the user principal name before the `@`, in lower case.
    pub const DEFAULT: &'static str =
        r#"ToLower(Replace([userPrincipalName], , "(?<Suffix>@(.)*)", "Suffix", "", , ), )"#;

    pub fn parse(source: &str) -> Result<Self, BadExpression> {
        NameMapping::parse(source).map(Self).map_err(BadExpression)
    }

    /// One that stands in the store: it was checked by the rules of its day.
    pub fn parse_in_force(source: &str) -> Result<Self, BadExpression> {
        NameMapping::parse_in_force(source).map(Self).map_err(BadExpression)
    }

    /// As it was written.
    pub fn source(&self) -> &str {
        self.0.expression().source()
    }

    /// The attributes that it reads.
    pub fn attributes(&self) -> Vec<&str> {
        self.0.expression().attributes()
    }

    /// What it makes of somebody; `None` for nothing.
    pub fn name(&self, attributes: Attributes<'_>) -> Result<Option<String>, String> {
        self.0.name(&attributes).map_err(|error| error.to_string())
    }
}

impl sallyport_mapping::Attributes for Attributes<'_> {
    fn attribute(&self, name: &str) -> Option<Cow<'_, sallyport_mapping::Value>> {
        self.get(name).map(|value| Cow::Owned(of_json(value)))
    }
}

/// A list is one of texts; what else is nested is not for expressions.
fn of_json(value: &Json) -> sallyport_mapping::Value {
    use sallyport_mapping::Value;
    match value {
        Json::Null | Json::Object(_) => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => {
            number.as_i64().map_or_else(|| Value::Text(number.to_string()), Value::Number)
        }
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => Value::List(items.iter().filter_map(text).collect()),
    }
}

/// Of `["a"]` as of `[{"value":"a"}]`, which is how SCIM writes lists.
fn text(item: &Json) -> Option<String> {
    match item {
        Json::String(text) => Some(text.clone()),
        Json::Object(object) => object.get("value")?.as_str().map(ToOwned::to_owned),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
