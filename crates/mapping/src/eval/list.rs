//! `Count`, `Item`, `RemoveDuplicates`, `Split`, `Coalesce`, `SelectUniqueValue` and the role functions.

use std::borrow::Cow;
use std::collections::HashSet;

use super::arguments::at;
use super::{Evaluated, Evaluation, Got, null, number, text};
use crate::ast::{Call, Node};
use crate::error::{Fault, Problem};
use crate::limits;
use crate::value::Value;

impl<'a> Evaluation<'a, '_> {
    pub(super) fn count(&mut self, call: &'a Call) -> Evaluated<Got<'a>> {
        let count = match self.handed(call, 0)?.as_ref() {
            Value::Null => 0,
            Value::List(items) => items.len(),
            Value::Text(_) | Value::Bool(_) | Value::Number(_) => 1,
        };
        Ok(number(i64::try_from(count).unwrap_or(i64::MAX)))
    }

    pub(super) fn item(&mut self, call: &'a Call) -> Evaluated<Got<'a>> {
        let wanted = self.needed_number(call, 1)?;
        let items = self.argument_items(call, 0)?;
        if items.is_empty() {
            return Ok(null());
        }
        let index = wanted.checked_sub(1).and_then(|index| usize::try_from(index).ok());
        let found = index.and_then(|index| items.get(index).cloned());
        let problem = || Problem::NoSuchItem { asked: wanted, has: items.len() };
        found.map(text).ok_or_else(|| at(call, 1, problem()))
    }

    pub(super) fn remove_duplicates(&mut self, call: &'a Call) -> Evaluated<Got<'a>> {
        let items = self.argument_items(call, 0)?;
        if items.is_empty() {
            return Ok(null());
        }
        let mut seen = HashSet::new();
        let unique =
            items.iter().map(Cow::as_ref).filter(|item: &&str| seen.insert(*item)).map(str::to_owned);
        Ok(Cow::Owned(Value::List(unique.collect())))
    }

    /// Parts lose the spaces around them, as in Microsoft's example. The delimiter counts as a whole.
    pub(super) fn split(&mut self, call: &'a Call) -> Evaluated<Got<'a>> {
        let (source, delimiter) = (self.text(call, 0)?, self.text(call, 1)?.unwrap_or_default());
        let Some(source) = source else { return Ok(null()) };
        let parts: Vec<&str> = if delimiter.is_empty() {
            vec![source.trim()]
        } else {
            source.split(delimiter.as_ref()).map(str::trim).take(limits::LIST_ITEMS + 1).collect()
        };
        Ok(Cow::Owned(Value::List(parts.into_iter().map(str::to_owned).collect())))
    }

    pub(super) fn coalesce(&mut self, call: &'a Call) -> Evaluated<Got<'a>> {
        for node in call.arguments.iter().flatten() {
            let got = self.node(node)?;
            if *got != Value::Null {
                return Ok(got);
            }
        }
        Ok(null())
    }

    pub(super) fn select_unique_value(&mut self, node: &'a Node, call: &'a Call) -> Evaluated<Got<'a>> {
        let needs =
            || Problem::NeedsWorld { function: call.function.name(), needs: "the values that others have" };
        let taken = self.world.taken.ok_or_else(|| Fault::new(node.offset, needs()))?;
        for rule in call.arguments.iter().flatten() {
            let value = self.text_of(call, rule)?.unwrap_or_default();
            if !value.is_empty() && !taken(&value) {
                return Ok(text(value));
            }
        }
        Err(Fault::new(node.offset, Problem::AllTaken))
    }

    /// The roles as the objects that Entra sends, each as JSON: a value here has no parts.
    pub(super) fn roles(&mut self, call: &'a Call) -> Evaluated<Got<'a>> {
        let roles = self.argument_items(call, 0)?;
        if roles.is_empty() {
            return Ok(null());
        }
        let objects = roles.iter().map(|role| role_object(role)).collect();
        Ok(Cow::Owned(Value::List(objects)))
    }

    pub(super) fn single_role(&mut self, call: &'a Call) -> Evaluated<Got<'a>> {
        let mut roles = self.argument_items(call, 0)?;
        match roles.len() {
            0 => Ok(null()),
            1 => Ok(text(roles.remove(0))),
            _ => Err(at(call, 0, Problem::SeveralRoles)),
        }
    }

    fn argument_items(&mut self, call: &'a Call, index: usize) -> Evaluated<Vec<Cow<'a, str>>> {
        call.argument(index).map_or_else(|| Ok(Vec::new()), |node| self.items(node))
    }
}

fn role_object(role: &str) -> String {
    let mut quoted = String::with_capacity(role.len() + 2);
    quoted.push('"');
    for c in role.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            _ if c.is_control() => quoted.extend(["\\u", &format!("{:04x}", u32::from(c))]),
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    format!(
        r#"{{"primary":false,"type":"WindowsAzureActiveDirectoryRole","display":{quoted},"value":{quoted}}}"#
    )
}
