//! Documents as clients see them: with `id`, `meta`, the schemas they use, and members where asked for.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::path::key_of;
use crate::schema::Kind;

/// What this server knows about a resource.
#[derive(Clone, Debug)]
pub struct Meta {
    pub created: Timestamp,
    pub last_modified: Timestamp,
    /// Absolute URL of the resource.
    pub location: String,
}

/// A member as it is shown.
#[derive(Clone, Debug)]
pub struct Member {
    /// The SCIM id of the user.
    pub id: String,
    /// The user's display name.
    pub display: Option<String>,
    /// Absolute URL of the user.
    pub location: Option<String>,
}

/// A user as it goes on the wire, before any projection.
#[must_use]
pub fn render_user(document: &Map<String, Value>, id: &str, meta: &Meta) -> Map<String, Value> {
    render(Kind::User, document, id, meta)
}

/// A group as it goes on the wire, before any projection. `None` leaves the key `members` out, which
/// `excludedAttributes=members` asks for; a group without members has `[]`.
#[must_use]
pub fn render_group(
    document: &Map<String, Value>,
    id: &str,
    members: Option<&[Member]>,
    meta: &Meta,
) -> Map<String, Value> {
    let mut resource = render(Kind::Group, document, id, meta);
    if let Some(members) = members {
        resource.insert("members".to_owned(), members.iter().map(member).collect());
    }
    resource
}

impl Meta {
    /// A weak entity tag (RFC 7644 section 3.14): the same for as long as the resource is the same, whichever of its
    /// attributes an answer shows.
    #[must_use]
    pub fn version(&self) -> String {
        format!("W/\"{:x}\"", self.last_modified.as_microsecond())
    }
}

fn render(kind: Kind, document: &Map<String, Value>, id: &str, meta: &Meta) -> Map<String, Value> {
    let mut resource = document.clone();
    resource.insert("schemas".to_owned(), schemas(kind, document).into());
    resource.insert("id".to_owned(), id.into());
    resource.insert(
        "meta".to_owned(),
        json!({
            "resourceType": kind.name(),
            "created": meta.created,
            "lastModified": meta.last_modified,
            "location": meta.location,
            "version": meta.version(),
        }),
    );
    resource
}

/// The core schema, every extension that the document has by now, and of those that the client declared the ones
/// that this server announces: RFC 7643 section 3 lets no other stand here, and Entra declares one for groups that
/// strict readers stumble over.
fn schemas(kind: Kind, document: &Map<String, Value>) -> Vec<String> {
    let declared = key_of(document, "schemas").and_then(|key| document.get(key)).and_then(Value::as_array);
    let declared = declared.into_iter().flatten().filter_map(Value::as_str);
    let announced = declared.filter_map(|urn| kind.extension(urn).map(|(urn, _)| urn));
    let used = document.keys().map(String::as_str).filter(|key| key.contains(':'));
    let mut schemas: Vec<String> = Vec::new();
    for urn in std::iter::once(kind.urn()).chain(announced).chain(used) {
        if !schemas.iter().any(|known| known.eq_ignore_ascii_case(urn)) {
            schemas.push(urn.to_owned());
        }
    }
    schemas
}

fn member(member: &Member) -> Value {
    let mut map = Map::from_iter([
        ("value".to_owned(), member.id.clone().into()),
        ("type".to_owned(), Kind::User.name().into()),
    ]);
    if let Some(display) = &member.display {
        map.insert("display".to_owned(), display.clone().into());
    }
    if let Some(location) = &member.location {
        map.insert("$ref".to_owned(), location.clone().into());
    }
    Value::Object(map)
}
