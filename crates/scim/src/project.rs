//! `attributes` and `excludedAttributes` (RFC 7644 section 3.9).

use serde_json::{Map, Value};

use crate::ScimError;
use crate::limits::{MAX_FILTER_LENGTH, MAX_PROJECTED};
use crate::matching;
use crate::path::{Path, Place, key_of};
use crate::schema::Kind;

/// Characteristic "always" of RFC 7643 section 7: no client can ask for these to be left out.
const ALWAYS: [&str; 2] = ["id", "schemas"];

/// Which attributes a client wants to see.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Projection {
    /// Everything where this is `None`.
    only: Option<Vec<Path>>,
    without: Vec<Path>,
}

impl Projection {
    /// From the query parameters `attributes` and `excludedAttributes`: names separated by commas. Where both are
    /// given, both hold. An empty list is none.
    ///
    /// # Errors
    /// [`ScimError::InvalidValue`] for what is not a list of attributes, [`ScimError::TooMany`] beyond
    /// [`MAX_PROJECTED`] of them.
    pub fn parse(attributes: Option<&str>, excluded: Option<&str>) -> Result<Self, ScimError> {
        let only = attributes.map(paths).transpose()?.filter(|paths| !paths.is_empty());
        Ok(Self { only, without: excluded.map(paths).transpose()?.unwrap_or_default() })
    }

    /// Whether any part of this top-level attribute can be in the result: ask before loading members.
    #[must_use]
    pub fn wants(&self, attribute: &str) -> bool {
        let listed = self.only.as_ref().is_none_or(|only| only.iter().any(|path| path_is(path, attribute)));
        listed && !self.without.iter().any(|path| matches!(path, Path::Attr(attr) if attr.is(attribute)))
    }

    /// Whether the client named this top-level attribute, or a part of it, among those that it wants.
    #[must_use]
    pub fn names(&self, attribute: &str) -> bool {
        self.only.is_some() && self.wants(attribute)
    }

    /// What the client wants of a rendered resource.
    #[must_use]
    pub fn apply(&self, kind: Kind, resource: Map<String, Value>) -> Map<String, Value> {
        let mut shown = match &self.only {
            None => resource,
            Some(only) => selected(kind, &resource, only),
        };
        for path in &self.without {
            remove(kind, &mut shown, path);
        }
        shown
    }
}

fn path_is(path: &Path, name: &str) -> bool {
    match path {
        Path::Attr(attr) | Path::Values { attr, .. } => {
            attr.urn.is_none() && attr.name.eq_ignore_ascii_case(name)
        }
        Path::Extension(_) => false,
    }
}

fn selected(kind: Kind, resource: &Map<String, Value>, only: &[Path]) -> Map<String, Value> {
    let mut shown = Map::new();
    for name in ALWAYS {
        if let Some(value) = resource.get(name) {
            shown.insert(name.to_owned(), value.clone());
        }
    }
    for path in only {
        select(kind, resource, path, &mut shown);
    }
    shown
}

fn select(kind: Kind, resource: &Map<String, Value>, path: &Path, shown: &mut Map<String, Value>) {
    let (attr, filter, sub) = match path {
        Path::Attr(attr) => (attr, None, attr.sub.as_deref()),
        Path::Extension(urn) => {
            if let Some(key) = key_of(resource, urn) {
                shown.insert(key.to_owned(), resource.get(key).cloned().unwrap_or_default());
            }
            return;
        }
        Path::Values { attr, filter, sub } => (attr, Some(filter), sub.as_deref()),
    };
    let place = Place::find(kind, resource, attr);
    let Some(mut value) = place.get(resource).cloned() else { return };
    if let (Some(filter), Value::Array(list)) = (filter, &mut value) {
        list.retain(|element| matching::element(filter, place.attribute, element));
    }
    if let Some(sub) = sub {
        value = part(&value, sub);
    }
    let holder = match place.extension {
        None => shown,
        Some(urn) => match shown.entry(urn).or_insert_with(|| Value::Object(Map::new())) {
            Value::Object(map) => map,
            _ => return,
        },
    };
    let merged = match holder.remove(&place.key) {
        Some(earlier) if sub.is_some() => merge(earlier, value),
        _ => value,
    };
    holder.insert(place.key, merged);
}

/// The value with one sub-attribute alone.
fn part(value: &Value, sub: &str) -> Value {
    match value {
        Value::Array(list) => list.iter().map(|element| part(element, sub)).collect(),
        Value::Object(map) => {
            Value::Object(map.iter().filter(|(key, _)| key.eq_ignore_ascii_case(sub)).map(cloned).collect())
        }
        other => other.clone(),
    }
}

fn cloned((key, value): (&String, &Value)) -> (String, Value) {
    (key.clone(), value.clone())
}

/// Two parts of one value: `attributes=name.givenName,name.familyName`.
fn merge(earlier: Value, later: Value) -> Value {
    match (earlier, later) {
        (Value::Array(earlier), Value::Array(later)) if earlier.len() == later.len() => {
            earlier.into_iter().zip(later).map(|(earlier, later)| merge(earlier, later)).collect()
        }
        (Value::Object(mut earlier), Value::Object(later)) => {
            earlier.extend(later);
            Value::Object(earlier)
        }
        (_, later) => later,
    }
}

fn remove(kind: Kind, shown: &mut Map<String, Value>, path: &Path) {
    let attr = match path {
        Path::Attr(attr) => attr,
        Path::Extension(urn) => {
            if let Some(key) = key_of(shown, urn).map(str::to_owned) {
                shown.remove(&key);
            }
            return;
        }
        // To leave out some values of an attribute is nothing that RFC 7644 knows.
        Path::Values { .. } => return,
    };
    if ALWAYS.iter().any(|name| attr.is(name)) {
        return;
    }
    let place = Place::find(kind, shown, attr);
    let holder = match &place.extension {
        None => shown,
        Some(urn) => match shown.get_mut(urn) {
            Some(Value::Object(map)) => map,
            _ => return,
        },
    };
    match &attr.sub {
        None => drop(holder.remove(&place.key)),
        Some(sub) => holder.get_mut(&place.key).map_or((), |value| remove_part(value, sub)),
    }
}

fn remove_part(value: &mut Value, sub: &str) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(|element| remove_part(element, sub)),
        Value::Object(map) => map.retain(|key, _| !key.eq_ignore_ascii_case(sub)),
        _ => {}
    }
}

fn paths(list: &str) -> Result<Vec<Path>, ScimError> {
    if list.len() > MAX_FILTER_LENGTH {
        return Err(ScimError::InvalidValue(format!(
            "a list of attributes is limited to {MAX_FILTER_LENGTH} bytes"
        )));
    }
    let names: Vec<_> = split(list).into_iter().map(str::trim).filter(|name| !name.is_empty()).collect();
    if names.len() > MAX_PROJECTED {
        return Err(ScimError::TooMany(format!("a list may name {MAX_PROJECTED} attributes")));
    }
    let invalid = |error: ScimError| ScimError::InvalidValue(error.detail());
    names.into_iter().map(|name| name.parse().map_err(invalid)).collect()
}

/// At commas, but not at those within brackets or quotes.
fn split(list: &str) -> Vec<&str> {
    let (mut brackets, mut quoted, mut escaped) = (0_u32, false, false);
    list.split(|next: char| {
        match next {
            '"' if !escaped => quoted = !quoted,
            '[' if !quoted => brackets += 1,
            ']' if !quoted => brackets = brackets.saturating_sub(1),
            _ => {}
        }
        escaped = quoted && next == '\\' && !escaped;
        next == ',' && !quoted && brackets == 0
    })
    .collect()
}
