//! Several tenants side by side: each with tokens, ids and people of its own.

use anyhow::{Context as _, Result};
use reqwest::Method;
use sallyport_entra_sim::Sim;
use sallyport_tests::World;
use sallyport_tests::world::Answer;
use serde_json::{Value, json};

const OTHER: &str = "22222222-0d3a-4f6e-9a41-5c2f8e90d311";

/// A request to `/scim/v2` with somebody's token.
fn scim(world: &World, token: &str, method: Method, path: &str, body: Option<&Value>) -> Result<Answer> {
    let request = world.request(method, &format!("/scim/v2{path}")).bearer_auth(token);
    world.send(match body {
        Some(body) => request.body(body.to_string()),
        None => request,
    })
}

fn made(world: &World, token: &str, path: &str, body: &Value) -> Result<String> {
    let answer = scim(world, token, Method::POST, path, Some(body))?;
    assert_eq!(answer.status, 201, "{}", answer.text());
    Ok(answer.json()?["id"].as_str().context("no id")?.to_owned())
}

fn listed(world: &World, token: &str, path: &str) -> Result<Value> {
    let answer = scim(world, token, Method::GET, path, None)?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn user(oid: &str, name: &str) -> Value {
    json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "externalId": oid,
        "userName": name, "active": true })
}

fn group(oid: &str, name: &str) -> Value {
    json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "externalId": oid, "displayName": name })
}

#[test]
fn the_ca_begins_with_the_connection_of_its_own_tenant() -> Result<()> {
    let mut world = World::new(&[], &[])?;
    let list = |world: &World| -> Result<Value> {
        Ok(serde_json::from_str(&world.ca.command(&["connection", "list", "--format", "json"])?.ok()?)?)
    };
    let connections = list(&world)?;
    assert_eq!(connections.as_array().context("no list")?.len(), 1, "{connections}");
    assert_eq!(connections[0]["name"], "entra");
    assert_eq!(connections[0]["tenant"], sallyport_tests::world::TENANT);
    assert_eq!(connections[0]["default"], true);
    assert!(connections[0]["last_request_at"].is_string(), "the cycle of this world: {connections}");
    world.ca.stop()?;
    world.ca.start()?;
    assert_eq!(list(&world)?, connections, "made once");
    let refused = world.ca.command(&["connection", "remove", "entra"])?.refused()?;
    assert!(refused.contains("own tenant"), "{refused}");
    Ok(())
}

#[test]
fn a_name_and_a_tenant_have_one_connection() -> Result<()> {
    let world = World::new(&[], &[])?;
    world.ca.command(&["connection", "add", "fabrikam", "--tenant", OTHER])?.ok()?;
    let third = Sim::new_oid().to_string();
    for (name, tenant, said) in [
        ("fabrikam", third.as_str(), "fabrikam"),
        ("again", OTHER, "fabrikam"),
        ("Bad Name", &third, "lower-case"),
    ] {
        let refused = world.ca.command(&["connection", "add", name, "--tenant", tenant])?.refused()?;
        assert!(refused.contains(said), "{refused}");
    }
    let refused = world.ca.command(&["scim-token", "create", "--connection", "nobody"])?.refused()?;
    assert!(refused.contains("connection list"), "{refused}");
    Ok(())
}

