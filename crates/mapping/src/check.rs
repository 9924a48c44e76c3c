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
        Ok(Self(expression))
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
