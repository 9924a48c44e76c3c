//! Changes of membership. They are the dangerous part of PATCH: what is misread here empties a group or leaves
//! somebody in it, so everything doubtful is refused.

use std::collections::HashSet;

use serde_json::Value;

use super::{MemberChange, Op};
use crate::ScimError;
use crate::filter::{Compare, Filter, Literal};
use crate::normal::type_name;
use crate::path::Path;
use crate::resource::MemberRef;

/// The changes of membership that an operation asks for: `None` when its path is about something else, none at
/// all when it is about members and comes to nothing.
pub(super) fn change(
    op: Op,
    path: &Path,
    value: Option<&Value>,
) -> Result<Option<Vec<MemberChange>>, ScimError> {
    match path {
        Path::Attr(attr) if attr.is("members") => {
            whole(op, value).map(|change| Some(change.into_iter().collect()))
        }
        Path::Values { attr, filter, sub: None } if attr.is("members") => {
            let named = named(filter)?;
            Ok(Some(vec![match op {
                Op::Remove => MemberChange::Remove(named),
                Op::Add | Op::Replace => {
                    same(path, &named, value)?;
                    MemberChange::Add(named)
                }
            }]))
        }
        Path::Attr(attr) | Path::Values { attr, .. }
            if attr.urn.is_none() && attr.name.eq_ignore_ascii_case("members") =>
        {
            Err(ScimError::Mutability(format!("{path}: a member")))
        }
        _ => Ok(None),
    }
}

fn whole(op: Op, value: Option<&Value>) -> Result<Option<MemberChange>, ScimError> {
    match (op, value) {
        (Op::Remove, None) => Ok(Some(MemberChange::RemoveAll)),
        (Op::Remove, Some(Value::Array(list))) if list.is_empty() => Err(ScimError::InvalidValue(
            "remove members with an empty list; leave value out to remove all".to_owned(),
        )),
        (_, Some(value @ (Value::Array(_) | Value::Object(_) | Value::String(_)))) => {
            let members = MemberRef::list(value.clone())?;
            Ok(match op {
                Op::Replace => Some(MemberChange::ReplaceAll(members)),
                // Nothing but groups within the group.
                _ if members.is_empty() => None,
                Op::Add => Some(MemberChange::Add(members)),
                Op::Remove => Some(MemberChange::Remove(members)),
            })
        }
        (_, found) => Err(ScimError::InvalidValue(format!(
            "members must be a list, not {}",
            found.map_or("nothing", type_name)
        ))),
    }
}

/// A value beside the brackets may name their members once more, and no others: which of the two is meant, nobody
/// can say.
fn same(path: &Path, named: &[MemberRef], value: Option<&Value>) -> Result<(), ScimError> {
    let Some(value) = value else { return Ok(()) };
    let given = MemberRef::list(value.clone())?;
    if given.iter().collect::<HashSet<_>>() != named.iter().collect() {
        return Err(ScimError::InvalidValue(format!("{path}: the value names other members than the path")));
    }
    Ok(())
}

/// Members are rows, so the brackets may say which by id and no more: `value eq "…"`, several joined by `or`.
fn named(filter: &Filter) -> Result<Vec<MemberRef>, ScimError> {
    match filter {
        Filter::Compare { target: Path::Attr(attr), op: Compare::Equal, value } if attr.is("value") => {
            match value {
                Literal::Number(id) | Literal::Text(id) => Ok(vec![MemberRef::new(id)?]),
                Literal::Bool(_) | Literal::Null => Err(unnamed()),
            }
        }
        Filter::Or(terms) => {
            let lists = terms.iter().map(named).collect::<Result<Vec<_>, _>>()?;
            Ok(lists.into_iter().flatten().collect())
        }
        _ => Err(unnamed()),
    }
}

fn unnamed() -> ScimError {
    ScimError::InvalidPath("members are named by value eq \"id\"".to_owned())
}
