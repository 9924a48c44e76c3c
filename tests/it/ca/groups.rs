//! Which group of the directory a row stands for, and who is in it when a request with many changes is over.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use reqwest::Method;
use sallyport_entra_sim::Sim;
use sallyport_tests::World;
use serde_json::{Value, json};

use super::machines::Machine;
use super::meaning::{add, create, done, id, patch, replace, user};

fn group(world: &World, name: &str, external: Option<&str>) -> Result<String> {
    let mut body = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": name });
    if let Some(external) = external {
        body["externalId"] = json!(external);
    }
    id(&create(world, "Groups", &body)?)
}

fn grant(world: &World, group: &str, tag: &str) -> Result<()> {
    world.ca.command(&["admin", "grant", "add", "--group", group, "--tag", tag, "--sudo"])?.ok()?;
    Ok(())
}

/// Entra matches groups by display name where it is told nothing better: it takes the row of the group that it matched
/// for the new one, and writes the new one's object id there.
#[test]
fn a_grant_does_not_follow_a_row_to_another_group() -> Result<()> {
    let world = World::shared()?;
    let machine = Machine::new(&world, "rebound")?;
    machine.enroll(&machine.token("role=rebound")?)?;
    let (one, two) = (Sim::new_oid().to_string(), Sim::new_oid().to_string());
    let team = group(&world, "rebound", None)?;
    let path = format!("/Groups/{team}");
    grant(&world, &team, "role=rebound")?;
    done(&patch(&world, &path, &add(&[user(&world, "reboundroot")?]))?)?;
    let removed = || Ok::<_, anyhow::Error>(world.record()?.with("grant.removed", "group", &team).len());

    // An id where there was none, or the same in another spelling, is the same group.
    for external in [one.clone(), one.to_uppercase(), format!("{{{one}}}")] {
        done(&patch(&world, &path, &replace("externalId", &json!(external)))?)?;
        assert!(machine.content()?.contains("reboundroot"), "{external}");
        assert_eq!(removed()?, 0, "{external}");
    }

    let answer = done(&patch(&world, &path, &replace("externalId", &json!(two)))?)?;
    assert_eq!(answer["externalId"], json!(two));
    assert!(!machine.content()?.contains("reboundroot"), "{}", machine.content()?);
    assert_eq!(removed()?, 1);
    let again = format!("sallyport-ca admin grant add --group {team} --tag role=rebound --sudo");
    assert!(world.ca.log().contains(&again), "the log says what to run: {again}");

    // Given again it stays, until a PUT brings another id.
    grant(&world, &team, "role=rebound")?;
    assert!(machine.content()?.contains("reboundroot"));
    let body = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "externalId": one,
        "displayName": "rebound" });
    done(&world.scim(Method::PUT, &path, Some(&body))?)?;
    assert_eq!(removed()?, 2);
    Ok(())
}

