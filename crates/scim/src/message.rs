//! The envelopes of RFC 7644 section 3: lists, pages and errors.

use serde_json::{Map, Value, json};

use crate::ScimError;
use crate::limits::MAX_RESULTS;

const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// An error message. `status` is a string on the wire (RFC 7644 section 3.12), and clients check.
#[must_use]
pub fn error_body(status: u16, scim_type: Option<&str>, detail: &str) -> Value {
    let mut body = json!({"schemas": [ERROR], "status": status.to_string(), "detail": detail});
    if let (Some(scim_type), Some(map)) = (scim_type, body.as_object_mut()) {
        map.insert("scimType".to_owned(), scim_type.into());
    }
    body
}

/// One page of results. `total` counts all that matched, `start_index` is 1 for the first.
#[must_use]
pub fn list_response(resources: Vec<Value>, total: usize, start_index: usize) -> Value {
    Value::Object(Map::from_iter([
        ("schemas".to_owned(), json!([LIST])),
        ("totalResults".to_owned(), total.into()),
        ("startIndex".to_owned(), start_index.into()),
        ("itemsPerPage".to_owned(), resources.len().into()),
        ("Resources".to_owned(), Value::Array(resources)),
    ]))
}

/// Which part of a list is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Page {
    /// At least 1.
    pub start_index: usize,
    /// At most [`MAX_RESULTS`]; 0 asks for the total alone.
    pub count: usize,
}

impl Page {
    /// From the query parameters `startIndex` and `count`, where given. Values out of range are moved into it, as
    /// RFC 7644 section 3.4.2.4 has it.
    ///
    /// # Errors
    /// [`ScimError::InvalidValue`] for what is not a whole number.
    pub fn parse(start_index: Option<&str>, count: Option<&str>) -> Result<Self, ScimError> {
        let start_index = start_index.map_or(Ok(1), |text| whole("startIndex", text))?.max(1);
        let count = count.map_or(Ok(MAX_RESULTS), |text| whole("count", text))?.min(MAX_RESULTS);
        Ok(Self { start_index, count })
    }

    /// How many results come before this page.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.start_index.saturating_sub(1)
    }
}

fn whole(name: &str, text: &str) -> Result<usize, ScimError> {
    let text = text.trim();
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ScimError::InvalidValue(format!("{name} must be a whole number")));
    }
    if text.starts_with('-') {
        return Ok(0);
    }
    // More digits than a number has room for are a large number.
    Ok(digits.parse().unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_connection_gets_the_empty_list_entra_expects() {
        let expected = json!({"schemas": [LIST], "totalResults": 0, "Resources": [], "startIndex": 1, "itemsPerPage": 0});
        assert_eq!(list_response(Vec::new(), 0, 1), expected);
    }

    #[test]
    fn a_duplicate_is_answered_with_a_string_status() {
        let expected = json!({"schemas": [ERROR], "scimType": "uniqueness", "detail": "userName already exists", "status": "409"});
        assert_eq!(ScimError::Uniqueness("userName".to_owned()).body(), expected);
        assert_eq!(ScimError::NotFound("User 7".to_owned()).body().get("scimType"), None);
    }

    #[test]
    fn pages_are_kept_within_their_range() {
        let page = |start, count| Page::parse(start, count).unwrap();
        assert_eq!(page(None, None), Page { start_index: 1, count: MAX_RESULTS });
        assert_eq!(page(Some("0"), Some("-3")), Page { start_index: 1, count: 0 });
        assert_eq!(page(Some("6"), Some("5")), Page { start_index: 6, count: 5 });
        assert_eq!(page(Some("6"), Some("5")).offset(), 5);
        assert_eq!(page(None, Some("100000")).count, MAX_RESULTS);
        assert!(Page::parse(Some("x"), None).is_err());
    }
}
