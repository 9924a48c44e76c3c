//! Our own extension: what a directory wants of the account on hosts.

use sallyport_scim::{Filter, Kind, SALLYPORT_USER, ScimError, User, parse_user};
use serde_json::{Value, json};

use crate::common::{bare, object, patch_user, user, with};

fn wishes(value: Value) -> Result<User, ScimError> {
    parse_user(object(json!({"userName": "mara.lind@contoso.test", SALLYPORT_USER: value})))
}

#[test]
fn all_four_are_stored_with_their_types() {
    let made = wishes(
        json!({"posixName": "mlind", "uidNumber": 70001, "gidNumber": "70002", "loginShell": "/bin/zsh"}),
    );
    let made = made.unwrap();
    assert_eq!((made.posix_name(), made.uid_number()), (Some("mlind"), Some(70001)));
    assert_eq!((made.gid_number(), made.login_shell()), (Some(70002), Some("/bin/zsh")));
    assert_eq!(made.document()[SALLYPORT_USER]["gidNumber"], 70002, "a number, as announced");
    let none = bare();
    assert_eq!(
        (none.posix_name(), none.uid_number(), none.gid_number(), none.login_shell()),
        (None, None, None, None)
    );
}

#[test]
fn a_value_that_no_host_would_take_is_no_reason_to_refuse_the_user() {
    for value in [
        json!({"posixName": "root"}),
        json!({"posixName": "Not A Name,*"}),
        json!({"posixName": ""}),
        json!({"uidNumber": 0}),
        json!({"uidNumber": -1}),
        json!({"uidNumber": i64::MAX}),
        json!({"loginShell": "rm -rf /"}),
        json!({"posixName": "a", "color": "blue"}),
    ] {
        assert_eq!(wishes(value.clone()).unwrap().document()[SALLYPORT_USER], value);
    }
}

#[test]
fn what_is_no_value_of_the_type_is_refused() {
    for value in [
        json!({"uidNumber": "seven"}),
        json!({"uidNumber": 7.5}),
        json!({"gidNumber": true}),
        json!({"gidNumber": [1, 2]}),
        json!({"uidNumber": 18_446_744_073_709_551_615_u64}),
        json!({"posixName": 7}),
        json!({"loginShell": ["/bin/sh", "/bin/zsh"]}),
        json!("mlind"),
    ] {
        let refused = wishes(value.clone()).unwrap_err();
        assert!(matches!(refused, ScimError::InvalidValue(_)), "{value}: {refused}");
    }
}

#[test]
fn an_empty_result_of_a_mapping_is_no_number() {
    for value in [json!(""), json!(" "), json!(null)] {
        assert_eq!(wishes(json!({"uidNumber": value, "posixName": "a"})).unwrap().uid_number(), None);
    }
}

#[test]
fn every_patch_that_names_it() {
    let path = format!("{SALLYPORT_USER}:uidNumber");
    for operation in [
        json!({"op": "Add", "path": path, "value": "70001"}),
        json!({"op": "Replace", "path": path.to_uppercase(), "value": 70001}),
        json!({"op": "Replace", "path": "uidNumber", "value": 70001}),
        json!({"op": "replace", "value": {path.as_str(): "70001"}}),
        json!({"op": "replace", "value": {SALLYPORT_USER: {"UIDNUMBER": 70001}}}),
    ] {
        let after = patch_user(&bare(), json!([operation])).unwrap();
        assert_eq!(after, with(&bare(), json!({SALLYPORT_USER: {"uidNumber": 70001}})), "{operation}");
    }
    assert!(patch_user(&bare(), json!([{"op": "Add", "path": path, "value": "seven"}])).is_err());
    assert!(patch_user(&bare(), json!([{"op": "Add", "path": "posixName", "value": 7}])).is_err());
}

#[test]
fn filters_know_its_types() {
    let made = user(json!({"userName": "a", SALLYPORT_USER: {"posixName": "mlind", "uidNumber": 70001}}));
    let finds = |text: &str| text.parse::<Filter>().unwrap().matches(Kind::User, made.document());
    assert!(finds(&format!("{SALLYPORT_USER}:posixName eq \"mlind\"")));
    assert!(!finds("posixName eq \"MLIND\""), "case counts on hosts");
    assert!(finds("uidNumber eq 70001") && finds("uidNumber eq \"70001\""));
    assert!(finds("uidNumber ge 9000") && finds("uidNumber ge \"9000\""), "as numbers, not as text");
    assert!(!finds("uidNumber lt \"9000\"") && finds("uidNumber sw \"70\""));
}
