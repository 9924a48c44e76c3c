//! What Entra's provisioning service sends, to the letter, over HTTP.

mod corpus;
mod failures;
mod foreign;
mod hostile;
mod protocol;
mod validator;

use anyhow::{Context as _, Result};
use reqwest::Method;
use sallyport_entra_sim::Sim;
use sallyport_tests::World;
use sallyport_tests::world::Answer;
use serde_json::{Value, json};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// The body that Entra creates a user with.
fn user(name: &str) -> Value {
    let address = format!("{name}@contoso.test");
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
        "externalId": Sim::new_oid(), "userName": address, "active": true, "displayName": "Mara Lind",
        "emails": [{ "primary": true, "type": "work", "value": address }],
        "meta": { "resourceType": "User" },
        "name": { "formatted": "Mara Lind", "familyName": "Lind", "givenName": "Mara" },
        "title": "SRE", "preferredLanguage": "sv-SE", "roles": [],
        ENTERPRISE: { "employeeNumber": "4711", "department": "Platform" },
    })
}

fn group(name: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group",
            "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
        "externalId": Sim::new_oid(), "displayName": name, "meta": { "resourceType": "Group" },
    })
}

fn id(answer: &Answer) -> Result<String> {
    let body = answer.json()?;
    Ok(body["id"].as_str().with_context(|| format!("no id in {body}"))?.to_owned())
}

fn create(world: &World, endpoint: &str, body: &Value) -> Result<String> {
    let answer = world.scim(Method::POST, &format!("/{endpoint}"), Some(body))?;
    assert_eq!(answer.status, 201, "{}", answer.text());
    id(&answer)
}

fn read(world: &World, path: &str) -> Result<Value> {
    let answer = world.scim(Method::GET, path, None)?;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.json()
}

fn patch(world: &World, path: &str, operations: &Value) -> Result<Answer> {
    let body = json!({ "schemas": [PATCH_OP], "Operations": operations });
    world.scim(Method::PATCH, path, Some(&body))
}

/// A PATCH of one operation that succeeds; the resource as it is answered.
fn patched(world: &World, path: &str, operation: &Value) -> Result<Value> {
    let answer = patch(world, path, &json!([operation]))?;
    assert_eq!(answer.status, 200, "{operation}: {}", answer.text());
    answer.json()
}

/// A refusal in SCIM's own form.
fn assert_refused(answer: &Answer, status: u16, kind: Option<&str>) -> Result<()> {
    let error = answer.json()?;
    assert_eq!(answer.status, status, "{error}");
    assert_eq!(answer.header("content-type"), "application/scim+json");
    assert_eq!(error["schemas"], json!([ERROR]));
    assert_eq!(error["status"], status.to_string(), "a string: {error}");
    assert_eq!(error["scimType"].as_str(), kind, "{error}");
    Ok(())
}

fn members(world: &World, group: &str) -> Result<Vec<String>> {
    let body = read(world, &format!("/Groups/{group}"))?;
    let members = body["members"].as_array().with_context(|| format!("no members in {body}"))?;
    let mut ids: Vec<_> =
        members.iter().filter_map(|member| member["value"].as_str().map(str::to_owned)).collect();
    ids.sort();
    Ok(ids)
}

#[test]
fn the_connection_test() -> Result<()> {
    let world = World::shared()?;
    let found = read(&world, "/Users?filter=userName+eq+%2295a3c1f0-5d6e-4a53-9f1e-6f0b6a3f7a11%22")?;
    assert_eq!(found["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:ListResponse"]));
    assert_eq!((&found["totalResults"], &found["Resources"]), (&json!(0), &json!([])));
    for path in ["/ServiceProviderConfig", "/ResourceTypes", "/Schemas"] {
        read(&world, path)?;
    }
    Ok(())
}

