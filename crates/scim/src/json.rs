//! JSON bodies, read strictly: what two parsers could read differently is refused.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::ScimError;
use crate::limits::{MAX_JSON_DEPTH, MAX_OBJECT_MEMBERS};

/// Reads a request body that must be one JSON object.
///
/// # Errors
/// [`ScimError::InvalidSyntax`] for bytes that are not JSON or not UTF-8, for anything but an object, for a
/// member that appears twice, in any case, and for what exceeds [`MAX_JSON_DEPTH`] or [`MAX_OBJECT_MEMBERS`].
pub fn parse_object(body: &[u8]) -> Result<Map<String, Value>, ScimError> {
    let syntax = |source: serde_json::Error| ScimError::InvalidSyntax(format!("the body: {source}"));
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = Strict { depth: MAX_JSON_DEPTH }.deserialize(&mut deserializer).map_err(syntax)?;
    deserializer.end().map_err(syntax)?;
    match value {
        Value::Object(map) => Ok(map),
        _ => Err(ScimError::InvalidSyntax("the body must be a JSON object".to_owned())),
    }
}

/// One value with so many levels of nesting left.
struct Strict {
    depth: usize,
}

impl Strict {
    fn inner<E: serde::de::Error>(&self) -> Result<usize, E> {
        self.depth
            .checked_sub(1)
            .ok_or_else(|| E::custom(format_args!("nested deeper than {MAX_JSON_DEPTH} levels")))
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let depth = self.inner()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Self { depth })? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let depth = self.inner()?;
        let (mut map, mut names) = (Map::new(), HashSet::new());
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(Self { depth })?;
            if map.len() >= MAX_OBJECT_MEMBERS {
                let text = format_args!("an object with more than {MAX_OBJECT_MEMBERS} members");
                return Err(A::Error::custom(text));
            }
            // Names differ by more than case (RFC 7643 section 2.1).
            if !names.insert(key.to_ascii_lowercase()) {
                return Err(A::Error::custom(format_args!("the member {key:?} appears twice")));
            }
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_json_type() {
        let map = parse_object(br#"{"a":[1,-2,1.5,true,null,"x"],"b":{}}"#).unwrap();
        assert_eq!(Value::Object(map), serde_json::json!({"a": [1, -2, 1.5, true, null, "x"], "b": {}}));
    }

    #[test]
    fn a_member_twice_is_refused() {
        for body in [
            &br#"{"active":false,"active":true}"#[..],
            br#"{"active":false,"ACTIVE":true}"#,
            br#"{"Operations":[{"op":"remove","Op":"add","path":"members"}]}"#,
            br#"{"Operations":[{"op":"add","value":{"name":{"givenName":"a","givenname":"b"}}}]}"#,
        ] {
            let refused = parse_object(body).unwrap_err();
            assert!(refused.detail().contains("twice"), "{refused}");
        }
    }

    #[test]
    fn a_depth_bomb_is_refused() {
        let bomb = format!("{{\"a\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(matches!(parse_object(bomb.as_bytes()), Err(ScimError::InvalidSyntax(_))));
        let nested = |levels: usize| format!("{{\"a\":{}1{}}}", "[".repeat(levels), "]".repeat(levels));
        assert!(parse_object(nested(MAX_JSON_DEPTH - 1).as_bytes()).is_ok());
        assert!(parse_object(nested(MAX_JSON_DEPTH).as_bytes()).is_err());
    }

    #[test]
    fn an_object_of_countless_members_is_refused() {
        let body = |count: usize| {
            let members: Vec<_> = (0..count).map(|index| format!("\"a{index}\":1")).collect();
            format!("{{{}}}", members.join(","))
        };
        assert!(parse_object(body(MAX_OBJECT_MEMBERS).as_bytes()).is_ok());
        assert!(parse_object(body(MAX_OBJECT_MEMBERS + 1).as_bytes()).is_err());
    }

    #[test]
    fn not_utf8_trailing_bytes_and_other_types_are_refused() {
        for body in [&b"{\"a\":\"\xff\"}"[..], b"{} {}", b"[]", b"\"x\"", b"", b"{\"a\":1e999}"] {
            assert!(matches!(parse_object(body), Err(ScimError::InvalidSyntax(_))), "{body:?}");
        }
    }
}
