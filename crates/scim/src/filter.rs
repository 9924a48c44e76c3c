//! The filter language of RFC 7644 section 3.4.2.2, as data.

use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};

use crate::path::Path;
use crate::schema::{ENTERPRISE_USER, Kind};
use crate::{ScimError, matching, parse};

/// A parsed filter. It prints as a filter that parses to the same.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Filter {
    /// Two or more, all of which must match.
    And(Vec<Filter>),
    Compare {
        target: Path,
        op: Compare,
        value: Literal,
    },
    Not(Box<Filter>),
    /// Two or more, one of which must match.
    Or(Vec<Filter>),
    /// `title pr`; also a value path that stands alone, as in `emails[type eq "work"]`.
    Present(Path),
}

/// Comparison operators.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Compare {
    Contains,
    EndsWith,
    Equal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    NotEqual,
    StartsWith,
}

/// The right side of a comparison.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Literal {
    Bool(bool),
    Null,
    /// A JSON number as it was written, so that an identifier of digits keeps its zeros.
    Number(String),
    Text(String),
}

/// A filter that an index can answer. Values are as the client wrote them: fold `UserName` and `DisplayName` with
/// [`folded`](sallyport_domain::folded); `Id`, `ExternalId` and member ids are compared exactly.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Lookup {
    DisplayName(String),
    /// Of a user; without regard to case. Only from [`Filter::candidates`].
    Email(String),
    ExternalId(String),
    Id(String),
    IdAndManager {
        id: String,
        manager: String,
    },
    IdAndMember {
        id: String,
        member: String,
    },
    Member(String),
    UserName(String),
}

impl FromStr for Filter {
    type Err = ScimError;

    fn from_str(text: &str) -> Result<Self, ScimError> {
        parse::filter(text).map_err(ScimError::InvalidFilter)
    }
}

impl Filter {
    /// Whether a resource matches. `resource` is a *rendered* resource where the filter may name `id`, `meta` or
    /// `members`, which documents do not hold. `ne` is the exact opposite of `eq`, absent attributes included.
    #[must_use]
    pub fn matches(&self, kind: Kind, resource: &Map<String, Value>) -> bool {
        matching::resource(self, kind, resource)
    }

