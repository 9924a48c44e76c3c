//! A run that is killed, or finds the disk full, before each single thing that it writes: the host is whole at that
//! instant, nobody keeps what was taken, and the next run finishes.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use sallyport_protocol::Content;

use crate::accounts::AccountFiles;
use crate::disk::{Disk, is_temporary};
use crate::plan::Wanted;
use crate::sshd::{check_ca_keys, check_krl, render};
use crate::testing::{NOW, TestHost, account, content, in_groups, read, wanted_content, with_groups};

/// More things than any run writes.
const MOST: usize = 400;

/// PROTOCOL.krl: magic, format and version, then date, flags and two empty strings.
fn krl(version: u8) -> String {
    use base64::Engine;
    let mut bytes = b"SSHKRL\n\0\0\0\0\x01\0\0\0\0\0\0\0".to_vec();
    bytes.push(version);
    bytes.extend([0; 24]);
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// What the host has, and what it shall have: ada goes, bob loses sudo and a group that goes, cyd comes with a group
/// that comes, both are in one of the host's, revocations and CA keys are new.
fn before_and_after() -> (Wanted, Wanted) {
    let before = vec![
        in_groups(&["old"], &["ops"], account("ada", 70_001, true)),
        in_groups(&["kept", "old"], &["ops"], account("bob", 70_002, true)),
    ];
    let before = with_groups(&[("kept", 70_050), ("old", 70_051)], content(before));
    let people = vec![
        in_groups(&["kept"], &["ops"], account("bob", 70_002, false)),
        in_groups(&["kept", "new"], &["ops"], account("cyd", 70_003, true)),
    ];
    let mut keys = before.user_ca_keys.clone();
    keys.push("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea".to_owned());
    let after = Content { accounts: people, user_ca_keys: keys, krl: krl(2), ..content(Vec::new()) };
    let after = with_groups(&[("kept", 70_050), ("new", 70_052)], after);
    let before = Content { krl: krl(1), ..before };
    (wanted_content(before, NOW), wanted_content(after, NOW))
}

/// Everything that sshd, sudo and libc read.
fn files(host: &TestHost) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for folder in
        ["etc", "etc/sudoers.d", "etc/ssh/sshd_config.d", "etc/ssh/sallyport", "etc/ssh/sallyport/principals"]
    {
        for entry in fs::read_dir(host.paths.at(folder)).into_iter().flatten().flatten() {
            if entry.file_type().unwrap().is_file() {
                let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
                found.insert(name, read(entry.path()));
            }
        }
    }
    found
}

/// With the group ops.
fn host() -> TestHost {
    let host = TestHost::in_memory();
    for (path, row) in [(host.paths.group(), "ops:x:29:\n"), (host.paths.gshadow(), "ops:!::\n")] {
        fs::write(&path, read(path.clone()) + row).unwrap();
    }
    host
}

/// What must hold at any instant.
fn assert_whole(host: &TestHost, instant: &str) {
    let files = files(host);
    // Rows of others, root's first, and all rows with all of their fields.
    for (file, fields, theirs) in [
        ("etc/passwd", 7, "root:x:0:0:root:/root:/bin/bash\nfrank:x:1000:1000::/home/frank:/bin/sh\n"),
        ("etc/group", 4, "root:x:0:\nfrank:x:1000:"),
        ("etc/shadow", 9, "root:*:1::::::\nfrank:!:1::::::\n"),
        ("etc/gshadow", 4, "root:*::\nfrank:!::"),
    ] {
        let text = &files[file];
        assert!(text.starts_with(theirs) && text.ends_with('\n'), "{file} {instant}:\n{text}");
        assert!(text.lines().all(|line| line.split(':').count() == fields), "{file} {instant}:\n{text}");
    }
    AccountFiles::read(&host.paths).unwrap();
    for line in
        files["etc/group"].lines().filter(|line| line.starts_with("kept:") || line.starts_with("ops:"))
    {
        let members = line.rsplit(':').next().unwrap().split(',').filter(|member| !member.is_empty());
        assert!(
            members.into_iter().all(|member| ["ada", "bob", "cyd"].contains(&member)),
            "{line} {instant}"
        );
    }
    for name in files["etc/passwd"].lines().filter_map(|line| line.split(':').next()) {
        for file in ["etc/shadow", "etc/group", "etc/gshadow"] {
            let has_row = files[file].lines().any(|line| line.split(':').next() == Some(name));
            assert!(has_row, "{name} has no row in {file} {instant}");
        }
    }
    for (file, text) in
        files.iter().filter(|(file, _)| !is_temporary(Path::new(file).file_name().unwrap().to_str().unwrap()))
    {
        let is_rule = |line: &str| {
            line.starts_with('#') || (line.contains(" NOPASSWD: ALL # u:") && line.contains(" uid=70"))
        };
        let is_principal = |line: &str| line.starts_with('#') || line.starts_with("expiry-time=\"20");
        match file.as_str() {
            "etc/sudoers.d/50-sallyport" => {
                assert!(text.ends_with('\n') && text.lines().all(is_rule), "{file} {instant}:\n{text}");
            }
            "etc/ssh/sallyport/user_ca.pub" => {
                let keys: Vec<String> = text.lines().map(ToOwned::to_owned).collect();
                assert!(text.ends_with('\n') && check_ca_keys(&keys).is_ok(), "{file} {instant}:\n{text}");
            }
            "etc/ssh/sshd_config.d/00-sallyport.conf" => {
                assert_eq!(text.as_bytes(), render(false), "{file} {instant}");
                let named = ["etc/ssh/sallyport/user_ca.pub", "etc/ssh/sallyport/revoked.krl"];
                assert!(named.iter().all(|named| files.contains_key(*named)), "{instant}: {files:?}");
            }
            _ if file.starts_with("etc/ssh/sallyport/principals/") => {
                assert!(text.ends_with('\n') && text.lines().all(is_principal), "{file} {instant}:\n{text}");
            }
            _ => {}
        }
    }
    if let Ok(bytes) = fs::read(host.paths.krl()) {
        check_krl(&krl(2), Some(&bytes)).unwrap();
        assert!(bytes == base64_bytes(&krl(1)) || bytes == base64_bytes(&krl(2)), "{instant}");
    }
}