#[test]
fn a_user_is_created_found_and_deleted() -> Result<()> {
    let world = World::shared()?;
    let body = user("scim.mara");
    let answer = world.scim(Method::POST, "/Users", Some(&body))?;
    assert_eq!((answer.status, answer.header("content-type")), (201, "application/scim+json"));
    let (made, id) = (answer.json()?, id(&answer)?);
    assert_eq!(answer.header("location"), made["meta"]["location"].as_str().unwrap_or_default());
    assert!(answer.header("location").ends_with(&format!("/scim/v2/Users/{id}")));
    for name in ["externalId", "userName", "active", "displayName", "emails", "name", "title", ENTERPRISE] {
        assert_eq!(made[name], body[name], "{name}");
    }
    assert_refused(&world.scim(Method::POST, "/Users", Some(&body))?, 409, Some("uniqueness"))?;

    let external = body["externalId"].as_str().context("no id")?;
    let filters = [
        "filter=userName+eq+%22scim.mara%40contoso.test%22".to_owned(),
        "filter=userName+eq+%22SCIM.MARA%40CONTOSO.TEST%22".to_owned(),
        "filter=userName%20EQ%20%22scim.mara@contoso.test%22".to_owned(),
        format!("filter=externalId+eq+%22{external}%22"),
        format!("filter=externalId+eq+{external}"),
        "filter=emails[type+eq+%22work%22].value+eq+%22scim.mara%40contoso.test%22".to_owned(),
        format!("filter=id+eq+%22{id}%22"),
    ];
    for filter in filters {
        let found = read(&world, &format!("/Users?{filter}"))?;
        assert_eq!(
            (&found["totalResults"], &found["Resources"][0]["id"]),
            (&json!(1), &json!(id)),
            "{filter}"
        );
    }
    let path = format!("/Users/{id}");
    assert_eq!(read(&world, &path)?["userName"], "scim.mara@contoso.test");
    assert_eq!(world.view("scim.mara@contoso.test")?.state, "active");

    assert_eq!(world.scim(Method::DELETE, &path, None)?.status, 204);
    assert_refused(&world.scim(Method::DELETE, &path, None)?, 404, None)?;
    assert_refused(&world.scim(Method::GET, &path, None)?, 404, None)?;
    assert_eq!(world.view("scim.mara@contoso.test")?.state, "gone");
    Ok(())
}

#[test]
fn every_spelling_of_a_creation() -> Result<()> {
    let world = World::shared()?;
    let changes = [
        json!({ "addresses": null, "phoneNumbers": null, "title": null }),
        json!({ "active": "True" }),
        json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0User"] }),
        json!({ "roles": [{ "primary": "True", "value": "Admin", "type": "WindowsAzureActiveDirectoryRole" }] }),
        json!({ ENTERPRISE: { "department": null, "manager": null } }),
        json!({ ENTERPRISE: { "manager": "5f0c" } }),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let name = format!("scim.spelling{number}");
        let mut body = user(&name);
        for (key, value) in change.as_object().context("no object")? {
            body[key] = value.clone();
        }
        let made = read(&world, &format!("/Users/{}", create(&world, "Users", &body)?))?;
        assert_eq!(made["active"], true, "{change}");
        assert_ne!(made.get("title"), Some(&Value::Null), "null is absent, not null: {made}");
        assert_eq!(world.view(&format!("{name}@contoso.test"))?.state, "active", "{change}");
    }
    Ok(())
}

#[test]
fn a_user_is_changed_in_both_dialects() -> Result<()> {
    let world = World::shared()?;
    let path = format!("/Users/{}", create(&world, "Users", &user("scim.change"))?);
    let legacy = json!([
        { "op": "Replace", "path": "displayName", "value": "Mara Berg" },
        { "op": "Replace", "path": "emails[type eq \"work\"].value", "value": "mara.berg@contoso.test" },
        { "op": "Replace", "path": "name.familyName", "value": "Berg" },
        { "op": "Add", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "+46701234567" },
        { "op": "Replace", "path": format!("{ENTERPRISE}:department"), "value": "Security" },
    ]);
    let answer = patch(&world, &path, &legacy)?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let after = answer.json()?;
    assert_eq!((&after["displayName"], &after["name"]["familyName"]), (&json!("Mara Berg"), &json!("Berg")));
    assert_eq!(after["emails"][0]["value"], "mara.berg@contoso.test");
    assert_eq!(after["phoneNumbers"], json!([{ "type": "mobile", "value": "+46701234567" }]));
    assert_eq!(after[ENTERPRISE]["department"], "Security");

    let compliant = json!([
        { "op": "replace", "path": "emails[type eq \"work\"].value", "value": "mara@contoso.test" },
        { "op": "replace", "value": { "displayName": "Mara L", "name.familyName": "L",
            format!("{ENTERPRISE}:employeeNumber"): "4712" } },
    ]);
    let after = patch(&world, &path, &compliant)?.json()?;
    assert_eq!((&after["displayName"], &after["name"]["familyName"]), (&json!("Mara L"), &json!("L")));
    assert_eq!(after[ENTERPRISE]["employeeNumber"], "4712");

    let renamed = json!({ "op": "Replace", "path": "userName", "value": "scim.renamed@contoso.test" });
    patched(&world, &path, &renamed)?;
    assert_eq!(world.view("scim.renamed@contoso.test")?.state, "active");
    Ok(())
}

