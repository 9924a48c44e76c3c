//! What administrators see of the directory: the provisioning log, and everybody as synced.

use anyhow::{Context as _, Result};
use reqwest::Method;
use sallyport_entra_sim::Sim;
use sallyport_tests::World;
use serde_json::{Value, json};

const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

fn user(name: &str) -> Value {
    json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "externalId": Sim::new_oid(),
        "userName": format!("{name}@contoso.test"), "active": true, "displayName": "Mara Lind" })
}

fn group(name: &str) -> Value {
    json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "externalId": Sim::new_oid(),
        "displayName": name })
}

fn create(world: &World, endpoint: &str, body: &Value) -> Result<String> {
    let answer = world.scim(Method::POST, &format!("/{endpoint}"), Some(body))?;
    assert_eq!(answer.status, 201, "{}", answer.text());
    Ok(answer.json()?["id"].as_str().context("no id")?.to_owned())
}

/// The status of a PATCH of one operation.
fn patch(world: &World, path: &str, operation: &Value) -> Result<u16> {
    let body = json!({ "schemas": [PATCH_OP], "Operations": [operation] });
    Ok(world.scim(Method::PATCH, path, Some(&body))?.status)
}

/// `provisioning log` with these arguments, as JSON.
fn log(world: &World, arguments: &[&str]) -> Result<Vec<Value>> {
    let arguments = [&["provisioning", "log", "--format", "json"], arguments].concat();
    Ok(serde_json::from_str(&world.ca.command(&arguments)?.ok()?)?)
}

fn texts<'a>(events: &'a [Value], key: &str) -> Vec<&'a str> {
    events.iter().map(|event| event[key].as_str().unwrap_or_default()).collect()
}

/// The change of this attribute.
fn change<'a>(event: &'a Value, attribute: &str) -> &'a Value {
    let changes = event["changes"].as_array().map(Vec::as_slice).unwrap_or_default();
    changes.iter().find(|change| change["attribute"] == attribute).unwrap_or(&Value::Null)
}

