//! POSIX groups in the ledger: whose names and numbers they are, and what the record says.

use anyhow::Result;
use sallyport_protocol::ProblemCode;
use sallyport_tests::World;
use serde_json::{Value, json};

use super::machines::Machine;
use super::meaning::{add, create, done, id, patch, user};

fn group(world: &World, name: &str) -> Result<String> {
    let schema = "urn:ietf:params:scim:schemas:core:2.0:Group";
    id(&create(world, "Groups", &json!({ "schemas": [schema], "displayName": name }))?)
}

fn grant(world: &World, group: &str, more: &[&str]) -> Result<Value> {
    let arguments = ["admin", "grant", "add", "--group", group, "--format", "json"];
    let added: Value = serde_json::from_str(&world.ca.command(&[&arguments[..], more].concat())?.ok()?)?;
    Ok(added[0].clone())
}

#[test]
fn a_group_has_one_row_for_ever_and_a_person_never_gets_its_name() -> Result<()> {
    let world = World::shared()?;
    let team = group(&world, "ledgered")?;
    let tags = ["--tag", "role=ledgered", "--posix-group", "ledgered", "--local-group", "adm"];
    let added = grant(&world, &team, &tags)?;
    assert_eq!((&added["posix_groups"], &added["local_groups"]), (&json!(["ledgered"]), &json!(["adm"])));
    // Asked for again it is the same grant; another set of groups is another grant.
    assert_eq!(grant(&world, &team, &tags)?["id"], added["id"]);
    assert_ne!(grant(&world, &team, &tags[..2])?["id"], added["id"]);
    let record = world.record()?;
    let pinned = record.with("posix_group.pinned", "name", "ledgered");
    assert_eq!(pinned.len(), 1, "{pinned:?}");
    let told = record.with("grant.added", "posix_groups", "ledgered");
    assert_eq!((told.len(), &told[0]["detail"]["local_groups"]), (1, &json!("adm")), "{told:?}");

    // The machine that the grant reaches hears of it, with the ledger's number and who is in it.
    let machine = Machine::new(&world, "ledgered")?;
    machine.enroll(&machine.token("role=ledgered")?)?;
    done(&patch(&world, &format!("/Groups/{team}"), &add(&[user(&world, "ledgeredmember")?]))?)?;
    let content: Value = serde_json::from_str(&machine.content()?)?;
    assert_eq!(content["posix_groups"], json!([{ "name": "ledgered", "gid": pinned[0]["detail"]["gid"] }]));
    assert_eq!(content["accounts"][0]["groups"], json!({ "managed": ["ledgered"], "local": ["adm"] }));

    // A person of that name is refused, and is told so.
    let namesake = world.engineer("ledgered")?;
    let (_, request) = world.sign_in(&namesake)?;
    world.refused(&request, ProblemCode::NameConflict)?;
    let view = world.view(&namesake.upn)?;
    assert_eq!((view.reason.as_deref(), view.posix_name), (Some("name_taken"), None));

    // Removed everywhere, the row stays.
    let id = added["id"].as_str().unwrap_or_default();
    world.ca.command(&["admin", "grant", "remove", id])?.ok()?;
    let rows: Value =
        serde_json::from_str(&world.ca.command(&["names", "groups", "--format", "json"])?.ok()?)?;
    let row = rows.as_array().into_iter().flatten().find(|row| row["name"] == "ledgered");
    assert_eq!(row.map(|row| (&row["gid"], &row["grants"])), Some((&pinned[0]["detail"]["gid"], &json!([]))));
    world.ca.command(&["audit", "verify"])?.ok()?;
    Ok(())
}

#[test]
fn an_addition_to_a_group_that_is_as_good_as_root_is_told_apart() -> Result<()> {
    let world = World::shared()?;
    let (docker, adm) = (group(&world, "dockers")?, group(&world, "readers")?);
    grant(&world, &docker, &["--tag", "role=none", "--local-group", "docker", "--root-equivalent"])?;
    grant(&world, &adm, &["--tag", "role=none", "--local-group", "adm"])?;
    for group in [&docker, &adm] {
        done(&patch(&world, &format!("/Groups/{group}"), &add(&[user(&world, &format!("in{group}"))?]))?)?;
    }
    let record = world.record()?;
    assert_eq!(record.with("directory.sudo_member_added", "group", &docker).len(), 1);
    assert_eq!(record.with("directory.sudo_member_added", "group", &adm).len(), 0);
    assert_eq!(record.with("directory.member_added", "group", &adm).len(), 1);
    assert_eq!(record.with("grant.added", "root_equivalent", "docker").len(), 1);
    Ok(())
}
