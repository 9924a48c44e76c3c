//! A regular expression as .NET reads it, reduced to what both engines understand alike.

use super::class::Set;

#[derive(Clone, Debug)]
pub(super) enum Regex {
    Empty,
    Char(char),
    Set(Set),
    /// Any character, or any but a line feed.
    Any {
        line_feed: bool,
    },
    Assertion(Assertion),
    /// A group that captures, by its place among all that do.
    Group(usize, Box<Regex>),
    Plain(Box<Regex>),
    Atomic(Box<Regex>),
    Look(Look, Box<Regex>),
    /// What a group captured; which one stands in a list of its own.
    Reference,
    Sequence(Vec<Regex>),
    Alternatives(Vec<Regex>),
    Repeat(Repeat, Box<Regex>),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Assertion {
    /// `\A`, and `^` without (?m).
    Start,
    LineStart,
    /// `\z`.
    End,
    /// `\Z`, and `$` without (?m): also before a last line feed.
    EndOrLastLine,
    LineEnd,
    Boundary,
    NoBoundary,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub(super) behind: bool,
    pub(super) negative: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Repeat {
    pub(super) min: u32,
    pub(super) max: Option<u32>,
    pub(super) lazy: bool,
}

/// A group that is referred to, and which groups were closed before.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) name: GroupName,
    pub(super) closed: Vec<usize>,
    pub(super) offset: usize,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum GroupName {
    Number(usize),
    Name(String),
}

impl GroupName {
    /// Whether this is the name; a number is compared as it is written without zeros before it.
    pub(super) fn is(&self, name: &str) -> bool {
        match self {
            Self::Name(own) => own == name,
            Self::Number(_) => *self == Self::read(name),
        }
    }

    /// A name of digits alone is a number.
    pub(super) fn read(name: &str) -> Self {
        let number = name.bytes().all(|byte| byte.is_ascii_digit()).then(|| name.parse().ok()).flatten();
        number.map_or_else(|| Self::Name(name.to_owned()), Self::Number)
    }
}

impl Regex {
    /// Whether it can match the empty text.
    pub(super) fn nullable(&self) -> bool {
        match self {
            Self::Empty | Self::Assertion(_) | Self::Look(..) | Self::Reference => true,
            Self::Char(_) | Self::Set(_) | Self::Any { .. } => false,
            Self::Group(_, body) | Self::Plain(body) | Self::Atomic(body) => body.nullable(),
            Self::Sequence(parts) => parts.iter().all(Self::nullable),
            Self::Alternatives(branches) => branches.iter().any(Self::nullable),
            Self::Repeat(repeat, body) => repeat.min == 0 || body.nullable(),
        }
    }

    pub(super) fn captures(&self) -> bool {
        match self {
            Self::Group(..) => true,
            Self::Plain(body) | Self::Atomic(body) | Self::Look(_, body) | Self::Repeat(_, body) => {
                body.captures()
            }
            Self::Sequence(parts) | Self::Alternatives(parts) => parts.iter().any(Self::captures),
            _ => false,
        }
    }

    /// Whether it is, for all that counts, a repetition of variable length: repeated itself, the same text can be
    /// cut into turns in exponentially many ways.
    pub(super) fn is_slippery(&self) -> bool {
        match self {
            Self::Repeat(repeat, _) => repeat.max != Some(repeat.min),
            Self::Group(_, body) | Self::Plain(body) => body.is_slippery(),
            Self::Alternatives(branches) => branches.iter().any(Self::is_slippery),
            Self::Sequence(parts) => {
                let mut solid = parts.iter().filter(|part| !part.nullable());
                solid.next().is_some_and(Self::is_slippery) && solid.next().is_none()
            }
            _ => false,
        }
    }
}
