//! Every request that Entra's provisioning service is known to send about users, in both of its dialects.

use crate::common::{ENTERPRISE, MARA, bare, mara, object, patch_user, user, with};
use sallyport_scim::{ScimError, User, parse_user, parse_user_replacing};
use serde_json::{Value, json};

#[test]
fn create_keeps_everything_but_id_and_meta() {
    let mara = mara();
    assert_eq!(mara.user_name(), "mara.lind@contoso.test");
    assert_eq!(mara.external_id(), Some(MARA));
    assert!(mara.active());
    assert_eq!(mara.display_name(), Some("Mara Lind"));
    assert_eq!(mara.emails(), ["mara.lind@contoso.test"]);
    assert_eq!(mara.name("givenName"), Some("Mara"));
    assert_eq!(mara.name("familyName"), Some("Lind"));
    assert_eq!(mara.user_type(), None);
    let document = mara.document();
    assert_eq!(document["title"], "SRE");
    assert_eq!(document["roles"], json!([]));
    assert_eq!(document[ENTERPRISE], json!({"employeeNumber": "4711", "department": "Platform"}));
    assert!(!document.contains_key("meta"));
}

#[test]
fn create_with_nulls_is_create_without_them() {
    let sent = json!({
        "userName": "a@contoso.test", "addresses": null, "phoneNumbers": null, "title": null, "manager": null,
        "department": null, "name": {"givenName": "A", "familyName": null},
        "emails": [null, {"value": "a@contoso.test", "type": "work", "display": null}],
        ENTERPRISE: {"manager": null, "department": null, "division": "D"}, "urn:x:y:2.0:User": {"a": null, "b": 1},
    });
    let expected = json!({
        "userName": "a@contoso.test", "active": true, "name": {"givenName": "A"},
        "emails": [{"value": "a@contoso.test", "type": "work"}], ENTERPRISE: {"division": "D"},
        "urn:x:y:2.0:User": {"b": 1},
    });
    assert_eq!(Value::Object(user(sent).into_document()), expected);
}

#[test]
fn create_with_string_booleans() {
    for (sent, stored) in [("True", true), ("False", false), ("true", true), ("FALSE", false)] {
        let made = user(json!({"userName": "a", "active": sent}));
        assert_eq!(made.document()["active"], json!(stored));
        assert_eq!(made.active(), stored);
    }
    let role = json!({"primary": "True", "value": "Admin", "type": "WindowsAzureActiveDirectoryRole"});
    let made = user(json!({"userName": "a", "roles": [role]}));
    assert_eq!(made.document()["roles"][0]["primary"], json!(true));
}

#[test]
fn create_with_an_active_that_is_no_boolean_is_refused() {
    for wrong in [json!("no"), json!(""), json!(0), json!(1), json!(["True"]), json!({"value": true})] {
        let refused = parse_user(object(json!({"userName": "a", "active": wrong}))).unwrap_err();
        assert!(matches!(refused, ScimError::InvalidValue(_)), "{wrong}: {refused}");
        assert_eq!((refused.status(), refused.scim_type()), (400, Some("invalidValue")));
    }
}

#[test]
fn create_with_the_mistyped_schema_is_tolerated() {
    let typo = "urn:ietf:params:scim:schemas:extension:enterprise:2.0User";
    let made = user(json!({"schemas": [typo], "userName": "a", typo: {"department": "bob"}}));
    assert_eq!(made.document()["schemas"], json!([typo]));
    assert_eq!(made.document()[typo], json!({"department": "bob"}));
}

#[test]
fn create_without_a_user_name_is_refused() {
    for sent in [
        json!({}),
        json!({"userName": null}),
        json!({"userName": ""}),
        json!({"userName": " "}),
        json!({"userName": 7}),
    ] {
        assert!(matches!(parse_user(object(sent)), Err(ScimError::InvalidValue(_))));
    }
}

#[test]
fn create_in_other_letter_case_and_in_two_of_them() {
    let made = user(
        json!({"USERNAME": "a", "Name": {"GIVENNAME": "G"}, ENTERPRISE.to_uppercase(): {"Manager": "5f0c"}}),
    );
    assert_eq!(made.document()["userName"], "a");
    assert_eq!(made.name("givenName"), Some("G"));
    assert_eq!(made.manager(), Some("5f0c"));
    let twice = parse_user(object(json!({"userName": "a", "username": "b"})));
    assert!(matches!(twice, Err(ScimError::InvalidSyntax(_))));
}

