//! A server that cannot: the directory hears it in its own words, and its administrator sees it afterwards.

use std::fs::File;
use std::io::Write as _;
use std::time::Duration;

use anyhow::{Result, ensure};
use sallyport_tests::{World, wait_until};
use serde_json::{Value, json};

use super::{assert_refused, create, patch, read, user};

const DISK: &str = "16m";
/// More than the room that SQLite may have left in its files takes.
const MANY: usize = 300;
/// The log is written every half a minute where nothing else happens.
const LONG: Duration = Duration::from_secs(90);
const FAILURES: usize = 5;

#[test]
fn what_failed_for_a_reason_of_ours_is_in_the_log_once_there_is_room() -> Result<()> {
    let mut world = World::new(&[], &[])?;
    world.ca.stop()?;
    world.ca.start_on_disk(DISK)?;
    let path = format!("/Users/{}", create(&world, "Users", &user("failures.mara"))?);
    let filler = world.ca.folder().join("filler");
    let mut file = File::create(&filler)?;
    for size in [64 * 1024, 512, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
    let mut failed = 0;
    for number in 0..MANY {
        let title = format!("{number}{}", "x".repeat(100_000));
        let answer = patch(&world, &path, &json!([{ "op": "Replace", "path": "title", "value": title }]))?;
        if answer.status != 200 {
            assert_refused(&answer, 503, None)?;
            ensure!(answer.headers.contains_key("retry-after"), "when to come again");
            failed += 1;
        }
        if failed == FAILURES {
            break;
        }
    }
    ensure!(failed == FAILURES, "the disk was never full");
    drop(file);
    std::fs::remove_file(filler)?;
    let log = || -> Option<Vec<Value>> {
        let log =
            world.ca.command(&["provisioning", "log", "--failed", "--format", "json"]).ok()?.ok().ok()?;
        serde_json::from_str(&log).ok()
    };
    let count = |event: &Value| event["count"].as_u64().unwrap_or(1);
    let expected = u64::try_from(FAILURES)?;
    let events = wait_until("the failures in the log", LONG, || {
        log().filter(|events| events.iter().map(count).sum::<u64>() >= expected)
    })?;
    ensure!(events.len() <= FAILURES, "{events:?}");
    for event in &events {
        assert_eq!((&event["status"], &event["operation"]), (&json!(503), &json!("update")), "{event}");
        assert_eq!(
            (&event["category"], &event["name"]),
            (&json!("SCIM-SYNC"), &json!("failures.mara@contoso.test"))
        );
    }
    read(&world, &path)?;
    Ok(())
}
