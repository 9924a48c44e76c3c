//! The literals of real requests, field for field.

use super::*;
use crate::provision::path::WORK_EMAIL;

fn attributes(pairs: &[(&str, Value)]) -> Attributes {
    pairs.iter().map(|(path, value)| ((*path).to_owned(), value.clone())).collect()
}

fn enterprise(name: &str) -> String {
    format!("{ENTERPRISE}:{name}")
}

fn operations(request: Option<Request>) -> Value {
    let request = request.unwrap();
    assert_eq!((request.method, request.path.as_str()), ("PATCH", "/Users/u1"));
    let body = request.body.unwrap();
    assert_eq!(body["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:PatchOp"]));
    body["Operations"].clone()
}

#[test]
fn matching_requests_are_encoded_as_entra_encodes_them() {
    let user = Request::find(Kind::User, "userName", "mara.lind@contoso.test");
    assert_eq!(
        (user.path.as_str(), user.query.as_str()),
        ("/Users", "filter=userName+eq+%22mara.lind%40contoso.test%22")
    );
    let group = Request::find(Kind::Group, "displayName", "ssh-prod-admins");
    assert_eq!(group.query, "excludedAttributes=members&filter=displayName+eq+%22ssh-prod-admins%22");
    assert_eq!(Request::read(Kind::Group, "g1").query, "excludedAttributes=members");
    assert_eq!(Request::read(Kind::User, "u/1").path, "/Users/u%2F1");
}

#[test]
fn a_user_is_created_as_in_the_documentation() {
    let wanted = attributes(&[
        ("externalId", json!("0a0a0a0a-1111-4222-8333-444455556666")),
        ("userName", json!("mara.lind@contoso.test")),
        ("active", json!(true)),
        ("displayName", json!("Mara Lind")),
        (WORK_EMAIL, json!("mara.lind@contoso.test")),
        ("name.formatted", json!("Mara Lind")),
        ("name.familyName", json!("Lind")),
        ("name.givenName", json!("Mara")),
        ("title", json!("SRE")),
        ("preferredLanguage", json!("sv-SE")),
        (&enterprise("employeeNumber"), json!("4711")),
        (&enterprise("department"), json!("Platform")),
    ]);
    let request = Request::create(Kind::User, &wanted);
    assert_eq!((request.method, request.path.as_str()), ("POST", "/Users"));
    let literal = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
        "externalId": "0a0a0a0a-1111-4222-8333-444455556666",
        "userName": "mara.lind@contoso.test", "active": true, "displayName": "Mara Lind",
        "emails": [{ "primary": true, "type": "work", "value": "mara.lind@contoso.test" }],
        "meta": { "resourceType": "User" },
        "name": { "formatted": "Mara Lind", "familyName": "Lind", "givenName": "Mara" },
        "title": "SRE", "preferredLanguage": "sv-SE", "roles": [],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":
            { "employeeNumber": "4711", "department": "Platform" },
    });
    assert_eq!(request.body.unwrap(), literal);
}

#[test]
fn a_group_is_created_with_the_schema_that_nobody_knows() {
    let wanted = attributes(&[
        ("externalId", json!("3c3c3c3c-2222-4333-8444-555566667777")),
        ("displayName", json!("ssh-prod-admins")),
    ]);
    let literal = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group",
            "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
        "externalId": "3c3c3c3c-2222-4333-8444-555566667777",
        "displayName": "ssh-prod-admins", "meta": { "resourceType": "Group" },
    });
    assert_eq!(Request::create(Kind::Group, &wanted).body.unwrap(), literal);
}

#[test]
fn legacy_disables_with_a_string() {
    let (on, off) = (attributes(&[("active", json!(true))]), attributes(&[("active", json!(false))]));
    let patch = |before, after| operations(Dialect::Legacy.update(Kind::User, "u1", before, after));
    assert_eq!(patch(&on, &off), json!([{ "op": "Replace", "path": "active", "value": "False" }]));
    assert_eq!(patch(&off, &on), json!([{ "op": "Replace", "path": "active", "value": "True" }]));
    assert_eq!(Dialect::Legacy.update(Kind::User, "u1", &on, &on), None);
}