#[test]
fn every_spelling_of_a_deactivation() -> Result<()> {
    let world = World::shared()?;
    let path = format!("/Users/{}", create(&world, "Users", &user("scim.off"))?);
    let state = || anyhow::Ok(world.view("scim.off@contoso.test")?.state);
    let back = json!({ "op": "Replace", "path": "active", "value": "True" });
    for operation in [
        json!({ "op": "Replace", "path": "active", "value": "False" }),
        json!({ "op": "Replace", "path": "active", "value": "false" }),
        json!({ "op": "Replace", "path": "active", "value": false }),
        json!({ "op": "replace", "path": "active", "value": false }),
        json!({ "op": "Add", "path": "active", "value": "False" }),
        json!({ "op": "Replace", "value": { "active": false } }),
        json!({ "op": "replace", "value": { "active": "False" } }),
    ] {
        assert_eq!(patched(&world, &path, &operation)?["active"], false, "{operation}");
        assert_eq!(state()?, "suspended", "{operation}");
        assert_eq!(read(&world, &path)?["active"], false, "an inactive user is still there");
        assert_eq!(patched(&world, &path, &back)?["active"], true);
        assert_eq!(state()?, "active");
    }
    for value in [json!("maybe"), json!(0), json!([false]), json!(null)] {
        let operation = json!([{ "op": "Replace", "path": "active", "value": value }]);
        let answer = patch(&world, &path, &operation)?;
        // Never success for nothing: either it is refused, or it says what came of it.
        if answer.status == 200 {
            assert_eq!(answer.json()?["active"] == true, state()? == "active", "{value}");
        } else {
            assert_refused(&answer, 400, Some("invalidValue"))?;
            assert_eq!(state()?, "active", "{value}");
        }
    }
    Ok(())
}

#[test]
fn a_manager_is_kept_as_an_object() -> Result<()> {
    let world = World::shared()?;
    let boss = create(&world, "Users", &user("scim.boss"))?;
    let path = format!("/Users/{}", create(&world, "Users", &user("scim.managed"))?);
    let by_text = json!({ "op": "Add", "path": format!("{ENTERPRISE}:manager"), "value": boss });
    assert_eq!(patched(&world, &path, &by_text)?[ENTERPRISE]["manager"]["value"], boss);
    let by_list = json!({ "op": "Add", "path": "manager", "value": [{ "$ref": "x", "value": boss }] });
    assert_eq!(patched(&world, &path, &by_list)?[ENTERPRISE]["manager"]["value"], boss);
    let removed = json!({ "op": "remove", "path": format!("manager[value eq \"{boss}\"]") });
    assert_eq!(patched(&world, &path, &removed)?[ENTERPRISE]["manager"], Value::Null);
    Ok(())
}

#[test]
fn a_group_is_created_found_renamed_and_deleted() -> Result<()> {
    let world = World::shared()?;
    let body = group("scim-admins");
    let answer = world.scim(Method::POST, "/Groups", Some(&body))?;
    assert_eq!((answer.status, &answer.json()?["members"]), (201, &json!([])), "{}", answer.text());
    let path = format!("/Groups/{}", id(&answer)?);
    assert_refused(&world.scim(Method::POST, "/Groups", Some(&body))?, 409, Some("uniqueness"))?;

    for query in [
        "/Groups?excludedAttributes=members&filter=displayName+eq+%22scim-admins%22",
        "/Groups?excludedAttributes=members&filter=displayName+eq+%22SCIM-Admins%22",
    ] {
        let found = read(&world, query)?;
        assert_eq!(found["totalResults"], 1, "{query}");
        assert_eq!(found["Resources"][0].get("members"), None, "no members at all");
    }
    assert_eq!(read(&world, &format!("{path}?excludedAttributes=members"))?.get("members"), None);
    let renamed = json!({ "op": "Replace", "path": "displayName", "value": "scim-roots" });
    assert_eq!(patched(&world, &path, &renamed)?["displayName"], "scim-roots");
    assert_eq!(world.scim(Method::DELETE, &path, None)?.status, 204);
    assert_refused(&world.scim(Method::GET, &path, None)?, 404, None)?;
    create(&world, "Groups", &body)?;
    Ok(())
}

