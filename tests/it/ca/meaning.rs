//! What a write to the directory means: for the person behind a resource, for groups, and for those who watch.

use anyhow::{Context as _, Result};
use reqwest::Method;
use sallyport_entra_sim::Sim;
use sallyport_protocol::ProblemCode;
use sallyport_protocol::admin::UserView;
use sallyport_tests::World;
use sallyport_tests::world::Answer;
use serde_json::{Value, json};

use super::claims;

pub(super) fn patch(world: &World, path: &str, operation: &Value) -> Result<Answer> {
    let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [operation] });
    world.scim(Method::PATCH, path, Some(&body))
}

/// A write that must succeed; the resource as it is answered.
pub(super) fn done(answer: &Answer) -> Result<Value> {
    assert!((200..300).contains(&answer.status), "{}: {}", answer.status, answer.text());
    answer.json()
}

pub(super) fn create(world: &World, endpoint: &str, body: &Value) -> Result<Value> {
    done(&world.scim(Method::POST, &format!("/{endpoint}"), Some(body))?)
}

pub(super) fn id(resource: &Value) -> Result<String> {
    Ok(resource["id"].as_str().with_context(|| format!("no id in {resource}"))?.to_owned())
}

/// A user with an object id of their own, made by hand; the id of the resource.
pub(super) fn user(world: &World, name: &str) -> Result<String> {
    let body = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "externalId": Sim::new_oid(), "userName": format!("{name}@contoso.test"), "active": true });
    id(&create(world, "Users", &body)?)
}

fn group(world: &World, name: &str) -> Result<String> {
    let body = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "externalId": Sim::new_oid(), "displayName": name });
    id(&create(world, "Groups", &body)?)
}

pub(super) fn add(people: &[String]) -> Value {
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

/// The state of whoever this resource stands for, and why.
fn state(world: &World, upn: &str) -> Result<(String, Option<String>)> {
    let view = world.view(upn)?;
    Ok((view.state, view.reason))
}

pub(super) fn replace(attribute: &str, value: &Value) -> Value {
    json!({ "op": "Replace", "path": attribute, "value": value })
}

#[test]
fn one_object_id_in_two_spellings_is_one_person_claimed_twice() -> Result<()> {
    let world = World::shared()?;
    let oid = Sim::new_oid().to_string();
    let person = |name: &str, external: &str| {
        json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "externalId": external,
            "userName": format!("{name}@contoso.test"), "active": true })
    };
    let first = create(&world, "Users", &person("meaning.lower", &oid))?;
    let second = create(&world, "Users", &person("meaning.upper", &oid.to_uppercase()))?;
    assert_eq!((&first["externalId"], &second["externalId"]), (&json!(oid), &json!(oid.to_uppercase())));
    let flagged = ("suspended".to_owned(), Some("link".to_owned()));
    for upn in ["meaning.lower@contoso.test", "meaning.upper@contoso.test"] {
        assert_eq!(state(&world, upn)?, flagged, "{upn}");
    }
    // The claim withdrawn, the first is who they were. The flag does not end by being switched off and on.
    let path = format!("/Users/{}", id(&second)?);
    for active in [false, true] {
        done(&patch(&world, &path, &replace("active", &json!(active)))?)?;
        assert_eq!(state(&world, "meaning.upper@contoso.test")?, flagged);
    }
    assert_eq!(world.scim(Method::DELETE, &path, None)?.status, 204);
    assert_eq!(state(&world, "meaning.lower@contoso.test")?, ("active".to_owned(), None));
    Ok(())
}

/// The rows of everybody who was or is called so, without who is gone.
fn here(world: &World, upn: &str) -> Result<Vec<UserView>> {
    let people = world.wait(world.admin()?.users())?;
    Ok(people.into_iter().filter(|person| person.user_name == upn && person.state != "gone").collect())
}