#[test]
fn compliant_disables_with_a_boolean() {
    let (on, off) = (attributes(&[("active", json!(true))]), attributes(&[("active", json!(false))]));
    let patch = operations(Dialect::Compliant.update(Kind::User, "u1", &on, &off));
    assert_eq!(patch, json!([{ "op": "replace", "path": "active", "value": false }]));
}

#[test]
fn legacy_writes_one_operation_a_path_and_adds_what_was_absent() {
    let before =
        attributes(&[("displayName", json!("Mara Lind")), (WORK_EMAIL, json!("mara.lind@contoso.test"))]);
    let after = attributes(&[
        ("displayName", json!("Mara Berg")),
        (WORK_EMAIL, json!("mara.berg@contoso.test")),
        (&enterprise("department"), json!("Security")),
    ]);
    let literal = json!([
        { "op": "Replace", "path": "displayName", "value": "Mara Berg" },
        { "op": "Replace", "path": "emails[type eq \"work\"].value", "value": "mara.berg@contoso.test" },
        { "op": "Add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
          "value": "Security" },
    ]);
    assert_eq!(operations(Dialect::Legacy.update(Kind::User, "u1", &before, &after)), literal);
}

#[test]
fn compliant_gathers_plain_attributes_under_dotted_keys() {
    let before = attributes(&[
        ("displayName", json!("Mara Lind")),
        (WORK_EMAIL, json!("mara.lind@contoso.test")),
        ("name.familyName", json!("Lind")),
        (&enterprise("employeeNumber"), json!("4711")),
    ]);
    let after = attributes(&[
        ("displayName", json!("Mara Berg")),
        (WORK_EMAIL, json!("mara.berg@contoso.test")),
        ("name.familyName", json!("Berg")),
        (&enterprise("employeeNumber"), json!("4712")),
    ]);
    let literal = json!([
        { "op": "replace", "path": "emails[type eq \"work\"].value", "value": "mara.berg@contoso.test" },
        { "op": "replace", "value": {
            "displayName": "Mara Berg", "name.familyName": "Berg",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber": "4712",
        } },
    ]);
    assert_eq!(operations(Dialect::Compliant.update(Kind::User, "u1", &before, &after)), literal);
}

#[test]
fn a_cleared_attribute_is_not_sent() {
    let before = attributes(&[("title", json!("SRE"))]);
    for dialect in [Dialect::Legacy, Dialect::Compliant] {
        assert_eq!(dialect.update(Kind::User, "u1", &before, &Attributes::new()), None);
    }
}

#[test]
fn members_are_added_and_removed_in_each_manner() {
    let ids = ["scim-id-1".to_owned(), "scim-id-2".to_owned()];
    let of = |request: &Request| request.body.as_ref().unwrap()["Operations"].clone();
    let legacy = Dialect::Legacy.members("g1", &ids, &ids[..1]);
    assert_eq!(legacy[0].path, "/Groups/g1");
    let added = json!([{ "op": "Add", "path": "members",
        "value": [{ "$ref": null, "value": "scim-id-1" }, { "$ref": null, "value": "scim-id-2" }] }]);
    assert_eq!(of(&legacy[0]), added);
    let removed =
        json!([{ "op": "Remove", "path": "members", "value": [{ "$ref": null, "value": "scim-id-1" }] }]);
    assert_eq!(of(&legacy[1]), removed);
    let compliant = Dialect::Compliant.members("g1", &ids[..1], &ids);
    assert_eq!(
        of(&compliant[0]),
        json!([{ "op": "add", "path": "members", "value": [{ "value": "scim-id-1" }] }])
    );
    let removed = json!([
        { "op": "remove", "path": "members[value eq \"scim-id-1\"]" },
        { "op": "remove", "path": "members[value eq \"scim-id-2\"]" },
    ]);
    assert_eq!(of(&compliant[1]), removed);
    assert!(Dialect::Legacy.members("g1", &[], &[]).is_empty());
    let many: Vec<String> = (0..250).map(|n| n.to_string()).collect();
    assert_eq!(Dialect::Legacy.members("g1", &many, &[]).len(), 3);
}