#[test]
fn two_tenants_with_the_same_ids_and_names_never_meet() -> Result<()> {
    let world = World::new(&[], &[])?;
    world.ca.command(&["connection", "add", "fabrikam", "--tenant", OTHER])?.ok()?;
    let other = world.ca.command(&["scim-token", "create", "--connection", "fabrikam"])?.ok()?;
    let own = world.scim_token.as_str();
    let (oid, group_oid) = (Sim::new_oid().to_string(), Sim::new_oid().to_string());
    let (name, body) = ("same.name@contoso.test", user(&oid, "same.name@contoso.test"));
    let (mine, theirs) = (made(&world, own, "/Users", &body)?, made(&world, &other, "/Users", &body)?);
    let body = group(&group_oid, "same-group");
    let (ours, alien) = (made(&world, own, "/Groups", &body)?, made(&world, &other, "/Groups", &body)?);
    assert!(mine != theirs && ours != alien);

    // Each sees its own, by every way of looking.
    for (token, user, group) in [(own, &mine, &ours), (&other, &theirs, &alien)] {
        let filters = [format!("userName eq \"{name}\""), format!("externalId eq \"{oid}\"")];
        for filter in filters {
            let found = listed(&world, token, &format!("/Users?filter={}", filter.replace(' ', "+")))?;
            assert_eq!((&found["totalResults"], &found["Resources"][0]["id"]), (&json!(1), &json!(user)));
        }
        let filter = format!("/Groups?filter=externalId+eq+\"{group_oid}\"");
        let found = listed(&world, token, &filter)?;
        assert_eq!((&found["totalResults"], &found["Resources"][0]["id"]), (&json!(1), &json!(group)));
    }

    // An id of another connection is nobody's, whatever is done with it.
    for (path, body) in [
        (format!("/Users/{mine}"), user(&oid, "stolen@contoso.test")),
        (format!("/Groups/{ours}"), group(&group_oid, "stolen")),
    ] {
        let patch = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{ "op": "replace", "path": "displayName", "value": "stolen" }] });
        let tries = [
            (Method::GET, None),
            (Method::PUT, Some(&body)),
            (Method::PATCH, Some(&patch)),
            (Method::DELETE, None),
        ];
        for (method, body) in tries {
            let answer = scim(&world, &other, method.clone(), &path, body)?;
            assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text());
        }
        assert_eq!(scim(&world, own, Method::GET, &path, None)?.status, 200, "still there");
    }
    let filter = format!("/Users?filter=id+eq+\"{mine}\"");
    assert_eq!(listed(&world, &other, &filter)?["totalResults"], 0);

    // Nobody of one tenant becomes a member in the other.
    let add = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "add", "path": "members", "value": [{ "value": mine }] }] });
    assert_eq!(scim(&world, &other, Method::PATCH, &format!("/Groups/{alien}"), Some(&add))?.status, 200);
    let read = listed(&world, &other, &format!("/Groups/{alien}"))?;
    assert_eq!(read["members"].as_array().map_or(0, Vec::len), 0, "{read}");

    // Two people; the end of one is not the other's.
    assert_eq!(scim(&world, &other, Method::DELETE, &format!("/Users/{theirs}"), None)?.status, 204);
    let users = world.wait(world.admin()?.users())?;
    let mut states: Vec<_> =
        users.iter().filter(|user| user.user_name == name).map(|user| user.state.as_str()).collect();
    states.sort_unstable();
    assert_eq!(states, ["active", "gone"]);
    Ok(())
}

#[test]
fn a_group_name_of_two_tenants_is_ambiguous_for_a_grant() -> Result<()> {
    let world = World::new(&[], &[])?;
    world.ca.command(&["connection", "add", "fabrikam", "--tenant", OTHER])?.ok()?;
    let other = world.ca.command(&["scim-token", "create", "--connection", "fabrikam"])?.ok()?;
    let body = group(&Sim::new_oid().to_string(), sallyport_tests::world::GROUP);
    let alien = made(&world, &other, "/Groups", &body)?;
    let grant = ["admin", "grant", "add", "--group", sallyport_tests::world::GROUP, "--tag", "a=b"];
    let refused = world.ca.command(&grant)?.refused()?;
    assert!(refused.contains(&alien), "{refused}");

    // An object id that two tenants have says it no better; the CA's own id does.
    let oid = Sim::new_oid().to_string();
    let body = group(&oid, "twin-group");
    let (ours, alien) =
        (made(&world, &world.scim_token, "/Groups", &body)?, made(&world, &other, "/Groups", &body)?);
    for group in [oid.as_str(), "twin-group"] {
        let refused =
            world.ca.command(&["admin", "grant", "add", "--group", group, "--tag", "a=b"])?.refused()?;
        assert!(refused.contains(&ours) && refused.contains(&alien), "{group}: {refused}");
    }
    world.ca.command(&["admin", "grant", "add", "--group", &alien, "--tag", "a=b"])?.ok()?;
    assert_eq!(world.record()?.with("grant.added", "group", &alien).len(), 1);
    assert_eq!(world.record()?.with("grant.added", "group", &ours).len(), 0);
    Ok(())
}

