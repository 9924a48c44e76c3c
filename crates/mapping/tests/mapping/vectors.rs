//! Files of expressions with their values: Microsoft's own examples, and others made with .NET.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use sallyport_mapping::{AttributeMap, Expression, NameMapping, Value};
use serde::Deserialize;
use serde::de::DeserializeOwned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    expression: String,
    #[serde(default)]
    attributes: BTreeMap<String, serde_json::Value>,
    value: serde_json::Value,
    /// What Microsoft's page gives instead, and why it cannot be right.
    page_says: Option<String>,
    why: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Names {
    expression: String,
    names: BTreeMap<String, String>,
}

#[test]
fn microsofts_examples_have_their_values() {
    let vectors: Vec<Vector> = read("microsoft.json");
    let wrong = vectors.iter().filter(|vector| vector.page_says.is_some()).count();
    assert_eq!(wrong, 2, "two of the page's outputs are impossible");
    vectors.iter().for_each(check);
}

#[test]
fn where_the_page_is_silent_the_choice_is_kept() {
    read::<Vec<Vector>>("chosen.json").iter().for_each(check);
}

/// What .NET's documentation and Visual Basic's, to which Microsoft's page refers, imply for the page's functions.
#[test]
fn what_the_documentation_of_dotnet_implies_holds() {
    let vectors: Vec<Vector> = read("documented.json");
    assert!(vectors.len() > 100, "the file is whole");
    let wrong: Vec<String> = vectors.iter().filter_map(mismatch).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    vectors.iter().for_each(check);
}

/// Where the value is another.
fn mismatch(vector: &Vector) -> Option<String> {
    let attributes: AttributeMap =
        vector.attributes.iter().map(|(name, value)| (name, from_json(value))).collect();
    let value = Expression::parse(&vector.expression).and_then(|expression| expression.evaluate(&attributes));
    (value.as_ref() != Ok(&from_json(&vector.value)))
        .then(|| format!("{} of {:?}: {value:?}, not {}", vector.expression, vector.attributes, vector.value))
}

#[test]
fn the_three_expressions_of_the_quickstart_give_their_names() {
    for Names { expression, names } in read::<Vec<Names>>("names.json") {
        let mapping = NameMapping::parse(&expression).expect("it is pasted as it stands on the page");
        for (upn, name) in names {
            let attributes: AttributeMap = [("userPrincipalName", upn.as_str())].into_iter().collect();
            assert_eq!(mapping.name(&attributes).expect("it evaluates"), Some(name), "{expression} of {upn}");
        }
    }
}

/// The family, its arguments, and what .NET gives (tests/vectors/dotnet.cs made them).
#[test]
fn regular_expressions_case_and_dates_are_dotnets() {
    let rows: Vec<Vec<String>> = read("dotnet.json");
    assert!(rows.len() > 900, "the file is whole");
    for row in rows {
        let [family, arguments @ .., expected] = row.as_slice() else { panic!("an empty row") };
        let (text, source, replacement) = match (family.as_str(), arguments) {
            ("replace", [pattern, source, new]) => {
                (format!("Replace([s], , {}, , [r])", quoted(pattern)), source, new)
            }
            ("group", [pattern, source, group, new]) => {
                (format!("Replace([s], , {}, {}, [r])", quoted(pattern), quoted(group)), source, new)
            }
            ("lower", [source]) => ("ToLower([s])".to_owned(), source, source),
            ("upper", [source]) => ("ToUpper([s])".to_owned(), source, source),
            ("title", [source]) => ("PCase([s])".to_owned(), source, source),
            ("date", [source]) => ("CDate([s])".to_owned(), source, source),
            ("format", [source, from, to]) => {
                (format!("FormatDateTime([s], , {}, {})", quoted(from), quoted(to)), source, source)
            }
            _ => panic!("{family} is no family of vectors"),
        };
        let attributes: AttributeMap = [("s", source.as_str()), ("r", replacement)].into_iter().collect();
        let value = Expression::parse(&text).and_then(|expression| expression.evaluate(&attributes));
        assert_eq!(value, Ok(Value::Text(expected.clone())), "{text} of {source:?} with {replacement:?}");
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn check(vector: &Vector) {
    let expression = Expression::parse(&vector.expression).unwrap_or_else(|error| {
        panic!("{error}\n{}", error.caret());
    });
    let attributes: AttributeMap =
        vector.attributes.iter().map(|(name, value)| (name, from_json(value))).collect();
    let value = expression.evaluate(&attributes).unwrap_or_else(|error| panic!("{error}\n{}", error.caret()));
    assert_eq!(value, from_json(&vector.value), "{}", vector.expression);
    assert_eq!(vector.page_says.is_some(), vector.why.is_some());
    assert!(vector.page_says.is_none() || vector.page_says != value.text(), "the page is right after all");
    let printed = expression.to_string();
    assert_eq!(Expression::parse(&printed).expect("what is printed parses"), expression, "{printed}");
}

fn from_json(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(value) => Value::Bool(*value),
        serde_json::Value::Number(number) => Value::Number(number.as_i64().expect("whole numbers only")),
        serde_json::Value::String(text) => Value::Text(text.clone()),
        serde_json::Value::Array(items) => {
            Value::List(items.iter().map(|item| item.as_str().expect("texts only").to_owned()).collect())
        }
        serde_json::Value::Object(_) => panic!("there are no objects in attributes"),
    }
}

fn read<T: DeserializeOwned>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name);
    let text = fs::read_to_string(&path).expect("the file is there");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}
