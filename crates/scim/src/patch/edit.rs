//! Changes to the document itself.

use serde_json::{Map, Value};

use super::Op;
use super::list::{append, remove_value};
use super::selected::Selected;
use crate::ScimError;
use crate::limits::MAX_COMPARISONS;
use crate::normal;
use crate::path::{AttrPath, Path, Place, key_of};
use crate::resource::not_an_object;
use crate::schema::{Attribute, Kind, Type};

/// Applies one operation at one path. `value` is there unless `op` is [`Op::Remove`].
pub(super) fn at(
    kind: Kind,
    document: &mut Map<String, Value>,
    op: Op,
    path: &Path,
    value: Option<Value>,
    budget: &mut Budget,
) -> Result<(), ScimError> {
    match path {
        Path::Extension(urn) => extension(kind, document, op, urn, value, budget),
        Path::Attr(attr) => {
            let place = Place::find(kind, document, attr);
            budget.charge(length(place.get(document)), length(value.as_ref()))?;
            change(document, &place, |slot| match &attr.sub {
                None => whole(slot, place.attribute, op, value),
                Some(sub) => within(slot, place.attribute, op, attr, sub, value),
            })
        }
        Path::Values { attr, filter, sub } => {
            let place = Place::find(kind, document, attr);
            budget.charge(length(place.get(document)), filter.terms())?;
            let target = Selected { attribute: place.attribute, filter, sub: sub.as_deref(), path };
            change(document, &place, |slot| target.run(slot, op, value))
        }
    }
}

/// What is left of [`MAX_COMPARISONS`].
pub(super) struct Budget(usize);

impl Budget {
    pub(super) const fn new() -> Self {
        Self(MAX_COMPARISONS)
    }

    fn charge(&mut self, there: usize, conditions: usize) -> Result<(), ScimError> {
        let left = self.0.checked_sub(there.saturating_mul(conditions));
        self.0 = left.ok_or_else(|| {
            ScimError::TooMany(
                "the operations together look at too many values; send fewer of them".to_owned(),
            )
        })?;
        Ok(())
    }
}

fn length(value: Option<&Value>) -> usize {
    match value {
        Some(Value::Array(list)) => list.len(),
        Some(_) => 1,
        None => 0,
    }
}

/// An extension object as a whole: its keys are attributes of its own.
fn extension(
    kind: Kind,
    document: &mut Map<String, Value>,
    op: Op,
    urn: &str,
    value: Option<Value>,
    budget: &mut Budget,
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
                at(kind, document, op, &path, Some(value), budget)?;
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

/// Sub-attributes are replaced one by one (RFC 7644 section 3.5.2.3); a null clears its own.
pub(super) fn merge(
    mut old: Map<String, Value>,
    known: Option<&'static Attribute>,
    new: Map<String, Value>,
) -> Result<Value, ScimError> {
    let given: Vec<String> = new.keys().cloned().collect();
    let former = reference(&old, known).cloned();
    for (name, value) in new {
        let sub = known.and_then(|known| known.sub(&name));
        let fallback = sub.map_or(name.as_str(), |sub| sub.name);
        let key = key_of(&old, &name).unwrap_or(fallback).to_owned();
        let value = normal::attribute(sub, value)?;
        set(&mut old, &key, |_| Ok(value))?;
    }
    forget(&mut old, known, former.as_ref(), &given);
    Ok(Value::Object(old))
}

/// Whom an object with `$ref` refers to: a manager, say.
fn reference<'a>(map: &'a Map<String, Value>, known: Option<&'static Attribute>) -> Option<&'a Value> {
    known?.sub("$ref")?;
    map.get(key_of(map, "value")?)
}

/// The address and the name of whom an object referred to before are not those of whom it refers to now.
fn forget(
    map: &mut Map<String, Value>,
    known: Option<&'static Attribute>,
    former: Option<&Value>,
    given: &[String],
) {
    if former.is_none() || reference(map, known) == former {
        return;
    }
    for name in ["$ref", "display", "displayName"] {
        if !given.iter().any(|given| given.eq_ignore_ascii_case(name))
            && let Some(key) = key_of(map, name).map(str::to_owned)
        {
            map.remove(&key);
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
pub(super) fn with_sub(
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
    let former = reference(&map, known).cloned();
    set(&mut map, &key, |_| Ok(value))?;
    forget(&mut map, known, former.as_ref(), &[]);
    Ok((!map.is_empty()).then_some(Value::Object(map)))
}
