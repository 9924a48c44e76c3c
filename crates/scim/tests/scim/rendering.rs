//! Resources on their way out: envelope, projection, discovery.

use sallyport_scim::{Kind, Member, Meta, Projection, ScimError, discovery, render_group, render_user};
use serde_json::{Map, Value, json};

use crate::common::{ENTERPRISE, group, mara, user};

const BASE: &str = "https://ca.example.test/scim/v2";
const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

fn meta(location: &str) -> Meta {
    Meta {
        created: "2026-11-21T10:00:00Z".parse().unwrap(),
        last_modified: "2026-11-21T10:00:01.5Z".parse().unwrap(),
        location: format!("{BASE}/{location}"),
    }
}

fn rendered() -> Map<String, Value> {
    render_user(mara().document(), "01HX", &meta("Users/01HX"))
}

fn shown(attributes: Option<&str>, excluded: Option<&str>) -> Value {
    Value::Object(Projection::parse(attributes, excluded).unwrap().apply(Kind::User, rendered()))
}

#[test]
fn a_user_is_shown_with_id_meta_and_schemas() {
    let resource = rendered();
    assert_eq!(resource["id"], "01HX");
    assert_eq!(
        resource["meta"],
        json!({"resourceType": "User", "created": "2026-11-21T10:00:00Z",
            "lastModified": "2026-11-21T10:00:01.5Z", "location": "https://ca.example.test/scim/v2/Users/01HX",
            "version": meta("").version()})
    );
    assert_eq!(resource["schemas"], json!([CORE, ENTERPRISE]));
    for (key, value) in mara().document() {
        assert_eq!(&resource[key], value, "{key}");
    }
}

#[test]
fn a_version_is_weak_and_moves_with_the_resource() {
    let at = |text: &str| Meta { last_modified: text.parse().unwrap(), ..meta("") }.version();
    let version = at("2026-11-21T10:00:01.5Z");
    assert!(version.starts_with("W/\"") && version.ends_with('"') && version.len() > 5, "{version}");
    assert_eq!(version, at("2026-11-21T11:00:01.5+01:00"));
    assert_ne!(version, at("2026-11-21T10:00:01.501Z"));
}

#[test]
fn schemas_are_completed_from_what_is_there() {
    let made = user(json!({"userName": "a", "urn:x:2.0:User": {"b": 1}}));
    let resource = render_user(made.document(), "1", &meta("Users/1"));
    assert_eq!(resource["schemas"], json!([CORE, "urn:x:2.0:User"]));
    let declared = json!([ENTERPRISE.to_uppercase(), "urn:typo:2.0User", CORE.to_lowercase()]);
    let made = user(json!({"userName": "a", "schemas": declared}));
    assert_eq!(made.document()["schemas"], declared, "kept as it was written");
    let resource = render_user(made.document(), "1", &meta("Users/1"));
    assert_eq!(resource["schemas"], json!([CORE, ENTERPRISE]), "shown as it is announced");
}

#[test]
fn a_group_is_shown_with_members_without_and_with_none() {
    let members = [
        Member {
            id: "u1".to_owned(),
            display: Some("One".to_owned()),
            location: Some(format!("{BASE}/Users/u1")),
        },
        Member { id: "u2".to_owned(), display: None, location: None },
    ];
    let show = |members| render_group(group().document(), "g1", members, &meta("Groups/g1"));
    let expected = json!([
        {"value": "u1", "type": "User", "display": "One", "$ref": "https://ca.example.test/scim/v2/Users/u1"},
        {"value": "u2", "type": "User"}]);
    assert_eq!(show(Some(&members[..]))["members"], expected);
    assert_eq!(show(Some(&[]))["members"], json!([]));
    assert!(!show(None).contains_key("members"));
    assert_eq!(show(None)["meta"]["resourceType"], "Group");
}

#[test]
fn excluded_members_are_left_out_and_need_not_be_loaded() {
    for excluded in
        ["members", "Members", "displayName, members", "urn:ietf:params:scim:schemas:core:2.0:Group:members"]
    {
        let projection = Projection::parse(None, Some(excluded)).unwrap();
        assert!(!projection.wants("members"), "{excluded}");
        let shown = projection
            .apply(Kind::Group, render_group(group().document(), "g1", Some(&[]), &meta("Groups/g1")));
        assert!(!shown.contains_key("members"), "{excluded}");
        assert!(shown.contains_key("id") && shown.contains_key("externalId"));
    }
    let wants = |attributes| Projection::parse(Some(attributes), None).unwrap().wants("members");
    assert!(wants("members.value") && wants("") && wants("members[value eq \"u\"]"));
    assert!(!wants("id") && !wants("displayName"));
    assert!(Projection::parse(None, Some("members.display")).unwrap().wants("members"));
    assert!(Projection::default().wants("members"));
}

