//! Which lookups find everybody that a filter can match, though they may find more.

use crate::filter::{Compare, Filter, Literal, Lookup};
use crate::path::{AttrPath, Path};
use crate::schema::Kind;

impl Filter {
    /// Lookups that between them find every resource of that kind that can match; what they find is still to be
    /// compared with the filter. `None` where everything has to be read.
    #[must_use]
    pub fn candidates(&self, kind: Kind) -> Option<Vec<Lookup>> {
        match self {
            // Whichever term narrows it down: all of them must hold.
            Self::And(terms) => terms.iter().filter_map(|term| term.candidates(kind)).min_by_key(Vec::len),
            Self::Or(terms) => {
                let each: Option<Vec<_>> = terms.iter().map(|term| term.candidates(kind)).collect();
                each.map(|lookups| lookups.concat())
            }
            Self::Not(_) => None,
            Self::Compare { .. } | Self::Present(_) => {
                let lookup = self.as_lookup().or_else(|| self.email().map(Lookup::Email))?;
                is_indexed(&lookup, kind).then(|| vec![lookup])
            }
        }
    }

    /// The address that one of the e-mails must have.
    fn email(&self) -> Option<String> {
        match self {
            Self::Compare { target: Path::Attr(attr), op: Compare::Equal, value }
                if is_emails(attr) && attr.sub.as_deref().is_none_or(is_value) =>
            {
                text(value)
            }
            Self::Compare { target: Path::Values { attr, sub, .. }, op: Compare::Equal, value }
                if is_emails(attr) && sub.as_deref().is_none_or(is_value) =>
            {
                text(value)
            }
            Self::Present(Path::Values { attr, filter, .. }) if is_emails(attr) => filter.value(),
            _ => None,
        }
    }

    /// Within the brackets of a value path: what `value` must be.
    fn value(&self) -> Option<String> {
        match self {
            Self::And(terms) => terms.iter().find_map(Self::value),
            Self::Compare { target: Path::Attr(attr), op: Compare::Equal, value } if attr.is("value") => {
                text(value)
            }
            _ => None,
        }
    }
}

/// Whether resources of the kind can be looked up by it.
const fn is_indexed(lookup: &Lookup, kind: Kind) -> bool {
    matches!(
        (lookup, kind),
        (Lookup::ExternalId(_) | Lookup::Id(_), _)
            | (Lookup::Email(_) | Lookup::UserName(_), Kind::User)
            | (Lookup::DisplayName(_) | Lookup::Member(_), Kind::Group)
    )
}

fn is_emails(attr: &AttrPath) -> bool {
    attr.urn.is_none() && attr.name.eq_ignore_ascii_case("emails")
}

fn is_value(sub: &str) -> bool {
    sub.eq_ignore_ascii_case("value")
}

fn text(value: &Literal) -> Option<String> {
    match value {
        Literal::Text(text) => Some(text.clone()),
        Literal::Bool(_) | Literal::Null | Literal::Number(_) => None,
    }
}