#[test]
fn the_log_tells_what_each_operation_changed() -> Result<()> {
    let world = World::shared()?;
    let body = user("log.mara");
    let person = create(&world, "Users", &body)?;
    let team = create(&world, "Groups", &group("log-team"))?;
    let renamed = json!({ "op": "Replace", "path": "displayName", "value": "Mara Berg" });
    assert_eq!(patch(&world, &format!("/Users/{person}"), &renamed)?, 200);
    let member = json!([{ "value": person }, { "value": "nobody-at-all" }]);
    let added = json!({ "op": "Add", "path": "members", "value": member });
    assert_eq!(patch(&world, &format!("/Groups/{team}"), &added)?, 200);
    let off = json!({ "op": "Replace", "path": "active", "value": "False" });
    assert_eq!(patch(&world, &format!("/Users/{person}"), &off)?, 200);
    assert_eq!(patch(&world, &format!("/Users/{person}"), &off)?, 200, "again, which changes nothing");
    assert_eq!(world.scim(Method::DELETE, &format!("/Users/{person}"), None)?.status, 204);

    let events = log(&world, &["--user", "LOG.MARA@contoso.test"])?;
    assert_eq!(texts(&events, "operation"), ["create", "update", "update", "update", "update", "delete"]);
    assert_eq!(texts(&events, "resource"), ["User", "User", "Group", "User", "User", "User"]);
    let [made, rename, join, disable, nothing, gone] = &events[..] else { panic!("{events:?}") };
    for event in &events {
        assert_eq!((&event["category"], &event["outcome"]), (&json!("SCIM-SYNC"), &json!("success")));
        assert!(event["request"].is_string() && event["at"].is_string(), "{event}");
        assert_eq!(event["connection"], "entra", "{event}");
    }
    assert_eq!((&made["status"], &made["resource_id"]), (&json!(201), &json!(person)));
    assert_eq!(made["external_id"], body["externalId"]);
    assert_eq!(change(made, "userName")["new"], "log.mara@contoso.test");
    assert_eq!(made["person"]["state"], "active");
    let expected = json!([{ "attribute": "displayName", "old": "Mara Lind", "new": "Mara Berg" }]);
    assert_eq!(rename["changes"], expected);
    assert_eq!(join["members"]["added"], json!(["log.mara@contoso.test"]));
    assert_eq!((&join["members"]["unknown"], &join["name"]), (&json!(["nobody-at-all"]), &json!("log-team")));
    assert_eq!(*change(disable, "active"), json!({ "attribute": "active", "old": true, "new": false }));
    assert_eq!(disable["person"]["was"], "active");
    assert_eq!(disable["person"]["state"], "suspended");
    assert_eq!((nothing["changes"].as_array(), &nothing["status"]), (None, &json!(200)));
    assert_eq!((&gone["status"], &gone["person"]["state"]), (&json!(204), &json!("gone")));

    let of_group = log(&world, &["--group", "log-team"])?;
    assert_eq!(texts(&of_group, "operation"), ["create", "update"]);
    let text = world.ca.command(&["provisioning", "log", "--user", "log.mara@contoso.test"])?.ok()?;
    for part in
        ["SCIM-SYNC", "displayName Mara Lind → Mara Berg", "active → suspended", "unknown nobody-at-all"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    Ok(())
}

#[test]
fn refused_operations_are_in_the_log() -> Result<()> {
    let world = World::shared()?;
    let person = create(&world, "Users", &user("log.twice"))?;
    assert_eq!(world.scim(Method::POST, "/Users", Some(&user("log.twice")))?.status, 409);
    let path = format!("/Users/{person}");
    // Refused by the use case, by the PATCH that does not parse, and as no JSON at all.
    assert_eq!(patch(&world, &path, &json!({ "op": "Replace", "path": "active", "value": "maybe" }))?, 400);
    assert_eq!(patch(&world, &path, &json!({ "op": "Jump", "path": "active" }))?, 400);
    let request = world.request(Method::PATCH, &format!("/scim/v2{path}")).bearer_auth(&world.scim_token);
    assert_eq!(world.send(request.body("{ no json"))?.status, 400);
    let events = log(&world, &["--user", "log.twice@contoso.test", "--failed"])?;
    assert_eq!(texts(&events, "operation"), ["create", "update", "update", "update"]);
    assert_eq!((&events[0]["status"], &events[0]["scim_type"]), (&json!(409), &json!("uniqueness")));
    for event in &events {
        assert_eq!(
            (&event["outcome"], &event["name"]),
            (&json!("failure"), &json!("log.twice@contoso.test"))
        );
        assert!(event["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{event}");
    }

    let all = log(&world, &["--user", "log.twice@contoso.test"])?;
    assert_eq!(all.len(), 5, "each operation once: {all:?}");
    let first = all[0]["seq"].to_string();
    let rest = log(&world, &["--user", "log.twice@contoso.test", "--after", &first, "--limit", "2"])?;
    assert_eq!(rest[..], all[1..3]);
    let newest = log(&world, &["--user", "log.twice@contoso.test", "--limit", "2"])?;
    assert_eq!(newest[..], all[3..]);
    Ok(())
}

#[test]
fn strangers_and_looking_for_nobody_fill_no_log() -> Result<()> {
    let world = World::new(&[], &[])?;
    let before = log(&world, &[])?.len();
    let request = world.request(Method::POST, "/scim/v2/Users").bearer_auth("sps_wrong");
    assert_eq!(world.send(request.body(user("log.stranger").to_string()))?.status, 401);
    assert_eq!(world.scim(Method::GET, "/Users/01JABCDEFGHJKMNPQRSTVWXYZ0", None)?.status, 404);
    assert_eq!(world.scim(Method::GET, "/Users?filter=userName+eq+%22nobody%22", None)?.status, 200);
    assert_eq!(log(&world, &[])?.len(), before);
    // A filter that is none stops Entra, so it is worth a line.
    assert_eq!(world.scim(Method::GET, "/Users?filter=userName+eq", None)?.status, 400);
    let events = log(&world, &["--failed"])?;
    assert_eq!(
        (texts(&events, "operation"), texts(&events, "scim_type")),
        (vec!["read"], vec!["invalidFilter"])
    );
    let refused = world.ca.command(&["provisioning", "log", "--user", "nobody@contoso.test"])?.refused()?;
    assert!(refused.contains("sallyport-ca admin directory"), "{refused}");
    Ok(())
}

#[test]
fn no_secret_and_no_control_character_comes_out_of_the_log() -> Result<()> {
    let world = World::shared()?;
    let mut body = user("log.secret\u{1b}[31m");
    body["password"] = json!("canary-password");
    body["x"] = json!({ "apiToken": "canary-token" });
    create(&world, "Users", &body)?;
    let arguments = ["provisioning", "log", "--user", "log.secret\u{1b}[31m@contoso.test"];
    let text = world.ca.command(&arguments)?.ok()?;
    let json = world.ca.command(&[&arguments[..], &["--format", "json"]].concat())?.ok()?;
    let events: Vec<Value> = serde_json::from_str(&json)?;
    assert_eq!(change(&events[0], "x.apiToken")["new"], "(secret)", "{json}");
    assert!(!text.contains("canary") && !json.contains("canary"), "{text}{json}");
    assert!(!text.contains('\u{1b}'), "{text:?}");
    Ok(())
}