#[test]
fn create_never_stores_a_password() {
    let made =
        user(json!({"userName": "a", "Password": "hunter2", "id": "mine", "groups": [{"value": "admins"}]}));
    assert_eq!(made.document().keys().collect::<Vec<_>>(), ["active", "userName"]);
}

#[test]
fn manager_is_an_object_however_it_is_sent() {
    for sent in
        [json!("5f0c"), json!({"value": "5f0c", "$ref": null}), json!([{"value": "5f0c"}]), json!(["5f0c"])]
    {
        let made = user(json!({"userName": "a", ENTERPRISE: {"manager": sent}}));
        assert_eq!(made.document()[ENTERPRISE]["manager"], json!({"value": "5f0c"}));
        assert_eq!(made.manager(), Some("5f0c"));
    }
}

#[test]
fn put_without_active_does_not_reactivate() {
    let suspended = user(json!({"userName": "a", "active": false}));
    let put = |body| parse_user_replacing(object(body), &suspended).unwrap();
    assert!(!put(json!({"userName": "a", "title": "SRE"})).active());
    assert!(put(json!({"userName": "a", "active": "True"})).active());
    assert_eq!(put(json!({"userName": "b"})).document().get("title"), None);
}

#[test]
fn update_user_name_legacy_and_compliant() {
    for op in ["Replace", "replace", "Add", "add"] {
        let after =
            patch_user(&mara(), json!([{"op": op, "path": "userName", "value": "mara.berg@contoso.test"}]));
        assert_eq!(after.unwrap(), with(&mara(), json!({"userName": "mara.berg@contoso.test"})));
    }
}

fn mixed_legacy() -> Value {
    json!([
        {"op": "Replace", "path": "displayName", "value": "Mara Berg"},
        {"op": "Replace", "path": "emails[type eq \"work\"].value", "value": "mara.berg@contoso.test"},
        {"op": "Replace", "path": "name.familyName", "value": "Berg"},
        {"op": "Add", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "+46701234567"},
        {"op": "Replace", "path": "externalId", "value": MARA},
        {"op": "Replace", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "value": "Security"},
    ])
}

#[test]
fn update_mixed_legacy_on_present_targets() {
    let expected = with(
        &mara(),
        json!({
            "displayName": "Mara Berg",
            "emails": [{"primary": true, "type": "work", "value": "mara.berg@contoso.test"}],
            "name": {"formatted": "Mara Lind", "familyName": "Berg", "givenName": "Mara"},
            "phoneNumbers": [{"type": "mobile", "value": "+46701234567"}],
            ENTERPRISE: {"employeeNumber": "4711", "department": "Security"},
        }),
    );
    assert_eq!(patch_user(&mara(), mixed_legacy()).unwrap(), expected);
}

#[test]
fn update_mixed_legacy_on_absent_targets() {
    let expected = with(
        &bare(),
        json!({
            "displayName": "Mara Berg", "externalId": MARA,
            "emails": [{"type": "work", "value": "mara.berg@contoso.test"}],
            "name": {"familyName": "Berg"},
            "phoneNumbers": [{"type": "mobile", "value": "+46701234567"}],
            ENTERPRISE: {"department": "Security"},
        }),
    );
    assert_eq!(patch_user(&bare(), mixed_legacy()).unwrap(), expected);
    // Sent again, as after a time-out, it changes nothing.
    let once = User::from_document(object(expected.clone()));
    assert_eq!(patch_user(&once, mixed_legacy()).unwrap(), expected);
}