/// Hosts and their accounts are the CA's, for all tenants: who comes first has the name, and the other one is told.
#[test]
fn a_name_that_two_tenants_want_is_the_first_ones() -> Result<()> {
    let world = World::new(&[], &[])?;
    world.ca.command(&["connection", "add", "fabrikam", "--tenant", OTHER])?.ok()?;
    let other = world.ca.command(&["scim-token", "create", "--connection", "fabrikam"])?.ok()?;
    let (oid, name) = (Sim::new_oid().to_string(), "mara@contoso.test");
    let member = |token: &str, tag: &str| -> Result<(String, String)> {
        let person = made(&world, token, "/Users", &user(&oid, name))?;
        let mut body = group(&Sim::new_oid().to_string(), &format!("team-{tag}"));
        body["members"] = json!([{ "value": person }]);
        let team = made(&world, token, "/Groups", &body)?;
        world.ca.command(&["admin", "grant", "add", "--group", &team, "--tag", tag])?.ok()?;
        Ok((person, team))
    };
    let (mine, _) = member(&world.scim_token, "a=ours")?;
    let (theirs, _) = member(&other, "a=theirs")?;
    let of = |connection: &str| -> Result<Value> {
        let list = ["admin", "directory", "--connection", connection, "--format", "json"];
        Ok(serde_json::from_str(&world.ca.command(&list)?.ok()?)?)
    };
    let (ours, alien) = (of("entra")?, of("fabrikam")?);
    let here = |view: &Value, id: &str| -> Result<Value> {
        let users = view["users"].as_array().cloned().unwrap_or_default();
        users.into_iter().find(|user| user["resource_id"] == id).with_context(|| format!("no {id}: {view}"))
    };
    let (first, second) = (here(&ours, &mine)?, here(&alien, &theirs)?);
    assert_eq!((&first["state"], &first["posix_name"]), (&json!("active"), &json!("mara")));
    assert_eq!((&second["state"], &second["reason"]), (&json!("conflict"), &json!("name_taken")));
    assert_eq!((&first["object_id"], &first["source"]), (&second["object_id"], &json!("entra")));
    assert_eq!((alien["users"].as_array().map(Vec::len), &second["source"]), (Some(1), &json!("fabrikam")));
    assert_eq!(alien["groups"].as_array().map(Vec::len), Some(1));
    assert!(here(&ours, &theirs).is_err() && here(&alien, &mine).is_err());

    // An object id is not enough to say whom one means.
    let refused = world.ca.command(&["names", "assign", &oid, "mara.two"])?.refused()?;
    for user in [&first["id"], &second["id"]] {
        assert!(refused.contains(user.as_str().context("no id")?), "{refused}");
    }
    let theirs = second["id"].as_str().context("no id")?;
    world.ca.command(&["names", "assign", theirs, "mara.two"])?.ok()?;
    let named = here(&of("fabrikam")?, second["resource_id"].as_str().context("no id")?)?;
    assert_eq!((&named["state"], &named["posix_name"]), (&json!("active"), &json!("mara.two")));
    world.ca.command(&["audit", "verify"])?.ok()?;
    Ok(())
}

