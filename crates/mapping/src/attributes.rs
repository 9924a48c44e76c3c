use std::borrow::Cow;

use crate::value::Value;

/// Where `[name]` is looked up: SCIM attributes, Graph attributes and token claims alike.
pub trait Attributes {
    /// The value of an attribute, `None` when there is no such. ASCII case does not count in names.
    fn attribute(&self, name: &str) -> Option<Cow<'_, Value>>;
}

/// A handful of attributes by name, without regard to ASCII case; the last value given for a name counts.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AttributeMap(Vec<(String, Value)>);

impl AttributeMap {
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Sets an attribute; the value it had is gone.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        let (name, value) = (name.into(), value.into());
        match self.0.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(&name)) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    /// In the order in which the names were first set.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }
}

impl Attributes for AttributeMap {
    fn attribute(&self, name: &str) -> Option<Cow<'_, Value>> {
        let found = self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| Cow::Borrowed(value))
    }
}

impl<N: Into<String>, V: Into<Value>> FromIterator<(N, V)> for AttributeMap {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut map = Self::new();
        pairs.into_iter().for_each(|(name, value)| map.set(name, value));
        map
    }
}
