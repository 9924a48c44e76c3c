//! PATCH (RFC 7644 section 3.5.2) as a function, in every dialect that Entra speaks.
//!
//! Departures from the RFC, each because a client needs it: `op` in any case; `add` and `replace` stand in for
//! each other; a value path without a match creates its value; `remove` honours `value`, so that it removes
//! what it names and not everything; what is not there is removed without complaint; nulls clear.

mod edit;
mod list;
mod members;
mod selected;

use serde_json::{Map, Value};

use crate::limits::MAX_OPERATIONS;
use crate::normal::type_name;
use crate::path::{AttrPath, Path, member};
use crate::resource::{MemberRef, NOT_STORED, checked};
use crate::schema::Kind;
use crate::{ScimError, parse};

/// What an operation does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Op {
    Add,
    Remove,
    Replace,
}

/// One operation as it was sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    pub op: Op,
    pub path: Option<Path>,
    /// `None` when the key was missing, which is not the same as null.
    pub value: Option<Value>,
}

/// What happens to a group's members, in the order of the operations.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum MemberChange {
    /// Ids that are members already are no error.
    Add(Vec<MemberRef>),
    /// Ids that are no members are no error.
    Remove(Vec<MemberRef>),
    RemoveAll,
    /// The members are these and no others.
    ReplaceAll(Vec<MemberRef>),
}

/// The result of all operations together.
#[derive(Clone, Debug, PartialEq)]
pub struct PatchOutcome {
    /// The document as it is now.
    pub document: Map<String, Value>,
    /// Whether it differs from what it was. Members are not part of it.
    pub changed: bool,
    /// Always empty for a user.
    pub members: Vec<MemberChange>,
}

/// Reads the body of a PATCH. No operations are fine, and change nothing.
///
/// # Errors
/// [`ScimError::InvalidSyntax`] for a body without a list of operations or an operation without a known `op`,
/// [`ScimError::InvalidPath`] for a path that is none, [`ScimError::TooMany`] beyond [`MAX_OPERATIONS`].
pub fn parse_patch(body: &Map<String, Value>) -> Result<Vec<Operation>, ScimError> {
    let Some(Value::Array(list)) = member(body, "Operations") else {
        return Err(ScimError::InvalidSyntax("the body needs a list named Operations".to_owned()));
    };
    if list.len() > MAX_OPERATIONS {
        return Err(ScimError::TooMany(format!("a request may have {MAX_OPERATIONS} operations")));
    }
    list.iter().map(operation).collect()
}

fn operation(value: &Value) -> Result<Operation, ScimError> {
    let Value::Object(map) = value else {
        return Err(ScimError::InvalidSyntax(format!("an operation cannot be {}", type_name(value))));
    };
    let op = match member(map, "op").and_then(Value::as_str).map(str::to_ascii_lowercase).as_deref() {
        Some("add") => Op::Add,
        Some("remove") => Op::Remove,
        Some("replace") => Op::Replace,
        _ => return Err(ScimError::InvalidSyntax("op must be add, remove or replace".to_owned())),
    };
    let path = match member(map, "path") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) if text.trim().is_empty() => None,
        Some(Value::String(text)) => Some(text.parse()?),
        Some(other) => {
            return Err(ScimError::InvalidPath(format!("a path cannot be {}", type_name(other))));
        }
    };
    Ok(Operation { op, path, value: member(map, "value").cloned() })
}

/// Applies operations to a document, all or none: on an error nothing has changed anywhere.
///
/// # Errors
/// [`ScimError::NoTarget`], [`ScimError::InvalidPath`], [`ScimError::InvalidValue`] and
/// [`ScimError::TooMany`] as RFC 7644 has them; [`ScimError::Mutability`] for attributes that are this server's
/// and for the removal of the required one.
pub fn apply(
    kind: Kind,
    document: &Map<String, Value>,
    operations: &[Operation],
) -> Result<PatchOutcome, ScimError> {
    if operations.len() > MAX_OPERATIONS {
        return Err(ScimError::TooMany(format!("a request may have {MAX_OPERATIONS} operations")));
    }
    let mut patch =
        Patch { kind, document: document.clone(), members: Vec::new(), budget: edit::Budget::new() };
    for operation in operations {
        patch.run(operation)?;
    }
    if member(document, kind.required()).is_some() && member(&patch.document, kind.required()).is_none() {
        return Err(ScimError::Mutability(kind.required().to_owned()));
    }
    let after = checked(kind, patch.document)?;
    Ok(PatchOutcome { changed: after != *document, document: after, members: patch.members })
}

