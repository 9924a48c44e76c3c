//! What holds for every input.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use sallyport_scim::filter::{Compare, Literal};
use sallyport_scim::path::AttrPath;
use sallyport_scim::{Filter, Kind, Path, Projection, apply, json, parse_group, parse_patch, parse_user};
use serde_json::{Map, Value, json};

use crate::common::{ENTERPRISE, mara, patch};

/// The same cases on every run.
const SEED: u64 = 7644;

fn name() -> impl Strategy<Value = String> {
    let reserved = |name: &String| {
        !["and", "eq", "group", "not", "or", "pr", "user"].contains(&name.to_lowercase().as_str())
    };
    "[$]?[A-Za-z][A-Za-z0-9_-]{0,8}".prop_filter("a word of the grammar", reserved)
}

fn urn() -> impl Strategy<Value = String> {
    prop_oneof![Just(ENTERPRISE.to_owned()), "urn:[a-z]{1,5}:[0-9]\\.0:[A-Z][a-z]{0,5}"]
}

fn attr(sub: bool) -> impl Strategy<Value = AttrPath> {
    let sub = if sub { option::of(name()).boxed() } else { Just(None).boxed() };
    (option::of(urn()), name(), sub).prop_map(|(urn, name, sub)| AttrPath { urn, name, sub })
}

fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        any::<bool>().prop_map(Literal::Bool),
        Just(Literal::Null),
        any::<i64>().prop_map(|number| Literal::Number(number.to_string())),
        any::<String>().prop_map(Literal::Text),
    ]
}

fn compare() -> impl Strategy<Value = (Compare, Literal)> {
    let ordered = prop_oneof![
        Just(Compare::Contains),
        Just(Compare::EndsWith),
        Just(Compare::Greater),
        Just(Compare::GreaterOrEqual),
        Just(Compare::Less),
        Just(Compare::LessOrEqual),
        Just(Compare::StartsWith),
    ];
    prop_oneof![
        (prop_oneof![Just(Compare::Equal), Just(Compare::NotEqual)], literal()),
        (ordered, any::<String>().prop_map(Literal::Text)),
    ]
}

/// Expressions over these targets, joined in every way.
fn tree(target: BoxedStrategy<Path>) -> BoxedStrategy<Filter> {
    let leaf = prop_oneof![
        target.clone().prop_map(Filter::Present),
        (target, compare()).prop_map(|(target, (op, value))| Filter::Compare { target, op, value }),
    ];
    leaf.prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|filter| Filter::Not(Box::new(filter))),
            vec(inner.clone(), 2..4).prop_map(Filter::And),
            vec(inner, 2..4).prop_map(Filter::Or),
        ]
    })
    .boxed()
}

fn path() -> BoxedStrategy<Path> {
    let within = tree(attr(true).prop_map(Path::Attr).boxed());
    prop_oneof![
        attr(true).prop_map(Path::Attr),
        (attr(false), within, option::of(name()))
            .prop_map(|(attr, filter, sub)| { Path::Values { attr, filter: Box::new(filter), sub } }),
    ]
    .boxed()
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i32>().prop_map(Value::from),
        "[a-zT]{0,6}".prop_map(Value::String),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let keys = prop_oneof![
            Just("value".to_owned()),
            Just("type".to_owned()),
            Just("primary".to_owned()),
            name()
        ];
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::Array),
            vec((keys, inner), 0..3).prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

/// Paths as a client would write them, known and unknown, and some that are none.
fn path_text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec![
            "active", "displayName", "title", "name", "name.givenName", "emails", "emails.value", "roles", "nickName",
            "emails[type eq \"work\"]", "emails[type eq \"work\"].value", "emails[type eq \"home\"].value",
            "roles[primary eq \"True\"].value", "manager", "manager[value eq \"x\"]", "department", "members",
            "members[value eq \"a\"]", "title[value eq \"SRE\"]", "active[value eq true].value", "externalId", "userName", ENTERPRISE,
        ]).prop_map(str::to_owned),
        1 => path().prop_map(|path| path.to_string()),
        1 => any::<String>(),
    ]
}

