//! Arguments as the functions want them.

use std::borrow::Cow;

use super::{Evaluated, Evaluation, Got, bool_text, null};
use crate::ast::{Call, Kind, Node};
use crate::error::{Fault, Problem};
use crate::lexer::{parse_number, shortened};
use crate::value::Value;

impl<'a> Evaluation<'a, '_> {
    /// An argument's value as it is; an empty argument is absent.
    pub(super) fn handed(&mut self, call: &'a Call, index: usize) -> Evaluated<Got<'a>> {
        match call.argument(index) {
            Some(node) => self.node(node),
            None => Ok(null()),
        }
    }

    /// An argument that is one text; `None` when it is absent.
    pub(super) fn text(&mut self, call: &'a Call, index: usize) -> Evaluated<Option<Cow<'a, str>>> {
        match call.argument(index) {
            Some(node) => self.text_of(call, node),
            None => Ok(None),
        }
    }

    pub(super) fn text_of(&mut self, call: &'a Call, node: &'a Node) -> Evaluated<Option<Cow<'a, str>>> {
        // Constants are most of all arguments: no need to copy them.
        if let Kind::Text(text) = &node.kind {
            self.charge_bytes(node, text.len())?;
            return Ok(Some(Cow::Borrowed(text)));
        }
        let got = self.node(node)?;
        one_text(call, node.offset, got)
    }

    /// An argument that is a whole number, or a text that spells one; `None` when it is absent.
    pub(super) fn number(&mut self, call: &'a Call, index: usize) -> Evaluated<Option<i64>> {
        let Some(node) = call.argument(index) else { return Ok(None) };
        let Some(text) = self.text_of(call, node)? else { return Ok(None) };
        let not = || Problem::NotANumber { function: call.function.name(), got: shortened(&text) };
        parse_number(text.trim()).map(Some).ok_or_else(|| Fault::new(node.offset, not()))
    }

    /// As [`Self::number`], but absent is an error too.
    pub(super) fn needed_number(&mut self, call: &'a Call, index: usize) -> Evaluated<i64> {
        let absent = || Problem::NotANumber { function: call.function.name(), got: String::new() };
        self.number(call, index)?.ok_or_else(|| Fault::new(offset(call, index), absent()))
    }

    /// The items of an argument: none when it is absent, one when it is no list.
    pub(super) fn items(&mut self, node: &'a Node) -> Evaluated<Vec<Cow<'a, str>>> {
        Ok(match self.node(node)? {
            Cow::Borrowed(Value::List(items)) => {
                items.iter().map(|item| Cow::Borrowed(item.as_str())).collect()
            }
            Cow::Owned(Value::List(items)) => items.into_iter().map(Cow::Owned).collect(),
            Cow::Borrowed(Value::Text(text)) => vec![Cow::Borrowed(text.as_str())],
            got => got.text().into_iter().map(Cow::Owned).collect(),
        })
    }
}

/// The text of one value; `None` when it is absent.
pub(super) fn one_text<'a>(call: &Call, offset: usize, got: Got<'a>) -> Evaluated<Option<Cow<'a, str>>> {
    Ok(match got {
        Cow::Borrowed(Value::Text(text)) => Some(Cow::Borrowed(text)),
        Cow::Owned(Value::Text(text)) => Some(Cow::Owned(text)),
        other => match other.as_ref() {
            Value::Null | Value::Text(_) => None,
            Value::Bool(value) => Some(Cow::Borrowed(bool_text(*value))),
            Value::Number(number) => Some(Cow::Owned(number.to_string())),
            list @ Value::List(_) => {
                let problem = Problem::NotOneValue { function: call.function.name(), got: list.kind() };
                return Err(Fault::new(offset, problem));
            }
        },
    })
}

/// Where an argument stands; the call's first, when it is empty.
pub(super) fn offset(call: &Call, index: usize) -> usize {
    let any = call.arguments.iter().flatten().next();
    call.argument(index).or(any).map_or(0, |node| node.offset)
}

/// A problem at an argument.
pub(super) fn at(call: &Call, index: usize, problem: Problem) -> Fault {
    Fault::new(offset(call, index), problem)
}
