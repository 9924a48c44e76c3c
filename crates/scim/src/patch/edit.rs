//! Changes to the document itself.

use serde_json::{Map, Value};

use super::Op;
use crate::ScimError;
use crate::filter::{Compare, Filter, Literal};
use crate::matching;
use crate::normal::{self, is_unassigned, type_name, within_limit};
use crate::path::{AttrPath, Path, Place, key_of, member};
use crate::resource::not_an_object;
use crate::schema::{Attribute, Kind, Type};

/// Applies one operation at one path. `value` is there unless `op` is [`Op::Remove`].
pub(super) fn at(
    kind: Kind,
    document: &mut Map<String, Value>,
    op: Op,
    path: &Path,
    value: Option<Value>,
) -> Result<(), ScimError> {
    match path {
        Path::Extension(urn) => extension(kind, document, op, urn, value),
        Path::Attr(attr) => {
            let place = Place::find(kind, document, attr);
            change(document, &place, |slot| match &attr.sub {
                None => whole(slot, place.attribute, op, value),
                Some(sub) => within(slot, place.attribute, op, attr, sub, value),
            })
        }
        Path::Values { attr, filter, sub } => {
            let place = Place::find(kind, document, attr);
            let target = Selected { attribute: place.attribute, filter, sub: sub.as_deref(), path };
            change(document, &place, |slot| target.run(slot, op, value))
        }
    }
}

/// An extension object as a whole: its keys are attributes of its own.
fn extension(
    kind: Kind,
    document: &mut Map<String, Value>,
    op: Op,
    urn: &str,
    value: Option<Value>,
) -> Result<(), ScimError> {
    let key = key_of(document, urn).unwrap_or(urn).to_owned();
    match value {
        _ if op == Op::Remove => {
            document.remove(&key);
        }
        None | Some(Value::Null) => {
            document.remove(&key);
        }
        Some(Value::Object(map)) => {
            for (name, value) in map {
                let path = match name.parse() {
                    Ok(Path::Attr(inner)) if inner.urn.is_none() => {
                        Path::Attr(AttrPath { urn: Some(key.clone()), ..inner })
                    }
                    _ => {
                        return Err(ScimError::InvalidPath(format!("{name:?} is not an attribute of {urn}")));
                    }
                };
                at(kind, document, op, &path, Some(value))?;
            }
        }
        Some(other) => return Err(not_an_object(urn, &other)),
    }
    Ok(())
}

/// Takes the value out of its place, lets `edit` make another of it, and puts that back. An extension appears
/// with its first attribute and goes with its last.
fn change(
    document: &mut Map<String, Value>,
    place: &Place,
    edit: impl FnOnce(Option<Value>) -> Result<Option<Value>, ScimError>,
) -> Result<(), ScimError> {
    let Some(urn) = &place.extension else {
        return set(document, &place.key, edit);
    };
    let mut holder = match document.remove(urn) {
        None => Map::new(),
        Some(Value::Object(map)) => map,
        Some(other) => return Err(not_an_object(urn, &other)),
    };
    set(&mut holder, &place.key, edit)?;
    if !holder.is_empty() {
        document.insert(urn.clone(), Value::Object(holder));
    }
    Ok(())
}

fn set(
    holder: &mut Map<String, Value>,
    key: &str,
    edit: impl FnOnce(Option<Value>) -> Result<Option<Value>, ScimError>,
) -> Result<(), ScimError> {
    if let Some(value) = edit(holder.remove(key))? {
        holder.insert(key.to_owned(), value);
    }
    Ok(())
}