fn operation() -> impl Strategy<Value = Value> {
    let op = prop::sample::select(vec!["add", "Add", "remove", "Remove", "replace", "Replace", "move"]);
    (op, option::of(path_text()), option::of(value())).prop_map(|(op, path, value)| {
        let mut map = Map::from_iter([("op".to_owned(), op.into())]);
        map.extend(path.map(|path| ("path".to_owned(), path.into())));
        map.extend(value.map(|value| ("value".to_owned(), value)));
        Value::Object(map)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, rng_seed: RngSeed::Fixed(SEED), ..ProptestConfig::default() })]

    #[test]
    fn a_filter_prints_and_parses_to_the_same(filter in tree(path())) {
        let text = filter.to_string();
        if text.len() <= sallyport_scim::limits::MAX_FILTER_LENGTH {
            prop_assert_eq!(text.parse::<Filter>(), Ok(filter), "{}", text);
        }
    }

    #[test]
    fn a_path_prints_and_parses_to_the_same(path in path()) {
        let text = path.to_string();
        if text.len() <= sallyport_scim::limits::MAX_FILTER_LENGTH {
            prop_assert_eq!(text.parse::<Path>(), Ok(path), "{}", text);
        }
    }

    #[test]
    fn what_parses_prints_what_parses_to_the_same(text in "[a-c.:\\[\\]()\" ]{0,12}|([a-c]{1,3} (eq|PR|co|and|not|or|\\[|\\]|\\(|\\)|\"x\"| )*){1,4}") {
        if let Ok(filter) = text.parse::<Filter>() {
            prop_assert_eq!(filter.to_string().parse::<Filter>(), Ok(filter));
        }
        if let Ok(path) = text.parse::<Path>() {
            prop_assert_eq!(path.to_string().parse::<Path>(), Ok(path));
        }
    }

    #[test]
    fn nothing_panics_on_any_text(text in any::<String>()) {
        let _ = text.parse::<Path>();
        let _ = Projection::parse(Some(&text), Some(&text));
        let _ = json::parse_object(text.as_bytes());
        if let Ok(filter) = text.parse::<Filter>() {
            let _ = filter.matches(Kind::User, mara().document());
        }
    }

    #[test]
    fn any_filter_can_be_asked_of_any_resource(filter in tree(path()), custom in value()) {
        let mut resource = mara().into_document();
        resource.insert("custom".to_owned(), custom);
        let matched = filter.matches(Kind::User, &resource);
        prop_assert_eq!(Filter::Not(Box::new(filter)).matches(Kind::User, &resource), !matched);
    }

    #[test]
    fn patch_never_panics_and_what_it_makes_can_be_posted(operations in vec(operation(), 0..4)) {
        for kind in [Kind::User, Kind::Group] {
            let Ok(outcome) = patch(kind, mara().document(), &json!(operations)) else { continue };
            prop_assert_eq!(outcome.changed, &outcome.document != mara().document());
            let again = match kind {
                Kind::User => {
                    prop_assert!(outcome.members.is_empty());
                    let mut expected = outcome.document.clone();
                    expected.entry("active").or_insert(Value::Bool(true));
                    (parse_user(outcome.document).map(sallyport_scim::User::into_document), expected)
                }
                Kind::Group => {
                    prop_assert!(!outcome.document.contains_key("members"));
                    let group = parse_group(outcome.document.clone());
                    (group.map(|(group, _)| group.into_document()), outcome.document)
                }
            };
            prop_assert_eq!(again.0, Ok(again.1));
        }
    }

    #[test]
    fn patch_never_loses_an_attribute_that_it_does_not_name(
        key in "x[a-z]{1,6}",
        kept in value().prop_filter("null is absence", |value| !value.is_null()),
        operations in vec(operation(), 1..4),
    ) {
        let mut document = mara().into_document();
        document.insert(key.clone(), kept.clone());
        let named = |operation: &Value| operation.to_string().to_lowercase().contains(&key);
        prop_assume!(!operations.iter().any(named));
        if let Ok(outcome) = patch(Kind::User, &document, &json!(operations)) {
            prop_assert_eq!(outcome.document.get(&key), Some(&kept));
        }
    }

    #[test]
    fn one_named_attribute_changes_and_no_other(title in "[a-z]{1,8}", upper in any::<bool>()) {
        let op = if upper { "Replace" } else { "add" };
        let operations = json!([{"op": op, "path": "title", "value": title}]);
        let outcome = patch(Kind::User, mara().document(), &operations).unwrap();
        let mut expected = mara().into_document();
        expected.insert("title".to_owned(), title.into());
        prop_assert_eq!(outcome.document, expected);
    }

    #[test]
    fn operations_that_parse_never_panic_when_applied(body in value()) {
        let body = Map::from_iter([("Operations".to_owned(), body)]);
        if let Ok(operations) = parse_patch(&body) {
            let _ = apply(Kind::Group, &Map::new(), &operations);
        }
    }
}
