//! People out of JSON: pages of Microsoft Graph's `/users`, SCIM lists, claims, or plain objects; several in one file.

use anyhow::{Context as _, bail, ensure};
use sallyport_protocol::names::{AttributeSource, PreviewRow};
use serde_json::{Deserializer, Map, Value};

/// One a person, in their order, with what the object says of where it is from.
pub(super) fn rows(text: &str) -> anyhow::Result<Vec<PreviewRow>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut rows = Vec::new();
    for document in Deserializer::from_str(text).into_iter::<Value>() {
        for person in people(document.context("this is no JSON")?)? {
            let line = rows.len() + 1;
            let Value::Object(attributes) = person else {
                bail!("entry {line} is no object, and a person is one");
            };
            rows.push(PreviewRow { line, source: source(&attributes), attributes });
        }
    }
    ensure!(!rows.is_empty(), "there is nobody in it");
    Ok(rows)
}

/// Of the one person in a text.
pub(super) fn one(text: &str) -> anyhow::Result<Map<String, Value>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    serde_json::from_str(text).context("this is no JSON object")
}

/// A page holds its people in a list; a list is of people; anything else is a person.
fn people(document: Value) -> anyhow::Result<Vec<Value>> {
    match document {
        Value::Array(people) => Ok(people),
        Value::Object(mut page) => {
            for list in ["value", "Resources"] {
                if let Some(Value::Array(_)) = page.get(list)
                    && let Some(Value::Array(people)) = page.remove(list)
                {
                    return Ok(people);
                }
            }
            if page.contains_key("totalResults") {
                return Ok(Vec::new());
            }
            Ok(vec![Value::Object(page)])
        }
        other => bail!("{other} is neither a person nor a list of people"),
    }
}

/// What only one of them has: SCIM its schemas, a token its issuer, Graph an `id` beside the name.
fn source(person: &Map<String, Value>) -> AttributeSource {
    let has = |name| person.contains_key(name);
    if has("schemas") {
        AttributeSource::Scim
    } else if has("iss") || has("preferred_username") || (has("oid") && has("tid")) {
        AttributeSource::Claims
    } else if has("id") && (has("userPrincipalName") || has("displayName")) {
        AttributeSource::Graph
    } else {
        AttributeSource::Flat
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(text: &str) -> Vec<(usize, AttributeSource)> {
        rows(text).unwrap().into_iter().map(|row| (row.line, row.source)).collect()
    }

    #[test]
    fn people_are_read_from_wherever_they_are() {
        use AttributeSource::{Claims, Flat, Graph, Scim};
        let pages = r#"
            {"@odata.context":"x","@odata.nextLink":"y","value":[{"id":"1","userPrincipalName":"a@x.test"}]}
            {"value":[{"id":"2","displayName":"B"},{"id":"3","userPrincipalName":"c@x.test"}]}"#;
        assert_eq!(sources(pages), [(1, Graph), (2, Graph), (3, Graph)]);
        let list = r#"{"schemas":["l"],"totalResults":1,"Resources":[{"schemas":["u"],"userName":"a"}]}"#;
        assert_eq!(sources(list), [(1, Scim)]);
        let claims = r#"{"iss":"i","oid":"o"} {"oid":"o","tid":"t"} {"preferred_username":"a@x.test"}"#;
        assert_eq!(sources(claims), [(1, Claims), (2, Claims), (3, Claims)]);
        assert_eq!(sources("\u{feff}[{\"mail\":\"a\"}]"), [(1, Flat)]);
    }

    #[test]
    fn what_is_no_person_is_refused() {
        for text in
            ["", "[]", "{\"value\":[]}", "{\"totalResults\":0}", "7", "[7]", "{\"value\":[null]}", "{\"a\":"]
        {
            assert!(rows(text).is_err(), "{text}");
        }
        assert!(one("[]").is_err());
    }
}
