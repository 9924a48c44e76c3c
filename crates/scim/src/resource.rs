//! Users and groups: documents kept as they were written, and readers for what the CA needs of them.

use serde_json::{Map, Value};

use crate::ScimError;
use crate::limits::{MAX_DOCUMENT_BYTES, MAX_OBJECT_MEMBERS};
use crate::normal::{attribute, insert_once, object, type_name, without_nulls};
use crate::path::{key_of, member};
use crate::schema::{ENTERPRISE_USER, Kind, SALLYPORT_USER};

/// Never part of a document: given by this server (`id`, `meta`, `groups`) or a secret that we must not keep.
pub(crate) const NOT_STORED: [&str; 4] = ["groups", "id", "meta", "password"];

/// A user as a document: every attribute the client sent, known or not, without `id` and `meta`.
#[derive(Clone, Debug, PartialEq)]
pub struct User(Map<String, Value>);

/// A group as a document, without `id`, `meta` and `members`.
#[derive(Clone, Debug, PartialEq)]
pub struct Group(Map<String, Value>);

/// The SCIM id of a member, as the client wrote it: nothing says yet that such a user exists.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct MemberRef(String);

/// Reads the body of a POST to `/Users`. A user who comes without `active` is active, and the document says so.
///
/// # Errors
/// [`ScimError::InvalidValue`] for a missing or empty `userName` and for values of a type that their attribute
/// cannot have; [`ScimError::InvalidSyntax`] for one attribute in two spellings; [`ScimError::TooMany`] for
/// attributes with too many values.
pub fn parse_user(body: Map<String, Value>) -> Result<User, ScimError> {
    let mut document = document(Kind::User, body)?;
    document.entry("active").or_insert(Value::Bool(true));
    checked(Kind::User, document).map(User)
}

/// Reads the body of a PUT to a user. Where it does not mention `active`, that stays as it was: replacing a
/// suspended user's address does not bring them back.
///
/// # Errors
/// As [`parse_user`].
pub fn parse_user_replacing(body: Map<String, Value>, previous: &User) -> Result<User, ScimError> {
    let mut document = document(Kind::User, body)?;
    if let (false, Some(active)) = (document.contains_key("active"), member(&previous.0, "active")) {
        document.insert("active".to_owned(), active.clone());
    }
    checked(Kind::User, document).map(User)
}

/// Reads the body of a POST or PUT to a group, and takes its members apart. Members that are groups are left
/// out; a member named twice comes once.
///
/// # Errors
/// [`ScimError::InvalidValue`] for a missing or empty `displayName` and for members without `value`; otherwise as
/// [`parse_user`].
pub fn parse_group(mut body: Map<String, Value>) -> Result<(Group, Vec<MemberRef>), ScimError> {
    let mut members = Vec::new();
    while let Some(key) = key_of(&body, "members").map(str::to_owned) {
        match body.remove(&key) {
            None | Some(Value::Null) => {}
            Some(value) => members.extend(MemberRef::list(value)?),
        }
    }
    let document = checked(Kind::Group, document(Kind::Group, body)?)?;
    Ok((Group(document), MemberRef::distinct(members)))
}

impl User {
    /// A document that [`parse_user`] or [`apply`](crate::apply) made earlier.
    #[must_use]
    pub const fn from_document(document: Map<String, Value>) -> Self {
        Self(document)
    }

    #[must_use]
    pub const fn document(&self) -> &Map<String, Value> {
        &self.0
    }

    #[must_use]
    pub fn into_document(self) -> Map<String, Value> {
        self.0
    }

    /// Unique without regard to case; see [`folded`](sallyport_domain::folded).
    #[must_use]
    pub fn user_name(&self) -> &str {
        text(&self.0, "userName").unwrap_or_default()
    }

    /// As the client gave it. Only a caller who finds a GUID here may read it as an object id.
    #[must_use]
    pub fn external_id(&self) -> Option<&str> {
        text(&self.0, "externalId")
    }

    /// Whether the user may sign in. False also when `active` was removed: absence never re-activates.
    #[must_use]
    pub fn active(&self) -> bool {
        member(&self.0, "active") == Some(&Value::Bool(true))
    }

    #[must_use]
    pub fn display_name(&self) -> Option<&str> {
        text(&self.0, "displayName")
    }

    /// `Guest` for Entra's guests, where the tenant maps it.
    #[must_use]
    pub fn user_type(&self) -> Option<&str> {
        text(&self.0, "userType")
    }

    /// A part of the name: `givenName`, `familyName`, `formatted`, …
    #[must_use]
    pub fn name(&self, part: &str) -> Option<&str> {
        text(member(&self.0, "name")?.as_object()?, part)
    }

    /// The addresses, primary first, else in the order of the document. For display only: nothing is ever
    /// joined on them.
    #[must_use]
    pub fn emails(&self) -> Vec<&str> {
        let list = member(&self.0, "emails").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let mut objects: Vec<_> = list.iter().filter_map(Value::as_object).collect();
        objects.sort_by_key(|email| member(email, "primary") != Some(&Value::Bool(true)));
        objects.into_iter().filter_map(|email| text(email, "value")).collect()
    }

    /// The name that the directory wants for the account on hosts, as it was written: nothing says yet that it is
    /// possible or free.
    #[must_use]
    pub fn posix_name(&self) -> Option<&str> {
        text(self.sallyport()?, "posixName")
    }

    /// The uid that the directory wants for the account on hosts. Any number may stand here.
    #[must_use]
    pub fn uid_number(&self) -> Option<i64> {
        member(self.sallyport()?, "uidNumber")?.as_i64()
    }