fn base64_bytes(text: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

/// A disk that does `what` from the `n`th thing on.
fn failing_from(n: usize, what: impl Fn(usize) -> std::io::Result<()> + Send + Sync + 'static) -> Disk {
    let count = AtomicUsize::new(0);
    Disk::failing(move |_, _| match count.fetch_add(1, Ordering::Relaxed).checked_sub(n) {
        None => Ok(()),
        Some(past) => what(past),
    })
}

/// Rows that were cleared and made again stand elsewhere in their file.
fn sorted(files: BTreeMap<String, String>) -> BTreeMap<String, Vec<String>> {
    let lines = |text: String| {
        let mut lines: Vec<String> = text.lines().map(ToOwned::to_owned).collect();
        lines.sort();
        lines
    };
    files.into_iter().map(|(file, text)| (file, lines(text))).collect()
}

/// The process is gone at that instant: nothing after it happens, and no temporary file is cleared.
struct Killed;

fn assert_finishes(host: &mut TestHost, wanted: &Wanted, expected: &BTreeMap<String, String>, instant: &str) {
    host.disk = Disk::new();
    let outcome = host.apply(wanted, NOW);
    assert!(outcome.problems.is_empty() && !outcome.failed, "{instant}: {:?}", outcome.problems);
    assert_eq!(sorted(files(host)), sorted(expected.clone()), "{instant}");
    assert!(!host.paths.state().join("sshd-trial.json").exists(), "{instant}");
}

#[test]
fn killed_before_any_write_the_host_is_whole_and_the_next_run_finishes() {
    let (before, after) = before_and_after();
    for starts_fresh in [true, false] {
        let prepared = || {
            let host = host();
            if !starts_fresh {
                host.apply(&before, NOW);
            }
            host
        };
        let undisturbed = prepared();
        undisturbed.apply(&after, NOW);
        let expected = files(&undisturbed);
        let mut kills = 0;
        for n in 0..MOST {
            let mut host = prepared();
            host.disk = failing_from(n, |_| resume_unwind(Box::new(Killed)));
            let killed = catch_unwind(AssertUnwindSafe(|| host.apply(&after, NOW))).is_err();
            let instant = format!("killed before write {n}, fresh: {starts_fresh}");
            assert_whole(&host, &instant);
            assert_finishes(&mut host, &after, &expected, &instant);
            if !killed {
                break;
            }
            kills += 1;
        }
        assert!((20..MOST).contains(&kills), "{kills} kills");
    }
}

#[test]
fn out_of_disk_before_any_write_removals_happen_and_the_next_run_finishes() {
    let (before, after) = before_and_after();
    let undisturbed = host();
    undisturbed.apply(&before, NOW);
    undisturbed.apply(&after, NOW);
    let expected = files(&undisturbed);
    // For good, and for one moment.
    for lasts in [usize::MAX, 1] {
        let (mut failures, mut calm) = (0, 0);
        for n in 0..MOST {
            let mut host = host();
            host.apply(&before, NOW);
            host.disk =
                failing_from(
                    n,
                    move |past| {
                        if past < lasts { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
                    },
                );
            let failed = host.apply(&after, NOW).failed;
            let instant = format!("out of disk from write {n} on, for {lasts}");
            assert_whole(&host, &instant);
            assert!(!host.paths.principals_of("ada").exists(), "{instant}");
            let rules = read(host.paths.sudoers());
            assert!(!rules.contains("ada") && !rules.contains("bob"), "{instant}: {rules}");
            assert_finishes(&mut host, &after, &expected, &instant);
            failures += usize::from(failed);
            // Past the last thing that is written.
            calm = if failed { 0 } else { calm + 1 };
            if calm > 30 {
                break;
            }
        }
        assert!(failures >= 20, "{failures} failures");
    }
}
