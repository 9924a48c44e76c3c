//! Value paths: the values of an attribute that match a filter.

use serde_json::{Map, Value};

use super::Op;
use super::edit::{merge, with_sub};
use super::list::keep_one_primary;
use crate::ScimError;
use crate::filter::{Compare, Filter, Literal};
use crate::matching;
use crate::normal::{self, is_unassigned, type_name, within_limit};
use crate::path::Path;
use crate::schema::{Attribute, Type};

/// The values of an attribute that match a filter, as in `emails[type eq "work"].value`.
pub(super) struct Selected<'a> {
    pub(super) attribute: Option<&'static Attribute>,
    pub(super) filter: &'a Filter,
    pub(super) sub: Option<&'a str>,
    pub(super) path: &'a Path,
}

impl Selected<'_> {
    pub(super) fn run(
        &self,
        old: Option<Value>,
        op: Op,
        value: Option<Value>,
    ) -> Result<Option<Value>, ScimError> {
        if self.attribute.is_some_and(|known| known.kind != Type::Complex) {
            return Err(ScimError::InvalidPath(format!(
                "{}: the attribute has no sub-attributes",
                self.path
            )));
        }
        let (list, was_list) = match old {
            None => (Vec::new(), self.attribute.is_none_or(|known| known.multi)),
            Some(Value::Array(list)) => (list, true),
            Some(single) => (vec![single], false),
        };
        let clears = op == Op::Remove || value.as_ref().is_none_or(Value::is_null);
        let mut list = if clears { self.clear(list)? } else { self.write(list, value.unwrap_or_default())? };
        if was_list {
            return Ok((!list.is_empty()).then_some(Value::Array(list)));
        }
        match list.len() {
            0 | 1 => Ok(list.pop()),
            _ => Err(ScimError::NoTarget(format!("{} is not the value that is there", self.path))),
        }
    }

    fn matches(&self, value: &Value) -> bool {
        matching::element(self.filter, self.attribute, value)
    }

    /// What does not match stays; nothing that matches is no error, for it is as gone as was asked.
    fn clear(&self, list: Vec<Value>) -> Result<Vec<Value>, ScimError> {
        let mut kept = Vec::with_capacity(list.len());
        for value in list {
            match (self.sub, value) {
                (_, value) if !self.matches(&value) => kept.push(value),
                (Some(sub), Value::Object(map)) => {
                    kept.extend(with_sub(map, self.attribute, sub, Op::Remove, None)?);
                }
                _ => {}
            }
        }
        Ok(kept)
    }

    fn write(&self, mut list: Vec<Value>, new: Value) -> Result<Vec<Value>, ScimError> {
        let matching: Vec<usize> = list
            .iter()
            .enumerate()
            .filter(|(_, value)| self.matches(value))
            .map(|(index, _)| index)
            .collect();
        if matching.is_empty() {
            // Entra replaces what is not there yet, and expects to find it afterwards.
            let mut created = Map::new();
            self.describe(self.filter, &mut created)?;
            list.push(self.changed(created, new)?);
            within_limit(&self.path.to_string(), list.len())?;
            let created = list.len().saturating_sub(1);
            keep_one_primary(&mut list, created);
            return Ok(list);
        }
        for index in matching {
            let Some(slot) = list.get_mut(index) else { continue };
            *slot = match std::mem::take(slot) {
                Value::Object(map) => self.changed(map, new.clone())?,
                simple => self.simple(&simple, &new)?,
            };
            keep_one_primary(&mut list, index);
        }
        Ok(list)
    }

    /// A value without sub-attributes, in a list whose schema we do not know.
    fn simple(&self, old: &Value, new: &Value) -> Result<Value, ScimError> {
        let whole = self.sub.is_none_or(|sub| sub.eq_ignore_ascii_case("value"));
        let alike = whole && !matches!(new, Value::Array(_) | Value::Object(_));
        let refused = || ScimError::InvalidPath(format!("{}: {} has no parts", self.path, type_name(old)));
        alike.then(|| new.clone()).ok_or_else(refused)
    }

    fn changed(&self, map: Map<String, Value>, new: Value) -> Result<Value, ScimError> {
        let new = match (self.sub, new) {
            (Some(sub), new) => Map::from_iter([(sub.to_owned(), new)]),
            (None, Value::Object(new)) => new,
            (None, Value::String(text)) => Map::from_iter([("value".to_owned(), Value::String(text))]),
            (None, Value::Array(mut only)) if only.len() == 1 => {
                return self.changed(map, only.pop().unwrap_or_default());
            }
            (None, other) => {
                return Err(ScimError::InvalidValue(format!(
                    "{} cannot be {}",
                    self.path,
                    type_name(&other)
                )));
            }
        };
        merge(map, self.attribute, new)
    }

    /// The value that a filter describes: `type eq "work" and primary eq true`. Only equality describes.
    fn describe(&self, filter: &Filter, created: &mut Map<String, Value>) -> Result<(), ScimError> {
        match filter {
            Filter::And(terms) => terms.iter().try_for_each(|term| self.describe(term, created)),
            Filter::Compare { target: Path::Attr(attr), op: Compare::Equal, value }
                if attr.urn.is_none() && attr.sub.is_none() && *value != Literal::Null =>
            {
                let value = match value {
                    Literal::Bool(value) => Value::Bool(*value),
                    Literal::Null => Value::Null,
                    Literal::Number(text) => serde_json::from_str(text).unwrap_or_default(),
                    Literal::Text(text) => Value::String(text.clone()),
                };
                let sub = self.attribute.and_then(|known| known.sub(&attr.name));
                let name = sub.map_or(attr.name.as_str(), |sub| sub.name);
                if let Some(value) = normal::attribute(sub, value)?.filter(|value| !is_unassigned(value)) {
                    normal::insert_once(created, name.to_owned(), value)?;
                }
                Ok(())
            }
            _ => Err(ScimError::NoTarget(format!("nothing matches {}", self.path))),
        }
    }
}
