//! What a client can find out about this server (RFC 7644 section 4). Every value is made from the tables that
//! the rest of this crate works with, so nothing is announced that is not done.
//!
//! `base` is the absolute URL of the SCIM root without a slash at its end, as in `https://ca.example.test/scim/v2`.

use serde_json::{Value, json};

use crate::limits::MAX_RESULTS;
use crate::schema::{Attribute, ENTERPRISE_USER, Kind, SALLYPORT_USER, Type};

const KINDS: [Kind; 2] = [Kind::User, Kind::Group];

/// `/ServiceProviderConfig`.
#[must_use]
pub fn service_provider_config(base: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": {"supported": true},
        "bulk": {"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": true, "maxResults": MAX_RESULTS},
        "changePassword": {"supported": false},
        "sort": {"supported": false},
        "etag": {"supported": true},
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken",
                "name": "Bearer",
                "description": "A secret token",
                "specUri": "https://www.rfc-editor.org/rfc/rfc6750",
                "primary": true,
            },
            {
                "type": "oauth2",
                "name": "OAuth",
                "description": "Client credentials, at this server's own token endpoint",
                "specUri": "https://www.rfc-editor.org/rfc/rfc6749",
            },
            {
                "type": "httpbasic",
                "name": "Basic",
                "description": "A user and a password, both made by this server",
                "specUri": "https://www.rfc-editor.org/rfc/rfc7617",
            },
        ],
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": format!("{base}/ServiceProviderConfig"),
        },
    })
}

/// The resources behind `/ResourceTypes`; wrap them with [`list_response`](crate::list_response).
#[must_use]
pub fn resource_types(base: &str) -> Vec<Value> {
    KINDS.iter().map(|kind| resource_type(base, *kind)).collect()
}

/// `/ResourceTypes/{id}`, where the id is `User` or `Group`.
#[must_use]
pub fn resource_type_by_id(base: &str, id: &str) -> Option<Value> {
    KINDS.iter().find(|kind| kind.name() == id).map(|kind| resource_type(base, *kind))
}

/// The resources behind `/Schemas`.
#[must_use]
pub fn schemas(base: &str) -> Vec<Value> {
    KINDS.iter().flat_map(|kind| schemas_of(base, *kind)).collect()
}

/// `/Schemas/{urn}`.
#[must_use]
pub fn schema_by_id(base: &str, urn: &str) -> Option<Value> {
    schemas(base).into_iter().find(|schema| {
        schema.get("id").and_then(Value::as_str).is_some_and(|id| id.eq_ignore_ascii_case(urn))
    })
}

fn resource_type(base: &str, kind: Kind) -> Value {
    let name = kind.name();
    let extensions: Vec<_> =
        kind.extensions().iter().map(|(urn, _)| json!({"schema": urn, "required": false})).collect();
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
        "id": name,
        "name": name,
        "description": match kind {
            Kind::Group => "Groups of users",
            Kind::User => "People",
        },
        "endpoint": format!("/{}", kind.endpoint()),
        "schema": kind.urn(),
        "schemaExtensions": extensions,
        "meta": {"resourceType": "ResourceType", "location": format!("{base}/ResourceTypes/{name}")},
    })
}

fn schemas_of(base: &str, kind: Kind) -> Vec<Value> {
    let core = schema(base, kind.urn(), kind.attributes());
    let extensions = kind.extensions().iter().map(|(urn, attributes)| schema(base, urn, attributes));
    std::iter::once(core).chain(extensions).collect()
}

fn schema(base: &str, urn: &str, attributes: &[Attribute]) -> Value {
    let (name, description) = match urn {
        ENTERPRISE_USER => ("EnterpriseUser", "What enterprises add to a User"),
        SALLYPORT_USER => ("SallyportUser", "The account that a User should have on hosts"),
        _ if urn == Kind::Group.urn() => ("Group", "A group of Users"),
        _ => ("User", "A person"),
    };
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
        "id": urn,
        "name": name,
        "description": description,
        "attributes": attributes.iter().map(attribute).collect::<Vec<_>>(),
        "meta": {"resourceType": "Schema", "location": format!("{base}/Schemas/{urn}")},
    })
}

fn attribute(from: &Attribute) -> Value {
    let mut shown = json!({
        "name": from.name,
        "type": match from.kind {
            Type::Binary => "binary",
            Type::Boolean => "boolean",
            Type::Complex => "complex",
            Type::DateTime => "dateTime",
            Type::Integer => "integer",
            Type::Reference => "reference",
            Type::String => "string",
        },
        "multiValued": from.multi,
        "description": from.description,
        "required": from.required,
        "caseExact": from.case_exact,
        "mutability": from.mutability,
        "returned": "default",
        "uniqueness": from.uniqueness,
    });
    let lists = [
        ("canonicalValues", from.canonical.iter().map(|text| Value::from(*text)).collect::<Vec<_>>()),
        ("referenceTypes", from.references.iter().map(|text| Value::from(*text)).collect()),
        ("subAttributes", from.sub.iter().map(attribute).collect()),
    ];
    if let Some(map) = shown.as_object_mut() {
        map.extend(
            lists
                .into_iter()
                .filter(|(_, list)| !list.is_empty())
                .map(|(key, list)| (key.to_owned(), list.into())),
        );
    }
    shown
}
