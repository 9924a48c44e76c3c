//! The administrators' commands: with the server running, with the server stopped, and what they refuse.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use reqwest::Method;
use sallyport_protocol::ProblemCode;
use sallyport_tests::{World, wait_until};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const LONG: Duration = Duration::from_secs(30);

fn group(world: &World, name: &str) -> Result<(String, String)> {
    let oid = sallyport_entra_sim::Sim::new_oid().to_string();
    let body = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "externalId": oid, "displayName": name });
    let answer = world.scim(Method::POST, "/Groups", Some(&body))?;
    assert_eq!(answer.status, 201, "{}", answer.text());
    Ok((answer.json()?["id"].as_str().context("no id")?.to_owned(), oid))
}

fn grant(world: &World, group: &str) -> Result<sallyport_tests::Outcome> {
    world.ca.command(&["admin", "grant", "add", "--group", group, "--tag", "env=test", "--format", "json"])
}

#[test]
fn a_group_is_named_by_id_object_id_or_a_name_of_its_own() -> Result<()> {
    let world = World::shared()?;
    let (id, oid) = group(&world, "admin-one-of-a-kind")?;
    let by_name: Value = serde_json::from_str(&grant(&world, "admin-one-of-a-kind")?.ok()?)?;
    for name in [&id, &oid, &oid.to_uppercase()] {
        let again: Value = serde_json::from_str(&grant(&world, name)?.ok()?)?;
        assert_eq!(again, by_name, "one grant, however its group is named");
    }
    let refused = grant(&world, "admin-nobody")?.refused()?;
    assert!(refused.contains("sallyport-ca admin group ls"), "{refused}");
    Ok(())
}

#[test]
fn a_name_that_two_groups_bear_is_refused_with_both_ids() -> Result<()> {
    let world = World::shared()?;
    let (first, second) = (group(&world, "admin-twins")?.0, group(&world, "admin-twins")?.0);
    let refused = grant(&world, "admin-twins")?.refused()?;
    assert!(refused.contains(&first) && refused.contains(&second), "{refused}");
    let grants = world.ca.command(&["admin", "grant", "ls", "--format", "json"])?.ok()?;
    assert!(!grants.contains(&first) && !grants.contains(&second), "{grants}");
    grant(&world, &second)?.ok()?;
    Ok(())
}

#[test]
fn an_enrolment_token_for_names_that_no_host_can_have_is_refused() -> Result<()> {
    let world = World::shared()?;
    for outside in ["web-1", "web-1.corp.tset", "*.contoso.test"] {
        let create = ["enroll-token", "create", "--name", "a.corp.test", "--name", outside];
        let refused = world.ca.command(&create)?.refused()?;
        assert!(refused.contains(outside) && refused.contains("host_domains in [ca]"), "{refused}");
    }
    for inside in ["web-*", "*.corp.*", "*.test"] {
        let create = ["enroll-token", "create", "--name", &format!("{inside}.corp.test")];
        world.ca.command(&create)?.ok()?;
    }
    Ok(())
}

#[test]
fn a_grant_without_a_tag_is_refused() -> Result<()> {
    let world = World::shared()?;
    world.ca.command(&["admin", "grant", "add", "--group", "engineers"])?.refused()?;
    Ok(())
}

#[test]
fn a_grant_taken_away_ends_logins() -> Result<()> {
    let world = World::new(&[], &[])?;
    let someone = world.engineer("admin-ungranted")?;
    world.log_in(&someone)?;
    let grants = world.ca.command(&["admin", "grant", "ls", "--format", "json"])?.ok()?;
    let grants: Value = serde_json::from_str(&grants)?;
    let id = grants[0]["id"].as_str().context("no grant")?;
    world.ca.command(&["admin", "grant", "remove", id])?.ok()?;
    let (_, request) = world.sign_in(&someone)?;
    world.refused(&request, ProblemCode::NoGrant)?;
    assert_eq!(world.record()?.with("grant.removed", "grant", id).len(), 1);
    world.ca.command(&["admin", "grant", "remove", id])?.refused()?;
    Ok(())
}

#[test]
fn a_group_that_is_deleted_takes_its_grants_along_on_the_record() -> Result<()> {
    let world = World::shared()?;
    let (id, _) = group(&world, "admin-short-lived")?;
    let added: Value = serde_json::from_str(&grant(&world, &id)?.ok()?)?;
    let added = added[0]["id"].as_str().with_context(|| format!("{added}"))?;
    assert_eq!(world.scim(Method::DELETE, &format!("/Groups/{id}"), None)?.status, 204);
    let grants = world.ca.command(&["admin", "grant", "ls", "--format", "json"])?.ok()?;
    assert!(!grants.contains(added), "{grants}");
    assert_eq!(world.record()?.with("grant.removed", "grant", added).len(), 1, "a grant never just vanishes");
    Ok(())
}

