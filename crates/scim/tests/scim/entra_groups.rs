//! Every request that Entra's provisioning service is known to send about groups, in both of its dialects.

use crate::common::{group, object, patch, patch_members};
use sallyport_scim::{Kind, MemberChange, MemberRef, ScimError, parse_group};
use serde_json::{Value, json};

fn refs(ids: &[&str]) -> Vec<MemberRef> {
    let members: Vec<_> = ids.iter().map(|id| json!({"value": id})).collect();
    parse_group(object(json!({"displayName": "any", "members": members}))).unwrap().1
}

fn add(ids: &[&str]) -> Vec<MemberChange> {
    vec![MemberChange::Add(refs(ids))]
}

fn remove(ids: &[&str]) -> Vec<MemberChange> {
    vec![MemberChange::Remove(refs(ids))]
}

#[test]
fn create_with_the_adscim_schema() {
    let (group, members) = parse_group(object(json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group",
            "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
        "externalId": "3c3c3c3c-2222-4333-8444-555566667777", "displayName": "ssh-prod-admins",
        "meta": {"resourceType": "Group"},
    })))
    .unwrap();
    assert_eq!(group.display_name(), "ssh-prod-admins");
    assert_eq!(group.external_id(), Some("3c3c3c3c-2222-4333-8444-555566667777"));
    assert_eq!(group.document()["schemas"].as_array().map(Vec::len), Some(2));
    assert_eq!(members, []);
}

#[test]
fn create_with_members_takes_them_out_of_the_document() {
    let sent = json!({"displayName": "g", "Members": [
        {"value": "scim-id-1", "display": "One"}, {"value": "nested", "type": "Group"}, "scim-id-2",
        {"$ref": null, "value": "scim-id-1", "type": "User"}]});
    let (group, members) = parse_group(object(sent)).unwrap();
    assert_eq!(Value::Object(group.into_document()), json!({"displayName": "g"}));
    assert_eq!(members.iter().map(MemberRef::as_str).collect::<Vec<_>>(), ["scim-id-1", "scim-id-2"]);
    assert_eq!(parse_group(object(json!({"displayName": "g", "members": null}))).unwrap().1, []);
}

#[test]
fn create_without_a_name_or_with_malformed_members_is_refused() {
    for sent in [
        json!({}),
        json!({"displayName": ""}),
        json!({"displayName": 7}),
        json!({"displayName": "g", "members": 7}),
        json!({"displayName": "g", "members": [7]}),
        json!({"displayName": "g", "members": [{"display": "x"}]}),
        json!({"displayName": "g", "members": [{"value": ""}]}),
    ] {
        assert!(matches!(parse_group(object(sent.clone())), Err(ScimError::InvalidValue(_))), "{sent}");
    }
}

#[test]
fn rename_and_external_id() {
    for operation in [
        json!({"op": "Replace", "path": "displayName", "value": "ssh-prod-root"}),
        json!({"op": "Add", "path": "displayName", "value": "ssh-prod-root"}),
        json!({"op": "replace", "value": {"displayName": "ssh-prod-root"}}),
    ] {
        let outcome = patch(Kind::Group, group().document(), &json!([operation])).unwrap();
        assert!(outcome.changed);
        assert_eq!(outcome.document["displayName"], "ssh-prod-root");
        assert_eq!(outcome.document["externalId"], group().document()["externalId"]);
        assert_eq!(outcome.members, []);
    }
    let refused = patch(Kind::Group, group().document(), &json!([{"op": "remove", "path": "displayName"}]));
    assert!(matches!(refused, Err(ScimError::Mutability(_))));
}

#[test]
fn add_members() {
    for op in ["Add", "add"] {
        let two = json!([{"op": op, "path": "members", "value": [
            {"$ref": null, "value": "scim-id-1"}, {"$ref": null, "value": "scim-id-2"}]}]);
        assert_eq!(patch_members(two).unwrap(), add(&["scim-id-1", "scim-id-2"]));
        for value in [
            json!([{"value": "scim-id-2"}]),
            json!({"value": "scim-id-2"}),
            json!("scim-id-2"),
            json!(["scim-id-2"]),
            json!([{"value": "scim-id-2"}, {"value": "scim-id-2"}, {"value": "nested", "type": "group"}]),
        ] {
            let named = json!([{"op": op, "path": "members", "value": value}]);
            assert_eq!(patch_members(named).unwrap(), add(&["scim-id-2"]), "{value}");
            let pathless = json!([{"op": op, "value": {"members": value}}]);
            assert_eq!(patch_members(pathless).unwrap(), add(&["scim-id-2"]), "{value}");
        }
    }
    let urn =
        json!([{"op": "add", "path": "urn:ietf:params:scim:schemas:core:2.0:Group:members", "value": ["a"]}]);
    assert_eq!(patch_members(urn).unwrap(), add(&["a"]));
}

#[test]
fn remove_members_by_value_removes_only_those() {
    for value in [
        json!([{"$ref": null, "value": "scim-id-1"}]),
        json!([{"value": "scim-id-1"}]),
        json!("scim-id-1"),
        json!(["scim-id-1"]),
        json!({"value": "scim-id-1"}),
    ] {
        for op in ["Remove", "remove"] {
            let operations = json!([{"op": op, "path": "members", "value": value}]);
            assert_eq!(patch_members(operations).unwrap(), remove(&["scim-id-1"]), "{value}");
        }
    }
}