/// A document under change.
struct Patch {
    kind: Kind,
    document: Map<String, Value>,
    members: Vec<MemberChange>,
    budget: edit::Budget,
}

impl Patch {
    fn run(&mut self, operation: &Operation) -> Result<(), ScimError> {
        match &operation.path {
            Some(Path::Extension(urn)) if urn == self.kind.urn() => self.pathless(operation),
            // As in a POST: taken and not stored. What else the request says is not lost for it.
            Some(Path::Attr(attr)) if attr.is("password") => Ok(()),
            Some(path) => {
                if let Some(name) = owned_by_server(path) {
                    return Err(ScimError::Mutability(name.to_owned()));
                }
                self.at(operation.op, path, operation.value.clone())
            }
            None => self.pathless(operation),
        }
    }

    /// An operation on the resource itself: every key of its value is a path.
    fn pathless(&mut self, operation: &Operation) -> Result<(), ScimError> {
        if operation.op == Op::Remove {
            return Err(ScimError::NoTarget("remove needs a path".to_owned()));
        }
        let Some(Value::Object(map)) = &operation.value else {
            let found = operation.value.as_ref().map_or("nothing", type_name);
            return Err(ScimError::InvalidValue(format!(
                "without a path the value must be an object, not {found}"
            )));
        };
        for (key, value) in map {
            let path = self.key(key, value)?;
            if matches!(&path, Path::Extension(urn) if urn == self.kind.urn()) {
                let inner = Operation { op: operation.op, path: None, value: Some(value.clone()) };
                self.pathless(&inner)?;
                continue;
            }
            // Clients send back what they were given: what is ours is passed over, not refused.
            if owned_by_server(&path).is_none() {
                self.at(operation.op, &path, Some(value.clone()))?;
            }
        }
        Ok(())
    }

    /// `displayName`, `name.familyName`, `emails[type eq "work"].value`, `urn:…:User:department`, or the URN of an
    /// extension with an object behind it.
    fn key(&self, key: &str, value: &Value) -> Result<Path, ScimError> {
        let path = parse::path(key).map_err(ScimError::InvalidPath)?;
        let Path::Attr(AttrPath { urn: Some(urn), sub: None, .. }) = &path else { return Ok(path) };
        if self.kind.extension(urn).is_some() {
            return Ok(path);
        }
        // A URN that we do not know: of an extension, or of an attribute in one. What is there already tells.
        let there = |name: &str| crate::path::key_of(&self.document, name).is_some();
        let whole = there(key) || (value.is_object() && !there(urn));
        Ok(if whole { Path::Extension(key.to_owned()) } else { path })
    }

    fn at(&mut self, op: Op, path: &Path, value: Option<Value>) -> Result<(), ScimError> {
        if self.kind == Kind::Group
            && let Some(change) = members::change(op, path, value.as_ref())?
        {
            self.members.extend(change);
            return Ok(());
        }
        if op != Op::Remove && value.is_none() {
            return Err(ScimError::InvalidValue(format!("{path} needs a value")));
        }
        edit::at(self.kind, &mut self.document, op, path, value, &mut self.budget)
    }
}

fn owned_by_server(path: &Path) -> Option<&str> {
    match path {
        Path::Attr(attr) | Path::Values { attr, .. } => {
            let ours =
                attr.urn.is_none() && NOT_STORED.iter().any(|name| name.eq_ignore_ascii_case(&attr.name));
            ours.then_some(attr.name.as_str())
        }
        Path::Extension(_) => None,
    }
}
