//! `IIF`, `Switch`, `Not`, `CBool`, comparisons, and the questions whether something is there.

use std::borrow::Cow;

use super::arguments::{at, offset, one_text};
use super::{Evaluated, Evaluation, Got, bool, null};
use crate::ast::{Call, Comparison, Operator};
use crate::error::{Fault, Problem};
use crate::function::Function;
use crate::lexer::{parse_number, shortened};
use crate::value::{Value, bool_text};

impl<'a> Evaluation<'a, '_> {
    /// Only the side that is chosen is evaluated.
    pub(super) fn iif(&mut self, call: &'a Call) -> Evaluated<Got<'a>> {
        let chosen = if self.truth(call)? { 1 } else { 2 };
        self.handed(call, chosen)
    }

    pub(super) fn c_bool(&mut self, call: &'a Call) -> Evaluated<Got<'a>> {
        Ok(bool(self.truth(call)?))
    }

    /// The first argument as a condition: `True`, or a number other than zero. What is absent or empty fails.
    fn truth(&mut self, call: &'a Call) -> Evaluated<bool> {
        let got = self.handed(call, 0)?;
        let text = match got.as_ref() {
            Value::Bool(value) => return Ok(*value),
            Value::Number(number) => return Ok(*number != 0),
            Value::Null => return Ok(false),
            Value::Text(text) => text.trim(),
            list @ Value::List(_) => {
                return Err(at(
                    call,
                    0,
                    Problem::NotOneValue { function: call.function.name(), got: list.kind() },
                ));
            }
        };
        if text.is_empty() || text.eq_ignore_ascii_case(bool_text(false)) {
            return Ok(false);
        }
        if text.eq_ignore_ascii_case(bool_text(true)) {
            return Ok(true);
        }
        let not = || Problem::NotABool { function: call.function.name(), got: shortened(text) };
        parse_number(text).map(|number| number != 0).ok_or_else(|| at(call, 0, not()))
    }

    /// Everything but `True` becomes it.
    pub(super) fn not(&mut self, call: &'a Call) -> Evaluated<Got<'a>> {
        let source = self.text(call, 0)?;
        Ok(bool(!source.is_some_and(|source| source.eq_ignore_ascii_case(bool_text(true)))))
    }

    pub(super) fn is(&mut self, call: &'a Call) -> Evaluated<Got<'a>> {
        let got = self.handed(call, 0)?;
        let empty = match got.as_ref() {
            Value::Null => true,
            Value::Text(text) => text.is_empty(),
            Value::List(items) => items.is_empty(),
            Value::Bool(_) | Value::Number(_) => false,
        };
        Ok(bool(match call.function {
            Function::IsNull => *got == Value::Null,
            Function::IsNullOrEmpty => empty,
            Function::IsPresent => !empty,
            _ => matches!(got.as_ref(), Value::Text(_)),
        }))
    }

    /// Without this, Entra would write the value; with it, it leaves the attribute alone. Both are no value here.
    pub(super) fn ignore_flow(&mut self, call: &'a Call) -> Evaluated<Got<'a>> {
        let got = self.handed(call, 0)?;
        let empty = matches!(got.as_ref(), Value::Text(text) if text.is_empty());
        Ok(if empty { null() } else { got })
    }

    /// Keys are compared with regard to case. An absent source is like an empty one.
    pub(super) fn switch(&mut self, call: &'a Call) -> Evaluated<Got<'a>> {
        let got = self.handed(call, 0)?;
        let truth = if let Value::Bool(value) = *got { Some(value) } else { None };
        let source = one_text(call, offset(call, 0), got)?.unwrap_or_default();
        let pairs = call.arguments.len() / 2;
        for pair in 1..pairs {
            let key = self.text(call, pair * 2)?.unwrap_or_default();
            if key == source || truth.is_some_and(|truth| key == json_bool(truth)) {
                return self.handed(call, pair * 2 + 1);
            }
        }
        self.handed(call, 1)
    }

    /// A comparison with something absent or empty fails, whichever it is: Entra's IIF does not decide there.
    pub(super) fn comparison(&mut self, comparison: &'a Comparison) -> Evaluated<bool> {
        let (left, right) = (self.node(&comparison.left)?, self.node(&comparison.right)?);
        for (got, node) in [(&left, &comparison.left), (&right, &comparison.right)] {
            if let Value::List(_) = got.as_ref() {
                let problem = Problem::NotOneValue { function: "a comparison", got: got.kind() };
                return Err(Fault::new(node.offset, problem));
            }
        }
        let (Some(left_text), Some(right_text)) = (shown(&left), shown(&right)) else { return Ok(false) };
        let numbers = parse_number(left_text.trim()).zip(parse_number(right_text.trim()));
        let either_is_number =
            matches!((left.as_ref(), right.as_ref()), (Value::Number(_), _) | (_, Value::Number(_)));
        match comparison.operator {
            Operator::Equal | Operator::NotEqual => {
                let equal = match numbers {
                    Some((left, right)) if either_is_number => left == right,
                    _ => left_text == right_text,
                };
                Ok(equal == (comparison.operator == Operator::Equal))
            }
            operator => {
                let order = match numbers {
                    Some((left, right)) => left.cmp(&right),
                    None if ordered_everywhere(&left_text, &right_text) => left_text.cmp(&right_text),
                    None => {
                        let problem =
                            Problem::OrderDependsOnServer(shortened(&left_text), shortened(&right_text));
                        return Err(Fault::new(comparison.left.offset, problem));
                    }
                };
                Ok(match operator {
                    Operator::Greater => order.is_gt(),
                    Operator::GreaterOrEqual => order.is_ge(),
                    Operator::Less => order.is_lt(),
                    _ => order.is_le(),
                })
            }
        }
    }
}

/// A truth value as directories send it; Entra's own spelling is the value's text.
const fn json_bool(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

/// The text of a value that is there and not empty.
fn shown<'v>(got: &'v Got<'_>) -> Option<Cow<'v, str>> {
    let text = match got.as_ref() {
        Value::Text(text) => Cow::Borrowed(text.as_str()),
        other => Cow::Owned(other.text()?),
    };
    (!text.is_empty()).then_some(text)
}

/// Whether two texts have the same order in every language: letters of one case, and digits.
fn ordered_everywhere(left: &str, right: &str) -> bool {
    let both = || left.bytes().chain(right.bytes());
    both().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        || both().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}