#[test]
fn members_come_and_go_by_value() -> Result<()> {
    let world = World::shared()?;
    let group = create(&world, "Groups", &group("scim-members"))?;
    let mut people: Vec<_> = (0..3)
        .map(|number| create(&world, "Users", &user(&format!("scim.member{number}"))))
        .collect::<Result<_>>()?;
    people.sort();
    let [one, two, three] = &people[..] else { panic!("{people:?}") };
    let path = format!("/Groups/{group}");
    let after = |operation: Value| -> Result<Vec<String>> {
        patched(&world, &path, &operation)?;
        members(&world, &group)
    };
    let entra =
        |ids: &[&String]| -> Value { ids.iter().map(|id| json!({ "$ref": null, "value": id })).collect() };

    let add = json!({ "op": "Add", "path": "members", "value": entra(&[one, two]) });
    assert_eq!(after(add.clone())?, [one.clone(), two.clone()]);
    assert_eq!(after(add)?, [one.clone(), two.clone()], "again, and nothing changes");
    assert_eq!(after(json!({ "op": "Add", "value": { "members": [{ "value": three }] } }))?, people);
    assert_eq!(after(json!({ "op": "Remove", "path": "members", "value": entra(&[one]) }))?, people[1..]);
    assert_eq!(after(json!({ "op": "Remove", "path": "members", "value": entra(&[one]) }))?, people[1..]);
    assert_eq!(
        after(json!({ "op": "remove", "path": format!("members[value eq \"{two}\"]") }))?,
        people[2..]
    );
    let asked = format!("/Groups?filter=id+eq+%22{group}%22+and+members+eq+%22{three}%22&attributes=id");
    assert_eq!(read(&world, &asked)?["totalResults"], 1);
    assert_eq!(read(&world, &asked.replace(three, two))?["totalResults"], 0);
    assert_eq!(after(json!({ "op": "Replace", "value": { "members": [{ "value": one }] } }))?, people[..1]);
    assert_eq!(after(json!({ "op": "remove", "path": "members" }))?, people[..0]);
    Ok(())
}

#[test]
fn a_malformed_removal_clears_nothing() -> Result<()> {
    let world = World::shared()?;
    let group = create(&world, "Groups", &group("scim-kept"))?;
    let person = create(&world, "Users", &user("scim.kept"))?;
    let path = format!("/Groups/{group}");
    patched(&world, &path, &json!({ "op": "Add", "path": "members", "value": [{ "value": person }] }))?;
    let removals = [
        json!({ "op": "Remove", "path": "members", "value": [] }),
        json!({ "op": "Remove", "path": "members", "value": 5 }),
        json!({ "op": "Remove", "path": "members", "value": [5] }),
        json!({ "op": "Remove", "path": "members", "value": [{}] }),
        json!({ "op": "Remove", "path": "members", "value": [{ "value": null }] }),
        json!({ "op": "Remove", "path": "members[display eq \"x\"]" }),
        json!({ "op": "Remove", "path": "members[" }),
        json!({ "op": "Remove" }),
    ];
    for removal in removals {
        let answer = patch(&world, &path, &json!([removal]))?;
        assert_eq!(answer.status, 400, "{removal}: {}", answer.text());
        assert_eq!(members(&world, &group)?, std::slice::from_ref(&person), "{removal}");
    }
    // All or nothing: what came before the mistake is not done either.
    let two =
        json!([{ "op": "Remove", "path": "members" }, { "op": "Remove", "path": "members", "value": [] }]);
    assert_eq!(patch(&world, &path, &two)?.status, 400);
    assert_eq!(members(&world, &group)?, [person]);
    Ok(())
}

#[test]
fn unknown_members_are_answered_and_not_stored() -> Result<()> {
    let world = World::shared()?;
    let group = create(&world, "Groups", &group("scim-unknown"))?;
    let person = create(&world, "Users", &user("scim.known"))?;
    let path = format!("/Groups/{group}");
    let unknown = ["01JABCDEFGHJKMNPQRSTVWXYZ0", "0a0a0a0a-1111-4222-8333-444455556666", "anything"];
    for id in unknown {
        let add = json!({ "op": "Add", "path": "members", "value": [{ "value": id }, { "value": person }] });
        let answer = patched(&world, &path, &add)?;
        assert!(!answer.to_string().contains(id), "{answer}");
        assert_eq!(members(&world, &group)?, std::slice::from_ref(&person), "{id}");
    }
    let events = world.record()?;
    assert_eq!(events.with("directory.member_added", "group", &group).len(), 1, "one came, once");
    Ok(())
}

