//! Filters evaluated over documents.

use std::cmp::Ordering;

use jiff::Timestamp;
use sallyport_domain::folded;
use serde_json::{Map, Value};

use crate::filter::{Compare, Filter, Literal};
use crate::normal::is_unassigned;
use crate::path::{AttrPath, Path, Place, member};
use crate::schema::{Attribute, Kind, Type};

pub(crate) fn resource(filter: &Filter, kind: Kind, map: &Map<String, Value>) -> bool {
    evaluate(filter, Scope::Resource(kind, map))
}

/// Whether one value of a multi-valued attribute matches the filter in the brackets.
pub(crate) fn element(filter: &Filter, attribute: Option<&'static Attribute>, value: &Value) -> bool {
    evaluate(filter, Scope::Element(attribute, value))
}

/// Whether every comparison means something for the attribute that it is about, as far as we know the attribute.
pub(crate) fn check(filter: &Filter, kind: Kind) -> Result<(), String> {
    check_within(filter, &|attr| Place::find(kind, &Map::new(), attr).attribute)
}

fn check_within(
    filter: &Filter,
    find: &dyn Fn(&AttrPath) -> Option<&'static Attribute>,
) -> Result<(), String> {
    match filter {
        Filter::And(terms) | Filter::Or(terms) => terms.iter().try_for_each(|term| check_within(term, find)),
        Filter::Not(inner) => check_within(inner, find),
        Filter::Present(target) => target_of(target, find).map(drop),
        Filter::Compare { target, op, value: _ } => {
            let attribute = target_of(target, find)?;
            let unordered = attribute.is_some_and(|known| matches!(known.kind, Type::Binary | Type::Boolean));
            let order = matches!(
                op,
                Compare::Greater | Compare::GreaterOrEqual | Compare::Less | Compare::LessOrEqual
            );
            if unordered && order {
                return Err(format!("{op} does not apply to {target}"));
            }
            Ok(())
        }
    }
}

/// The attribute at the end of a path, where it is known; the filter on the way there is checked as well.
fn target_of(
    target: &Path,
    find: &dyn Fn(&AttrPath) -> Option<&'static Attribute>,
) -> Result<Option<&'static Attribute>, String> {
    let below = |found: Option<&'static Attribute>, sub: Option<&str>| match sub {
        Some(sub) => found.and_then(|found| found.sub(sub)),
        None => found,
    };
    Ok(match target {
        Path::Attr(attr) => below(find(attr), attr.sub.as_deref()),
        Path::Extension(_) => None,
        Path::Values { attr, filter, sub } => {
            let found = find(attr);
            check_within(filter, &|inner| found.and_then(|found| found.sub(&inner.name)))?;
            below(found, sub.as_deref())
        }
    })
}

/// What attribute names are relative to.
#[derive(Clone, Copy)]
enum Scope<'a> {
    Element(Option<&'static Attribute>, &'a Value),
    Resource(Kind, &'a Map<String, Value>),
}

/// The values a path leads to, and how they compare.
struct Candidates<'a> {
    values: Vec<&'a Value>,
    attribute: Option<&'static Attribute>,
}

fn evaluate(filter: &Filter, scope: Scope<'_>) -> bool {
    match filter {
        Filter::And(terms) => terms.iter().all(|term| evaluate(term, scope)),
        Filter::Compare { target, op, value } => compare_any(&candidates(target, scope), *op, value),
        Filter::Not(inner) => !evaluate(inner, scope),
        Filter::Or(terms) => terms.iter().any(|term| evaluate(term, scope)),
        // "Non-empty" is the word of RFC 7644: an empty text is not there.
        Filter::Present(target) => {
            candidates(target, scope).values.iter().any(|value| value.as_str() != Some(""))
        }
    }
}

fn candidates<'a>(target: &Path, scope: Scope<'a>) -> Candidates<'a> {
    match target {
        Path::Attr(attr) => {
            let (values, attribute) = values(attr, scope);
            step(values, attribute, attr.sub.as_deref())
        }
        Path::Extension(urn) => {
            let value = match scope {
                Scope::Element(..) => None,
                Scope::Resource(_, map) => member(map, urn),
            };
            Candidates { values: assigned(value).collect(), attribute: None }
        }
        Path::Values { attr, filter, sub } => {
            let (mut values, attribute) = values(attr, scope);
            values.retain(|value| element(filter, attribute, value));
            step(values, attribute, sub.as_deref())
        }
    }
}

/// The values of an attribute, each on its own, without its sub-attribute.
fn values<'a>(attr: &AttrPath, scope: Scope<'a>) -> (Vec<&'a Value>, Option<&'static Attribute>) {
    let (value, attribute) = match scope {
        Scope::Element(parent, element) => {
            let attribute = parent.and_then(|parent| parent.sub(&attr.name));
            match element {
                Value::Object(map) => (member(map, &attr.name), attribute),
                // A simple value counts as its own `value`.
                simple => (attr.is("value").then_some(simple), parent),
            }
        }
        Scope::Resource(kind, map) => {
            let place = Place::find(kind, map, attr);
            (place.get(map), place.attribute)
        }
    };
    (assigned(value).collect(), attribute)
}

