//! PATCH never loses what it does not name: at the top, within an object, within a value of a list and within each
//! extension, of users and of groups, in both dialects.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use sallyport_scim::{Kind, SALLYPORT_USER};
use serde_json::{Map, Value, json};

use crate::common::{ENTERPRISE, group, mara, object, patch};

/// The same cases on every run.
const SEED: u64 = 3522;
/// What groups come with, and nobody here knows.
const ADSCIM: &str = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group";
const OTHER: &str = "urn:ietf:params:scim:schemas:extension:fabrikam:2.0:User";

/// What is changed beside it: paths and what may stand there.
const OF_USERS: &[(&str, &[&str])] = &[
    ("title", &["\"Lead\"", "5"]),
    ("active", &["\"False\"", "true", "[{\"value\":\"True\"}]"]),
    ("externalId", &["\"0b\""]),
    ("name.givenName", &["\"M\""]),
    ("name", &["{\"familyName\":\"Berg\"}"]),
    ("emails[type eq \"work\"].value", &["\"b@contoso.test\""]),
    ("emails[type eq \"home\"]", &["{\"value\":\"h@contoso.test\"}"]),
    ("phoneNumbers[type eq \"mobile\"].value", &["\"+46\""]),
    ("addresses[type eq \"work\"].locality", &["\"Lund\""]),
    ("roles[primary eq \"True\"].value", &["\"r\""]),
    ("manager", &["\"5f0c\"", "[{\"value\":\"5f0c\"}]"]),
    ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", &["\"Sec\""]),
    ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value", &["\"5f0d\""]),
    ("urn:ietf:params:scim:schemas:extension:sallyport:2.0:User:uidNumber", &["70001", "\"70002\""]),
    ("posixName", &["\"mara\""]),
    ("urn:ietf:params:scim:schemas:extension:fabrikam:2.0:User:badge", &["\"7\"", "{\"a\":1}"]),
    ("urn:ietf:params:scim:schemas:core:2.0:User:nickName", &["\"mia\""]),
    ("unheardOf", &["[1,2]", "\"x\""]),
];
const OF_GROUPS: &[(&str, &[&str])] = &[
    ("displayName", &["\"ssh-prod-root\""]),
    ("externalId", &["\"3d\""]),
    ("members", &["[{\"$ref\":null,\"value\":\"a\"}]", "{\"value\":\"b\"}"]),
    ("urn:ietf:params:scim:schemas:core:2.0:Group:displayName", &["\"other\""]),
    ("unheardOf", &["true"]),
];

/// One change, written in either dialect.
fn operation(of: &'static [(&'static str, &'static [&'static str])]) -> impl Strategy<Value = Value> {
    let change = prop::sample::select(of).prop_flat_map(|(path, values)| {
        prop::sample::select(values)
            .prop_map(move |value| (path, serde_json::from_str::<Value>(value).unwrap()))
    });
    let op = prop::sample::select(vec!["add", "Add", "replace", "Replace", "remove", "Remove"]);
    (op, change, any::<bool>(), any::<bool>()).prop_map(|(op, (path, value), bare, valued)| {
        let removes = op.eq_ignore_ascii_case("remove");
        // To remove an object is to name all that is in it.
        let whole = ["name", "displayName"].iter().any(|name| path.ends_with(name));
        match (removes && !whole, bare) {
            (true, _) if valued && path == "members" => json!({ "op": op, "path": path, "value": value }),
            (true, _) => json!({ "op": op, "path": path }),
            (false, true) => json!({ "op": "Replace", "value": { path: value } }),
            (false, false) => json!({ "op": if removes { "Add" } else { op }, "path": path, "value": value }),
        }
    })
}

/// Something that nothing here names, wherever something may stand.
fn with_kept(
    mut document: Map<String, Value>,
    places: &[&str],
    key: &str,
    kept: &Value,
) -> Map<String, Value> {
    document.insert(key.to_owned(), kept.clone());
    for place in places {
        let holder = document.entry(*place).or_insert_with(|| json!({}));
        object_mut(holder).insert(key.to_owned(), kept.clone());
    }
    document
}

fn object_mut(value: &mut Value) -> &mut Map<String, Value> {
    value.as_object_mut().expect("an object")
}

fn kept() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i32>().prop_map(Value::from),
        "[ -~]{1,8}".prop_map(Value::String),
        vec("[a-z]{1,4}", 1..3).prop_map(|list| json!(list)),
        "[a-z]{1,4}".prop_map(|text| json!({ "inner": { "value": text } })),
    ]
}

const LISTS: [&str; 3] = ["emails", "phoneNumbers", "addresses"];
const HOLDERS: [&str; 4] = ["name", ENTERPRISE, SALLYPORT_USER, OTHER];

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, rng_seed: RngSeed::Fixed(SEED), ..ProptestConfig::default() })]

    #[test]
    fn of_a_user(key in "x[a-z]{2,6}", kept in kept(), operations in vec(operation(OF_USERS), 1..5)) {
        let mut document = with_kept(mara().into_document(), &HOLDERS, &key, &kept);
        let value = json!({ "type": key.as_str(), "value": "kept", "formatted": "kept" });
        for list in LISTS {
            let list = document.entry(list).or_insert_with(|| json!([]));
            list.as_array_mut().expect("a list").push(value.clone());
        }
        let outcome = patch(Kind::User, &document, &json!(operations)).unwrap();
        prop_assert_eq!(outcome.document.get(&key), Some(&kept));
        for holder in HOLDERS {
            prop_assert_eq!(outcome.document[holder].get(&key), Some(&kept), "{}", holder);
        }
        for list in LISTS {
            let list = outcome.document[list].as_array().expect("a list");
            prop_assert!(list.contains(&value), "{:?}", list);
        }
        // And nothing else than what was named has changed.
        for name in ["userName", "preferredLanguage", "displayName"] {
            prop_assert_eq!(outcome.document.get(name), document.get(name));
        }
        prop_assert_eq!(&outcome.document[ENTERPRISE]["employeeNumber"], "4711");
    }

    #[test]
    fn of_a_group(key in "x[a-z]{2,6}", kept in kept(), operations in vec(operation(OF_GROUPS), 1..5)) {
        let document = with_kept(group().document().clone(), &[ADSCIM, OTHER], &key, &kept);
        let outcome = patch(Kind::Group, &document, &json!(operations)).unwrap();
        prop_assert_eq!(outcome.document.get(&key), Some(&kept));
        for holder in [ADSCIM, OTHER] {
            prop_assert_eq!(&outcome.document[holder], &json!({ &key: kept.clone() }));
        }
        prop_assert_eq!(&outcome.document["schemas"], &document["schemas"]);
    }

    /// Each of these changes is one: the property above is not held by refusing everything.
    #[test]
    fn what_is_named_does_change(operation in operation(OF_USERS)) {
        let before = object(json!({ "userName": "x", "schemas": mara().document()["schemas"].clone() }));
        let outcome = patch(Kind::User, &before, &json!([operation])).unwrap();
        let removes = operation["op"].as_str().is_some_and(|op| op.eq_ignore_ascii_case("remove"));
        prop_assert_eq!(outcome.changed, !removes, "{}", operation);
    }
}