#[test]
fn remove_members_by_filter() {
    let run = |path: &str| patch_members(json!([{"op": "remove", "path": path}])).unwrap();
    assert_eq!(run("members[value eq \"scim-id-1\"]"), remove(&["scim-id-1"]));
    assert_eq!(run("Members[VALUE EQ \"scim-id-1\"]"), remove(&["scim-id-1"]));
    assert_eq!(run("members[value eq 0017]"), remove(&["0017"]));
    assert_eq!(run("members[value eq \"a\" or value eq \"b\"]"), remove(&["a", "b"]));
}

#[test]
fn remove_members_without_value_clears_all() {
    for op in ["Remove", "remove"] {
        assert_eq!(patch_members(json!([{"op": op, "path": "members"}])).unwrap(), [MemberChange::RemoveAll]);
    }
}

#[test]
fn remove_members_with_a_malformed_value_clears_nothing() {
    for value in [
        json!([]),
        json!(null),
        json!(7),
        json!(true),
        json!(""),
        json!({}),
        json!([{}]),
        json!([null]),
        json!([[]]),
        json!([{"value": null}]),
        json!([{"value": "a"}, {"value": 7}]),
    ] {
        let refused = patch_members(json!([
            {"op": "Add", "path": "members", "value": [{"value": "kept-out"}]},
            {"op": "Remove", "path": "members", "value": value},
        ]));
        let refused = refused.unwrap_err();
        assert_eq!((refused.status(), refused.scim_type()), (400, Some("invalidValue")), "{value}");
    }
    // Nothing but a nested group: we have no such member.
    let nested = json!([{"op": "Remove", "path": "members", "value": [{"value": "g", "type": "Group"}]}]);
    assert_eq!(patch_members(nested).unwrap(), []);
}

#[test]
fn filters_that_rows_cannot_answer_are_refused() {
    for path in [
        "members[display eq \"x\"]",
        "members[value ne \"x\"]",
        "members[value eq null]",
        "members[value eq \"a\" and type eq \"User\"]",
        "members[not (value eq \"a\")]",
    ] {
        let refused = patch_members(json!([{"op": "remove", "path": path}])).unwrap_err();
        assert!(matches!(refused, ScimError::InvalidPath(_)), "{path}: {refused}");
    }
    for path in ["members.value", "members[value eq \"a\"].value", "members[value eq \"a\"].display"] {
        for op in ["remove", "replace"] {
            let refused = patch_members(json!([{"op": op, "path": path, "value": "x"}])).unwrap_err();
            assert!(matches!(refused, ScimError::Mutability(_)), "{path}: {refused}");
        }
    }
}

#[test]
fn a_value_beside_brackets_names_the_same_members() {
    let path = "members[value eq \"a\"]";
    for op in ["add", "Replace"] {
        for value in [json!("a"), json!({"value": "a"}), json!([{"$ref": null, "value": "a"}])] {
            let operation = json!([{"op": op, "path": path, "value": value}]);
            assert_eq!(patch_members(operation).unwrap(), [MemberChange::Add(refs(&["a"]))], "{value}");
        }
        for value in [
            json!("b"),
            json!({"value": "b"}),
            json!([{"value": "a"}, {"value": "b"}]),
            json!([]),
            json!({"value": "a", "type": "Group"}),
            json!({"display": "a"}),
            json!(7),
        ] {
            let refused = patch_members(json!([{"op": op, "path": path, "value": value}])).unwrap_err();
            assert_eq!((refused.status(), refused.scim_type()), (400, Some("invalidValue")), "{value}");
        }
    }
}

#[test]
fn replace_members() {
    let all = |ids: &[&str]| vec![MemberChange::ReplaceAll(refs(ids))];
    for operation in [
        json!({"op": "Replace", "value": {"members": [{"value": "scim-id-2"}]}}),
        json!({"op": "Replace", "path": "members", "value": [{"value": "scim-id-2"}]}),
        json!({"op": "replace", "path": "members", "value": {"value": "scim-id-2"}}),
    ] {
        assert_eq!(patch_members(json!([operation])).unwrap(), all(&["scim-id-2"]));
    }
    assert_eq!(patch_members(json!([{"op": "replace", "path": "members", "value": []}])).unwrap(), all(&[]));
    for value in [json!(null), json!(7), json!([{}])] {
        let refused = patch_members(json!([{"op": "replace", "value": {"members": value}}])).unwrap_err();
        assert!(matches!(refused, ScimError::InvalidValue(_)), "{value}");
    }
}

#[test]
fn several_changes_keep_their_order() {
    let operations = json!([
        {"op": "Remove", "path": "members"},
        {"op": "Add", "path": "members", "value": [{"value": "a"}]},
        {"op": "Remove", "path": "members", "value": [{"value": "b"}]},
    ]);
    let expected = [vec![MemberChange::RemoveAll], add(&["a"]), remove(&["b"])].concat();
    assert_eq!(patch_members(operations).unwrap(), expected);
}

#[test]
fn an_empty_operations_array_and_an_empty_add_change_nothing() {
    assert_eq!(patch_members(json!([])).unwrap(), []);
    assert_eq!(patch_members(json!([{"op": "Add", "path": "members", "value": []}])).unwrap(), []);
}