#[test]
fn an_object_id_taken_away_in_one_write_is_remembered_in_the_next() -> Result<()> {
    let world = World::shared()?;
    let machine = Machine::new(&world, "twosteps")?;
    machine.enroll(&machine.token("role=twosteps")?)?;
    let (one, two) = (Sim::new_oid().to_string(), Sim::new_oid().to_string());
    let team = group(&world, "twosteps", Some(&one))?;
    let path = format!("/Groups/{team}");
    grant(&world, &team, "role=twosteps")?;
    done(&patch(&world, &path, &add(&[user(&world, "twostepsroot")?]))?)?;
    let removed = || Ok::<_, anyhow::Error>(world.record()?.with("grant.removed", "group", &team).len());
    let take_away = || patch(&world, &path, &json!({ "op": "Remove", "path": "externalId" }));

    // The same group again keeps them, also after a value that names no object at all.
    done(&take_away()?)?;
    done(&patch(&world, &path, &replace("externalId", &json!("twosteps-team")))?)?;
    done(&take_away()?)?;
    done(&patch(&world, &path, &replace("externalId", &json!(one)))?)?;
    assert!(machine.content()?.contains("twostepsroot"));
    assert_eq!(removed()?, 0);

    done(&take_away()?)?;
    assert!(machine.content()?.contains("twostepsroot"), "nothing stands for another group yet");
    done(&patch(&world, &path, &replace("externalId", &json!(two)))?)?;
    assert!(!machine.content()?.contains("twostepsroot"), "{}", machine.content()?);
    assert_eq!(removed()?, 1);

    // By PUT as well, and for a grant that was given while no object id was there.
    let put = |external: Option<&str>| -> Result<()> {
        let mut body = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "displayName": "twosteps" });
        if let Some(external) = external {
            body["externalId"] = json!(external);
        }
        done(&world.scim(Method::PUT, &path, Some(&body))?).map(drop)
    };
    put(None)?;
    grant(&world, &team, "role=twosteps")?;
    put(Some(&one))?;
    assert_eq!(removed()?, 2);
    Ok(())
}

#[test]
fn one_object_id_in_two_spellings_is_one_group() -> Result<()> {
    let world = World::shared()?;
    let oid = Sim::new_oid().to_string();
    group(&world, "spelt", Some(&oid))?;
    for (number, external) in
        [oid.to_uppercase(), format!("{{{oid}}}"), oid.replace('-', "")].iter().enumerate()
    {
        let body = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "externalId": external, "displayName": format!("spelt-{number}") });
        assert_eq!(world.scim(Method::POST, "/Groups", Some(&body))?.status, 409, "{external}");
    }
    Ok(())
}

#[test]
fn whoever_leaves_and_returns_in_one_request_never_left() -> Result<()> {
    let world: Arc<World> = World::shared()?;
    let someone = world.stranger("never-left")?;
    let found = world.scim(Method::GET, "/Users?filter=userName+eq+%22never-left%40contoso.test%22", None)?;
    let person = id(&found.json()?["Resources"][0])?;
    let team = group(&world, "never-left", None)?;
    let path = format!("/Groups/{team}");
    grant(&world, &team, "role=never-left")?;
    done(&patch(&world, &path, &add(std::slice::from_ref(&person)))?)?;
    world.log_in(&someone)?;
    let seen = || -> Result<[usize; 3]> {
        let record = world.record()?;
        let own = world.view("never-left@contoso.test")?.id;
        let revoked = record.of("certificate.revoked").filter(|event| event["user"] == json!(own)).count();
        let of = |name: &str| record.with(name, "group", &team).len();
        Ok([revoked, of("directory.member_removed"), of("directory.sudo_member_added")])
    };
    assert_eq!(seen()?, [0, 0, 1], "they came once");

    let remove_all = || json!({ "op": "Remove", "path": "members" });
    let remove = || json!({ "op": "Remove", "path": "members", "value": [{ "value": person }] });
    let back = || add(std::slice::from_ref(&person));
    let replace_by = |people: Value| json!({ "op": "Replace", "path": "members", "value": people });
    let stories: [Vec<Value>; 3] = [
        vec![remove_all(), back()],
        vec![remove(), back()],
        vec![replace_by(json!([])), replace_by(json!([{ "value": person }]))],
    ];
    for operations in stories {
        let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": operations });
        done(&world.scim(Method::PATCH, &path, Some(&body))?)?;
        assert_eq!(seen()?, [0, 0, 1], "{body}");
        let members = done(&world.scim(Method::GET, &path, None)?)?["members"].clone();
        assert_eq!(members.as_array().context("no members")?.len(), 1, "{body}");
    }
    // The other way round they are out, and their certificate ends.
    let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [back(), remove_all()] });
    done(&world.scim(Method::PATCH, &path, Some(&body))?)?;
    assert_eq!(seen()?, [1, 1, 1]);
    Ok(())
}
