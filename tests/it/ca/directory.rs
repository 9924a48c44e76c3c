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

/// `admin directory forget` with these arguments.
fn forget(world: &World, arguments: &[&str]) -> Result<sallyport_tests::Outcome> {
    world.ca.command(&[&["admin", "directory", "forget"], arguments].concat())
}

#[test]
fn a_resource_is_forgotten_in_two_steps() -> Result<()> {
    let world = World::shared()?;
    let leaver = user("forget.mara");
    let resource = create(&world, "Users", &leaver)?;
    let team = create(&world, "Groups", &group("forget-team"))?;
    world.ca.command(&["admin", "grant", "add", "--group", &team, "--tag", "role=forget"])?.ok()?;
    let member = json!([{ "value": resource }]);
    let added = json!({ "op": "Add", "path": "members", "value": member });
    assert_eq!(patch(&world, &format!("/Groups/{team}"), &added)?, 200);
    let person = world.view("forget.mara@contoso.test")?;
    // The name came back: the directory writes another object id into the leaver's resource.
    let successor = Sim::new_oid();
    let claim = json!({ "op": "Replace", "path": "externalId", "value": successor });
    assert_eq!(patch(&world, &format!("/Users/{resource}"), &claim)?, 200);
    assert_eq!(world.view("forget.mara@contoso.test")?.reason.as_deref(), Some("link"));

    // The first step shows, and changes nothing.
    let shown: Value = serde_json::from_str(&forget(&world, &[&resource, "--format", "json"])?.ok()?)?;
    assert_eq!(shown["user"], json!(person.id));
    assert_eq!((&shown["groups"], &shown["grants"]), (&json!(["forget-team"]), &json!(1)));
    assert!(shown["posix_name"].is_string() && shown["uid"].is_u64(), "{shown}");
    assert_eq!(world.scim(Method::GET, &format!("/Users/{resource}"), None)?.status, 200);

    let done = forget(&world, &[&resource, "--yes"])?.ok()?;
    assert!(done.contains("forget.mara@contoso.test") && done.contains("stay theirs"), "{done}");
    assert_eq!(world.scim(Method::GET, &format!("/Users/{resource}"), None)?.status, 404);
    let record = world.record()?;
    let own = |name: &str| record.of(name).filter(|event| event["user"] == json!(person.id)).count();
    let counted = ["directory.user_forgotten", "directory.member_removed", "directory.user_deleted"].map(own);
    assert_eq!(counted, [1, 1, 1]);
    let said = record.of("directory.user_forgotten").find(|event| event["user"] == json!(person.id));
    let by = said.context("no event")?["detail"]["by"].as_str().unwrap_or_default().to_owned();
    assert!(by.starts_with("uid "), "{by:?}");

    // The successor comes as a new person, who gets nothing of the leaver's.
    let mut again = leaver.clone();
    again["externalId"] = json!(successor);
    let next = create(&world, "Users", &again)?;
    assert_ne!(next, resource);
    let people: Vec<Value> =
        serde_json::from_str(&world.ca.command(&["admin", "user", "ls", "--format", "json"])?.ok()?)?;
    let here = |user: &&Value| user["user_name"] == leaver["userName"] && user["state"] != json!("gone");
    let now: Vec<&Value> = people.iter().filter(here).collect();
    let [now] = now[..] else { panic!("{now:?}") };
    assert_ne!(now["id"], json!(person.id));
    assert_eq!(now["posix_name"], Value::Null);
    let refused = forget(&world, &[&resource, "--yes"])?.refused()?;
    assert!(refused.contains("no user of a directory has the resource id"), "{refused}");
    Ok(())
}