#[test]
fn no_enrolment_without_host_domains() -> Result<()> {
    let world = World::new(&[], &[])?;
    let refused = world.ca.command(&["enroll-token", "create", "--name", "web-*.corp.test"])?.refused()?;
    assert!(refused.contains("host_domains") && refused.contains("sallyport.toml"), "the remedy: {refused}");
    let listed = world.ca.command(&["enroll-token", "list", "--format", "json"])?.ok()?;
    assert_eq!(listed.trim(), "[]");
    Ok(())
}

#[test]
fn tokens_are_seen_once_and_kept_as_hashes() -> Result<()> {
    let world = World::new(&["--host-domain", "*.corp.test"], &[])?;
    let scim = world.ca.command(&["scim-token", "create", "--name", "second"])?.ok()?;
    let enroll = world.ca.command(&["enroll-token", "create", "--name", "a.corp.test"])?.ok()?;
    let mut shown = world.ca.command(&["audit", "export"])?.ok()?;
    for list in ["scim-token", "enroll-token"] {
        for format in ["json", "text"] {
            shown += &world.ca.command(&[list, "list", "--format", format])?.ok()?;
        }
    }
    world.scim(Method::GET, "/Users", None)?;
    let files = [everything_in(world.ca.folder())?, everything_in(world.folder())?].concat();
    for token in [&scim, &enroll, &world.scim_token] {
        assert_eq!(token.lines().count(), 1, "the token and nothing else: {token}");
        let (_, secret) = token.split_once('_').context("no prefix")?;
        assert!(!shown.contains(secret), "shown again");
        assert!(!holds(&files, secret.as_bytes()), "written down");
        assert!(!holds(&files, &BASE64_URL_SAFE_NO_PAD.decode(secret)?), "written down in binary");
        assert!(holds(&files, &Sha256::digest(token.as_bytes())), "the hash is what is kept");
    }
    Ok(())
}

fn everything_in(folder: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() {
            bytes.extend(std::fs::read(path)?);
        }
    }
    Ok(bytes)
}

fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn scim_tokens_that_are_wrong_expired_or_revoked() -> Result<()> {
    let world = World::shared()?;
    let status = |token: &str| -> Result<u16> {
        let answer = world.send(world.request(Method::GET, "/scim/v2/Users").bearer_auth(token))?;
        if answer.status != 200 {
            let error = answer.json()?;
            assert_eq!(answer.header("content-type"), "application/scim+json");
            assert_eq!(error["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]));
            assert_eq!(error["status"], answer.status.to_string(), "a string");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
        Ok(answer.status)
    };
    assert_eq!(status("sps_nonsense")?, 401);
    let short = world.ca.command(&["scim-token", "create", "--ttl", "1s"])?.ok()?;
    wait_until("a token to expire", LONG, || (status(&short).ok()? == 401).then_some(()))?;

    let token = world.ca.command(&["scim-token", "create", "--name", "to-be-revoked"])?.ok()?;
    assert_eq!(status(&token)?, 200);
    let listed = world.ca.command(&["scim-token", "list", "--format", "json"])?.ok()?;
    let listed: Value = serde_json::from_str(&listed)?;
    let is_it = |entry: &&Value| entry["name"] == "to-be-revoked";
    let entry = listed.as_array().and_then(|list| list.iter().find(is_it)).context("not listed")?;
    world.ca.command(&["scim-token", "revoke", entry["id"].as_str().context("no id")?])?.ok()?;
    assert_eq!(status(&token)?, 401);
    assert_eq!(status(&world.scim_token)?, 200, "the others live on");
    Ok(())
}

#[test]
fn commands_work_with_the_server_running_and_stopped() -> Result<()> {
    let mut world = World::new(&["--host-domain", "*.corp.test"], &[])?;
    let someone = world.engineer("admin-stopped")?;
    let commands: [&[&str]; 7] = [
        &["admin", "grant", "ls", "--format", "json"],
        &["admin", "group", "ls", "--format", "json"],
        &["admin", "host", "ls", "--format", "json"],
        &["admin", "user", "ls", "--format", "json"],
        &["scim-token", "list", "--format", "json"],
        &["enroll-token", "list", "--format", "json"],
        &["audit", "verify"],
    ];
    let outputs = |world: &World| -> Result<Vec<String>> {
        commands.iter().map(|command| world.ca.command(command)?.ok()).collect()
    };
    let running = outputs(&world)?;
    world.ca.stop()?;
    assert!(!world.ca.folder().join("admin.sock").exists(), "left behind");
    let stopped = outputs(&world)?;
    assert_eq!(running[..6], stopped[..6]);
    let token = world.ca.command(&["enroll-token", "create", "--name", "a.corp.test"])?.ok()?;
    assert!(token.starts_with("spe_"), "{token}");

    world.ca.start()?;
    assert!(world.ca.command(commands[5])?.ok()?.contains("a.corp.test"));
    world.log_in(&someone)?;
    Ok(())
}

#[test]
fn after_a_kill_the_socket_of_the_dead_server_is_no_obstacle() -> Result<()> {
    let mut world = World::new(&[], &[])?;
    world.ca.kill()?;
    assert!(world.ca.folder().join("admin.sock").exists());
    world.ca.command(&["admin", "grant", "ls"])?.ok()?;
    world.ca.start()?;
    world.ca.command(&["admin", "grant", "ls"])?.ok()?;
    Ok(())
}

#[test]
fn two_servers_on_one_store_are_refused() -> Result<()> {
    let world = World::shared()?;
    let mut second = world.ca.launch("second")?;
    let status = second.wait(LONG)?;
    assert!(!status.success());
    assert!(second.stderr().contains("another sallyport-ca has this store open"), "{}", second.stderr());
    assert_eq!(world.scim(Method::GET, "/Users", None)?.status, 200, "the first goes on");
    Ok(())
}

#[test]
fn a_second_init_touches_nothing() -> Result<()> {
    let world = World::shared()?;
    let keys = || std::fs::read(world.ca.folder().join("keys/identity"));
    let before = keys()?;
    let directory = world.ca.folder().to_string_lossy().into_owned();
    let refused = world.ca.command(&["init", &directory, "--tenant", "x", "--client-id", "y"])?.refused()?;
    assert!(refused.contains("there is a CA here already"), "{refused}");
    assert_eq!(keys()?, before);
    Ok(())
}

#[test]
fn keys_store_and_socket_are_for_the_owner_alone() -> Result<()> {
    let world = World::shared()?;
    let folder = world.ca.folder();
    for name in [
        "",
        "keys",
        "keys/identity",
        "keys/user_ca",
        "keys/host_ca",
        "sallyport.toml",
        "sallyport.db",
        "admin.sock",
    ] {
        let mode = std::fs::metadata(folder.join(name))?.permissions().mode() & 0o777;
        assert_eq!(mode & 0o077, 0, "{name}: {mode:o}");
    }
    Ok(())
}

#[test]
fn a_contradictory_configuration_names_file_field_and_remedy() -> Result<()> {
    let world = World::new(&[], &[])?;
    let file = world.ca.folder().join("sallyport.toml");
    let text = std::fs::read_to_string(&file)?;
    let cases = [
        (text.replace("\n[login]\n", "\n[login]\nsurprise = 1\n"), "login", "surprise"),
        (text.replace("device = \"off\"", "device = \"maybe\""), "login.device", "off, groups or on"),
        (text.replace("device = \"off\"", "device = \"groups\""), "login.device_groups", "at least one"),
        (
            text.replace("issuer = \"http://127.0.0.1", "issuer = \"http://login.contoso.test"),
            "ca.issuer",
            "https://",
        ),
        (text.replace("# user_ttl = \"16h\"", "user_ttl = \"25h\""), "certificates.user_ttl", "user_ttl_max"),
        (text.replace("# lease = \"72h\"", "lease = \"5s\""), "hosts.lease", "10s"),
        (text.replace("\n[ca]\n", "\n[ca\n"), "sallyport.toml", "TOML"),
    ];
    for (changed, field, remedy) in cases {
        assert_ne!(changed, text, "{field}");
        std::fs::write(&file, changed)?;
        for command in [["check"], ["serve"]] {
            let said = world.ca.command(&command)?.refused()?;
            for part in ["sallyport.toml", field, remedy] {
                assert!(said.contains(part), "{part} is missing: {said}");
            }
            assert!(!said.contains("another sallyport-ca"), "it looked at the store first: {said}");
        }
    }
    std::fs::write(&file, text)?;
    world.ca.command(&["check"])?.ok()?;
    Ok(())
}

/// A leaver's name becomes somebody else's.
const GIVEN_AWAY: &str = "UPDATE posix_names SET person = \
    (SELECT id FROM people WHERE user_name LIKE 'admin-outsider%') WHERE person = \
    (SELECT id FROM people WHERE user_name LIKE 'admin-changed%')";

/// A membership that no directory sent.
const INTRUDER: &str = "INSERT INTO memberships SELECT g.position, r.position FROM groups g, resources r \
     WHERE r.user_name LIKE 'admin-outsider%'";
/// A member's resource that is suddenly somebody else's.
const MASQUERADE: &str = "UPDATE resources SET person = (SELECT id FROM people WHERE user_name LIKE 'admin-outsider%') \
     WHERE user_name LIKE 'admin-changed%'";

/// Everything that may happen to people and groups, by the directory's own hand.
fn come_and_go(world: &World) -> Result<()> {
    let [back, gone] = [world.engineer("admin-back")?, world.engineer("admin-gone")?];
    world.log_in(&back)?;
    world.hire("root@contoso.test", json!({}), true)?;
    for enabled in [false, true] {
        world.edit(|tenant| tenant.user_mut(&back.oid).map(|user| user.enabled = enabled))?;
        world.provision()?;
    }
    world.edit(|tenant| tenant.remove_user(&gone.oid, true))?;
    let oid = back.oid.parse()?;
    world.edit(|tenant| tenant.group_mut("engineers").map(|group| group.members.remove(&oid)))?;
    world.provision()?;
    let (id, _) = group(world, "admin-short-lived")?;
    let member =
        world.scim(Method::GET, "/Users?filter=userName+eq+%22admin-back%40contoso.test%22", None)?;
    let member = member.json()?["Resources"][0]["id"].clone();
    let patch = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "Add", "path": "members", "value": [{ "value": member }] }] });
    assert!(world.scim(Method::PATCH, &format!("/Groups/{id}"), Some(&patch))?.status < 300);
    assert_eq!(world.scim(Method::DELETE, &format!("/Groups/{id}"), None)?.status, 204);
    Ok(())
}