/// The new value of an attribute addressed by its name alone.
fn whole(
    old: Option<Value>,
    known: Option<&'static Attribute>,
    op: Op,
    value: Option<Value>,
) -> Result<Option<Value>, ScimError> {
    let Some(value) = value.filter(|value| !value.is_null()) else {
        // Null says that nothing is to be added, or that nothing is to remain.
        let keep = op == Op::Add && matches!(old, Some(Value::Array(_)));
        return Ok(old.filter(|_| keep));
    };
    if op == Op::Remove {
        return remove_value(old, known, &value);
    }
    let complex = known.is_some_and(|known| known.kind == Type::Complex && !known.multi);
    match (old, unwrapped(known, value)) {
        (Some(Value::Object(old)), Value::Object(new)) if complex || (known.is_none() && op == Op::Add) => {
            merge(old, known, new).map(Some)
        }
        (Some(Value::Array(old)), new) if op == Op::Add && known.is_none_or(|known| known.multi) => {
            append(old, known, new).map(Some)
        }
        (_, new) => normal::attribute(known, new),
    }
}

/// Older clients wrap the value of a simple attribute like that of a list: `[{"$ref": null, "value": "x"}]`.
fn unwrapped(known: Option<&'static Attribute>, value: Value) -> Value {
    if known.is_none_or(|known| known.multi || known.kind == Type::Complex) {
        return value;
    }
    match value {
        Value::Array(mut list) if list.len() == 1 => unwrapped(known, list.pop().unwrap_or_default()),
        Value::Object(mut map) if map.contains_key("value") => map.remove("value").unwrap_or_default(),
        other => other,
    }
}

/// Legacy `Remove` with a `value`: of a list, only what it names; of a reference, only if it is the one named.
fn remove_value(
    old: Option<Value>,
    known: Option<&'static Attribute>,
    named: &Value,
) -> Result<Option<Value>, ScimError> {
    let named: &[Value] = match named {
        Value::Array(list) if list.is_empty() => {
            let name = known.map_or("the attribute", |known| known.name);
            return Err(ScimError::InvalidValue(format!(
                "remove {name} with an empty list; leave value out to remove all"
            )));
        }
        Value::Array(list) => list,
        single => std::slice::from_ref(single),
    };
    Ok(match old {
        Some(Value::Array(mut list)) => {
            list.retain(|element| !named.iter().any(|named| is_named(element, named)));
            (!list.is_empty()).then_some(Value::Array(list))
        }
        Some(object @ Value::Object(_)) => {
            (!named.iter().any(|named| is_named(&object, named))).then_some(object)
        }
        _ => None,
    })
}

/// Every sub-attribute that `named` gives, apart from nulls, is the same in `element`. A simple value names an
/// object by its `value`.
fn is_named(element: &Value, named: &Value) -> bool {
    match (element, named) {
        (Value::Object(element), Value::Object(named)) => {
            let mut given = named.iter().filter(|(_, value)| !value.is_null()).peekable();
            given.peek().is_some() && given.all(|(key, value)| member(element, key) == Some(value))
        }
        (Value::Object(element), simple) => member(element, "value") == Some(simple),
        (simple, named) => simple == named,
    }
}

/// Sub-attributes are replaced one by one (RFC 7644 section 3.5.2.3); a null clears its own.
fn merge(
    mut old: Map<String, Value>,
    known: Option<&'static Attribute>,
    new: Map<String, Value>,
) -> Result<Value, ScimError> {
    for (name, value) in new {
        let sub = known.and_then(|known| known.sub(&name));
        let fallback = sub.map_or(name.as_str(), |sub| sub.name);
        let key = key_of(&old, &name).unwrap_or(fallback).to_owned();
        let value = normal::attribute(sub, value)?;
        set(&mut old, &key, |_| Ok(value))?;
    }
    Ok(Value::Object(old))
}

fn append(mut list: Vec<Value>, known: Option<&'static Attribute>, new: Value) -> Result<Value, ScimError> {
    let new = match normal::attribute(known, new)? {
        None => Vec::new(),
        Some(Value::Array(new)) => new,
        Some(single) => vec![single],
    };
    let name = known.map_or("an attribute", |known| known.name);
    within_limit(name, new.len())?;
    for value in new {
        if list.contains(&value) {
            continue;
        }
        let at = list.iter().position(|old| same_place(known, old, &value)).unwrap_or(list.len());
        match list.get_mut(at) {
            Some(old) => *old = value,
            None => list.push(value),
        }
        keep_one_primary(&mut list, at);
    }
    within_limit(name, list.len())?;
    Ok(Value::Array(list))
}

