//! Attribute paths of RFC 7644 section 3.5.2, as data.

use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};

use crate::filter::Filter;
use crate::schema::{Attribute, ENTERPRISE_USER, GROUP, Kind, SALLYPORT_USER, USER};
use crate::{ScimError, parse};

/// The target of a PATCH operation, of a comparison, or of a projection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Path {
    /// `name` or `name.sub`, with or without a schema URN before it.
    Attr(AttrPath),
    /// A schema URN alone: the extension object as a whole.
    Extension(String),
    /// `attr[filter]` or `attr[filter].sub`.
    Values { attr: AttrPath, filter: Box<Filter>, sub: Option<String> },
}

/// An attribute by name. Names are kept as written and compared without regard to case.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AttrPath {
    /// URN of an extension; `None` for the core schema, also where the core URN was written out.
    pub urn: Option<String>,
    pub name: String,
    /// Always `None` within [`Path::Values`], which has its own.
    pub sub: Option<String>,
}

impl FromStr for Path {
    type Err = ScimError;

    fn from_str(text: &str) -> Result<Self, ScimError> {
        parse::path(text).map_err(ScimError::InvalidPath)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attr(attr) => attr.fmt(out),
            Self::Extension(urn) => out.write_str(urn),
            Self::Values { attr, filter, sub: None } => write!(out, "{attr}[{filter}]"),
            Self::Values { attr, filter, sub: Some(sub) } => write!(out, "{attr}[{filter}].{sub}"),
        }
    }
}

impl fmt::Display for AttrPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(urn) = &self.urn {
            write!(out, "{urn}:")?;
        }
        out.write_str(&self.name)?;
        self.sub.as_ref().map_or(Ok(()), |sub| write!(out, ".{sub}"))
    }
}

impl AttrPath {
    /// Whether this is the core attribute of that name, without sub-attribute.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.urn.is_none() && self.sub.is_none() && self.name.eq_ignore_ascii_case(name)
    }
}

/// Reads one word as a path without brackets.
pub(crate) fn word(text: &str) -> Result<Path, String> {
    if !text.contains(':') {
        return attribute(None, text).map(Path::Attr).ok_or_else(|| format!("{text:?} is not an attribute"));
    }
    for known in [USER, GROUP, ENTERPRISE_USER, SALLYPORT_USER] {
        let Some(rest) = strip_prefix_any_case(text, known) else { continue };
        if rest.is_empty() {
            return Ok(Path::Extension(known.to_owned()));
        }
        // Some write the dot that stands before a sub-attribute.
        if let Some(name) = rest.strip_prefix([':', '.']) {
            let urn = ![USER, GROUP].contains(&known);
            let urn = urn.then_some(known);
            return attribute(urn, name)
                .map(Path::Attr)
                .ok_or_else(|| format!("{name:?} is not an attribute"));
        }
    }
    Ok(unknown_urn(text))
}

/// An extension that we do not know: its URN ends before the last colon, unless what follows is no attribute
/// name (`…:2.0User`) or is a resource type (`…:2.0:User`), which is how URNs end and attributes never do.
fn unknown_urn(text: &str) -> Path {
    let whole = || Path::Extension(text.to_owned());
    let Some((urn, name)) = text.rsplit_once(':') else { return whole() };
    if [Kind::User.name(), Kind::Group.name()].iter().any(|kind| kind.eq_ignore_ascii_case(name)) {
        return whole();
    }
    attribute(Some(urn), name).map_or_else(whole, Path::Attr)
}

fn attribute(urn: Option<&str>, text: &str) -> Option<AttrPath> {
    let (name, sub) = text.split_once('.').map_or((text, None), |(name, sub)| (name, Some(sub)));
    let valid = is_name(name) && sub.is_none_or(is_name);
    valid.then(|| AttrPath {
        urn: urn.map(str::to_owned),
        name: name.to_owned(),
        sub: sub.map(str::to_owned),
    })
}

/// ATTRNAME of RFC 7643 section 2.1, and `$ref`.
pub(crate) fn is_name(text: &str) -> bool {
    let text = text.strip_prefix('$').unwrap_or(text);
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|next| next.is_ascii_alphanumeric() || matches!(next, '-' | '_'))
}

fn strip_prefix_any_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Where in a document an attribute is, or would be.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// Key of the extension object that holds it; `None` for the top level.
    pub(crate) extension: Option<String>,
    pub(crate) key: String,
    pub(crate) attribute: Option<&'static Attribute>,
}

impl Place {
    /// Finds the attribute, whatever the case of its name. A name that no core attribute has but an attribute of
    /// a known extension (`manager`, `department`) means the latter, unless the document says otherwise.
    pub(crate) fn find(kind: Kind, document: &Map<String, Value>, path: &AttrPath) -> Self {
        if let Some(urn) = &path.urn {
            let known = kind.extension(urn);
            let fallback = known.map_or(urn.as_str(), |(urn, _)| urn);
            let extension = key_of(document, urn).unwrap_or(fallback).to_owned();
            let attribute = known.and_then(|(_, attributes)| crate::schema::find(attributes, &path.name));
            return Self::within(document, Some(extension), attribute, &path.name);
        }
        let core = kind.attribute(&path.name);
        if core.is_none() && key_of(document, &path.name).is_none() {
            for (urn, attributes) in kind.extensions() {
                if let Some(attribute) = crate::schema::find(attributes, &path.name) {
                    let extension = key_of(document, urn).unwrap_or(urn).to_owned();
                    return Self::within(document, Some(extension), Some(attribute), &path.name);
                }
            }
        }
        Self::within(document, None, core, &path.name)
    }

    fn within(
        document: &Map<String, Value>,
        extension: Option<String>,
        attribute: Option<&'static Attribute>,
        name: &str,
    ) -> Self {
        let holder = match &extension {
            Some(urn) => document.get(urn).and_then(Value::as_object),
            None => Some(document),
        };
        let fallback = attribute.map_or(name, |attribute| attribute.name);
        let key = holder.and_then(|map| key_of(map, name)).unwrap_or(fallback).to_owned();
        Self { extension, key, attribute }
    }

    pub(crate) fn get<'a>(&self, document: &'a Map<String, Value>) -> Option<&'a Value> {
        let holder = match &self.extension {
            Some(urn) => document.get(urn)?.as_object()?,
            None => document,
        };
        holder.get(&self.key)
    }
}

/// The key as the map spells it.
pub(crate) fn key_of<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    map.keys().find(|key| key.eq_ignore_ascii_case(name)).map(String::as_str)
}

/// The member of that name, in any case.
pub(crate) fn member<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}