/// The first is who they always were. The second claimed what was another's, and the end of the first does not make it
/// theirs: else a leaver's deletion would be a leaver's return.
#[test]
fn of_two_claimants_the_second_never_becomes_the_person_by_the_end_of_the_first() -> Result<()> {
    let world = World::new(&[], &[])?;
    for (name, goes) in [("first", 0_usize), ("second", 1)] {
        let oid = Sim::new_oid().to_string();
        let upn = |number: usize| format!("left.{name}{number}@contoso.test");
        let person = |number: usize| {
            let body = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "externalId": oid,
                "userName": upn(number), "active": true });
            id(&create(&world, "Users", &body)?)
        };
        let team = group(&world, &format!("left-{name}"))?;
        world.ca.command(&["admin", "grant", "add", "--group", &team, "--tag", "env=left"])?.ok()?;
        let path = format!("/Groups/{team}");
        let first = person(0)?;
        done(&patch(&world, &path, &add(std::slice::from_ref(&first)))?)?;
        let [before] = &here(&world, &upn(0))?[..] else { panic!("nobody, or more than one") };
        let second = person(1)?;
        done(&patch(&world, &path, &add(std::slice::from_ref(&second)))?)?;
        let link = ["admin", "directory", "link", &second];
        let refused = world.ca.command(&link)?.refused()?;
        assert!(refused.contains(&format!("directory forget {first}")), "{refused}");

        let both = [&first, &second];
        assert_eq!(world.scim(Method::DELETE, &format!("/Users/{}", both[goes]), None)?.status, 204);
        let [left] = &here(&world, &upn(1 - goes))?[..] else { panic!("nobody, or more than one") };
        if goes == 1 {
            assert_eq!((left.state.as_str(), &left.id, left.groups.len()), ("active", &before.id, 1));
            continue;
        }
        for active in [false, true] {
            done(&patch(&world, &format!("/Users/{second}"), &replace("active", &json!(active)))?)?;
            let flagged = ("suspended".to_owned(), Some("link".to_owned()));
            assert_eq!(state(&world, &upn(1))?, flagged);
        }
        assert_ne!(left.id, before.id);
        assert_eq!((&left.posix_name, left.groups.len()), (&None, 1), "{left:?}");

        // Until an administrator says so, who first sees what that means.
        let shown: Value =
            serde_json::from_str(&world.ca.command(&[&link[..], &["--format", "json"]].concat())?.ok()?)?;
        assert_eq!((&shown["user"], &shown["was_called"]), (&json!(before.id), &json!(upn(0))));
        assert_eq!((&shown["uid"], &shown["grants"]), (&json!(before.uid), &json!(1)));
        assert_eq!(here(&world, &upn(1))?[0].id, left.id, "nothing was changed");
        world.ca.command(&[&link[..], &["--yes"]].concat())?.ok()?;
        let [now] = &here(&world, &upn(1))?[..] else { panic!("nobody, or more than one") };
        assert_eq!((now.state.as_str(), &now.id, &now.uid), ("active", &before.id, &before.uid));
        assert_eq!(now.groups.len(), 1, "with the groups of the resource");
        let said = world.record()?;
        let said = said.with("directory.user_linked", "resource", &second);
        assert!(said[0]["detail"]["by"].as_str().is_some_and(|by| by.starts_with("uid ")), "{said:?}");
        let refused = world.ca.command(&link)?.refused()?;
        assert!(refused.contains("not flagged"), "{refused}");
    }
    world.ca.command(&["audit", "verify"])?.ok()?;
    Ok(())
}

#[test]
fn a_disabled_person_keeps_memberships_for_the_return() -> Result<()> {
    let world = World::shared()?;
    let (person, team) = (user(&world, "meaning.leave")?, group(&world, "meaning-leave")?);
    done(&patch(&world, &format!("/Groups/{team}"), &add(std::slice::from_ref(&person)))?)?;
    for active in ["False", "True"] {
        done(&patch(&world, &format!("/Users/{person}"), &replace("active", &json!(active)))?)?;
        assert_eq!(world.view("meaning.leave@contoso.test")?.groups, ["meaning-leave"], "{active}");
    }
    Ok(())
}

#[test]
fn a_re_created_account_gets_no_membership_of_the_old_one() -> Result<()> {
    let world = World::shared()?;
    let (old, team) = (user(&world, "meaning.again")?, group(&world, "meaning-again")?);
    done(&patch(&world, &format!("/Groups/{team}"), &add(std::slice::from_ref(&old)))?)?;
    assert_eq!(world.scim(Method::DELETE, &format!("/Users/{old}"), None)?.status, 204);
    let new = user(&world, "meaning.again")?;
    assert_ne!(new, old);
    let group = done(&world.scim(Method::GET, &format!("/Groups/{team}"), None)?)?;
    assert_eq!(listed(&group), Some(0));
    let people = world.wait(world.admin()?.users())?;
    let named = |user: &&sallyport_protocol::admin::UserView| user.user_name == "meaning.again@contoso.test";
    let mut states: Vec<_> =
        people.iter().filter(named).map(|user| (user.state.as_str(), user.groups.len())).collect();
    states.sort_unstable();
    assert_eq!(states, [("active", 0), ("gone", 0)]);
    Ok(())
}

