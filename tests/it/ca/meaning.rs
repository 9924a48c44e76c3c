//! What a write to the directory means: for the person behind a resource, for groups, and for those who watch.

use anyhow::{Context as _, Result};
use reqwest::Method;
use sallyport_entra_sim::Sim;
use sallyport_tests::World;
use sallyport_tests::world::Answer;
use serde_json::{Value, json};

fn patch(world: &World, path: &str, operation: &Value) -> Result<Answer> {
    let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [operation] });
    world.scim(Method::PATCH, path, Some(&body))
}

/// A write that must succeed; the resource as it is answered.
fn done(answer: &Answer) -> Result<Value> {
    assert!((200..300).contains(&answer.status), "{}: {}", answer.status, answer.text());
    answer.json()
}

fn create(world: &World, endpoint: &str, body: &Value) -> Result<Value> {
    done(&world.scim(Method::POST, &format!("/{endpoint}"), Some(body))?)
}

fn id(resource: &Value) -> Result<String> {
    Ok(resource["id"].as_str().with_context(|| format!("no id in {resource}"))?.to_owned())
}

/// A user with an object id of their own, made by hand; the id of the resource.
fn user(world: &World, name: &str) -> Result<String> {
    let body = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "externalId": Sim::new_oid(), "userName": format!("{name}@contoso.test"), "active": true });
    id(&create(world, "Users", &body)?)
}

fn group(world: &World, name: &str) -> Result<String> {
    let body = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "externalId": Sim::new_oid(), "displayName": name });
    id(&create(world, "Groups", &body)?)
}

fn add(people: &[String]) -> Value {
    let members: Vec<_> = people.iter().map(|id| json!({ "value": id })).collect();
    json!({ "op": "Add", "path": "members", "value": members })
}

/// How many members an answer lists; `None` where it says nothing of members.
fn listed(body: &Value) -> Option<usize> {
    body.get("members").and_then(Value::as_array).map(Vec::len)
}

#[test]
fn a_change_of_few_members_is_answered_without_the_many() -> Result<()> {
    let world = World::shared()?;
    let people: Vec<_> =
        (0..102).map(|number| user(&world, &format!("meaning.many{number}"))).collect::<Result<_>>()?;
    let path = format!("/Groups/{}", group(&world, "meaning-many")?);
    let before = done(&world.scim(Method::GET, &path, None)?)?;
    assert_eq!(listed(&done(&patch(&world, &path, &add(&people[..100]))?)?), Some(100), "few are listed");
    let answer = done(&patch(&world, &path, &add(&people[100..]))?)?;
    assert_eq!((listed(&answer), &answer["displayName"]), (None, &json!("meaning-many")), "{answer}");
    let named = done(&patch(&world, &format!("{path}?attributes=members"), &add(&people[..1]))?)?;
    assert_eq!(listed(&named), Some(102), "asked for by name, they are all there");

    let after = done(&world.scim(Method::GET, &path, None)?)?;
    assert_eq!(listed(&after), Some(102));
    let changed = |group: &Value| group["meta"]["lastModified"].as_str().unwrap_or_default().to_owned();
    assert!(changed(&after) > changed(&before), "a new member is a change of the group: {after}");
    let gone = json!({ "op": "Remove", "path": "members", "value": [{ "value": people[7] }] });
    assert_eq!(listed(&done(&patch(&world, &path, &gone)?)?), None);
    assert_eq!(listed(&done(&world.scim(Method::GET, &path, None)?)?), Some(101));
    Ok(())
}

#[test]
fn groups_are_found_by_a_member() -> Result<()> {
    let world = World::shared()?;
    let person = user(&world, "meaning.sought")?;
    let (one, two) = (group(&world, "meaning-one")?, group(&world, "meaning-two")?);
    for id in [&one, &two] {
        done(&patch(&world, &format!("/Groups/{id}"), &add(std::slice::from_ref(&person)))?)?;
    }
    let filter = format!("/Groups?attributes=id&filter=members.value+eq+%22{person}%22");
    let found = done(&world.scim(Method::GET, &filter, None)?)?;
    let mut ids: Vec<_> =
        found["Resources"].as_array().context("no list")?.iter().map(id).collect::<Result<_>>()?;
    ids.sort();
    let mut wanted = [one, two];
    wanted.sort();
    assert_eq!(ids, wanted);
    Ok(())
}
