//! Killed at any instant, and out of space in each place that is written: the files are whole, root gets in, removals
//! happen, and the next run finishes.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sallyport_tests::PATIENCE;

use super::{Engineer, Stage};

/// For the instants of the kills.
const SEED: u64 = 42;
const ROUNDS: u64 = 40;

/// A linear congruential generator (Knuth's MMIX), so that the instants are the same for ever.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

#[test]
fn killed_at_any_instant_the_files_are_whole_and_the_next_run_finishes() -> Result<()> {
    let stage = Stage::enrolled()?;
    let root = stage.break_glass()?;
    let people: Vec<Engineer> = [("ada", 70_001), ("bob", 70_002), ("cyd", 70_003), ("dan", 70_004)]
        .iter()
        .map(|(name, uid)| Ok(grouped(stage.engineer(name, *uid)?.with_sudo())))
        .collect::<Result<_>>()?;
    with_groups(&stage)?;
    stage.ca.grant(&[&people[0]]);
    stage.agent(&["apply", "--once"])?.ok()?;
    let (mut cut_short, mut random) = (0, SEED);
    for round in 0..ROUNDS {
        let granted = people.iter().filter(|_| next(&mut random).is_multiple_of(2)).collect::<Vec<_>>();
        stage.ca.grant(&granted);
        // Every other round sshd's configuration is put on trial as well.
        if round.is_multiple_of(2) {
            stage.host.sh("rm -f /etc/ssh/sshd_config.d/00-sallyport.conf")?;
        }
        // Spread over what a whole run takes, network included.
        let milliseconds = 20 + next(&mut random) % if round.is_multiple_of(2) { 900 } else { 300 };
        let script = format!(
            "sallyport-host apply --once & sleep 0.{milliseconds:03}; kill -KILL $! && wait $! || echo cut"
        );
        if stage.host.exec(&["sh", "-c", &script])?.stdout.contains("cut") {
            cut_short += 1;
        }
        stage.files_are_whole().with_context(|| format!("after {milliseconds} ms in round {round}"))?;
        if round.is_multiple_of(6) {
            root.run("true")?.ok().with_context(|| format!("root is locked out in round {round}"))?;
        }
    }
    ensure!(cut_short >= 10, "only {cut_short} of {ROUNDS} runs were cut short");
    stage.ca.grant(&people.iter().collect::<Vec<_>>());
    stage.agent(&["apply", "--once"])?.ok()?;
    for person in &people {
        stage.ssh(person)?.run("sudo -n true")?.ok()?;
    }
    let leftovers = stage.host.sh(
        "find /etc /var/lib/sallyport-host -name '*.sallyport-new' -o -name sshd-trial.json -o -name 'scratch-*'",
    )?;
    ensure!(leftovers.is_empty(), "{leftovers}");
    assert_eq!(members(&stage)?, ["ada,bob,cyd,dan"; 4]);
    stage.ca.grant(&[]);
    stage.agent(&["apply", "--once"])?.ok()?;
    assert_eq!(members(&stage)?, [""; 4]);
    stage.host.exec_ok(&["grpck", "-r"])?;
    stage.files_are_whole()
}

/// One group of each kind.
fn with_groups(stage: &Stage) -> Result<()> {
    stage.host.sh("groupadd -g 1500 printers")?;
    stage.ca.give_group("research", 70_050).map(drop)
}

fn grouped(person: Engineer) -> Engineer {
    person.in_managed_group("research").in_local_group("printers")
}

/// Who is in the two, in group and in gshadow, each in the order of their names.
fn members(stage: &Stage) -> Result<Vec<String>> {
    let rows = stage.host.sh("grep -hE '^(research|printers):' /etc/group /etc/gshadow")?;
    let sorted = |row: &str| {
        let mut names: Vec<&str> = row.rsplit(':').next().unwrap_or_default().split(',').collect();
        names.sort_unstable();
        names.join(",")
    };
    Ok(rows.lines().map(sorted).collect())
}

/// Each place that is written, with what is in it, on a tiny disk of its own that is full.
#[test]
fn out_of_space_in_any_one_place_removals_happen_and_the_rest_follows() -> Result<()> {
    let mut stage = Stage::enrolled()?;
    let root = stage.break_glass()?;
    let ada = grouped(stage.engineer("ada", 70_001)?.with_sudo());
    let bob = grouped(stage.engineer("bob", 70_002)?.with_sudo());
    let cyd = grouped(stage.engineer("cyd", 70_003)?.with_sudo());
    with_groups(&stage)?;
    stage.run()?;
    for place in [
        "/etc",
        "/etc/ssh/sallyport",
        "/etc/ssh/sshd_config.d",
        "/etc/sudoers.d",
        "/home",
        "/var/lib/sallyport-host",
    ] {
        stage.grant(&[&ada, &bob]).context(place)?;
        let mut session = stage.ssh(&ada)?.session("session", "echo here; sleep 300")?;
        session.wait_for_line("here", PATIENCE)?;
        // The mode of the place comes with `cp -a`; what is left of the space is filled to the last byte.
        stage.host.sh(&format!(
            "rm -rf /tmp/copy; cp -a {place} /tmp/copy; size=$(du -sk /tmp/copy | cut -f1); \
             mount -t tmpfs -o size=$((size + 64))k,mode=755 tiny {place}; cp -a /tmp/copy/. {place}/; \
             chmod --reference=/tmp/copy {place}; dd if=/dev/zero of={place}/.filler bs=512 2>/dev/null || true"
        ))?;
        let generation = stage.ca.grant(&[&bob, &cyd]);
        session.wait(PATIENCE).with_context(|| format!("{place} held the end of a session back"))?;
        stage.ssh(&ada)?.run("true")?.refused()?;
        let sudoers = stage.host.sh("cat /etc/sudoers.d/50-sallyport 2>/dev/null || true")?;
        ensure!(!sudoers.contains("ada "), "{place}: {sudoers}");
        stage.files_are_whole().context(place)?;
        root.run("true")?.ok().with_context(|| format!("{place}: root is locked out"))?;
        stage.ssh(&bob)?.run("true")?.ok().context(place)?;
        // Space again, in the same place: it is what everybody goes on with.
        stage.host.sh(&format!("rm {place}/.filler; mount -o remount,size=64m {place}"))?;
        stage.ca.applied(generation, Duration::from_mins(1)).context(place)?;
        stage.ssh(&cyd)?.run("sudo -n true")?.ok().context(place)?;
        stage.ssh(&bob)?.run("sudo -n true")?.ok().context(place)?;
        assert_eq!(members(&stage)?, ["bob,cyd"; 4], "{place}");
        stage.files_are_whole().context(place)?;
    }
    let left = stage.host.sh("find /etc /var/lib/sallyport-host /home -name '*.sallyport-new'")?;
    ensure!(left.is_empty(), "{left}");
    Ok(())
}