#[test]
fn groups_may_bear_one_name_unless_neither_has_an_id() -> Result<()> {
    let world = World::shared()?;
    let post = |name: &str, external: Option<&str>| -> Result<u16> {
        let mut body =
            json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": name });
        if let Some(external) = external {
            body["externalId"] = json!(external);
        }
        Ok(world.scim(Method::POST, "/Groups", Some(&body))?.status)
    };
    assert_eq!(post("meaning-twins", Some("meaning-a"))?, 201);
    assert_eq!(post("meaning-twins", Some("meaning-b"))?, 201, "another id, the same name");
    assert_eq!(post("meaning-other", Some("meaning-a"))?, 409, "the same id");
    assert_eq!(post("meaning-twins", None)?, 201, "one of them has an id");
    assert_eq!(post("MEANING-TWINS", None)?, 409, "neither has an id");
    Ok(())
}

/// A tenant that sends mailNickname: found out, told, and let in one by one where an administrator says so.
#[test]
fn a_tenant_without_object_ids_is_told_and_linked_once_where_allowed() -> Result<()> {
    let world = World::new(&[], &[])?;
    let ida = world.hire("ida", json!({}), false)?;
    let body = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "externalId": "ida",
        "userName": "Ida@Contoso.test", "active": true });
    let path = format!("/Users/{}", id(&create(&world, "Users", &body)?)?);
    let found = done(&world.scim(Method::GET, "/Groups?filter=displayName+eq+%22engineers%22", None)?)?;
    let group = format!("/Groups/{}", id(&found["Resources"][0])?);
    done(&patch(&world, &group, &add(&[path.trim_start_matches("/Users/").to_owned()]))?)?;

    let doctor = world.ca.command(&["doctor", "--format", "json"])?;
    for told in [doctor.stdout.as_str(), world.ca.log().as_str()] {
        assert!(told.contains("mailNickname to objectId") && told.contains("Restart provisioning"), "{told}");
    }
    let (_, request) = world.sign_in(&ida)?;
    let problem = world.refused(&request, ProblemCode::NotProvisioned)?;
    assert!(problem.detail.contains("sallyport-ca doctor"), "{problem}");

    world.ca.command(&["connection", "set", "entra", "--link-by-upn", "on"])?.ok()?;
    let other = claims(json!({ "preferred_username": "somebody.else@contoso.test" }));
    let applicant = world.applicant()?;
    let token = world.mint(&ida, Some(&applicant.nonce()?), other)?;
    world.refused(&applicant.browser(&token)?, ProblemCode::NotProvisioned)?;
    let issued = world.issue(&request)?;
    assert!(issued.principals.contains(&"ida".to_owned()), "{issued:?}");
    let linked = world.record()?;
    assert_eq!(linked.with("directory.user_linked", "object_id", &ida.oid).len(), 1);

    // Whoever comes later under that address is refused for ever, also when the switch is on.
    let later = Sim::new_oid().to_string();
    let applicant = world.applicant()?;
    let token = world.mint(&ida, Some(&applicant.nonce()?), claims(json!({ "oid": later })))?;
    let problem = world.refused(&applicant.browser(&token)?, ProblemCode::NotProvisioned)?;
    assert!(problem.detail.contains("another object id"), "{problem}");

    // The mapping mended, they are the same person; moved to another object id, they are flagged.
    done(&patch(&world, &path, &replace("externalId", &json!(ida.oid)))?)?;
    world.log_in(&ida)?;
    done(&patch(&world, &path, &replace("externalId", &json!(later)))?)?;
    assert_eq!(state(&world, "Ida@Contoso.test")?, ("suspended".to_owned(), Some("link".to_owned())));
    let (_, request) = world.sign_in(&ida)?;
    world.refused(&request, ProblemCode::Suspended)?;
    Ok(())
}
