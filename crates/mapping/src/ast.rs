use crate::function::Function;
use crate::pattern::Pattern;

/// A part of an expression and the byte where it begins.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) offset: usize,
    pub(crate) kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Attribute(String),
    Text(String),
    Number(i64),
    CompareType(CompareType),
    Call(Call),
    Comparison(Box<Comparison>),
}

#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) function: Function,
    /// As written: an empty argument is `None`, which is not the empty text.
    pub(crate) arguments: Vec<Option<Node>>,
    /// `Replace`'s, where it is a constant; compiled once.
    pub(crate) pattern: Option<Pattern>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Comparison {
    pub(crate) left: Node,
    pub(crate) operator: Operator,
    pub(crate) right: Node,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum CompareType {
    Binary,
    Text,
}

impl CompareType {
    pub(crate) const ALL: [Self; 2] = [Self::Binary, Self::Text];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Binary => "vbBinaryCompare",
            Self::Text => "vbTextCompare",
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Operator {
    pub(crate) const fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
        }
    }
}

/// Where a part stands does not count: two expressions are equal when they say the same.
impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

/// The compiled pattern follows from the arguments.
impl PartialEq for Call {
    fn eq(&self, other: &Self) -> bool {
        self.function == other.function && self.arguments == other.arguments
    }
}

impl Call {
    /// The argument at `index`, counted from 0; `None` when it is empty or not there.
    pub(crate) fn argument(&self, index: usize) -> Option<&Node> {
        self.arguments.get(index).and_then(Option::as_ref)
    }
}

impl Node {
    /// The nodes directly below this one.
    pub(crate) fn children(&self) -> Vec<&Self> {
        match &self.kind {
            Kind::Call(call) => call.arguments.iter().flatten().collect(),
            Kind::Comparison(comparison) => vec![&comparison.left, &comparison.right],
            Kind::Attribute(_) | Kind::Text(_) | Kind::Number(_) | Kind::CompareType(_) => Vec::new(),
        }
    }
}
