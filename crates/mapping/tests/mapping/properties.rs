//! What holds for every input.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use sallyport_mapping::{AttributeMap, Expression, Function, Value, limits};

/// Expressions that parse as far as calls and arguments go, most of them with the right number of arguments.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => "[a-d]".prop_map(|name| format!("[{name}]")),
        3 => "[a-zA-Z0-9@. \\\\\"+*()é😀-]{0,8}".prop_map(|text| quoted(&text)),
        2 => (-3_i64..12).prop_map(|number| number.to_string()),
        1 => any::<u32>().prop_map(|number| format!("&H{number:X}")),
        1 => Just(String::new()),
        1 => prop_oneof![
            Just("\"2024-02-29T10:00:00+01:00\"".to_owned()),
            Just("\"yyyy-MM-dd\"".to_owned()),
            Just("\"d\"".to_owned()),
            Just("\"(?<n>[a-z]+)\"".to_owned()),
            Just("\"n\"".to_owned()),
        ],
    ];
    let functions: Vec<Function> = Function::all().collect();
    leaf.prop_recursive(4, 40, 7, move |inner| {
        let operator = prop::sample::select(vec!["=", "<>", ">", ">=", "<", "<="]);
        let compared = (inner.clone(), operator, inner.clone())
            .prop_map(|(left, operator, right)| format!("{left} {operator}{right}"));
        let compare_type = prop::sample::select(vec!["vbTextCompare", "vbBinaryCompare"]);
        prop_oneof![
            8 => (prop::sample::select(functions.clone()), prop::collection::vec(inner.clone(), 0..8))
                .prop_map(|(function, arguments)| format!("{}({})", function.name(), arguments.join(", "))),
            1 => compared.clone().prop_map(|compared| format!("CBool({compared})")),
            1 => (compared, inner.clone(), inner.clone())
                .prop_map(|(condition, yes, no)| format!("IIF({condition}, {yes}, {no})")),
            1 => (inner.clone(), inner, 1_u8..4, compare_type)
                .prop_map(|(text, part, start, how)| format!("InStr({text}, {part}, {start}, {how})")),
        ]
    })
}

/// What is generated has all of the grammar in it, and most of that gets past the parser often enough.
#[test]
fn everything_of_the_grammar_is_tried() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut tried: Vec<Expression> = Vec::new();
    for _ in 0..3_000 {
        let text = expression().new_tree(&mut runner).expect("a tree").current();
        tried.extend(Expression::parse(&text));
    }
    let with = |part: &str| tried.iter().filter(|it| it.source().contains(part)).count();
    for part in
        [" =", " <>", " >", " >=", " <", " <=", "&H", "vbTextCompare", "vbBinaryCompare", "IIF(", "CBool("]
    {
        assert!(with(part) >= 5, "{part} parsed {} times of {}", with(part), tried.len());
    }
    let attributes = AttributeMap::from_iter([("a", "Mara"), ("b", "7"), ("c", "x y"), ("d", "")]);
    let valued = tried.iter().filter(|it| it.evaluate(&attributes).is_ok()).count();
    assert!(valued * 3 > tried.len(), "{valued} of {} have a value", tried.len());
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => "\\PC{0,24}".prop_map(Value::Text),
        2 => "[A-Z][a-z]{1,8}\\.[A-Z][a-z]{1,8}@contoso\\.test".prop_map(Value::Text),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => any::<i64>().prop_map(Value::Number),
        1 => prop::collection::vec("\\PC{0,6}", 0..4).prop_map(Value::List),
        1 => Just(Value::Null),
    ]
}

fn attributes() -> impl Strategy<Value = AttributeMap> {
    prop::collection::vec(value(), 4)
        .prop_map(|values| ["a", "b", "c", "d"].into_iter().zip(values).collect())
}

fn within_budgets(value: &Value) -> bool {
    match value {
        Value::Text(text) => text.len() <= limits::TEXT_BYTES,
        Value::List(items) => {
            items.len() <= limits::LIST_ITEMS
                && items.iter().map(String::len).sum::<usize>() <= limits::TEXT_BYTES
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    /// Printing and parsing are inverse, and printing twice changes nothing.
    #[test]
    fn what_is_printed_parses_to_the_same(text in expression()) {
        if let Ok(parsed) = Expression::parse(&text) {
            let printed = parsed.to_string();
            let again = Expression::parse(&printed);
            prop_assert_eq!(again.as_ref(), Ok(&parsed), "{}", printed);
            prop_assert_eq!(again.map(|again| again.to_string()), Ok(printed));
        }
    }

    /// The value follows from expression and attributes alone, and is the same for what is printed.
    #[test]
    fn evaluation_is_a_function_of_its_input(text in expression(), attributes in attributes()) {
        if let Ok(parsed) = Expression::parse(&text) {
            let value = parsed.evaluate(&attributes);
            prop_assert_eq!(&value, &parsed.clone().evaluate(&attributes.clone()));
            let printed = Expression::parse(&parsed.to_string()).map(|again| again.evaluate(&attributes).ok());
            prop_assert_eq!(printed, Ok(value.clone().ok()));
            prop_assert!(value.is_ok_and(|value| within_budgets(&value)) || parsed.evaluate(&attributes).is_err());
        }
    }

    /// Any text is an expression or an error with a place inside of it.
    #[test]
    fn any_text_is_an_expression_or_a_positioned_error(text in "\\PC*|[\\[\\]\"(),\\\\a-zA-Z&=<> \n-]{0,60}") {
        if let Err(error) = Expression::parse(&text) {
            prop_assert!(error.place().offset <= text.len());
            prop_assert!(text.is_char_boundary(error.place().offset));
            prop_assert_eq!(error.caret().lines().count(), 2);
        }
    }

    /// Any text is a regular expression that ends, or is refused.
    #[test]
    fn any_pattern_ends(pattern in "[ab.*+?(){}|^$\\\\\\[\\]<>=!:1-3w-]{0,14}", source in "[ab]{0,40}") {
        let text = format!("Replace([a], , {}, , \"<$1$&>\")", quoted(&pattern));
        let attributes = AttributeMap::from_iter([("a", source)]);
        let value = Expression::parse(&text).and_then(|parsed| parsed.evaluate(&attributes));
        prop_assert!(value.map_or(true, |value| within_budgets(&value)));
    }
}
