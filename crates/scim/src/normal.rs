//! Values brought into the form the schema gives them, at the boundary and nowhere else.
//!
//! What clients send in more than one form is told apart here: null is absence, `"True"` is a boolean and `"70001"` a
//! number where the schema has one, a manager written as a string is an object, one value of a list is a list of
//! one. Everything else stays as it was written.

use serde_json::{Map, Value};

use crate::ScimError;
use crate::limits::MAX_VALUES;
use crate::schema::{Attribute, Type, find};

/// Null, `[]`, `{}`: RFC 7643 section 2.5 calls all of them unassigned.
pub(crate) fn is_unassigned(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.is_empty(),
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// The value of a whole attribute in the form of its schema; `None` when nothing is assigned.
pub(crate) fn attribute(known: Option<&'static Attribute>, value: Value) -> Result<Option<Value>, ScimError> {
    let Some(known) = known else { return Ok(without_nulls(value)) };
    match (value, known.multi) {
        (Value::Null, _) => Ok(None),
        (Value::Array(list), true) => values(known, list).map(|list| Some(Value::Array(list))),
        (single, true) => Ok(element(known, single)?.map(|value| Value::Array(vec![value]))),
        // Entra sends a manager as a list of one.
        (Value::Array(mut list), false) if known.kind == Type::Complex && list.len() < 2 => {
            list.pop().map_or(Ok(None), |only| element(known, only))
        }
        (single, false) => element(known, single),
    }
}

/// The values of a multi-valued attribute.
pub(crate) fn values(known: &'static Attribute, list: Vec<Value>) -> Result<Vec<Value>, ScimError> {
    within_limit(known.name, list.len())?;
    list.into_iter().filter_map(|value| element(known, value).transpose()).collect()
}

pub(crate) fn within_limit(name: &str, length: usize) -> Result<(), ScimError> {
    if length > MAX_VALUES {
        return Err(ScimError::TooMany(format!("{name} may have {MAX_VALUES} values")));
    }
    Ok(())
}

/// One value of an attribute.
pub(crate) fn element(known: &'static Attribute, value: Value) -> Result<Option<Value>, ScimError> {
    let wrong = |found: &Value| {
        Err(ScimError::InvalidValue(format!("{} cannot be {}", known.name, type_name(found))))
    };
    match (known.kind, value) {
        (_, Value::Null) => Ok(None),
        (Type::Boolean, value) => boolean(known.name, &value).map(Some),
        (Type::Integer, value) => integer(known.name, &value),
        (Type::Complex, Value::Object(map)) => Ok(Some(Value::Object(object(known.sub, map)?))),
        (Type::Complex, Value::String(text)) if find(known.sub, "value").is_some() => {
            Ok((!text.is_empty()).then(|| Value::Object(Map::from_iter([("value".to_owned(), text.into())]))))
        }
        (Type::Complex, other) => wrong(&other),
        (_, value @ (Value::Array(_) | Value::Object(_))) => wrong(&value),
        (_, simple) => Ok(Some(simple)),
    }
}

/// An object of known attributes and others: names as the schema spells them, no nulls.
pub(crate) fn object(
    known: &'static [Attribute],
    map: Map<String, Value>,
) -> Result<Map<String, Value>, ScimError> {
    let mut clean = Map::new();
    for (key, value) in map {
        let attribute_of = find(known, &key);
        let name = attribute_of.map_or(key, |attribute| attribute.name.to_owned());
        if let Some(value) = attribute(attribute_of, value)? {
            insert_once(&mut clean, name, value)?;
        }
    }
    Ok(clean)
}

/// Names differ by more than case (RFC 7643 section 2.1), so a second spelling would be a second truth.
pub(crate) fn insert_once(map: &mut Map<String, Value>, name: String, value: Value) -> Result<(), ScimError> {
    if crate::path::key_of(map, &name).is_some() {
        return Err(ScimError::InvalidSyntax(format!("{name} appears twice")));
    }
    map.insert(name, value);
    Ok(())
}

fn boolean(name: &str, value: &Value) -> Result<Value, ScimError> {
    match value {
        Value::Bool(value) => Ok(Value::Bool(*value)),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(Value::Bool(true)),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Ok(Value::Bool(false)),
        other => {
            Err(ScimError::InvalidValue(format!("{name} must be true or false, not {}", type_name(other))))
        }
    }
}

/// Mapping expressions of a directory give strings, and an empty one where their input has no value.
fn integer(name: &str, value: &Value) -> Result<Option<Value>, ScimError> {
    let number = match value {
        Value::String(text) if text.trim().is_empty() => return Ok(None),
        Value::String(text) => text.trim().parse::<i64>().ok(),
        other => other.as_i64(),
    };
    let wrong =
        || ScimError::InvalidValue(format!("{name} must be a whole number, not {}", type_name(value)));
    number.map(|number| Some(number.into())).ok_or_else(wrong)
}

/// Attributes that we do not know keep everything but their nulls.
pub(crate) fn without_nulls(value: Value) -> Option<Value> {
    match value {
        Value::Array(list) => Some(Value::Array(list.into_iter().filter_map(without_nulls).collect())),
        Value::Null => None,
        Value::Object(map) => Some(Value::Object(
            map.into_iter().filter_map(|(key, value)| Some((key, without_nulls(value)?))).collect(),
        )),
        simple => Some(simple),
    }
}

/// For messages: the type, and never the value, which may be personal.
pub(crate) const fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Array(_) => "an array",
        Value::Bool(_) => "a boolean",
        Value::Null => "null",
        Value::Number(_) => "this number",
        Value::Object(_) => "an object",
        Value::String(_) => "this string",
    }
}