#[test]
fn users_are_found_by_their_addresses() -> Result<()> {
    let world = World::shared()?;
    let mut body = user("mailed.mara");
    body["emails"] = json!([{ "type": "work", "value": "Mailed.Work@contoso.test", "primary": true },
        { "type": "home", "value": "mailed.home@fabrikam.test" }]);
    let id = create(&world, "Users", &body)?;
    let found = |filter: &str| -> Result<Vec<String>> {
        let query: String = url::form_urlencoded::byte_serialize(filter.as_bytes()).collect();
        let list = world.scim(Method::GET, &format!("/Users?filter={query}"), None)?.json()?;
        let resources = list["Resources"].as_array().cloned().unwrap_or_default();
        assert_eq!(list["totalResults"], json!(resources.len()), "{filter}");
        Ok(resources.iter().filter_map(|user| user["id"].as_str().map(str::to_owned)).collect())
    };
    let (here, nobody) = (vec![id.clone()], Vec::<String>::new());
    for (filter, expected) in [
        (r#"emails[type eq "work"].value eq "mailed.work@contoso.test""#, &here),
        (r#"emails[type eq "home"].value eq "mailed.work@contoso.test""#, &nobody),
        (r#"emails[type eq "home" and value eq "MAILED.home@fabrikam.test"]"#, &here),
        (r#"emails.value eq "mailed.home@fabrikam.test" and active eq true"#, &here),
        (r#"emails.value eq "mailed.home@fabrikam.test" and active eq false"#, &nobody),
        (r#"emails eq "mailed.home@fabrikam.test" or userName eq "mailed.mara@contoso.test""#, &here),
    ] {
        assert_eq!(found(filter)?, *expected, "{filter}");
    }
    let moved = json!({ "op": "Replace", "path": r#"emails[type eq "work"].value"#, "value": "mailed.new@contoso.test" });
    assert_eq!(patch(&world, &format!("/Users/{id}"), &moved)?, 200);
    assert_eq!(found(r#"emails.value eq "mailed.work@contoso.test""#)?, nobody);
    assert_eq!(found(r#"emails[type eq "work"].value eq "mailed.new@contoso.test""#)?, here);
    Ok(())
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

/// `admin directory` with these arguments, as JSON.
fn directory(world: &World, arguments: &[&str]) -> Result<Value> {
    let arguments = [&["admin", "directory", "--format", "json"], arguments].concat();
    Ok(serde_json::from_str(&world.ca.command(&arguments)?.ok()?)?)
}

fn names<'a>(list: &'a Value, key: &str) -> Vec<&'a str> {
    list.as_array().map(|list| texts(list, key)).unwrap_or_default()
}

#[test]
fn the_directory_is_listed_with_source_and_last_change() -> Result<()> {
    let world = World::shared()?;
    let body = user("dir.mara");
    let person = create(&world, "Users", &body)?;
    let team = create(&world, "Groups", &group("dir-team"))?;
    let added = json!({ "op": "Add", "path": "members", "value": [{ "value": person }] });
    assert_eq!(patch(&world, &format!("/Groups/{team}"), &added)?, 200);
    let title = json!({ "op": "Add", "path": "title", "value": "SRE" });
    assert_eq!(patch(&world, &format!("/Users/{person}"), &title)?, 200);

    let object = body["externalId"].as_str().context("no id")?;
    for who in ["dir.mara@contoso.test", "DIR.MARA@contoso.test", object, &person] {
        let view = directory(&world, &["--user", who])?;
        assert_eq!(
            (names(&view["users"], "user_name"), names(&view["groups"], "name")),
            (vec!["dir.mara@contoso.test"], vec!["dir-team"]),
            "{who}"
        );
    }
    let view = directory(&world, &["--group", "dir-team"])?;
    let (mara, team) = (&view["users"][0], &view["groups"][0]);
    assert_eq!(
        (&mara["source"], &mara["state"], &mara["advice"]),
        (&json!("entra"), &json!("active"), &Value::Null)
    );
    assert_eq!((&mara["resource_id"], &mara["object_id"]), (&json!(person), &json!(object)));
    assert_eq!(mara["last_change"]["attributes"], json!(["title"]));
    assert_eq!((&team["members"], &team["grants"], &team["source"]), (&json!(1), &json!(0), &json!("entra")));
    assert_eq!(team["last_change"]["attributes"], json!(["members"]));
    // As times: a text without its last zero sorts behind those that have more digits.
    let at =
        |key: &str| Ok::<jiff::Timestamp, anyhow::Error>(team[key].as_str().context("no time")?.parse()?);
    assert!(at("changed_at")? > at("created_at")?, "{team}");
    assert!(view["connections"][0]["users"].as_u64() > Some(0), "{view}");

    let text = world.ca.command(&["admin", "directory", "--user", "dir.mara@contoso.test"])?.ok()?;
    for part in
        ["KIND", "dir.mara@contoso.test", "dir-team", "entra", "update User: title", "1 members, no grant"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let refused = world.ca.command(&["admin", "directory", "--connection", "nobodys"])?.refused()?;
    assert!(refused.contains("connection list"), "{refused}");
    Ok(())
}

#[test]
fn states_are_told_with_what_to_do() -> Result<()> {
    let world = World::new(&[], &[])?;
    let mut off = user("off");
    off["active"] = json!(false);
    create(&world, "Users", &off)?;
    let moved = create(&world, "Users", &user("moved"))?;
    let gone = create(&world, "Users", &user("gone"))?;
    create(&world, "Users", &user("root"))?;
    let mut nick = user("nick");
    nick["externalId"] = json!("nick");
    create(&world, "Users", &nick)?;
    create(&world, "Users", &user("fine"))?;
    let claim = json!({ "op": "Replace", "path": "externalId", "value": Sim::new_oid() });
    assert_eq!(patch(&world, &format!("/Users/{moved}"), &claim)?, 200);
    assert_eq!(world.scim(Method::DELETE, &format!("/Users/{gone}"), None)?.status, 204);

    let of_state = |state: &str| -> Result<Vec<(String, Option<String>)>> {
        let view = directory(&world, &["--state", state])?;
        assert_eq!(view["groups"], json!([]), "a group has no such state");
        let users = view["users"].as_array().context("no users")?;
        let text = |user: &Value, key: &str| user[key].as_str().map(str::to_owned);
        Ok(users
            .iter()
            .map(|user| (text(user, "user_name").unwrap_or_default(), text(user, "reason")))
            .collect())
    };
    let name = |name: &str| format!("{name}@contoso.test");
    let reason = |reason: &str| Some(reason.to_owned());
    assert_eq!(of_state("active")?, [(name("fine"), None)]);
    assert_eq!(of_state("suspended")?, [(name("off"), None), (name("moved"), reason("link"))]);
    assert_eq!(
        of_state("conflict")?,
        [(name("root"), reason("name_reserved")), (name("nick"), reason("no_object_id"))]
    );
    assert_eq!(of_state("gone")?, [(name("gone"), None)]);

    let view = directory(&world, &["--problems"])?;
    assert_eq!(names(&view["users"], "user_name"), [name("moved"), name("root"), name("nick")]);
    for user in view["users"].as_array().context("no users")? {
        assert!(user["advice"].as_str().is_some_and(|advice| advice.contains("Entra")), "{user}");
    }
    let problem = view["connections"][0]["problem"].as_str().unwrap_or_default();
    assert!(
        problem.contains("mailNickname to objectId") && problem.contains("Restart provisioning"),
        "{view}"
    );
    let text = world.ca.command(&["admin", "directory"])?.ok()?;
    assert!(text.contains("mailNickname to objectId") && text.contains("flagged"), "{text}");
    Ok(())
}

#[test]
fn the_directory_comes_in_pages() -> Result<()> {
    let world = World::new(&[], &[])?;
    for number in 0..5 {
        create(&world, "Users", &user(&format!("page{number}")))?;
    }
    let mut seen = Vec::new();
    for (skip, more) in [("0", true), ("2", true), ("4", false), ("6", false)] {
        let view = directory(&world, &["--limit", "2", "--skip", skip])?;
        assert_eq!(view["more"], json!(more), "{skip}");
        seen.extend(names(&view["users"], "user_name").into_iter().map(str::to_owned));
    }
    let all: Vec<_> = (0..5).map(|number| format!("page{number}@contoso.test")).collect();
    assert_eq!(seen, all);
    Ok(())
}
