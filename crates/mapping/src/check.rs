use std::fmt;
use std::str::FromStr;

use crate::ast::{Call, Kind, Node};
use crate::attributes::Attributes;
use crate::error::{Fault, MappingError, Problem};
use crate::expression::Expression;
use crate::function::Function;
use crate::value::Value;

/// An expression that may decide a POSIX name: it follows from the attributes alone, and gives one text.
#[derive(Clone, Debug, PartialEq)]
pub struct NameMapping(Expression);

impl NameMapping {
    /// # Errors
    /// What is wrong with the text, or why the expression cannot decide names; and where.
    pub fn parse(source: &str) -> Result<Self, MappingError> {
        Expression::parse(source)?.try_into()
    }

    /// An expression that decides names already, perhaps since before it would be taken: what is only in doubt
    /// ([`Expression::doubts`]) is let pass, since nobody may be kept from being suspended by it.
    ///
    /// # Errors
    /// As [`Self::parse`], but for doubts.
    pub fn parse_in_force(source: &str) -> Result<Self, MappingError> {
        let expression = Expression::parse(source)?;
        check(expression.root()).map_err(|fault| fault.in_source(source))?;
        Ok(Self(expression))
    }

    /// The name, before any rule for names is held against it; `None` when the value is absent or empty. Nothing
    /// takes its place then: whoever asks has to refuse.
    ///
    /// # Errors
    /// What these attributes make impossible.
    pub fn name(&self, attributes: &dyn Attributes) -> Result<Option<String>, MappingError> {
        let value = self.0.evaluate(attributes)?;
        if let Value::List(_) = value {
            // Only an attribute that is itself a list, and is handed through, comes to this.
            let fault = Fault::new(self.0.root().offset, Problem::NotAName("a list of values"));
            return Err(fault.in_source(self.0.source()));
        }
        Ok(value.into_text().filter(|name| !name.is_empty()))
    }

    #[must_use]
    pub const fn expression(&self) -> &Expression {
        &self.0
    }
}

impl TryFrom<Expression> for NameMapping {
    type Error = MappingError;

    fn try_from(expression: Expression) -> Result<Self, Self::Error> {
        check(expression.root()).map_err(|fault| fault.in_source(expression.source()))?;
        match doubts(expression.root()).into_iter().next() {
            Some(doubt) => Err(doubt.in_source(expression.source())),
            None => Ok(Self(expression)),
        }
    }
}

impl FromStr for NameMapping {
    type Err = MappingError;

    fn from_str(source: &str) -> Result<Self, Self::Err> {
        Self::parse(source)
    }
}

impl fmt::Display for NameMapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn check(root: &Node) -> Result<(), Fault> {
    let (mut nodes, mut reads) = (vec![root], false);
    while let Some(node) = nodes.pop() {
        reads |= matches!(node.kind, Kind::Attribute(_));
        if let Kind::Call(call) = &node.kind {
            if !call.function.is_deterministic() {
                return Err(Fault::new(node.offset, Problem::NotDeterministic(call.function.name())));
            }
            constant_pattern(call)?;
        }
        nodes.extend(node.children());
    }
    gives_text(root)?;
    if reads { Ok(()) } else { Err(Fault::new(root.offset, Problem::NameWithoutAttributes)) }
}

/// Where the call is an `IIF` whose condition asks whether something is there: Microsoft's page lists these as not
/// supported, for the check fails where nothing is. What would be decided here, Entra need not decide so.
fn presence_in_iif(call: &Call) -> Option<Fault> {
    let mut nodes: Vec<&Node> =
        call.argument(0).filter(|_| call.function == Function::IIF).into_iter().collect();
    while let Some(node) = nodes.pop() {
        let what = match &node.kind {
            Kind::Call(call) => match call.function {
                Function::IsNull | Function::IsNullOrEmpty | Function::IsPresent => {
                    Some(call.function.name())
                }
                _ => None,
            },
            Kind::Comparison(comparison) => {
                let empty = |node: &Node| matches!(&node.kind, Kind::Text(text) if text.is_empty());
                (empty(&comparison.left) || empty(&comparison.right)).then_some("a comparison with \"\"")
            }
            _ => None,
        };
        if let Some(what) = what {
            return Some(Fault::new(node.offset, Problem::PresenceInIif(what)));
        }
        nodes.extend(node.children());
    }
    None
}

/// What of an expression Entra does not do as it reads, and where: nothing that keeps it from being evaluated.
pub(crate) fn doubts(root: &Node) -> Vec<Fault> {
    let (mut nodes, mut doubts) = (vec![root], Vec::new());
    while let Some(node) = nodes.pop() {
        if let Kind::Call(call) = &node.kind {
            doubts.extend(presence_in_iif(call));
        }
        nodes.extend(node.children());
    }
    doubts.sort_unstable_by_key(|fault| fault.offset);
    doubts
}

/// A pattern that is read from a person's attributes would be the person's to choose, and be compiled for each.
fn constant_pattern(call: &Call) -> Result<(), Fault> {
    match call.argument(2) {
        Some(pattern) if call.function == Function::Replace && call.pattern.is_none() => {
            Err(Fault::new(pattern.offset, Problem::PatternNotConstant))
        }
        _ => Ok(()),
    }
}

/// Whether every value that the node can give may be one text. What depends on attributes is seen when evaluating.
fn gives_text(node: &Node) -> Result<(), Fault> {
    let Kind::Call(call) = &node.kind else { return Ok(()) };
    if let Some(what) = never_a_name(call.function) {
        return Err(Fault::new(node.offset, Problem::NotAName(what)));
    }
    handed_through(call).try_for_each(gives_text)
}

const fn never_a_name(function: Function) -> Option<&'static str> {
    match function {
        Function::AppRoleAssignmentsComplex
        | Function::AssertiveAppRoleAssignmentsComplex
        | Function::RemoveDuplicates
        | Function::Split => Some(function.name()),
        _ => None,
    }
}

/// The arguments of which one becomes the value, unchanged.
fn handed_through(call: &Call) -> impl Iterator<Item = &Node> {
    let function = call.function;
    let handed = move |index: usize| match function {
        Function::Coalesce | Function::IgnoreFlowIfNullOrEmpty | Function::Redact => true,
        Function::IIF => index > 0,
        Function::Switch => index % 2 == 1,
        _ => false,
    };
    let arguments = call.arguments.iter().enumerate();
    arguments.filter(move |(index, _)| handed(*index)).filter_map(|(_, argument)| argument.as_ref())
}
