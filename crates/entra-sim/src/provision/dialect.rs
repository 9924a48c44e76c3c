//! How requests are written: Entra's old PATCH, and the one behind `aadOptscim062020`.

use serde::Serialize;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::job::Attributes;
use super::mapping::Kind;
use super::path::{self, ENTERPRISE};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// An extra schema that Entra names and no server knows.
const ADSCIM_GROUP: &str = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group";
const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
/// So many members go into one PATCH.
const MEMBERS_PER_PATCH: usize = 100;

/// The form of PATCH requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// Capitalised operations, booleans as strings, one operation a path.
    #[default]
    Legacy,
    /// Lower-case operations, JSON booleans, one path-less operation for many attributes.
    Compliant,
}

/// One request, before it has an address: `path` starts after the SCIM base.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Request {
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) body: Option<Value>,
}

impl Request {
    fn new(method: &'static str, path: String, query: String, body: Option<Value>) -> Self {
        Self { method, path, query, body }
    }

    /// Looks an object up by a mapped attribute.
    pub(super) fn find(kind: Kind, attribute: &str, value: &str) -> Self {
        let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
        let mut query = form_urlencoded::Serializer::new(String::new());
        if kind == Kind::Group {
            query.append_pair("excludedAttributes", "members");
        }
        query.append_pair("filter", &format!("{attribute} eq \"{quoted}\""));
        Self::new("GET", format!("/{}", kind.endpoint()), query.finish(), None)
    }

    pub(super) fn read(kind: Kind, id: &str) -> Self {
        let query = if kind == Kind::Group { "excludedAttributes=members" } else { "" };
        Self::new("GET", object(kind, id), query.to_owned(), None)
    }

    pub(super) fn create(kind: Kind, wanted: &Attributes) -> Self {
        let mut body = Map::new();
        match kind {
            Kind::User => {
                body.insert("schemas".to_owned(), json!([USER, ENTERPRISE]));
                body.insert("meta".to_owned(), json!({ "resourceType": "User" }));
                body.insert("roles".to_owned(), json!([]));
            }
            Kind::Group => {
                body.insert("schemas".to_owned(), json!([GROUP, ADSCIM_GROUP]));
                body.insert("meta".to_owned(), json!({ "resourceType": "Group" }));
            }
        }
        for (path, value) in wanted {
            path::put(&mut body, path, value);
        }
        Self::new("POST", format!("/{}", kind.endpoint()), String::new(), Some(Value::Object(body)))
    }

    pub(super) fn delete(kind: Kind, id: &str) -> Self {
        Self::new("DELETE", object(kind, id), String::new(), None)
    }

    fn patch(kind: Kind, id: &str, operations: &[Value]) -> Self {
        let body = json!({ "schemas": [PATCH_OP], "Operations": operations });
        Self::new("PATCH", object(kind, id), String::new(), Some(body))
    }
}

fn object(kind: Kind, id: &str) -> String {
    let id: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
    format!("/{}/{id}", kind.endpoint())
}

impl Dialect {
    /// What turns `before` into `after`; nothing when they agree. A value that is gone is not cleared.
    pub(super) fn update(
        self,
        kind: Kind,
        id: &str,
        before: &Attributes,
        after: &Attributes,
    ) -> Option<Request> {
        let changed = after.iter().filter(|&(path, value)| before.get(path) != Some(value));
        let changed: Vec<(&String, &Value)> = changed.collect();
        let operations = match self {
            Self::Legacy => changed.iter().map(|(path, value)| legacy(path, value, before)).collect(),
            Self::Compliant => compliant(&changed, before),
        };
        (!operations.is_empty()).then(|| Request::patch(kind, id, &operations))
    }

    /// Membership changes of a group, by the server's ids of the users.
    pub(super) fn members(self, group: &str, add: &[String], remove: &[String]) -> Vec<Request> {
        let legacy_values =
            |ids: &[String]| ids.iter().map(|id| json!({ "$ref": null, "value": id })).collect::<Vec<_>>();
        let values = |ids: &[String]| ids.iter().map(|id| json!({ "value": id })).collect::<Vec<_>>();
        let added = add.chunks(MEMBERS_PER_PATCH).map(|ids| match self {
            Self::Legacy => vec![json!({ "op": "Add", "path": "members", "value": legacy_values(ids) })],
            Self::Compliant => vec![json!({ "op": "add", "path": "members", "value": values(ids) })],
        });
        let removed = remove.chunks(MEMBERS_PER_PATCH).map(|ids| match self {
            Self::Legacy => vec![json!({ "op": "Remove", "path": "members", "value": legacy_values(ids) })],
            Self::Compliant => {
                let one =
                    |id: &String| json!({ "op": "remove", "path": format!("members[value eq \"{id}\"]") });
                ids.iter().map(one).collect()
            }
        });
        added.chain(removed).map(|operations| Request::patch(Kind::Group, group, &operations)).collect()
    }
}

fn legacy(path: &str, value: &Value, before: &Attributes) -> Value {
    let op = if before.contains_key(path) { "Replace" } else { "Add" };
    let value = match value {
        Value::Bool(true) => json!("True"),
        Value::Bool(false) => json!("False"),
        other => other.clone(),
    };
    json!({ "op": op, "path": path, "value": value })
}

/// Selecting paths go first, one by one; a single other attribute keeps its path; several share an operation.
fn compliant(changed: &[(&String, &Value)], before: &Attributes) -> Vec<Value> {
    let (selecting, plain): (Vec<_>, Vec<_>) = changed.iter().partition(|(path, _)| path::selects(path));
    let with_path = |(path, value): &(&String, &Value)| {
        let op = if before.contains_key(*path) { "replace" } else { "add" };
        json!({ "op": op, "path": path, "value": value })
    };
    let mut operations: Vec<Value> = selecting.iter().map(with_path).collect();
    match plain.as_slice() {
        [] => {}
        [one] => operations.push(with_path(one)),
        several => {
            let value: Map<String, Value> =
                several.iter().map(|(path, value)| ((*path).clone(), (*value).clone())).collect();
            operations.push(json!({ "op": "replace", "value": value }));
        }
    }
    operations
}

#[cfg(test)]
#[path = "dialect_tests.rs"]
mod tests;
