//! What differs between two documents, in few bytes.

use serde_json::{Map, Value, json};

/// Characters of one name or value.
const LONGEST: usize = 120;
/// Bytes of all values of one event; what comes after them is named only. A hundred thousand users come in a cycle.
const BUDGET: usize = 1024;
/// Attributes that are named.
const MOST: usize = 50;
/// Attributes whose values are never shown, by what their names hold.
const SECRET: [&str; 5] = ["credential", "password", "privatekey", "secret", "token"];

/// A text of a bounded length.
pub fn shown(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The attributes that differ, as `[{attribute, old?, new?}]`; those of objects one by one.
pub fn changes(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<Value> {
    let mut found = Found { changes: Vec::new(), left: BUDGET };
    found.compare("", before, after);
    found.changes
}

struct Found {
    changes: Vec<Value>,
    left: usize,
}

impl Found {
    fn compare(&mut self, within: &str, before: &Map<String, Value>, after: &Map<String, Value>) {
        let names = before.keys().chain(after.keys().filter(|name| !before.contains_key(*name)));
        for name in names {
            let (old, new) = (before.get(name), after.get(name));
            if old == new || name == "schemas" {
                continue;
            }
            let name = joined(within, name);
            let object = |value: Option<&Value>| match value {
                None => Some(Map::new()),
                Some(Value::Object(map)) => Some(map.clone()),
                Some(_) => None,
            };
            match (object(old), object(new)) {
                (Some(old), Some(new)) if within.is_empty() => self.compare(&name, &old, &new),
                _ => self.push(&name, old, new),
            }
        }
    }

    fn push(&mut self, name: &str, old: Option<&Value>, new: Option<&Value>) {
        if self.changes.len() >= MOST {
            return;
        }
        let mut change = Map::new();
        change.insert("attribute".to_owned(), shown(name).into());
        for (key, value) in [("old", old), ("new", new)] {
            if let Some(value) = value {
                change.insert(key.to_owned(), self.value(name, value));
            }
        }
        self.changes.push(Value::Object(change));
    }

    fn value(&mut self, name: &str, value: &Value) -> Value {
        let folded = name.to_lowercase();
        if SECRET.iter().any(|word| folded.contains(word)) {
            return json!("(secret)");
        }
        let small = match value {
            Value::Bool(_) | Value::Null | Value::Number(_) => value.clone(),
            Value::String(text) => shown(text).into(),
            Value::Array(_) | Value::Object(_) => shown(&value.to_string()).into(),
        };
        let size = small.as_str().map_or(8, str::len);
        if size > self.left {
            return json!("…");
        }
        self.left -= size;
        small
    }
}

/// `name.familyName`, and a colon behind the URN of a schema.
fn joined(within: &str, name: &str) -> String {
    let separator = match within {
        "" => "",
        urn if urn.to_ascii_lowercase().starts_with("urn:") => ":",
        _ => ".",
    };
    format!("{within}{separator}{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(map) => map,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn each_attribute_that_differs_is_named_with_both_values() {
        let urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        let before =
            map(json!({ "active": true, "title": "SRE", "name": { "familyName": "Lind", "givenName": "M" },
            "schemas": ["a"], urn: { "department": "Platform" } }));
        let after = map(json!({ "active": false, "name": { "familyName": "Berg", "givenName": "M" },
            "schemas": ["b"], "emails": [{ "value": "m@contoso.test" }], urn: { "department": "Platform" } }));
        let mut found = changes(&before, &after);
        found.sort_by_key(|change| change["attribute"].as_str().map(str::to_owned));
        assert_eq!(
            found,
            [
                json!({ "attribute": "active", "old": true, "new": false }),
                json!({ "attribute": "emails", "new": "[{\"value\":\"m@contoso.test\"}]" }),
                json!({ "attribute": "name.familyName", "old": "Lind", "new": "Berg" }),
                json!({ "attribute": "title", "old": "SRE" }),
            ]
        );
        let moved = map(json!({ urn: { "department": "Security" } }));
        let change =
            json!({ "attribute": format!("{urn}:department"), "old": "Platform", "new": "Security" });
        assert_eq!(changes(&map(json!({ urn: { "department": "Platform" } })), &moved), [change]);
    }

    #[test]
    fn what_may_be_secret_is_named_and_not_shown() {
        let after = map(json!({ "x": { "ApiToken": "canary" }, "appPassword": "canary" }));
        let found = Value::from(changes(&Map::new(), &after)).to_string();
        assert!(found.contains("x.ApiToken") && found.contains("appPassword"), "{found}");
        assert!(!found.contains("canary"), "{found}");
    }

    #[test]
    fn a_large_document_makes_a_small_event() {
        let after: Map<_, _> =
            (0..400).map(|number| (format!("a{number:03}"), json!("ä".repeat(900)))).collect();
        let found = changes(&Map::new(), &after);
        assert_eq!(found.len(), MOST);
        assert!(Value::from(found).to_string().len() < 5_000);
    }
}