fn step<'a>(
    values: Vec<&'a Value>,
    attribute: Option<&'static Attribute>,
    sub: Option<&str>,
) -> Candidates<'a> {
    let Some(sub) = sub else { return Candidates { values, attribute } };
    let inner = values.into_iter().filter_map(|value| value.as_object().and_then(|map| member(map, sub)));
    Candidates {
        values: inner.filter(|value| !is_unassigned(value)).collect(),
        attribute: attribute.and_then(|attribute| attribute.sub(sub)),
    }
}

fn assigned(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    let list: &[Value] = match value {
        Some(Value::Array(list)) => list,
        Some(single) => std::slice::from_ref(single),
        None => &[],
    };
    list.iter().filter(|value| !is_unassigned(value))
}

fn compare_any(found: &Candidates<'_>, op: Compare, literal: &Literal) -> bool {
    if op == Compare::NotEqual {
        return !compare_any(found, Compare::Equal, literal);
    }
    if *literal == Literal::Null {
        return found.values.is_empty();
    }
    found.values.iter().any(|value| {
        // A comparison with a complex value means its `value` (RFC 7644 section 3.4.2.2).
        let (value, attribute) = match value {
            Value::Object(map) => {
                (member(map, "value"), found.attribute.and_then(|complex| complex.sub("value")))
            }
            simple => (Some(*simple), found.attribute),
        };
        value.is_some_and(|value| compare(value, attribute, op, literal))
    })
}

fn compare(value: &Value, attribute: Option<&'static Attribute>, op: Compare, literal: &Literal) -> bool {
    match (value, literal) {
        (Value::Bool(value), Literal::Bool(wanted)) => op == Compare::Equal && value == wanted,
        // Entra writes `primary eq "True"`; other documents hold "True" where we are asked for true.
        (Value::Bool(value), Literal::Text(text)) => op == Compare::Equal && is_boolean(text, *value),
        (Value::String(text), Literal::Bool(wanted)) => op == Compare::Equal && is_boolean(text, *wanted),
        (Value::Number(value), Literal::Number(wanted) | Literal::Text(wanted)) => {
            let order =
                value.as_f64().zip(wanted.parse().ok()).and_then(|(a, b): (f64, f64)| a.partial_cmp(&b));
            match order {
                Some(order) if !substring(op) => ordered(order, op),
                _ => text(&value.to_string(), attribute, op, wanted),
            }
        }
        (Value::String(value), Literal::Text(wanted) | Literal::Number(wanted)) => {
            text(value, attribute, op, wanted)
        }
        _ => false,
    }
}

fn text(value: &str, attribute: Option<&'static Attribute>, op: Compare, wanted: &str) -> bool {
    if attribute.is_some_and(|attribute| attribute.kind == Type::DateTime)
        && let (Ok(value), Ok(wanted)) = (value.parse::<Timestamp>(), wanted.parse::<Timestamp>())
        && !substring(op)
    {
        return ordered(value.cmp(&wanted), op);
    }
    if attribute.is_some_and(|attribute| attribute.case_exact) {
        return strings(value, op, wanted);
    }
    // What a scan does most: without a copy of either.
    if op == Compare::Equal && value.is_ascii() && wanted.is_ascii() {
        return value.eq_ignore_ascii_case(wanted);
    }
    let (value, wanted) = (folded(value), folded(wanted));
    if substring(op) {
        // Where a part ends is not the end of a word: there the two forms of sigma are one.
        let parts = |text: &str| text.replace('\u{3c2}', "\u{3c3}");
        return strings(&parts(&value), op, &parts(&wanted));
    }
    strings(&value, op, &wanted)
}

fn strings(value: &str, op: Compare, wanted: &str) -> bool {
    match op {
        Compare::Contains => value.contains(wanted),
        Compare::EndsWith => value.ends_with(wanted),
        Compare::StartsWith => value.starts_with(wanted),
        _ => ordered(value.cmp(wanted), op),
    }
}

const fn substring(op: Compare) -> bool {
    matches!(op, Compare::Contains | Compare::EndsWith | Compare::StartsWith)
}

fn ordered(order: Ordering, op: Compare) -> bool {
    match op {
        Compare::Equal => order.is_eq(),
        Compare::Greater => order.is_gt(),
        Compare::GreaterOrEqual => order.is_ge(),
        Compare::Less => order.is_lt(),
        Compare::LessOrEqual => order.is_le(),
        Compare::NotEqual => order.is_ne(),
        Compare::Contains | Compare::EndsWith | Compare::StartsWith => false,
    }
}

fn is_boolean(text: &str, wanted: bool) -> bool {
    text.eq_ignore_ascii_case(if wanted { "true" } else { "false" })
}
