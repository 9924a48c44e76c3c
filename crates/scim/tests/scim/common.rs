//! What every file of tests here needs.

use sallyport_scim::{
    Group, Kind, MemberChange, PatchOutcome, ScimError, User, apply, json, parse_patch, parse_user,
};
use serde_json::{Map, Value, json};

pub(crate) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
pub(crate) const MARA: &str = "0a0a0a0a-1111-4222-8333-444455556666";

pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("not an object: {other}"),
    }
}

pub(crate) fn user(value: Value) -> User {
    parse_user(object(value)).unwrap()
}

/// The create request of the initial cycle.
pub(crate) fn mara() -> User {
    user(json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
        "externalId": MARA, "userName": "mara.lind@contoso.test", "active": true, "displayName": "Mara Lind",
        "emails": [{"primary": true, "type": "work", "value": "mara.lind@contoso.test"}],
        "meta": {"resourceType": "User"},
        "name": {"formatted": "Mara Lind", "familyName": "Lind", "givenName": "Mara"},
        "title": "SRE", "preferredLanguage": "sv-SE", "roles": [],
        ENTERPRISE: {"employeeNumber": "4711", "department": "Platform"},
    }))
}

/// A user of whom nothing is known but the name.
pub(crate) fn bare() -> User {
    user(json!({"userName": "mara.lind@contoso.test"}))
}

/// Applies operations the way a request brings them: as bytes.
pub(crate) fn patch(
    kind: Kind,
    document: &Map<String, Value>,
    operations: &Value,
) -> Result<PatchOutcome, ScimError> {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": operations,
    });
    let body = json::parse_object(body.to_string().as_bytes())?;
    apply(kind, document, &parse_patch(&body)?)
}

pub(crate) fn patch_user(user: &User, operations: Value) -> Result<Value, ScimError> {
    let outcome = patch(Kind::User, user.document(), &operations)?;
    assert_eq!(outcome.members, []);
    assert_eq!(outcome.changed, outcome.document != *user.document());
    Ok(Value::Object(outcome.document))
}

/// The document of a user with these attributes changed, the others as they were.
pub(crate) fn with(user: &User, changes: Value) -> Value {
    let mut document = user.document().clone();
    for (key, value) in object(changes) {
        if value.is_null() {
            document.remove(&key)
        } else {
            document.insert(key, value)
        };
    }
    Value::Object(document)
}

pub(crate) fn group() -> Group {
    Group::from_document(object(json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "externalId": "3c3c3c3c-2222-4333-8444-555566667777", "displayName": "ssh-prod-admins",
    })))
}

pub(crate) fn patch_members(operations: Value) -> Result<Vec<MemberChange>, ScimError> {
    let outcome = patch(Kind::Group, group().document(), &operations)?;
    assert_eq!(outcome.document, *group().document(), "members never enter the document");
    assert!(!outcome.changed);
    Ok(outcome.members)
}
