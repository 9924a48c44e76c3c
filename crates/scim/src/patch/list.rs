//! Values of a multi-valued attribute: which are the same, which go, which is primary.

use serde_json::Value;

use crate::ScimError;
use crate::normal::{self, within_limit};
use crate::path::member;
use crate::schema::Attribute;

/// Adds values to a list, none of them twice.
pub(super) fn append(
    mut list: Vec<Value>,
    known: Option<&'static Attribute>,
    new: Value,
) -> Result<Value, ScimError> {
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
pub(super) fn keep_one_primary(list: &mut [Value], winner: usize) {
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

/// Legacy `Remove` with a `value`: of a list, only what it names; of a reference, only if it is the one named.
pub(super) fn remove_value(
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
