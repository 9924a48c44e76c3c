//! The directory comes in, and the server is killed or its disk is full: nothing half-written, nothing twice, nobody let in
//! who should not be, and it goes on by itself.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use reqwest::Method;
use rusqlite::OpenFlags;
use sallyport_entra_sim::Sim;
use sallyport_entra_sim::provision::Exchange;
use sallyport_tests::{World, bin, command, wait_until};
use serde_json::{Value, json};

use super::meaning::{add, create, done, id, patch, user};

/// More than three times as many as have their turn in one transaction.
const MANY: usize = 90;
const SEED: u64 = 42;
const LONG: Duration = Duration::from_mins(1);

/// What a server has written so far, while it runs or after it was killed.
fn count(folder: &Path, sql: &str) -> Result<usize> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let store = rusqlite::Connection::open_with_flags(folder.join("sallyport.db"), flags)?;
    store.busy_timeout(LONG)?;
    Ok(usize::try_from(store.query_row(sql, [], |row| row.get::<_, i64>(0))?)?)
}

/// Kills the server as soon as the number is another one, and starts it anew, until the number is the last one.
fn kill_at_each_step(world: &mut World, sql: &str, last: usize) -> Result<usize> {
    let mut kills = 0;
    loop {
        let folder = world.ca.folder().to_owned();
        let before = count(&folder, sql)?;
        if before == last {
            return Ok(kills);
        }
        wait_until("a step", LONG, || count(&folder, sql).ok().filter(|now| *now != before))?;
        world.ca.kill()?;
        kills += 1;
        world.ca.start()?;
    }
}

fn group_of(world: &World, name: &str, people: &[String]) -> Result<String> {
    let body = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "externalId": Sim::new_oid(), "displayName": name });
    let group = id(&create(world, "Groups", &body)?)?;
    done(&patch(world, &format!("/Groups/{group}"), &add(people))?)?;
    Ok(group)
}

#[test]
fn killed_between_the_steps_of_a_grant_and_of_a_deletion_everybody_has_their_turn_once() -> Result<()> {
    const NAMED: &str = "SELECT count(*) FROM people WHERE posix_name IS NOT NULL";
    const MEMBERS: &str = "SELECT count(*) FROM memberships";
    let mut world = World::new(&[], &[])?;
    let people: Vec<_> =
        (0..MANY).map(|number| user(&world, &format!("step.{number}"))).collect::<Result<_>>()?;
    let group = group_of(&world, "steps", &people)?;
    let folder = world.ca.folder().to_owned();
    let before = count(&folder, NAMED)?;

    let mut grant = command::limited(bin("sallyport-ca")?);
    grant.args(["admin", "grant", "add", "--group", &group, "--tag", "env=steps", "--config"]);
    grant.arg(folder.join("sallyport.toml"));
    // What becomes of the command when its server is killed is not what this is about.
    let asked = thread::spawn(move || command::run(&mut grant).map(drop));
    let kills = kill_at_each_step(&mut world, NAMED, before + MANY)?;
    asked.join().map_err(|_| anyhow::anyhow!("the command's thread panicked"))??;
    ensure!(kills > 1, "it was killed {kills} times");
    let users = world.wait(world.admin()?.users())?;
    let names: BTreeSet<_> = users.iter().filter_map(|user| user.posix_name.as_ref()).collect();
    let numbers: BTreeSet<_> = users.iter().filter_map(|user| user.uid).collect();
    assert_eq!((names.len(), numbers.len()), (before + MANY, before + MANY));
    assert_eq!(world.record()?.of("name.pinned").count(), before + MANY, "nobody twice");
    assert_eq!(world.record()?.with("grant.added", "group", &group).len(), 1);
    world.ca.command(&["audit", "verify"])?.ok()?;

    // Its end: the directory has its answer, and is killed with.
    let path = format!("/Groups/{group}");
    let others = count(&folder, MEMBERS)? - MANY;
    assert_eq!(world.scim(Method::DELETE, &path, None)?.status, 204);
    world.ca.kill()?;
    let left = count(&folder, MEMBERS)? - others;
    ensure!(left > 0, "all was done at once");
    world.ca.start()?;
    assert_eq!(world.scim(Method::GET, &path, None)?.status, 404);
    world.ca.command(&["audit", "verify"])?.ok().context("half-way")?;
    kill_at_each_step(&mut world, MEMBERS, others)?;
    let gone = world.record()?;
    let gone: BTreeSet<_> = gone
        .with("directory.member_removed", "group", &group)
        .iter()
        .map(|event| event["user"].to_string())
        .collect();
    assert_eq!(gone.len(), MANY, "everybody's leaving is on record");
    assert_eq!(world.record()?.with("directory.member_removed", "group", &group).len(), MANY, "once");
    assert_eq!(count(&folder, "SELECT count(*) FROM groups WHERE dissolved IS NOT NULL")?, 0);
    world.ca.command(&["audit", "verify"])?.ok()?;
    Ok(())
}