#[test]
fn update_mixed_compliant() {
    let operations = json!([
        {"op": "replace", "path": "emails[type eq \"work\"].value", "value": "mara.berg@contoso.test"},
        {"op": "replace", "value": {
            "displayName": "Mara Berg", "name.familyName": "Berg",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber": "4712"}},
    ]);
    let changed = json!({
        "displayName": "Mara Berg",
        "emails": [{"primary": true, "type": "work", "value": "mara.berg@contoso.test"}],
        "name": {"formatted": "Mara Lind", "familyName": "Berg", "givenName": "Mara"},
        ENTERPRISE: {"employeeNumber": "4712", "department": "Platform"},
    });
    assert_eq!(patch_user(&mara(), operations.clone()).unwrap(), with(&mara(), changed));
    let created = json!({
        "displayName": "Mara Berg", "emails": [{"type": "work", "value": "mara.berg@contoso.test"}],
        "name": {"familyName": "Berg"}, ENTERPRISE: {"employeeNumber": "4712"},
    });
    assert_eq!(patch_user(&bare(), operations).unwrap(), with(&bare(), created));
}

#[test]
fn disable_and_enable_in_every_spelling() {
    for op in ["Replace", "replace", "Add", "add"] {
        for (value, active) in [
            (json!("False"), false),
            (json!("false"), false),
            (json!(false), false),
            (json!("True"), true),
            (json!("true"), true),
            (json!(true), true),
        ] {
            for operation in [
                json!({"op": op, "path": "active", "value": value}),
                json!({"op": op, "value": {"active": value}}),
                json!({"op": op, "path": "urn:ietf:params:scim:schemas:core:2.0:User:active", "value": value}),
                json!({"op": op, "path": "Active", "value": [{"$ref": null, "value": value}]}),
            ] {
                for before in [true, false] {
                    let before = user(json!({"userName": "a", "active": before}));
                    let after = patch_user(&before, json!([operation])).unwrap();
                    assert_eq!(after, json!({"userName": "a", "active": active}), "{operation}");
                }
            }
        }
    }
}

#[test]
fn an_active_that_is_no_boolean_is_refused() {
    for wrong in [json!("no"), json!("0"), json!(0), json!([]), json!({})] {
        let operations = json!([{"op": "Replace", "path": "title", "value": "x"}, {"op": "Replace", "path": "active", "value": wrong}]);
        assert!(matches!(patch_user(&mara(), operations), Err(ScimError::InvalidValue(_))), "{wrong}");
    }
}

#[test]
fn active_set_to_nothing_never_activates() {
    for operation in [
        json!({"op": "Replace", "path": "active", "value": null}),
        json!({"op": "Replace", "value": {"active": null}}),
        json!({"op": "remove", "path": "active"}),
    ] {
        for before in [true, false] {
            let before = user(json!({"userName": "a", "active": before}));
            let after = patch_user(&before, json!([operation])).unwrap();
            assert!(!User::from_document(object(after)).active(), "{operation}");
        }
    }
}

#[test]
fn manager_add_replace_and_remove() {
    let path = format!("{ENTERPRISE}:manager");
    let stored = with(&bare(), json!({ENTERPRISE: {"manager": {"value": "5f0c"}}}));
    for before in [
        bare(),
        user(json!({"userName": "mara.lind@contoso.test", ENTERPRISE: {"manager": {"value": "old"}}})),
    ] {
        for op in ["Add", "add", "Replace", "replace"] {
            for path in [path.as_str(), "manager"] {
                for value in [json!("5f0c"), json!({"value": "5f0c"}), json!([{"value": "5f0c"}])] {
                    let after = patch_user(&before, json!([{"op": op, "path": path, "value": value}]));
                    assert_eq!(after.unwrap(), stored, "{op} {path}");
                }
            }
            let key = format!("{path}.value");
            assert_eq!(
                patch_user(&before, json!([{"op": op, "value": {path.as_str(): "5f0c"}}])).unwrap(),
                stored
            );
            assert_eq!(
                patch_user(&before, json!([{"op": op, "path": key, "value": "5f0c"}])).unwrap(),
                stored
            );
        }
    }
    let reference = json!([{"op": "Add", "path": "manager", "value": [
        {"$ref": "https://ca.example.test/scim/v2/Users/5f0c", "value": "5f0c"}]}]);
    let after = patch_user(&bare(), reference).unwrap();
    assert_eq!(
        after[ENTERPRISE]["manager"],
        json!({"$ref": "https://ca.example.test/scim/v2/Users/5f0c", "value": "5f0c"})
    );
}

#[test]
fn another_manager_does_not_keep_the_address_of_the_former() {
    let former = json!({"value": "a", "$ref": "https://x.test/Users/a", "displayName": "A"});
    let stored = User::from_document(object(with(&bare(), json!({ENTERPRISE: {"manager": former}}))));
    for (path, value, expected) in [
        ("manager", json!({"value": "b"}), json!({"value": "b"})),
        ("manager.value", json!("b"), json!({"value": "b"})),
        ("manager[value eq \"a\"].value", json!("b"), json!({"value": "b"})),
        ("manager", json!({"value": "b", "$REF": "r"}), json!({"value": "b", "$ref": "r"})),
        ("manager", json!({"value": "a"}), former.clone()),
    ] {
        let after = patch_user(&stored, json!([{"op": "Replace", "path": path, "value": value}])).unwrap();
        assert_eq!(after[ENTERPRISE]["manager"], expected, "{path} {value}");
    }
}

#[test]
fn manager_removed_in_every_form() {
    let managed =
        User::from_document(object(with(&bare(), json!({ENTERPRISE: {"manager": {"value": "5f0c"}}}))));
    let path = format!("{ENTERPRISE}:manager");
    for operation in [
        json!({"op": "remove", "path": "manager[value eq \"5f0c\"]"}),
        json!({"op": "Remove", "path": format!("{path}[value eq \"5f0c\"]")}),
        json!({"op": "remove", "path": path}),
        json!({"op": "Remove", "path": "manager"}),
        json!({"op": "Remove", "path": path, "value": "5f0c"}),
        json!({"op": "Remove", "path": path, "value": [{"$ref": null, "value": "5f0c"}]}),
        json!({"op": "Replace", "path": path, "value": ""}),
        json!({"op": "Replace", "path": path, "value": null}),
        json!({"op": "remove", "path": format!("{path}.value")}),
    ] {
        assert_eq!(
            patch_user(&managed, json!([operation])).unwrap(),
            with(&bare(), json!({})),
            "{operation}"
        );
        assert_eq!(patch_user(&bare(), json!([operation])).unwrap(), with(&bare(), json!({})), "{operation}");
    }
    for another in [
        json!({"op": "remove", "path": "manager[value eq \"other\"]"}),
        json!({"op": "Remove", "path": path, "value": [{"value": "other"}]}),
    ] {
        assert_eq!(
            patch_user(&managed, json!([another])).unwrap(),
            Value::Object(managed.document().clone())
        );
    }
}

#[test]
fn app_roles_as_json_in_a_string_stay_as_they_are() {
    let role = "{\"id\":\"06b0\",\"value\":\"ssh-admin\",\"displayName\":\"SSH admin\"}";
    let operations = json!([{"op": "Add", "path": "roles", "value": [{"value": role}]}]);
    let after = patch_user(&mara(), operations.clone()).unwrap();
    assert_eq!(after, with(&mara(), json!({"roles": [{"value": role}]})));
    let again = patch_user(&User::from_document(object(after.clone())), operations).unwrap();
    assert_eq!(again, after, "added twice it is there once");
}

#[test]
fn app_roles_replaced_propagate_removals() {
    let before = user(json!({"userName": "a", "roles": [{"value": "one"}, {"value": "two"}]}));
    let after = patch_user(
        &before,
        json!([{"op": "replace", "path": "roles", "value": [{"value": "two", "primary": "False"}]}]),
    );
    assert_eq!(after.unwrap()["roles"], json!([{"value": "two", "primary": false}]));
}

#[test]
fn single_app_role_by_primary_in_any_spelling() {
    for literal in ["\"True\"", "true", "\"true\"", "True"] {
        let operations = json!([{"op": "Replace", "path": format!("roles[primary eq {literal}].value"), "value": "ssh-admin"}]);
        let absent = patch_user(&bare(), operations.clone()).unwrap();
        assert_eq!(absent["roles"], json!([{"primary": true, "value": "ssh-admin"}]), "{literal}");
        let before =
            user(json!({"userName": "a", "roles": [{"value": "x"}, {"value": "old", "primary": "True"}]}));
        let present = patch_user(&before, operations).unwrap();
        assert_eq!(
            present["roles"],
            json!([{"value": "x"}, {"value": "ssh-admin", "primary": true}]),
            "{literal}"
        );
    }
}

#[test]
fn a_new_primary_replaces_the_old_one() {
    let before = user(json!({"userName": "a", "emails": [{"type": "work", "value": "w", "primary": true}]}));
    let after = patch_user(
        &before,
        json!([{"op": "add", "path": "emails", "value": {"type": "home", "value": "h", "primary": true}}]),
    );
    assert_eq!(
        after.unwrap()["emails"],
        json!([{"type": "work", "value": "w", "primary": false}, {"type": "home", "value": "h", "primary": true}])
    );
    let path = "emails[type eq \"home\" and primary eq true].value";
    let created = patch_user(&before, json!([{"op": "replace", "path": path, "value": "h"}])).unwrap();
    assert_eq!(created["emails"][0]["primary"], json!(false));
    assert_eq!(created["emails"][1], json!({"type": "home", "primary": true, "value": "h"}));
}

#[test]
fn value_paths_create_change_and_clear() {
    let home = || user(json!({"userName": "a", "emails": [{"type": "home", "value": "h"}]}));
    let run = |operation: Value| patch_user(&home(), json!([operation])).map(|after| after["emails"].clone());
    let work = "emails[type eq \"work\"]";
    let both = json!([{"type": "home", "value": "h"}, {"type": "work", "value": "w"}]);
    for op in ["Add", "Replace"] {
        assert_eq!(run(json!({"op": op, "path": format!("{work}.value"), "value": "w"})).unwrap(), both);
        assert_eq!(run(json!({"op": op, "path": work, "value": "w"})).unwrap(), both);
        assert_eq!(run(json!({"op": op, "path": work, "value": {"value": "w"}})).unwrap(), both);
        assert_eq!(
            run(json!({"op": op, "path": work, "value": [{"type": "work", "value": "w"}]})).unwrap(),
            both
        );
        assert_eq!(run(json!({"op": op, "value": {format!("{work}.value"): "w"}})).unwrap(), both);
        assert_eq!(
            run(json!({"op": op, "path": "emails", "value": [{"type": "home", "value": "n"}]})).unwrap()[0]["value"],
            "n"
        );
    }
    let unchanged = json!([{"type": "home", "value": "h"}]);
    for operation in [
        json!({"op": "Remove", "path": work}),
        json!({"op": "Remove", "path": format!("{work}.value")}),
        json!({"op": "Replace", "path": format!("{work}.value"), "value": null}),
    ] {
        assert_eq!(run(operation).unwrap(), unchanged);
    }
    assert_eq!(run(json!({"op": "Remove", "path": "emails[type eq \"home\"]"})).unwrap(), Value::Null);
    assert_eq!(
        run(json!({"op": "Remove", "path": "emails[TYPE EQ \"HOME\"].value"})).unwrap(),
        json!([{"type": "home"}])
    );
}

#[test]
fn two_e_mails_of_one_type_never_come_to_be() {
    let operations = json!([{"op": "Add", "path": "emails", "value": [{"type": "work", "value": "new@contoso.test", "primary": true}]}]);
    let after = patch_user(&mara(), operations).unwrap();
    assert_eq!(after["emails"], json!([{"type": "work", "value": "new@contoso.test", "primary": true}]));
}

#[test]
fn a_value_path_that_describes_nothing_has_no_target() {
    for path in [
        "emails[type ne \"home\"].value",
        "emails[value co \"x\" or type eq \"work\"].value",
        "emails[type pr].value",
    ] {
        let refused =
            patch_user(&bare(), json!([{"op": "Replace", "path": path, "value": "w"}])).unwrap_err();
        assert!(matches!(refused, ScimError::NoTarget(_)), "{path}: {refused}");
    }
}

#[test]
fn an_address_is_built_up_part_by_part() {
    let operations = json!([
        {"op": "Add", "path": "addresses[type eq \"work\"].formatted", "value": "HQ"},
        {"op": "Add", "path": "addresses[type eq \"work\"].streetAddress", "value": "Main 1"},
        {"op": "Add", "path": "addresses[type eq \"work\"].country", "value": "SE"},
    ]);
    let expected = json!([{"type": "work", "formatted": "HQ", "streetAddress": "Main 1", "country": "SE"}]);
    assert_eq!(patch_user(&bare(), operations).unwrap()["addresses"], expected);
}

#[test]
fn custom_extensions_are_kept_and_changed() {
    let urn = "urn:ietf:params:scim:schemas:extension:sallyport:2.0:User";
    let path = format!("{urn}:posixName");
    for operation in [
        json!({"op": "Add", "path": path, "value": "mlind"}),
        json!({"op": "replace", "value": {path.as_str(): "mlind"}}),
        json!({"op": "replace", "value": {urn: {"posixName": "mlind"}}}),
        json!({"op": "add", "path": urn, "value": {"posixName": "mlind"}}),
    ] {
        let after = patch_user(&bare(), json!([operation])).unwrap();
        assert_eq!(after, with(&bare(), json!({urn: {"posixName": "mlind"}})), "{operation}");
        let gone = patch_user(&User::from_document(object(after)), json!([{"op": "remove", "path": path}]));
        assert_eq!(gone.unwrap(), with(&bare(), json!({})), "an extension goes with its last attribute");
    }
}

#[test]
fn null_clears_an_attribute() {
    for operation in [
        json!({"op": "Replace", "path": "title", "value": null}),
        json!({"op": "replace", "value": {"title": null}}),
        json!({"op": "Remove", "path": "title"}),
        json!({"op": "Remove", "path": "title", "value": "SRE"}),
        json!({"op": "Remove", "path": "title", "value": null}),
    ] {
        assert_eq!(
            patch_user(&mara(), json!([operation])).unwrap(),
            with(&mara(), json!({"title": null})),
            "{operation}"
        );
        assert_eq!(patch_user(&bare(), json!([operation])).unwrap(), with(&bare(), json!({})), "{operation}");
    }
}

#[test]
fn an_empty_operations_array_changes_nothing() {
    assert_eq!(patch_user(&mara(), json!([])).unwrap(), with(&mara(), json!({})));
}

#[test]
fn what_is_ours_or_required_cannot_be_changed_or_removed() {
    for operation in [
        json!({"op": "Replace", "path": "id", "value": "other"}),
        json!({"op": "Replace", "path": "meta.created", "value": "2000-01-01T00:00:00Z"}),
        json!({"op": "Remove", "path": "userName"}),
        json!({"op": "Replace", "path": "userName", "value": null}),
        json!({"op": "Add", "path": "groups", "value": [{"value": "x"}]}),
    ] {
        let refused = patch_user(&mara(), json!([operation])).unwrap_err();
        assert_eq!((refused.status(), refused.scim_type()), (400, Some("mutability")), "{operation}");
    }
    // Sent back with the rest of a resource they are passed over.
    let whole =
        json!([{"op": "replace", "value": {"id": "other", "meta": {}, "title": "CTO", "password": "x"}}]);
    assert_eq!(patch_user(&mara(), whole).unwrap(), with(&mara(), json!({"title": "CTO"})));
}

/// Nobody's leaving is held up by a password that came with it.
#[test]
fn a_password_is_taken_and_not_stored() {
    let operations = json!([
        {"op": "Add", "path": "password", "value": "hunter2"},
        {"op": "replace", "path": "urn:ietf:params:scim:schemas:core:2.0:User:password", "value": "hunter2"},
        {"op": "Replace", "path": "active", "value": "False"},
        {"op": "Remove", "path": "password"},
    ]);
    assert_eq!(patch_user(&mara(), operations).unwrap(), with(&mara(), json!({"active": false})));
}

#[test]
fn a_dot_behind_an_urn_is_a_colon() {
    let path = format!("{ENTERPRISE}.department");
    let expected =
        patch_user(&mara(), json!([{"op": "add", "path": format!("{ENTERPRISE}:department"), "value": "x"}]));
    assert_eq!(patch_user(&mara(), json!([{"op": "add", "path": path, "value": "x"}])), expected);
    assert_eq!(patch_user(&mara(), json!([{"op": "replace", "value": {path.as_str(): "x"}}])), expected);
}

#[test]
fn bad_operations_are_refused_by_name() {
    let refused = |operations| patch_user(&mara(), operations).unwrap_err().scim_type().unwrap();
    assert_eq!(refused(json!("x")), "invalidSyntax");
    assert_eq!(refused(json!(["x"])), "invalidSyntax");
    assert_eq!(refused(json!([{"op": "move", "path": "title"}])), "invalidSyntax");
    assert_eq!(refused(json!([{"path": "title", "value": "x"}])), "invalidSyntax");
    assert_eq!(refused(json!([{"op": "remove"}])), "noTarget");
    assert_eq!(refused(json!([{"op": "remove", "value": {"title": "x"}}])), "noTarget");
    assert_eq!(refused(json!([{"op": "add", "path": "title"}])), "invalidValue");
    assert_eq!(refused(json!([{"op": "add", "value": "x"}])), "invalidValue");
    assert_eq!(refused(json!([{"op": "add", "path": "emails[type eq", "value": "x"}])), "invalidPath");
    assert_eq!(refused(json!([{"op": "add", "path": "a.b.c", "value": "x"}])), "invalidPath");
    assert_eq!(refused(json!([{"op": "add", "path": 7, "value": "x"}])), "invalidPath");
    assert_eq!(refused(json!([{"op": "add", "path": "title.sub", "value": "x"}])), "invalidPath");
    assert_eq!(refused(json!([{"op": "replace", "path": "userName", "value": "  "}])), "invalidValue");
    assert_eq!(refused(json!([{"op": "replace", "path": "externalId", "value": 7}])), "invalidValue");
    assert_eq!(refused(json!([{"op": "replace", "path": "name", "value": "Mara"}])), "invalidValue");
    let many = vec![json!({"op": "add", "path": "title", "value": "x"}); 1001];
    assert_eq!(refused(json!(many)), "tooMany");
    let values: Vec<_> = (0..300).map(|index| json!({"value": index.to_string()})).collect();
    assert_eq!(refused(json!([{"op": "add", "path": "roles", "value": values}])), "tooMany");
}

#[test]
fn countless_comparisons_are_refused() {
    let values: Vec<_> = (0..250).map(|index| index.to_string()).collect();
    let before = user(json!({"userName": "a", "tags": values}));
    let path = format!("tags[{}]", vec!["value eq \"zzzz\""; 40].join(" or "));
    let search = vec![json!({"op": "remove", "path": path}); 900];
    assert!(matches!(patch_user(&before, json!(search)), Err(ScimError::TooMany(_))));
    assert!(patch_user(&before, json!(search[..9])).is_ok());
    let append = vec![json!({"op": "add", "path": "tags", "value": vec!["0"; 250]}); 900];
    assert!(matches!(patch_user(&before, json!(append)), Err(ScimError::TooMany(_))));
}

#[test]
fn an_empty_object_names_no_value() {
    let before = user(json!({"userName": "a", "roles": [{"value": "one"}, {"value": "two"}]}));
    let roles = |value| {
        patch_user(&before, json!([{"op": "Remove", "path": "roles", "value": value}]))
            .map(|after| after["roles"].clone())
    };
    let both = json!([{"value": "one"}, {"value": "two"}]);
    assert_eq!(roles(json!([{}])).unwrap(), both);
    assert_eq!(roles(json!([{"value": null}])).unwrap(), both);
    assert_eq!(roles(json!([{"$ref": null, "value": "one"}])).unwrap(), json!([{"value": "two"}]));
    assert!(roles(json!([])).is_err());
}

#[test]
fn a_document_cannot_grow_for_ever() {
    let mut document = mara();
    let megabyte = "x".repeat(600 * 1024);
    let add = |name: &str| json!([{"op": "add", "path": name, "value": megabyte}]);
    document = User::from_document(object(patch_user(&document, add("custom1")).unwrap()));
    assert!(matches!(patch_user(&document, add("custom2")), Err(ScimError::TooMany(_))));
}

#[test]
fn a_simple_value_never_becomes_an_object() {
    let before = user(json!({"userName": "a", "title": "SRE", "tags": ["x", "y"]}));
    for path in [
        "title[value eq \"SRE\"]",
        "title[value eq \"SRE\"].value",
        "userName[value eq \"a\"].value",
        "active[value eq true]",
    ] {
        for op in ["Add", "Replace", "Remove"] {
            let refused = patch_user(&before, json!([{"op": op, "path": path, "value": "b"}])).unwrap_err();
            assert!(matches!(refused, ScimError::InvalidPath(_)), "{op} {path}: {refused}");
        }
    }
    let run = |operation: Value| patch_user(&before, json!([operation])).map(|after| after["tags"].clone());
    assert_eq!(
        run(json!({"op": "replace", "path": "tags[value eq \"x\"]", "value": "z"})).unwrap(),
        json!(["z", "y"])
    );
    assert_eq!(run(json!({"op": "remove", "path": "tags[value eq \"x\"]"})).unwrap(), json!(["y"]));
    assert_eq!(
        run(json!({"op": "add", "path": "tags", "value": ["y", "z"]})).unwrap(),
        json!(["x", "y", "z"])
    );
    assert!(run(json!({"op": "replace", "path": "tags[value eq \"x\"].part", "value": "z"})).is_err());
}

#[test]
fn core_attributes_under_their_schema() {
    let core = "urn:ietf:params:scim:schemas:core:2.0:User";
    for operation in [
        json!({"op": "replace", "path": core, "value": {"title": "CTO"}}),
        json!({"op": "replace", "value": {core: {"title": "CTO"}}}),
        json!({"op": "replace", "value": {format!("{core}:title"): "CTO"}}),
    ] {
        assert_eq!(patch_user(&mara(), json!([operation])).unwrap(), with(&mara(), json!({"title": "CTO"})));
    }
}