    /// The gid that the directory wants for the account on hosts. Any number may stand here.
    #[must_use]
    pub fn gid_number(&self) -> Option<i64> {
        member(self.sallyport()?, "gidNumber")?.as_i64()
    }

    /// The shell that the directory wants for the account on hosts: any text.
    #[must_use]
    pub fn login_shell(&self) -> Option<&str> {
        text(self.sallyport()?, "loginShell")
    }

    fn sallyport(&self) -> Option<&Map<String, Value>> {
        member(&self.0, SALLYPORT_USER)?.as_object()
    }

    /// The SCIM id of the manager.
    #[must_use]
    pub fn manager(&self) -> Option<&str> {
        let enterprise = member(&self.0, ENTERPRISE_USER)?.as_object()?;
        text(member(enterprise, "manager")?.as_object()?, "value")
    }
}

impl Group {
    /// A document that [`parse_group`] or [`apply`](crate::apply) made earlier.
    #[must_use]
    pub const fn from_document(document: Map<String, Value>) -> Self {
        Self(document)
    }

    #[must_use]
    pub const fn document(&self) -> &Map<String, Value> {
        &self.0
    }

    #[must_use]
    pub fn into_document(self) -> Map<String, Value> {
        self.0
    }

    #[must_use]
    pub fn display_name(&self) -> &str {
        text(&self.0, "displayName").unwrap_or_default()
    }

    #[must_use]
    pub fn external_id(&self) -> Option<&str> {
        text(&self.0, "externalId")
    }
}

impl MemberRef {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }

    pub(crate) fn new(id: &str) -> Result<Self, ScimError> {
        if id.is_empty() {
            return Err(ScimError::InvalidValue("a member needs a value".to_owned()));
        }
        Ok(Self(id.to_owned()))
    }

    /// Members in any form a client gives them: objects with `value`, bare ids, one or many. Groups are left out.
    pub(crate) fn list(value: Value) -> Result<Vec<Self>, ScimError> {
        let list = match value {
            Value::Array(list) => list,
            single => vec![single],
        };
        let members = list.iter().filter_map(|one| Self::one(one).transpose());
        members.collect::<Result<_, _>>().map(Self::distinct)
    }

    fn one(value: &Value) -> Result<Option<Self>, ScimError> {
        match value {
            Value::Object(map)
                if text(map, "type").is_some_and(|kind| kind.eq_ignore_ascii_case("Group")) =>
            {
                Ok(None)
            }
            Value::Object(map) => Self::new(text(map, "value").unwrap_or_default()).map(Some),
            Value::String(id) => Self::new(id).map(Some),
            other => Err(ScimError::InvalidValue(format!("a member cannot be {}", type_name(other)))),
        }
    }

    fn distinct(members: Vec<Self>) -> Vec<Self> {
        let mut seen = std::collections::HashSet::new();
        members.into_iter().filter(|member| seen.insert(member.clone())).collect()
    }
}

fn document(kind: Kind, body: Map<String, Value>) -> Result<Map<String, Value>, ScimError> {
    let mut document = Map::new();
    for (key, value) in body {
        if NOT_STORED.iter().any(|name| name.eq_ignore_ascii_case(&key)) {
            continue;
        }
        let (name, value) = if let Some(known) = kind.attribute(&key) {
            (known.name.to_owned(), attribute(Some(known), value)?)
        } else if let Some((urn, attributes)) = kind.extension(&key) {
            let value = match value {
                Value::Null => None,
                Value::Object(map) => Some(Value::Object(object(attributes, map)?)),
                other => return Err(not_an_object(urn, &other)),
            };
            (urn.to_owned(), value)
        } else {
            (key, without_nulls(value))
        };
        if let Some(value) = value {
            insert_once(&mut document, name, value)?;
        }
    }
    Ok(document)
}

pub(crate) fn not_an_object(name: &str, found: &Value) -> ScimError {
    ScimError::InvalidValue(format!("{name} must be an object, not {}", type_name(found)))
}

/// What the rest of the CA relies on: names and identifiers are strings, the required one is there, and the whole
/// is of a size that one request could have brought.
pub(crate) fn checked(kind: Kind, document: Map<String, Value>) -> Result<Map<String, Value>, ScimError> {
    only_strings(&document, &["displayName", "externalId", "userName", "userType"])?;
    if let Some(Value::Object(wishes)) = member(&document, SALLYPORT_USER) {
        only_strings(wishes, &["loginShell", "posixName"])?;
    }
    let required = kind.required();
    if text(&document, required).is_none_or(|value| value.trim().is_empty()) {
        return Err(ScimError::InvalidValue(format!("{required} is required")));
    }
    let size = serde_json::to_vec(&document).map_or(usize::MAX, |bytes| bytes.len());
    if size > MAX_DOCUMENT_BYTES || document.len() > MAX_OBJECT_MEMBERS {
        return Err(ScimError::TooMany(format!(
            "a resource may have {MAX_OBJECT_MEMBERS} attributes and {MAX_DOCUMENT_BYTES} bytes"
        )));
    }
    Ok(document)
}

fn only_strings(map: &Map<String, Value>, names: &[&str]) -> Result<(), ScimError> {
    for name in names {
        match member(map, name) {
            None | Some(Value::String(_)) => {}
            Some(other) => {
                return Err(ScimError::InvalidValue(format!(
                    "{name} must be a string, not {}",
                    type_name(other)
                )));
            }
        }
    }
    Ok(())
}

fn text<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    member(map, name)?.as_str()
}