/// The next cycle; what was answered with success, and whether it came to its end.
fn cycle(world: &World, during: impl Future<Output = ()>) -> Result<(Vec<Exchange>, bool)> {
    let mut exchanges = Vec::new();
    let service = world.provisioner()?;
    let mut note = |exchange: &Exchange| exchanges.push(exchange.clone());
    let whole = world.wait(async {
        tokio::select! {
            report = service.run(None, &mut note) => report.is_ok_and(|report| report.failures.is_empty()),
            () = during => false,
        }
    });
    Ok((exchanges, whole))
}

fn crowd(world: &World, people: usize) -> Result<()> {
    for number in 0..people {
        world.hire(&format!("cycle.{number}"), json!({ "given_name": "Mara" }), number.is_multiple_of(2))?;
    }
    Ok(())
}

/// Everybody of the tenant is here, once, and in the groups where they are there.
fn is_in_step(world: &World, people: usize) -> Result<()> {
    let users = world.wait(world.admin()?.users())?;
    let here: Vec<_> = users.iter().filter(|user| user.user_name.starts_with("cycle.")).collect();
    let names: BTreeSet<_> = here.iter().map(|user| &user.user_name).collect();
    assert_eq!((here.len(), names.len()), (people, people), "everybody once");
    for user in here {
        let number: usize = user.user_name["cycle.".len()..].trim_end_matches("@contoso.test").parse()?;
        let groups = usize::from(number.is_multiple_of(2));
        assert_eq!((user.state.as_str(), user.groups.len()), ("active", groups), "{user:?}");
        assert_eq!(user.posix_name.is_some(), groups == 1, "{user:?}");
    }
    world.ca.command(&["audit", "verify"])?.ok().map(drop)
}

#[test]
fn killed_in_the_middle_of_a_cycle_the_next_one_brings_the_rest() -> Result<()> {
    const PEOPLE: usize = 60;
    let mut world = World::new(&[], &[])?;
    crowd(&world, PEOPLE)?;
    let mut rng = StdRng::seed_from_u64(SEED);
    let (mut made, mut interrupted) = (0, 0);
    for _ in 0..8 {
        let moment = Duration::from_millis(rng.gen_range(20..250));
        let (exchanges, whole) = cycle(&world, async { tokio::time::sleep(moment).await })?;
        world.ca.kill()?;
        interrupted += usize::from(!whole);
        let created = |exchange: &&Exchange| exchange.method == "POST" && exchange.status == Some(201);
        made += exchanges.iter().filter(created).count();
        world.ca.start()?;
        let found = done(&world.scim(Method::GET, "/Users?count=0", None)?)?;
        let found: usize = serde_json::from_value(found["totalResults"].clone())?;
        ensure!(found >= made, "{made} were acknowledged, {found} are there");
        world.ca.command(&["audit", "verify"])?.ok()?;
    }
    ensure!(interrupted > 2, "only {interrupted} cycles were interrupted");
    world.provision()?;
    is_in_step(&world, PEOPLE)
}

#[test]
fn a_full_disk_in_the_middle_of_a_cycle_is_told_and_over_when_space_returns() -> Result<()> {
    const PEOPLE: usize = 20;
    let mut world = World::new(&[], &[])?;
    world.ca.stop()?;
    world.ca.start_on_disk("16m")?;
    crowd(&world, PEOPLE)?;
    let filler = world.ca.folder().join("filler");
    let mut file = File::create(&filler)?;
    for size in [64 * 1024, 512, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
    // What room SQLite still has in its files is taken by whoever comes first.
    let mut number = 0;
    let mut write = |size: usize| {
        number += 1;
        let body = json!({ "userName": format!("filler.{number}@contoso.test"), "title": "x".repeat(size) });
        world.scim(Method::POST, "/Users", Some(&body)).ok().filter(|answer| answer.status != 201)
    };
    wait_until("a disk that is nearly full", LONG, || write(100_000))?;
    let full = wait_until("a disk that is full", LONG, || write(1_000))?;
    assert_eq!((full.status, full.headers["retry-after"].to_str()?), (503, "30"), "{}", full.text());
    let body: Value = full.json()?;
    assert_eq!(body["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]));
    assert_eq!(body["status"], json!("503"));

    // Who reads has an answer, so that the service goes on and tries again. Nothing that it was told failed is there.
    let (exchanges, whole) = cycle(&world, std::future::pending())?;
    ensure!(!whole, "everything was written on a full disk");
    let mut made = 0;
    for exchange in &exchanges {
        match (exchange.method.as_str(), exchange.status) {
            ("GET", Some(200)) | ("PATCH" | "POST", Some(503)) => {}
            ("POST", Some(201)) => made += 1,
            _ => panic!("{exchange:?}"),
        }
    }
    let posts = exchanges.iter().filter(|exchange| exchange.method == "POST").count();
    assert_eq!(posts, PEOPLE);
    let found = "/Users?count=0&filter=userName+sw+%22cycle.%22";
    assert_eq!(done(&world.scim(Method::GET, found, None)?)?["totalResults"], json!(made));

    drop(file);
    std::fs::remove_file(filler)?;
    world.provision()?;
    is_in_step(&world, PEOPLE)
}