#[test]
fn a_changed_store_does_not_verify() -> Result<()> {
    let mut world = World::new(&[], &[])?;
    let someone = world.engineer("admin-changed")?;
    let serial = world.log_in(&someone)?.1.serial;
    come_and_go(&world)?;
    let outsider = world.view(&world.stranger("admin-outsider")?.upn)?.id;
    let insider = world.view(&someone.upn)?.id;
    for (local, more) in [("deploy-one", &[][..]), ("deploy-two", &[][..]), ("deploy-two", &["--remove"][..])]
    {
        let adopt = ["names", "adopt", local, "--user", &insider, "--host", "db*.corp.test"];
        world.ca.command(&[&adopt[..], more].concat())?.ok()?;
    }
    world.ca.stop()?;
    world.ca.command(&["audit", "verify"])?.ok()?;

    let store = world.ca.folder().join("sallyport.db");
    // All of it into one file, whatever the last command left beside it.
    rusqlite::Connection::open(&store)?.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    let whole = std::fs::read(&store)?;
    let restore = || {
        for beside in ["sallyport.db-wal", "sallyport.db-shm"] {
            match std::fs::remove_file(world.ca.folder().join(beside)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        std::fs::write(&store, &whole)
    };
    let changes = [
        ("UPDATE audit SET body = replace(body, 'admin-changed', 'admin-charged')", "record"),
        ("DELETE FROM audit WHERE seq = 3", "record"),
        ("DELETE FROM certificates", &serial.to_string()),
        ("UPDATE people SET state = 'suspended' WHERE user_name LIKE 'admin-changed%'", &insider),
        (
            "UPDATE people SET state = 'active', reason = NULL WHERE user_name LIKE 'admin-gone%'",
            "is active in the table and gone",
        ),
        (
            "UPDATE people SET object = '0a0a0a0a-1111-4222-8333-444455556666' WHERE user_name LIKE 'admin-changed%'",
            "has the object id 0a0a0a0a-1111-4222-8333-444455556666 in the table and",
        ),
        (
            "UPDATE people SET object = NULL WHERE user_name LIKE 'admin-outsider%'",
            "has the object id none in the",
        ),
        ("UPDATE adoptions SET local = 'deploy-two'", "the account deploy-two on db*.corp.test is person"),
        ("DELETE FROM adoptions", "in the chain and not in the table"),
        (INTRUDER, &outsider),
        (MASQUERADE, &outsider),
        ("DELETE FROM memberships", &insider),
        ("DELETE FROM people WHERE user_name LIKE 'admin-outsider%'", &outsider),
        (
            "UPDATE people SET posix_name = 'admincrown' WHERE user_name LIKE 'admin-changed%'",
            "admincrown (uid",
        ),
        ("UPDATE people SET uid = 71234 WHERE user_name LIKE 'admin-changed%'", "(uid 71234,"),
        ("UPDATE people SET gid = 71234 WHERE user_name LIKE 'admin-changed%'", "gid 71234)"),
        (GIVEN_AWAY, "in the table and person"),
        ("DELETE FROM posix_names", "is nobody's in the table"),
        ("DELETE FROM posix_ids", "the ledger does not hold"),
    ];
    for (sql, place) in changes {
        let connection = rusqlite::Connection::open(&store)?;
        connection.pragma_update(None, "foreign_keys", false)?;
        assert!(connection.execute(sql, [])? > 0, "{sql}");
        drop(connection);
        let said = world.ca.command(&["audit", "verify"])?.refused()?;
        assert!(said.contains(place), "{sql}: {said}");
        restore()?;
    }
    world.ca.command(&["audit", "verify"])?.ok()?;
    Ok(())
}
