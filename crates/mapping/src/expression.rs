use std::fmt;
use std::str::FromStr;

use crate::ast::{Kind, Node};
use crate::attributes::Attributes;
use crate::check;
use crate::error::{Fault, MappingError, Problem};
use crate::eval;
use crate::parser;
use crate::value::Value;
use crate::world::World;

/// A parsed expression, its regular expressions compiled. Two are equal when they say the same, however written.
#[derive(Clone)]
pub struct Expression {
    source: String,
    root: Node,
}

impl Expression {
    /// # Errors
    /// What is wrong with the text, and where.
    pub fn parse(source: &str) -> Result<Self, MappingError> {
        let root = parser::parse(source).map_err(|fault| fault.in_source(source))?;
        Ok(Self { source: source.to_owned(), root })
    }

    /// As [`Self::parse`], of whatever somebody was handed.
    ///
    /// # Errors
    /// [`Problem::NotText`] where the bytes cease to be UTF-8; else as [`Self::parse`].
    pub fn parse_bytes(source: &[u8]) -> Result<Self, MappingError> {
        match std::str::from_utf8(source) {
            Ok(source) => Self::parse(source),
            Err(error) => {
                // Up to there the two are the same, so the place is.
                let fault = Fault::new(error.valid_up_to(), Problem::NotText);
                Err(fault.in_source(&String::from_utf8_lossy(source)))
            }
        }
    }

    /// The value for these attributes: a function of nothing else.
    ///
    /// # Errors
    /// What these attributes make impossible; and always, for an expression that needs a clock, random bytes or
    /// the directory's other values (see [`Self::evaluate_in`]).
    pub fn evaluate(&self, attributes: &dyn Attributes) -> Result<Value, MappingError> {
        self.evaluate_in(attributes, &mut World::default())
    }

    /// The value for these attributes at one moment of the world.
    ///
    /// # Errors
    /// What these attributes make impossible, and what the world does not have.
    pub fn evaluate_in(
        &self,
        attributes: &dyn Attributes,
        world: &mut World<'_>,
    ) -> Result<Value, MappingError> {
        eval::evaluate(&self.root, attributes, world).map_err(|fault| fault.in_source(&self.source))
    }

    /// The names of the attributes that the expression reads, as written, each once (ASCII case does not count).
    #[must_use]
    pub fn attributes(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        let mut nodes = vec![&self.root];
        while let Some(node) = nodes.pop() {
            if let Kind::Attribute(name) = &node.kind
                && !names.iter().any(|known| known.eq_ignore_ascii_case(name))
            {
                names.push(name);
            }
            nodes.extend(node.children().into_iter().rev());
        }
        names
    }

    /// What Entra does not do as it reads here, though it can be evaluated.
    #[must_use]
    pub fn doubts(&self) -> Vec<MappingError> {
        check::doubts(&self.root).into_iter().map(|fault| fault.in_source(&self.source)).collect()
    }

    /// The text it was parsed from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    pub(crate) const fn root(&self) -> &Node {
        &self.root
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.root == other.root
    }
}

impl FromStr for Expression {
    type Err = MappingError;

    fn from_str(source: &str) -> Result<Self, Self::Err> {
        Self::parse(source)
    }
}

/// One line, spaces and escapes made regular; parsing it gives an equal expression.
impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.fmt(f)
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.source).finish()
    }
}
