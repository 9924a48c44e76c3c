//! What RFC 7644 asks for, and Entra does not.

use anyhow::{Context as _, Result};
use reqwest::Method;
use sallyport_tests::World;
use serde_json::{Value, json};

use super::{assert_refused, create, group, patched, read, user};

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