#[test]
fn a_connection_goes_with_its_tokens_once_it_is_empty() -> Result<()> {
    let world = World::new(&[], &[])?;
    world.ca.command(&["connection", "add", "fabrikam", "--tenant", OTHER])?.ok()?;
    let token = world.ca.command(&["scim-token", "create", "--connection", "fabrikam"])?.ok()?;
    let oid = Sim::new_oid().to_string();
    let id = made(&world, &token, "/Users", &user(&oid, "somebody@fabrikam.test"))?;
    let refused = world.ca.command(&["connection", "remove", "fabrikam"])?.refused()?;
    assert!(refused.contains("1 users"), "{refused}");
    assert_eq!(scim(&world, &token, Method::DELETE, &format!("/Users/{id}"), None)?.status, 204);
    world.ca.command(&["connection", "remove", "fabrikam"])?.ok()?;
    assert_eq!(scim(&world, &token, Method::GET, "/Users", None)?.status, 401);
    // Called the same, it is another one: the old tokens are over.
    world.ca.command(&["connection", "add", "fabrikam", "--tenant", OTHER])?.ok()?;
    assert_eq!(scim(&world, &token, Method::GET, "/Users", None)?.status, 401);
    assert_eq!(world.record()?.with("connection.removed", "connection", "fabrikam").len(), 1);
    Ok(())
}

#[test]
fn the_doctor_says_who_cannot_write() -> Result<()> {
    let world = World::new(&[], &[])?;
    world.ca.command(&["connection", "add", "fabrikam", "--tenant", OTHER])?.ok()?;
    let found: Value = serde_json::from_str(&world.ca.command(&["doctor", "--format", "json"])?.ok()?)?;
    let about = |name: &str| -> Result<Value> {
        let of = |finding: &&Value| {
            finding["check"] == "scim_credentials"
                && finding["detail"].as_str().is_some_and(|detail| detail.starts_with(name))
        };
        found.as_array().and_then(|all| all.iter().find(of)).cloned().with_context(|| format!("{found}"))
    };
    assert_eq!(about("entra")?["health"], "ok");
    assert_eq!(about("fabrikam")?["health"], "warning");

    let tokens: Value =
        serde_json::from_str(&world.ca.command(&["scim-token", "list", "--format", "json"])?.ok()?)?;
    let id = tokens[0]["id"].as_str().context("no token")?;
    assert_eq!(tokens[0]["connection"], "entra");
    world.ca.command(&["scim-token", "revoke", id])?.ok()?;
    let refused = world.ca.command(&["doctor"])?.refused()?;
    assert!(refused.contains("1 of these"), "{refused}");
    Ok(())
}

fn state(world: &World, name: &str) -> Result<String> {
    let view = world.view(name)?;
    Ok(view.reason.map_or_else(|| view.state.clone(), |reason| format!("{} ({reason})", view.state)))
}

fn set_scope(world: &World, groups: &[&str]) -> Result<()> {
    let arguments = match groups {
        [] => vec!["connection", "set", "entra", "--everybody"],
        groups => [&["connection", "set", "entra", "--scope"], groups].concat(),
    };
    world.ca.command(&arguments)?.ok()?;
    Ok(())
}

fn membership(world: &World, group: &str, op: &str, user: &str) -> Result<()> {
    let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": op, "path": "members", "value": [{ "value": user }] }] });
    let answer = scim(world, &world.scim_token, Method::PATCH, &format!("/Groups/{group}"), Some(&body))?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    Ok(())
}