#[test]
fn who_becomes_root_is_an_event_of_its_own() -> Result<()> {
    let world = World::shared()?;
    let group = create(&world, "Groups", &group("scim-sudoers"))?;
    let person = create(&world, "Users", &user("scim.root"))?;
    let grant = ["admin", "grant", "add", "--group", &group, "--tag", "env=test", "--sudo"];
    world.ca.command(&grant)?.ok()?;
    let add = json!({ "op": "Add", "path": "members", "value": [{ "value": person }] });
    patched(&world, &format!("/Groups/{group}"), &add)?;
    let record = world.record()?;
    let added = record.with("directory.sudo_member_added", "group", &group);
    assert_eq!(added.len(), 1);
    assert_eq!(added[0]["detail"]["user_name"], "scim.root@contoso.test");
    assert_eq!(added[0]["user"], world.view("scim.root@contoso.test")?.id);
    assert_eq!(record.with("directory.member_added", "group", &group).len(), 0);
    Ok(())
}

#[test]
fn requests_that_are_none() -> Result<()> {
    let world = World::shared()?;
    let post = |body: String| {
        world.send(world.request(Method::POST, "/scim/v2/Users").bearer_auth(&world.scim_token).body(body))
    };
    for body in ["", "{", "[]", "nonsense", "{\"userName\":\"a\",\"userName\":\"b\"}"] {
        assert_refused(&post(body.to_owned())?, 400, Some("invalidSyntax"))?;
    }
    assert_eq!(post("{}".to_owned())?.status, 400);
    let large = json!({ "userName": "scim.large@contoso.test", "title": "x".repeat(1024 * 1024) });
    assert_refused(&post(large.to_string())?, 413, None)?;
    assert_refused(&world.scim(Method::GET, "/Users?filter=userName+eq", None)?, 400, Some("invalidFilter"))?;
    assert_refused(&world.scim(Method::GET, "/Nothing", None)?, 404, None)?;
    assert_refused(&world.scim(Method::PUT, "/Users", None)?, 405, None)?;
    Ok(())
}

#[test]
fn a_whole_cycle_in_either_dialect() -> Result<()> {
    for flag in ["", "?aadOptscim062020"] {
        let world = World::new(&[], &[])?;
        let cycle = || -> Result<_> {
            let token = sallyport_entra_sim::provision::Token::new(&world.scim_token).context("no token")?;
            let (from, to) =
                (world.sim.base().parse()?, format!("{}/scim/v2{flag}", world.ca.url()).parse()?);
            let mapping = sallyport_entra_sim::provision::Mapping::default();
            let service = sallyport_entra_sim::provision::Provisioner::new(
                world.http.clone(),
                from,
                to,
                token,
                None,
                mapping,
            );
            let report = world.wait(service.run(None, &mut |_| {}))?;
            assert!(report.failures.is_empty(), "{flag}: {:?}", report.failures);
            Ok(report)
        };
        let someone = world.hire("cycle", json!({ "given_name": "Cy", "family_name": "Cle" }), true)?;
        cycle()?;
        world.log_in(&someone)?;
        world.edit(|tenant| {
            let user = tenant.user_mut(&someone.oid)?;
            user.family_name = "Changed".to_owned();
            user.enabled = false;
            Ok(())
        })?;
        assert_eq!(cycle()?.users.disabled, 1, "{flag}");
        assert_eq!(world.view(&someone.upn)?.state, "suspended");
        world.edit(|tenant| tenant.user_mut(&someone.oid).map(|user| user.enabled = true))?;
        cycle()?;
        assert_eq!(cycle()?.requests, 0, "{flag}: settled");
        world.log_in(&someone)?;
        world.edit(|tenant| tenant.remove_user(&someone.oid, true))?;
        assert_eq!(cycle()?.users.deleted, 1, "{flag}");
        assert_eq!(world.view(&someone.upn)?.state, "gone");
    }
    Ok(())
}
