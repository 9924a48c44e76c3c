//! A tree and attributes → a value. One file a family of functions.

mod arguments;
mod case;
mod date;
mod diacritics;
mod encode;
mod list;
mod logic;
mod number;
mod random;
mod replace;
mod text;

use std::borrow::Cow;

use crate::ast::{Call, Kind, Node};
use crate::attributes::Attributes;
use crate::error::{Fault, Problem};
use crate::function::Function;
use crate::limits;
use crate::pattern::Budget;
use crate::value::{Value, bool_text};
use crate::world::World;

/// A value, borrowed from the attributes or the tree where it is handed through.
type Got<'a> = Cow<'a, Value>;
type Evaluated<T> = Result<T, Fault>;

pub(crate) fn evaluate(root: &Node, attributes: &dyn Attributes, world: &mut World<'_>) -> Evaluated<Value> {
    let mut evaluation = Evaluation {
        attributes,
        world: Needs::of(world),
        work: limits::WORK_BYTES,
        searches: Budget::default(),
        patterns: limits::PATTERNS,
    };
    evaluation.node(root).map(Cow::into_owned)
}

struct Evaluation<'a, 'w> {
    attributes: &'a dyn Attributes,
    world: Needs<'w>,
    /// Bytes that may still be made.
    work: usize,
    searches: Budget,
    /// Regular expressions that are no constants, and may still be compiled.
    patterns: usize,
}

/// A [`World`], taken apart so that its lifetimes need not be equal.
struct Needs<'w> {
    now: Option<jiff::Timestamp>,
    random: Option<&'w mut dyn rand::RngCore>,
    taken: Option<&'w dyn Fn(&str) -> bool>,
}

impl<'w> Needs<'w> {
    fn of(world: &'w mut World<'_>) -> Self {
        let random: Option<&mut dyn rand::RngCore> = match &mut world.random {
            Some(random) => Some(&mut **random),
            None => None,
        };
        Self { now: world.now, random, taken: world.taken }
    }
}

impl<'a> Evaluation<'a, '_> {
    fn node(&mut self, node: &'a Node) -> Evaluated<Got<'a>> {
        let got = match &node.kind {
            Kind::Attribute(name) => self.attributes.attribute(name).unwrap_or(Cow::Owned(Value::Null)),
            Kind::Text(text) => Cow::Owned(Value::Text(text.clone())),
            Kind::Number(number) => Cow::Owned(Value::Number(*number)),
            Kind::CompareType(_) => return Err(Fault::new(node.offset, Problem::CompareTypeHere)),
            Kind::Comparison(comparison) => Cow::Owned(Value::Bool(self.comparison(comparison)?)),
            Kind::Call(call) => self.call(node, call)?,
        };
        self.charge(node, &got)?;
        Ok(got)
    }

    /// Holds every value that comes up against the budgets.
    fn charge(&mut self, node: &Node, value: &Value) -> Evaluated<()> {
        let bytes = match value {
            Value::Text(text) => text.len(),
            Value::List(items) if items.len() > limits::LIST_ITEMS => {
                return Err(Fault::new(node.offset, Problem::ListTooLong));
            }
            Value::List(items) => items.iter().map(String::len).sum(),
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        };
        self.charge_bytes(node, bytes)
    }

    fn charge_bytes(&mut self, node: &Node, bytes: usize) -> Evaluated<()> {
        if bytes > limits::TEXT_BYTES {
            return Err(Fault::new(node.offset, Problem::TextTooLong));
        }
        self.work =
            self.work.checked_sub(bytes).ok_or_else(|| Fault::new(node.offset, Problem::TooMuchWork))?;
        Ok(())
    }

    fn call(&mut self, node: &'a Node, call: &'a Call) -> Evaluated<Got<'a>> {
        use Function as F;
        match call.function {
            F::Append => self.append(call),
            F::AppRoleAssignmentsComplex | F::AssertiveAppRoleAssignmentsComplex => self.roles(call),
            F::BitAnd => self.bit_and(call),
            F::CBool => self.c_bool(call),
            F::CDate => self.c_date(call),
            F::Coalesce => self.coalesce(call),
            F::ConvertToBase64 | F::ConvertToUTF8Hex => self.encode(call),
            F::Count => self.count(call),
            F::CStr => self.c_str(call),
            F::DateAdd => self.date_add(call),
            F::DateDiff => self.date_diff(call),
            F::DateFromNum => self.date_from_num(call),
            F::FormatDateTime => self.format_date_time(call),
            F::Guid => self.guid(node),
            F::IIF => self.iif(call),
            F::IgnoreFlowIfNullOrEmpty => self.ignore_flow(call),
            F::InStr => self.in_str(call),
            F::IsNull | F::IsNullOrEmpty | F::IsPresent | F::IsString => self.is(call),
            F::Item => self.item(call),
            F::Join => self.join(call),
            F::Left => self.left(call),
            F::Mid => self.mid(call),
            F::NormalizeDiacritics => self.normalize_diacritics(call),
            F::Not => self.not(call),
            F::Now => self.now(node),
            F::NumFromDate => self.num_from_date(call),
            F::PCase => self.p_case(call),
            F::RandomString => self.random_string(node, call),
            F::Redact => self.handed(call, 0),
            F::RemoveDuplicates => self.remove_duplicates(call),
            F::Replace => self.replace(call),
            F::SelectUniqueValue => self.select_unique_value(node, call),
            F::SingleAppRoleAssignment => self.single_role(call),
            F::Split => self.split(call),
            F::StripSpaces => self.strip_spaces(call),
            F::Switch => self.switch(call),
            F::ToLower | F::ToUpper => self.in_case(call),
            F::Word => self.word(call),
        }
    }
}

fn text<'a>(text: impl Into<String>) -> Got<'a> {
    Cow::Owned(Value::Text(text.into()))
}

const fn null<'a>() -> Got<'a> {
    Cow::Owned(Value::Null)
}

const fn number<'a>(number: i64) -> Got<'a> {
    Cow::Owned(Value::Number(number))
}

const fn bool<'a>(value: bool) -> Got<'a> {
    Cow::Owned(Value::Bool(value))
}