#[test]
fn only_members_of_the_scope_become_users() -> Result<()> {
    let world = World::new(&[], &[])?;
    let token = world.scim_token.clone();
    let inside = world.engineer("scope-inside")?;
    let outside = world.engineer("scope-outside")?;
    world.log_in(&outside)?;
    let scope_oid = Sim::new_oid().to_string();
    let resource = |name: &str| -> Result<String> {
        let found = listed(&world, &token, &format!("/Users?filter=userName+eq+\"{name}\""))?;
        Ok(found["Resources"][0]["id"].as_str().context("not there")?.to_owned())
    };
    let (in_id, out_id) = (resource(&inside.upn)?, resource(&outside.upn)?);

    // By its object id, before the group has come: everybody is outside until it does.
    set_scope(&world, &[&scope_oid.to_uppercase()])?;
    assert_eq!(state(&world, &inside.upn)?, "suspended (out_of_scope)");
    let group = made(&world, &token, "/Groups", &group(&scope_oid, "sallyport-people"))?;
    membership(&world, &group, "Add", &in_id)?;
    assert_eq!(state(&world, &inside.upn)?, "active");
    assert_eq!(state(&world, &outside.upn)?, "suspended (out_of_scope)");
    world.log_in(&inside)?;
    let (_, request) = world.sign_in(&outside)?;
    let problem = world.refused(&request, sallyport_protocol::ProblemCode::NotProvisioned)?;
    assert!(problem.detail.contains("groups"), "{problem}");

    // Entra sees no difference.
    let seen = listed(&world, &token, &format!("/Users/{out_id}"))?;
    assert_eq!((&seen["userName"], &seen["active"]), (&json!(outside.upn), &json!(true)));
    let newcomer = user(&Sim::new_oid().to_string(), "scope-new@contoso.test");
    let new_id = made(&world, &token, "/Users", &newcomer)?;
    assert_eq!(state(&world, "scope-new@contoso.test")?, "suspended (out_of_scope)");
    membership(&world, &group, "Add", &new_id)?;
    assert_eq!(state(&world, "scope-new@contoso.test")?, "active");

    // Out again, by leaving the group, by its deletion; in again when nobody asks for a scope.
    membership(&world, &group, "Remove", &in_id)?;
    assert_eq!(state(&world, &inside.upn)?, "suspended (out_of_scope)");
    assert_eq!(scim(&world, &token, Method::DELETE, &format!("/Groups/{group}"), None)?.status, 204);
    assert_eq!(state(&world, "scope-new@contoso.test")?, "suspended (out_of_scope)");
    set_scope(&world, &[])?;
    for name in [&inside.upn, &outside.upn] {
        assert_eq!(state(&world, name)?, "active");
    }
    world.log_in(&outside)?;
    Ok(())
}

#[test]
fn who_is_inactive_is_no_user_whatever_the_scope_says() -> Result<()> {
    let world = World::new(&[], &[])?;
    let someone = world.engineer("scope-inactive")?;
    set_scope(&world, &[sallyport_tests::world::GROUP])?;
    assert_eq!(state(&world, &someone.upn)?, "active", "a name of a group that has come stands for it");
    let list = world.ca.command(&["connection", "list", "--format", "json"])?.ok()?;
    let list: Value = serde_json::from_str(&list)?;
    assert!(list[0]["scope"][0].as_str().is_some_and(|id| id.len() == 36), "kept by its object id: {list}");
    let found = listed(&world, &world.scim_token, &format!("/Users?filter=userName+eq+\"{}\"", someone.upn))?;
    let id = found["Resources"][0]["id"].as_str().context("not there")?;
    let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "Replace", "path": "active", "value": "False" }] });
    scim(&world, &world.scim_token, Method::PATCH, &format!("/Users/{id}"), Some(&body))?;
    assert_eq!(state(&world, &someone.upn)?, "suspended");
    let refused =
        world.ca.command(&["connection", "set", "entra", "--scope", "nobody-is-called-so"])?.refused()?;
    assert!(refused.contains("object id"), "{refused}");
    Ok(())
}

#[test]
fn a_scope_that_was_interrupted_is_carried_out_later() -> Result<()> {
    let mut world = World::new(&[], &[])?;
    let someone = world.engineer("scope-interrupted")?;
    let scope = Sim::new_oid().to_string();
    world.ca.kill()?;
    // As a server leaves it that was killed between the change and its end.
    let store = rusqlite::Connection::open(world.ca.folder().join("sallyport.db"))?;
    let changed =
        store.execute("UPDATE connections SET scope = ?1, unsettled = 1", [format!("[\"{scope}\"]")])?;
    assert_eq!(changed, 1);
    drop(store);
    world.ca.start()?;
    let done = || (state(&world, &someone.upn).ok()? == "suspended (out_of_scope)").then_some(());
    sallyport_tests::wait_until("the scope to be carried out", std::time::Duration::from_mins(1), done)?;
    Ok(())
}