#[test]
fn attributes_select() {
    let schemas = json!([CORE, ENTERPRISE]);
    assert_eq!(shown(Some("id"), None), json!({"id": "01HX", "schemas": schemas}));
    assert_eq!(
        shown(Some("USERNAME,name.givenName, name.familyName,absent"), None),
        json!({"id": "01HX", "schemas": schemas, "userName": "mara.lind@contoso.test",
            "name": {"givenName": "Mara", "familyName": "Lind"}})
    );
    assert_eq!(
        shown(Some("emails[type eq \"work\"]"), None)["emails"],
        json!([{"primary": true, "type": "work", "value": "mara.lind@contoso.test"}])
    );
}

#[test]
fn parts_of_values_and_of_extensions_select() {
    assert_eq!(shown(Some("emails[type eq \"home, sweet\"]"), None)["emails"], json!([]));
    assert_eq!(
        shown(Some("emails.value,emails.type"), None)["emails"],
        json!([{"type": "work", "value": "mara.lind@contoso.test"}])
    );
    let department = json!({"department": "Platform"});
    assert_eq!(shown(Some(&format!("{ENTERPRISE}:department")), None)[ENTERPRISE], department);
    assert_eq!(shown(Some("department"), None)[ENTERPRISE], department);
    assert_eq!(shown(Some(ENTERPRISE), None)[ENTERPRISE], mara().document()[ENTERPRISE]);
}

#[test]
fn excluded_attributes_go_but_not_id_and_schemas() {
    let without = shown(None, Some("id,schemas,emails,name.givenName,meta"));
    assert_eq!(without["id"], "01HX");
    assert_eq!(without["schemas"], json!([CORE, ENTERPRISE]));
    assert_eq!(without.get("emails"), None);
    assert_eq!(without.get("meta"), None);
    assert_eq!(without["name"], json!({"formatted": "Mara Lind", "familyName": "Lind"}));
    assert_eq!(shown(None, Some(ENTERPRISE)).get(ENTERPRISE), None);
    assert_eq!(shown(None, Some("department"))[ENTERPRISE], json!({"employeeNumber": "4711"}));
    assert_eq!(
        shown(Some("emails"), Some("emails.type"))["emails"],
        json!([{"primary": true, "value": "mara.lind@contoso.test"}])
    );
}

#[test]
fn lists_of_attributes_have_their_limits() {
    let refused = |list: &str| Projection::parse(Some(list), None).unwrap_err();
    assert!(matches!(refused("1x"), ScimError::InvalidValue(_)));
    assert!(matches!(refused(&"a".repeat(9000)), ScimError::InvalidValue(_)));
    assert!(matches!(refused(&"a,".repeat(101)), ScimError::TooMany(_)));
}

#[test]
fn service_provider_config_says_what_is_so() {
    let config = discovery::service_provider_config(BASE);
    let supported = |name: &str| config[name]["supported"].as_bool();
    assert_eq!(supported("patch"), Some(true));
    assert_eq!(config["filter"], json!({"supported": true, "maxResults": 200}));
    for no in ["bulk", "changePassword", "sort"] {
        assert_eq!(supported(no), Some(false), "{no}");
    }
    assert_eq!(config["authenticationSchemes"][0]["type"], "oauthbearertoken");
}

#[test]
fn resource_types_and_schemas_name_each_other() {
    let types = discovery::resource_types(BASE);
    assert_eq!(types.iter().map(|kind| kind["endpoint"].clone()).collect::<Vec<_>>(), ["/Users", "/Groups"]);
    for kind in &types {
        let id = kind["id"].as_str().unwrap();
        assert_eq!(discovery::resource_type_by_id(BASE, id).as_ref(), Some(kind));
        let extensions =
            kind["schemaExtensions"].as_array().unwrap().iter().map(|extension| &extension["schema"]);
        for urn in extensions.chain([&kind["schema"]]) {
            let schema = discovery::schema_by_id(BASE, urn.as_str().unwrap()).unwrap();
            assert_eq!(&schema["id"], urn);
        }
    }
    assert_eq!(discovery::schemas(BASE).len(), 4);
    assert_eq!(discovery::schema_by_id(BASE, "urn:x"), None);
    assert_eq!(discovery::resource_type_by_id(BASE, "Device"), None);
}

#[test]
fn schemas_have_every_characteristic_and_no_nulls() {
    fn check(attribute: &Value) {
        for key in [
            "name",
            "type",
            "multiValued",
            "description",
            "required",
            "caseExact",
            "mutability",
            "returned",
            "uniqueness",
        ] {
            assert!(attribute.get(key).is_some_and(|value| !value.is_null()), "{key} of {attribute}");
        }
        let complex = attribute["type"] == "complex";
        assert_eq!(complex, attribute.get("subAttributes").is_some(), "{attribute}");
        assert_eq!(
            attribute["type"] == "reference",
            attribute.get("referenceTypes").is_some(),
            "{attribute}"
        );
        attribute["subAttributes"].as_array().into_iter().flatten().for_each(check);
    }
    for schema in discovery::schemas(BASE) {
        schema["attributes"].as_array().unwrap().iter().for_each(check);
    }
    let user = discovery::schema_by_id(BASE, CORE).unwrap();
    assert_eq!(user["attributes"][0]["name"], "userName");
    assert_eq!(user["attributes"][0]["uniqueness"], "server");
}
