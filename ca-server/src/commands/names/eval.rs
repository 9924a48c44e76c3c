use anyhow::{Context as _, anyhow};
use sallyport_client::SystemClock;
use sallyport_domain::Clock as _;
use sallyport_mapping::{AttributeMap, Attributes, Expression, MappingError, Value, World};
use sallyport_protocol::names::AttributeSource;
use serde_json::Map;

use super::json;
use super::preview::text;
use crate::app::Attributes as PersonAttributes;
use crate::cli::{Format, NamesEval};

/// Evaluates an expression as Entra would for a person with these attributes. Reads no configuration and no store.
pub(super) fn run(asked: &NamesEval) -> anyhow::Result<()> {
    let (given, map) = (attributes(&asked.attr)?, object(asked)?);
    let person = map.as_ref().map(|(source, map)| PersonAttributes::of(*source, map));
    let attributes: &dyn Attributes = match &person {
        Some(person) => person,
        None => &given,
    };
    let expression =
        Expression::parse_bytes(asked.expression.as_encoded_bytes()).map_err(|error| positioned(&error))?;
    for doubt in expression.doubts() {
        eprintln!("warning: {}", positioned(&doubt));
    }
    let (mut random, nobody) = (rand::thread_rng(), |_: &str| false);
    let mut world = World { now: Some(SystemClock.now()), random: Some(&mut random), taken: Some(&nobody) };
    let value = expression.evaluate_in(attributes, &mut world).map_err(|error| positioned(&error))?;
    match (asked.output.format, &value) {
        (Format::Json, value) => println!("{}", json(value)),
        (Format::Text, Value::Null) => eprintln!("nothing: the attribute would be left out"),
        (Format::Text, Value::List(_)) => println!("{}", json(&value)),
        (Format::Text, value) => println!("{value}"),
    }
    Ok(())
}

/// A person as a directory or a token has them.
fn object(asked: &NamesEval) -> anyhow::Result<Option<(AttributeSource, Map<String, serde_json::Value>)>> {
    let files = [
        (AttributeSource::Scim, &asked.scim),
        (AttributeSource::Graph, &asked.graph),
        (AttributeSource::Claims, &asked.claims),
    ];
    let Some((source, file)) = files.into_iter().find_map(|(source, file)| Some((source, file.as_ref()?)))
    else {
        return Ok(None);
    };
    let person = json::one(&text(file)?).with_context(|| format!("{} is no person", file.display()))?;
    Ok(Some((source, person)))
}

fn positioned(error: &MappingError) -> anyhow::Error {
    let caret = error.caret().replace('\n', "\n  ");
    anyhow!("{error}\n  {caret}")
}

/// A name given several times, or a JSON list, is an attribute with several values. Directories send truth values
/// as `true` and `false`.
fn attributes(given: &[String]) -> anyhow::Result<AttributeMap> {
    let mut attributes: Vec<(&str, Value)> = Vec::new();
    for pair in given {
        let (name, value) = pair.split_once('=').with_context(|| format!("{pair:?} is not NAME=VALUE"))?;
        let value = read(value);
        match attributes.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, before)) => *before = both(before, &value),
            None => attributes.push((name, value)),
        }
    }
    Ok(attributes.into_iter().collect())
}

fn read(value: &str) -> Value {
    match value {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ if value.starts_with('[') => {
            serde_json::from_str(value).map_or_else(|_| Value::from(value), Value::List)
        }
        _ => Value::from(value),
    }
}

fn both(before: &Value, value: &Value) -> Value {
    let items = |value: &Value| match value {
        Value::List(items) => items.clone(),
        other => other.text().into_iter().collect(),
    };
    Value::List([items(before), items(value)].concat())
}

fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Text(text) => text.clone().into(),
        Value::Bool(value) => (*value).into(),
        Value::Number(number) => (*number).into(),
        Value::List(items) => items.clone().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_read_as_directories_send_them() {
        let given = ["a=x=y", "b=true", "B=c", r#"l=["1","2"]"#, "t=[not a list]", "e="].map(str::to_owned);
        let expected = AttributeMap::from_iter([
            ("a", Value::from("x=y")),
            ("b", Value::List(vec!["True".to_owned(), "c".to_owned()])),
            ("l", Value::List(vec!["1".to_owned(), "2".to_owned()])),
            ("t", Value::from("[not a list]")),
            ("e", Value::from("")),
        ]);
        assert_eq!(attributes(&given).unwrap(), expected);
        assert!(attributes(&["userPrincipalName".to_owned()]).is_err());
    }
}