    /// The lookup that answers this filter completely, if there is one.
    #[must_use]
    pub fn as_lookup(&self) -> Option<Lookup> {
        match self {
            Self::Compare { .. } => self.equality().and_then(|(name, text)| match name {
                Indexed::DisplayName => Some(Lookup::DisplayName(text)),
                Indexed::ExternalId => Some(Lookup::ExternalId(text)),
                Indexed::Id => Some(Lookup::Id(text)),
                Indexed::Manager => None,
                Indexed::Member => Some(Lookup::Member(text)),
                Indexed::UserName => Some(Lookup::UserName(text)),
            }),
            Self::And(terms) => {
                let [first, second] = terms.as_slice() else { return None };
                match (first.equality()?, second.equality()?) {
                    ((Indexed::Id, id), (other, text)) | ((other, text), (Indexed::Id, id)) => match other {
                        Indexed::Manager => Some(Lookup::IdAndManager { id, manager: text }),
                        Indexed::Member => Some(Lookup::IdAndMember { id, member: text }),
                        _ => None,
                    },
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// Whether the filter names this top-level attribute anywhere: a scan for a filter that does not name
    /// `members` need not load them.
    #[must_use]
    pub fn names(&self, attribute: &str) -> bool {
        match self {
            Self::And(terms) | Self::Or(terms) => terms.iter().any(|term| term.names(attribute)),
            Self::Not(inner) => inner.names(attribute),
            Self::Compare { target, .. } | Self::Present(target) => match target {
                Path::Attr(attr) | Path::Values { attr, .. } => attr.name.eq_ignore_ascii_case(attribute),
                Path::Extension(_) => false,
            },
        }
    }

    /// Refuses what RFC 7644 section 3.4.2.2 refuses: an order of booleans or of binary values.
    ///
    /// # Errors
    /// [`ScimError::InvalidFilter`].
    pub fn check(&self, kind: Kind) -> Result<(), ScimError> {
        matching::check(self, kind).map_err(ScimError::InvalidFilter)
    }

    /// How many conditions are evaluated at most.
    pub(crate) fn terms(&self) -> usize {
        match self {
            Self::And(terms) | Self::Or(terms) => terms.iter().map(Self::terms).sum(),
            Self::Not(inner) => inner.terms(),
            Self::Compare { target, .. } | Self::Present(target) => match target {
                Path::Values { filter, .. } => 1 + filter.terms(),
                Path::Attr(_) | Path::Extension(_) => 1,
            },
        }
    }

    /// `name eq "text"` on one of the attributes that have an index.
    fn equality(&self) -> Option<(Indexed, String)> {
        let Self::Compare { target: Path::Attr(attr), op: Compare::Equal, value } = self else { return None };
        let text = match value {
            Literal::Text(text) | Literal::Number(text) => text.clone(),
            Literal::Bool(_) | Literal::Null => return None,
        };
        let with_value = attr.sub.as_ref().is_none_or(|sub| sub.eq_ignore_ascii_case("value"));
        let enterprise = attr.urn.as_deref().is_none_or(|urn| urn == ENTERPRISE_USER);
        if with_value && enterprise && attr.name.eq_ignore_ascii_case("manager") {
            return Some((Indexed::Manager, text));
        }
        if with_value && attr.urn.is_none() && attr.name.eq_ignore_ascii_case("members") {
            return Some((Indexed::Member, text));
        }
        let simple = [
            ("displayName", Indexed::DisplayName),
            ("externalId", Indexed::ExternalId),
            ("id", Indexed::Id),
            ("userName", Indexed::UserName),
        ];
        simple.into_iter().find(|(name, _)| attr.is(name)).map(|(_, indexed)| (indexed, text))
    }
}

#[derive(Clone, Copy, Debug)]
enum Indexed {
    DisplayName,
    ExternalId,
    Id,
    Manager,
    Member,
    UserName,
}

impl fmt::Display for Filter {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(terms) => join(out, terms, " and ", |term| matches!(term, Self::And(_) | Self::Or(_))),
            Self::Compare { target, op, value } => write!(out, "{target} {op} {value}"),
            Self::Not(inner) => write!(out, "not ({inner})"),
            Self::Or(terms) => join(out, terms, " or ", |term| matches!(term, Self::Or(_))),
            Self::Present(target @ Path::Values { sub: None, .. }) => target.fmt(out),
            Self::Present(target) => write!(out, "{target} pr"),
        }
    }
}

/// Terms that bind less tightly, or that were grouped by hand, keep their parentheses.
fn join(
    out: &mut fmt::Formatter<'_>,
    terms: &[Filter],
    word: &str,
    grouped: impl Fn(&Filter) -> bool,
) -> fmt::Result {
    for (index, term) in terms.iter().enumerate() {
        if index > 0 {
            out.write_str(word)?;
        }
        if grouped(term) {
            write!(out, "({term})")?;
        } else {
            write!(out, "{term}")?;
        }
    }
    Ok(())
}

impl Compare {
    const WORDS: [(&'static str, Self); 9] = [
        ("co", Self::Contains),
        ("eq", Self::Equal),
        ("ew", Self::EndsWith),
        ("ge", Self::GreaterOrEqual),
        ("gt", Self::Greater),
        ("le", Self::LessOrEqual),
        ("lt", Self::Less),
        ("ne", Self::NotEqual),
        ("sw", Self::StartsWith),
    ];

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|(_, op)| *op)
    }
}

impl fmt::Display for Compare {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        Self::WORDS.iter().find(|(_, op)| op == self).map_or(Ok(()), |(word, _)| out.write_str(word))
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(out),
            Self::Null => out.write_str("null"),
            Self::Number(text) => out.write_str(text),
            Self::Text(text) => Value::String(text.clone()).fmt(out),
        }
    }
}
