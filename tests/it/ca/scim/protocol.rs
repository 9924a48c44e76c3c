//! What RFC 7644 asks for, and Entra does not.

use anyhow::{Context as _, Result};
use reqwest::Method;
use sallyport_tests::World;
use sallyport_tests::world::Answer;
use serde_json::{Value, json};

use super::{PATCH_OP, assert_refused, create, group, patched, read, user};

fn search(world: &World, place: &str, body: &Value) -> Result<Value> {
    let answer = world.scim(Method::POST, place, Some(body))?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[test]
fn one_search_finds_users_and_groups() -> Result<()> {
    let world = World::new(&[], &[])?;
    let one = create(&world, "Users", &user("search.one"))?;
    let two = create(&world, "Users", &user("search.two"))?;
    let third = create(&world, "Groups", &group("search-three"))?;
    let named = "userName sw \"search.\" or displayName sw \"search-\"";
    let all = search(&world, "/.search", &json!({ "filter": named, "attributes": ["id"] }))?;
    let ids = |list: &Value| -> Vec<String> {
        let list = list["Resources"].as_array().cloned().unwrap_or_default();
        let mut ids: Vec<_> = list.iter().filter_map(|one| one["id"].as_str().map(str::to_owned)).collect();
        ids.sort();
        ids
    };
    let mut expected = vec![one, two, third.clone()];
    expected.sort();
    assert_eq!((ids(&all), &all["totalResults"]), (expected.clone(), &json!(3)));
    assert_eq!(all["Resources"][0].get("userName"), None, "only what was asked for");

    // A page may end among the users, cross over to the groups, or lie beyond them.
    let mut seen = Vec::new();
    for start in 1..=4 {
        let page = search(&world, "/.search", &json!({ "filter": named, "startIndex": start, "count": 1 }))?;
        assert_eq!((&page["totalResults"], &page["startIndex"]), (&json!(3), &json!(start)));
        assert_eq!(page["itemsPerPage"], u8::from(start < 4));
        seen.extend(ids(&page));
    }
    seen.sort();
    assert_eq!(seen, expected);
    let groups = search(&world, "/Groups/.search", &json!({ "filter": "displayName eq \"SEARCH-three\"" }))?;
    assert_eq!(ids(&groups), [third]);
    let users = search(&world, "/Users/.search", &json!({ "filter": "meta.resourceType eq \"Group\"" }))?;
    assert_eq!(users["totalResults"], 0);
    Ok(())
}

#[test]
fn a_search_that_is_none() -> Result<()> {
    let world = World::shared()?;
    for (body, kind) in [
        (json!({ "filter": "userName" }), "invalidFilter"),
        (json!({ "filter": 7 }), "invalidValue"),
        (json!({ "count": "x" }), "invalidValue"),
        (json!({ "attributes": [1] }), "invalidValue"),
        (json!({ "filter": "active gt \"x\"" }), "invalidFilter"),
    ] {
        assert_refused(&world.scim(Method::POST, "/.search", Some(&body))?, 400, Some(kind))?;
    }
    assert_refused(&world.scim(Method::GET, "/.search", None)?, 405, None)
}

/// What an administrator pasted as Tenant URL stands before every address, whatever is done there.
#[test]
fn every_method_through_every_form_of_flags() -> Result<()> {
    let world = World::shared()?;
    for (number, flags) in [
        "",
        "/",
        "/?aadOptscim062020",
        "?AzureAdScimPatch2017",
        "/?aadOptscim062020&AzureAdScimPatch062020",
        "/?other=1&aadOptscim062020=true",
        "/?aadOptscim062020&",
        "/aadOptscim062020",
        "/&aadOptscim062020",
        "/%3FaadOptscim062020",
        "/%3faadOptscim062020%26AzureAdScimPatch062020",
        "/%3FaadOptscim062020=true&other=1/",
        "//AzureAdScimPatch2017/aadOptscim062020",
    ]
    .into_iter()
    .enumerate()
    {
        through(&world, flags, &format!("flags-{number}")).with_context(|| format!("flags: {flags}"))?;
    }
    Ok(())
}

fn through(world: &World, flags: &str, name: &str) -> Result<()> {
    let ask = |method: Method, path: &str, body: Option<&Value>, status: u16| -> Result<Answer> {
        let answer = world.scim(method.clone(), &format!("{flags}{path}"), body)?;
        anyhow::ensure!(answer.status == status, "{method} {path}: {} {}", answer.status, answer.text());
        Ok(answer)
    };
    let created = ask(Method::POST, "/Users", Some(&user(name)), 201)?.json()?;
    let path = format!("/Users/{}", created["id"].as_str().context("no id")?);
    assert!(!created["meta"]["location"].to_string().contains("lag"), "{created}");
    let filter = format!("filter=userName+eq+%22{name}%40contoso.test%22");
    for found in [
        ask(Method::GET, &format!("/Users?{filter}"), None, 200)?,
        ask(Method::POST, "/.search", Some(&json!({ "filter": format!("id eq \"{}\"", &path[7..]) })), 200)?,
    ] {
        assert_eq!(found.json()?["totalResults"], 1);
    }
    let lead = json!({ "schemas": [PATCH_OP], "Operations": [{ "op": "Replace", "path": "title", "value": "Lead" }] });
    assert_eq!(ask(Method::PATCH, &path, Some(&lead), 200)?.json()?["title"], "Lead");
    ask(Method::GET, &format!("{path}?attributes=title"), None, 200)?;
    assert_eq!(ask(Method::PUT, &path, Some(&user(name)), 200)?.json()?["title"], user(name)["title"]);
    ask(Method::HEAD, &path, None, 200)?;
    ask(Method::PATCH, "/Users", Some(&lead), 405)?;
    ask(Method::GET, "/ServiceProviderConfig", None, 200)?;
    ask(Method::DELETE, &path, None, 204)?;
    ask(Method::DELETE, &path, None, 404)?;
    Ok(())
}

/// RFC 7644, section 3.4.2.1: a query may be made of everything at once.
#[test]
fn the_root_is_users_and_groups() -> Result<()> {
    let world = World::new(&[], &[])?;
    let ids = [create(&world, "Users", &user("root.one"))?, create(&world, "Groups", &group("root.two"))?];
    let filter = "filter=userName+sw+%22root.%22+or+displayName+sw+%22root.%22";
    for address in ["?", "/?", "/?aadOptscim062020&"] {
        let found = read(&world, &format!("{address}{filter}"))?;
        let found: Vec<_> =
            found["Resources"].as_array().context("no list")?.iter().map(|one| &one["id"]).collect();
        assert_eq!(found, ids.iter().collect::<Vec<_>>(), "{address}");
    }
    assert_refused(&world.scim(Method::POST, "/", Some(&json!({})))?, 405, None)
}

#[test]
fn methods_and_addresses_that_are_not_there() -> Result<()> {
    let world = World::shared()?;
    for (method, path, allowed) in [
        (Method::PATCH, "/Users", "GET,HEAD,POST"),
        (Method::PUT, "/groups", "GET,HEAD,POST"),
        (Method::DELETE, "/Schemas", "GET,HEAD"),
        (Method::POST, "/Users/01JABCDEFGHJKMNPQRSTVWXYZ0", "GET,HEAD,PUT,PATCH,DELETE"),
    ] {
        let answer = world.scim(method.clone(), path, None)?;
        assert_refused(&answer, 405, None)?;
        let mut methods: Vec<_> = answer.header("allow").split(',').collect();
        let mut expected: Vec<_> = allowed.split(',').collect();
        methods.sort_unstable();
        expected.sort_unstable();
        assert_eq!(methods, expected, "{method} {path}");
    }
    assert_refused(&world.scim(Method::POST, "/Bulk", Some(&json!({})))?, 501, None)?;
    assert_refused(&world.scim(Method::GET, "/Me", None)?, 501, None)?;
    assert_refused(&world.scim(Method::GET, "/Schemas?filter=id+pr", None)?, 403, None)?;
    assert_refused(&world.scim(Method::GET, "/resourcetypes?filter=id+pr", None)?, 403, None)
}

#[test]
fn a_version_that_the_client_has_is_not_sent_again() -> Result<()> {
    let world = World::shared()?;
    let person = create(&world, "Users", &user("protocol.version"))?;
    let group = format!("/Groups/{}", create(&world, "Groups", &group("protocol-version"))?);
    let with = |path: &str, tag: &str| {
        let request = world.request(Method::GET, &format!("/scim/v2{path}")).bearer_auth(&world.scim_token);
        world.send(request.header("if-none-match", tag))
    };
    let add = json!({ "op": "Add", "path": "members", "value": [{ "value": person }] });
    for (path, change) in [
        (format!("/Users/{person}"), json!({ "op": "Replace", "path": "title", "value": "Lead" })),
        (group, add),
    ] {
        let version = read(&world, &path)?["meta"]["version"].as_str().context("no version")?.to_owned();
        for tag in [version.as_str(), version.trim_start_matches("W/"), "\"x\", *"] {
            let same = with(&path, tag)?;
            assert_eq!((same.status, same.header("etag"), same.text().as_str()), (304, version.as_str(), ""));
        }
        assert_eq!(with(&path, "W/\"other\"")?.status, 200);
        let changed = patched(&world, &path, &change)?;
        assert_ne!(changed["meta"]["version"], version);
        let now = with(&path, &version)?;
        assert_eq!(
            (now.status, now.header("etag")),
            (200, changed["meta"]["version"].as_str().context("no version")?)
        );
    }
    Ok(())
}

fn conditional(world: &World, method: Method, path: &str, tags: &[&str], body: &Value) -> Result<Answer> {
    let mut request = world.request(method, &format!("/scim/v2{path}")).bearer_auth(&world.scim_token);
    for tag in tags {
        request = request.header("if-match", *tag);
    }
    world.send(request.body(body.to_string()))
}

fn version(world: &World, path: &str) -> Result<String> {
    Ok(read(world, path)?["meta"]["version"].as_str().context("no version")?.to_owned())
}

#[test]
fn a_condition_that_does_not_hold_changes_nothing() -> Result<()> {
    let world = World::shared()?;
    let announced = read(&world, "/ServiceProviderConfig")?;
    assert_eq!(announced["etag"]["supported"], true);
    let change = json!({ "schemas": [PATCH_OP],
        "Operations": [{ "op": "Replace", "path": "displayName", "value": "Conditional" }] });
    for (endpoint, body) in [("Users", user("protocol.condition")), ("Groups", group("protocol-condition"))] {
        let path = format!("/{endpoint}/{}", create(&world, endpoint, &body)?);
        let first = version(&world, &path)?;
        let changed = conditional(&world, Method::PATCH, &path, &[&first], &change)?;
        assert_eq!((changed.status, changed.header("etag") == first), (200, false), "{}", changed.text());
        let before = read(&world, &path)?;
        for method in [Method::PUT, Method::PATCH, Method::DELETE] {
            let sent = if method == Method::PUT { &body } else { &change };
            for tags in [&[first.as_str()][..], &["W/\"0\""], &[""], &["nonsense"], &["\"a\"", &first]] {
                let answer = conditional(&world, method.clone(), &path, tags, sent)?;
                assert_refused(&answer, 412, None).with_context(|| format!("{method} {tags:?}"))?;
            }
        }
        assert_eq!(read(&world, &path)?, before);
        let now = version(&world, &path)?;
        assert_eq!(conditional(&world, Method::PUT, &path, &["\"a\"", &now], &body)?.status, 200);
        assert_eq!(conditional(&world, Method::PATCH, &path, &["*"], &change)?.status, 200);
        let now = version(&world, &path)?;
        assert_eq!(
            conditional(&world, Method::DELETE, &path, &[now.trim_start_matches("W/")], &json!({}))?.status,
            204
        );
        assert_refused(&conditional(&world, Method::DELETE, &path, &["*"], &json!({}))?, 404, None)?;
    }
    Ok(())
}

/// Members are no part of a group's document, and of its version all the same.
#[test]
fn a_member_more_is_another_version() -> Result<()> {
    let world = World::shared()?;
    let person = create(&world, "Users", &user("protocol.member"))?;
    let path = format!("/Groups/{}", create(&world, "Groups", &group("protocol-member"))?);
    let before = version(&world, &path)?;
    let add = json!({ "Operations": [{ "op": "Add", "path": "members", "value": [{ "value": person }] }] });
    assert_eq!(conditional(&world, Method::PATCH, &path, &[&before], &add)?.status, 200);
    let with = version(&world, &path)?;
    assert_refused(&conditional(&world, Method::DELETE, &path, &[&before], &json!({}))?, 412, None)?;
    // What changes nothing is no new version.
    assert_eq!(conditional(&world, Method::PATCH, &path, &[&with], &add)?.status, 200);
    assert_eq!(version(&world, &path)?, with);
    assert_eq!(world.scim(Method::DELETE, &format!("/Users/{person}"), None)?.status, 204);
    assert_refused(&conditional(&world, Method::DELETE, &path, &[&with], &json!({}))?, 412, None)
}

/// Of many who have read the same version, one writes.
#[test]
fn one_of_many_who_race_wins() -> Result<()> {
    let world = World::shared()?;
    let path = format!("/Users/{}", create(&world, "Users", &user("protocol.race"))?);
    for round in 0..10 {
        let now = version(&world, &path)?;
        let write = |number: usize| -> Result<u16> {
            let title = json!({ "op": "Replace", "path": "title", "value": format!("{round}-{number}") });
            Ok(conditional(&world, Method::PATCH, &path, &[&now], &json!({ "Operations": [title] }))?.status)
        };
        let mut statuses = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..6)
                .map(|number| {
                    let write = &write;
                    scope.spawn(move || write(number))
                })
                .collect();
            let written = writers.into_iter().map(|writer| writer.join().unwrap_or(Ok(0)));
            written.collect::<Result<Vec<_>>>()
        })?;
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412, 412, 412, 412, 412]);
    }
    Ok(())
}

#[test]
fn addresses_have_the_scheme_that_the_client_used() -> Result<()> {
    let world = World::shared()?;
    let path = format!("/Users/{}", create(&world, "Users", &user("protocol.address"))?);
    let location = read(&world, &path)?["meta"]["location"].as_str().context("no location")?.to_owned();
    assert_eq!(location, format!("{}/scim/v2{path}", world.ca.url()), "what can be fetched");
    let request = world.request(Method::GET, &format!("/scim/v2{path}")).bearer_auth(&world.scim_token);
    let proxied = world.send(request.header("x-forwarded-proto", "https"))?.json()?;
    assert!(proxied["meta"]["location"].as_str().is_some_and(|location| location.starts_with("https://")));
    Ok(())
}