/// Entra cannot read a user with two e-mail addresses of one type, and sends Add where it means Replace. Any other
/// attribute takes a second value of a type, but the same value only once.
fn same_place(known: Option<&'static Attribute>, old: &Value, new: &Value) -> bool {
    let (Value::Object(old), Value::Object(new)) = (old, new) else { return false };
    let same = |name: &str| member(old, name) == member(new, name);
    let has = |name: &str| member(new, name).is_some();
    let emails = known.is_some_and(|known| known.name == "emails");
    (emails && has("type") && same("type")) || (has("value") && same("value") && same("type"))
}

/// A new primary value takes the place of the old one (RFC 7644 section 3.5.2).
fn keep_one_primary(list: &mut [Value], winner: usize) {
    let is_primary = |value: &Value| value.get("primary") == Some(&Value::Bool(true));
    if !list.get(winner).is_some_and(is_primary) {
        return;
    }
    for (index, value) in list.iter_mut().enumerate() {
        if index != winner
            && is_primary(value)
            && let Some(primary) = value.get_mut("primary")
        {
            *primary = Value::Bool(false);
        }
    }
}

/// The new value of an attribute addressed by a sub-attribute, as in `name.familyName`.
fn within(
    old: Option<Value>,
    known: Option<&'static Attribute>,
    op: Op,
    attr: &AttrPath,
    sub: &str,
    value: Option<Value>,
) -> Result<Option<Value>, ScimError> {
    let multi = known.is_some_and(|known| known.multi);
    match old {
        None if op == Op::Remove => Ok(None),
        None if known.is_some_and(|known| known.kind != Type::Complex) => Err(no_sub(attr)),
        None => {
            let object = with_sub(Map::new(), known, sub, op, value)?;
            Ok(object.map(|object| if multi { Value::Array(vec![object]) } else { object }))
        }
        Some(Value::Object(map)) => with_sub(map, known, sub, op, value),
        Some(Value::Array(mut list)) if list.len() < 2 => {
            let only = match list.pop() {
                None => Map::new(),
                Some(Value::Object(map)) => map,
                Some(_) => return Err(no_sub(attr)),
            };
            Ok(with_sub(only, known, sub, op, value)?.map(|object| Value::Array(vec![object])))
        }
        Some(Value::Array(_)) => {
            Err(ScimError::NoTarget(format!("{attr} has several values: say which, in brackets")))
        }
        Some(_) => Err(no_sub(attr)),
    }
}

fn no_sub(attr: &AttrPath) -> ScimError {
    ScimError::InvalidPath(format!("{attr}: the attribute has no sub-attributes"))
}

/// An object with one sub-attribute set or removed; `None` when nothing is left of it.
fn with_sub(
    mut map: Map<String, Value>,
    known: Option<&'static Attribute>,
    sub: &str,
    op: Op,
    value: Option<Value>,
) -> Result<Option<Value>, ScimError> {
    let attribute = known.and_then(|known| known.sub(sub));
    let fallback = attribute.map_or(sub, |attribute| attribute.name);
    let key = key_of(&map, sub).unwrap_or(fallback).to_owned();
    let value = value.filter(|_| op != Op::Remove).unwrap_or_default();
    let value = normal::attribute(attribute, unwrapped(attribute, value))?;
    set(&mut map, &key, |_| Ok(value))?;
    Ok((!map.is_empty()).then_some(Value::Object(map)))
}

/// The values of an attribute that match a filter, as in `emails[type eq "work"].value`.
struct Selected<'a> {
    attribute: Option<&'static Attribute>,
    filter: &'a Filter,
    sub: Option<&'a str>,
    path: &'a Path,
}

impl Selected<'_> {
    fn run(&self, old: Option<Value>, op: Op, value: Option<Value>) -> Result<Option<Value>, ScimError> {
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
            let map = match std::mem::take(slot) {
                Value::Object(map) => map,
                simple => Map::from_iter([("value".to_owned(), simple)]),
            };
            *slot = self.changed(map, new.clone())?;
            keep_one_primary(&mut list, index);
        }
        Ok(list)
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
