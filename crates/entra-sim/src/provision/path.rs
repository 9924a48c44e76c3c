//! SCIM attribute paths, as far as Entra's default mapping uses them.

use serde_json::{Map, Value, json};

pub(super) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
pub(super) const WORK_EMAIL: &str = "emails[type eq \"work\"].value";

/// Where a path points.
enum Target<'a> {
    /// `displayName`
    Top(&'a str),
    /// `name.givenName`, or an attribute of the enterprise extension
    Inside(&'a str, &'a str),
    /// `emails[type eq "work"].value`
    Typed { list: &'a str, kind: &'a str, member: &'a str },
}

fn target(path: &str) -> Target<'_> {
    if let Some(attribute) = path.strip_prefix(ENTERPRISE).and_then(|rest| rest.strip_prefix(':')) {
        return Target::Inside(ENTERPRISE, attribute);
    }
    if let Some((list, rest)) = path.split_once("[type eq \"")
        && let Some((kind, member)) = rest.split_once("\"].")
    {
        return Target::Typed { list, kind, member };
    }
    match path.split_once('.') {
        Some((parent, member)) => Target::Inside(parent, member),
        None => Target::Top(path),
    }
}

/// Does the path select one element of a list? Such paths never go into a path-less operation.
pub(super) fn selects(path: &str) -> bool {
    matches!(target(path), Target::Typed { .. })
}

/// Writes a value into a resource under construction.
pub(super) fn put(resource: &mut Map<String, Value>, path: &str, value: &Value) {
    match target(path) {
        Target::Top(name) => {
            resource.insert(name.to_owned(), value.clone());
        }
        Target::Inside(parent, member) => {
            let parent = resource.entry(parent).or_insert_with(|| json!({}));
            parent[member] = value.clone();
        }
        Target::Typed { list, kind, member } => {
            let entry = json!({ "primary": true, "type": kind, member: value });
            if let Some(list) = resource.entry(list).or_insert_with(|| json!([])).as_array_mut() {
                list.push(entry);
            }
        }
    }
}

/// Reads a value out of a resource that the server gave.
pub(super) fn get<'a>(resource: &'a Value, path: &str) -> Option<&'a Value> {
    let found = match target(path) {
        Target::Top(name) => resource.get(name),
        Target::Inside(parent, member) => resource.get(parent)?.get(member),
        Target::Typed { list, kind, member } => {
            let of_kind = |entry: &&Value| entry.get("type").and_then(Value::as_str) == Some(kind);
            resource.get(list)?.as_array()?.iter().find(of_kind)?.get(member)
        }
    };
    found.filter(|value| !value.is_null())
}
