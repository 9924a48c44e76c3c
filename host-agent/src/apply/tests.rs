mod sshd;
mod whose;

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;

use sallyport_protocol::{Account, Content};

use crate::disk::Disk;
use crate::problem::{Code, Problem};
use crate::testing::{LEASE, NOW, TestHost, account, content, read, wanted, wanted_content};
use crate::tools::fake::FakeTools;

fn codes(problems: &[Problem]) -> Vec<Code> {
    problems.iter().map(|problem| problem.code).collect()
}

#[test]
fn a_person_gets_all_and_loses_all() {
    let host = TestHost::new();
    let outcome = host.apply(&wanted(vec![account("ada", 70_001, true)], NOW), NOW);
    assert!(outcome.problems.is_empty(), "{:?}", outcome.problems);
    assert!(read(host.paths.passwd()).contains("ada:x:70001:70001:ADA:/home/ada:/bin/bash"));
    assert!(read(host.paths.sudoers()).contains("ada ALL=(ALL:ALL) NOTAFTER="));
    assert!(read(host.paths.principals_of("ada")).contains("expiry-time=\""));
    assert_eq!(fs::metadata(host.paths.principals()).unwrap().mode() & 0o777, 0o755);
    assert_eq!(fs::metadata(host.paths.principals_of("ada")).unwrap().mode() & 0o777, 0o644);
    assert!(host.paths.krl().exists() && host.paths.user_ca().exists() && host.paths.drop_in().exists());

    let outcome = host.apply(&wanted(Vec::new(), NOW), NOW);
    assert!(outcome.look_again);
    assert!(read(host.paths.shadow()).contains("ada:*:20833:0:99999:7::1:"));
    assert!(!host.paths.sudoers().exists() && !host.paths.principals_of("ada").exists());
    assert!(host.tools.calls().contains(&"end ada 70001".to_owned()));
    assert!(host.paths.krl().exists() && host.paths.drop_in().exists());
    assert!(!host.apply(&wanted(Vec::new(), NOW), NOW).look_again);
}

#[test]
fn one_failing_removal_does_not_stop_the_others() {
    let mut host = TestHost::new();
    host.apply(&wanted(vec![account("ada", 70_001, true), account("bob", 70_002, true)], NOW), NOW);
    // Nothing can be written any more, visudo refuses, and something of ada's cannot be killed.
    host.disk = Disk::failing(|_, _| Err(ErrorKind::StorageFull.into()));
    host.tools = FakeTools {
        sudoers_refused_with: Some("NOPASSWD".into()),
        sessions_stay: true,
        ..FakeTools::default()
    };
    let outcome = host.apply(&wanted(vec![account("bob", 70_002, true)], NOW), NOW);
    assert!(outcome.failed);
    let codes = codes(&outcome.problems);
    for code in [Code::AccountsRefused, Code::SessionsLeft, Code::SudoRefused] {
        assert!(codes.contains(&code), "{code:?} is not in {codes:?}");
    }
    assert!(!host.paths.principals_of("ada").exists());
    assert!(!host.paths.sudoers().exists(), "a rule outlived its person");
    assert!(host.paths.principals_of("bob").exists());
    assert!(host.tools.calls().contains(&"end ada 70001".to_owned()));
}

#[test]
fn an_account_that_could_not_be_made_gets_no_rule_and_no_principals() {
    let mut host = TestHost::new();
    host.apply(&wanted(vec![account("ada", 70_001, true)], NOW), NOW);
    host.disk = Disk::failing(|_, path| {
        if path.to_string_lossy().contains("shadow") { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    });
    let both = wanted(vec![account("ada", 70_001, true), account("bob", 70_002, true)], NOW);
    assert!(host.apply(&both, NOW).failed);
    assert!(!read(host.paths.passwd()).contains("bob"));
    assert!(!read(host.paths.sudoers()).contains("bob"));
    assert!(!host.paths.principals_of("bob").exists());
    assert!(read(host.paths.sudoers()).contains("ada"));
    // The disk is free again: what the failed run left in group is finished.
    host.disk = Disk::new();
    assert!(host.apply(&both, NOW).problems.is_empty());
    assert_eq!(read(host.paths.group()).matches("bob:x:70002:").count(), 1);
    assert!(host.paths.principals_of("bob").exists());
}

#[test]
fn a_damaged_ledger_is_not_an_empty_one() {
    let host = TestHost::new();
    let people = vec![account("ada", 70_001, true), account("bob", 70_002, true)];
    host.apply(&wanted(people, NOW), NOW);
    fs::write(host.paths.state().join("accounts.json"), "{").unwrap();
    let before = read(host.paths.shadow());
    let outcome = host.apply(&wanted(vec![account("bob", 70_002, true)], NOW), NOW);
    assert!(codes(&outcome.problems).contains(&Code::LedgerLost));
    assert!(outcome.failed);
    assert_eq!(read(host.paths.shadow()), before);
    assert!(host.paths.principals_of("bob").exists());
    assert!(!host.paths.principals_of("ada").exists());
    assert!(!read(host.paths.sudoers()).contains("ada"));
}

#[test]
fn a_lost_ledger_takes_away_what_it_can_and_says_what_it_cannot() {
    let host = TestHost::new();
    host.apply(&wanted(vec![account("ada", 70_001, true), account("bob", 70_002, true)], NOW), NOW);
    host.runs(900_001, 70_001);
    host.runs(900_002, 70_002);
    fs::remove_file(host.paths.state().join("accounts.json")).unwrap();
    host.tools.calls.lock().unwrap().clear();
    let before = (read(host.paths.passwd()), read(host.paths.shadow()));
    let now = wanted(vec![account("bob", 70_002, true), account("cyd", 70_003, true)], NOW);
    let outcome = host.apply(&now, NOW);
    assert!(outcome.failed, "the generation counted as applied");
    assert_eq!(codes(&outcome.problems), [Code::LedgerLost]);
    assert!(outcome.problems[0].detail.contains("sallyport-host recover"));
    assert_eq!((read(host.paths.passwd()), read(host.paths.shadow())), before);
    assert!(!host.paths.principals_of("ada").exists() && !read(host.paths.sudoers()).contains("ada"));
    assert!(host.paths.principals_of("bob").exists() && read(host.paths.sudoers()).contains("bob"));
    assert!(!host.paths.principals_of("cyd").exists());
    let ended: Vec<String> = host.tools.calls().into_iter().filter(|call| call.starts_with("end ")).collect();
    assert_eq!(ended, ["end ada 70001"]);
    // The end of the lease takes from all what can be taken.
    let over = host.hands(NOW + LEASE).end_written_lease(true);
    assert!(over.failed && codes(&over.problems).contains(&Code::LedgerLost));
    assert!(!host.paths.principals_of("bob").exists() && !host.paths.sudoers().exists());
    assert!(host.tools.calls().contains(&"end bob 70002".to_owned()));
}

#[test]
fn an_older_ledger_serves_for_whom_it_knows() {
    let host = TestHost::new();
    host.apply(&wanted(vec![account("ada", 70_001, false)], NOW), NOW);
    let older = read(host.paths.state().join("accounts.json"));
    host.apply(&wanted(vec![account("ada", 70_001, false), account("bob", 70_002, false)], NOW), NOW);
    fs::write(host.paths.state().join("accounts.json"), older).unwrap();
    let outcome = host.apply(&wanted(vec![account("cyd", 70_003, false)], NOW), NOW);
    assert!(outcome.failed);
    assert_eq!(codes(&outcome.problems), [Code::LedgerLost]);
    assert!(outcome.problems[0].detail.starts_with("bob bear"), "{}", outcome.problems[0]);
    let shadow = read(host.paths.shadow());
    assert!(shadow.contains("ada:*:20833:0:99999:7::1:") && shadow.contains("bob:*:20833:0:99999:7:::"));
    assert!(host.paths.principals_of("cyd").exists() && !host.paths.principals_of("bob").exists());
}

#[test]
fn unsound_account_files_still_end_sessions_and_hold_the_generation_back() {
    let mut host = TestHost::new();
    host.apply(&wanted(vec![account("ada", 70_001, true), account("bob", 70_002, true)], NOW), NOW);
    host.runs(900_001, 70_001);
    host.runs(900_002, 70_002);
    fs::write(host.paths.gshadow(), "").unwrap();
    host.tools.calls.get_mut().unwrap().clear();
    let only_bob = wanted(vec![account("bob", 70_002, true)], NOW);
    let outcome = host.apply(&only_bob, NOW);
    assert!(outcome.failed, "an account that could not be expired counted as expired");
    assert_eq!(codes(&outcome.problems), [Code::AccountsRefused]);
    let ended: Vec<String> = host.tools.calls().into_iter().filter(|call| call.starts_with("end ")).collect();
    assert_eq!(ended, ["end ada 70001"]);
    assert!(!host.paths.principals_of("ada").exists());
    // A person whose principals change meanwhile loses no session.
    fs::remove_file(host.paths.principals_of("bob")).unwrap();
    host.apply(&only_bob, NOW);
    assert!(!host.tools.calls().contains(&"end bob 70002".to_owned()));
}

#[test]
fn refused_revocations_or_ca_keys_hold_the_generation_back() {
    let host = TestHost::new();
    for change in [|c: &mut Content| c.krl = "AAAA".into(), |c: &mut Content| c.user_ca_keys.clear()] {
        let mut bad = content(vec![account("ada", 70_001, true)]);
        host.apply(&wanted_content(bad.clone(), NOW), NOW);
        change(&mut bad);
        let outcome = host.apply(&wanted_content(bad, NOW), NOW);
        assert!(outcome.failed, "{:?}", outcome.problems);
        assert_eq!(outcome.problems.len(), 1);
    }
    // Somebody who is withheld is a problem, and the generation is applied all the same.
    let outcome = host.apply(&wanted(vec![account("frank", 70_003, false)], NOW), NOW);
    assert_eq!(codes(&outcome.problems), [Code::NameTaken]);
    assert!(!outcome.failed);
}

#[test]
fn the_lease_in_our_files_ends_access_when_the_word_of_the_ca_is_lost() {
    let mut host = TestHost::new();
    host.apply(&wanted(vec![account("ada", 70_001, true)], NOW), NOW);
    host.runs(900_001, 70_001);
    let before = host.hands(NOW + LEASE - 1).end_written_lease(true);
    assert!(before.problems.is_empty() && host.paths.principals_of("ada").exists(), "ended too early");
    let krl = read(host.paths.krl());
    // Nothing can be written: what is left undone is done by the next run, which finds no lease in any file.
    host.disk = Disk::failing(|_, _| Err(ErrorKind::StorageFull.into()));
    let over = host.hands(NOW + LEASE).end_written_lease(true);
    assert!(over.failed && over.look_again);
    assert!(codes(&over.problems).contains(&Code::LeaseOver));
    assert!(!host.paths.principals_of("ada").exists() && !host.paths.sudoers().exists());
    assert!(host.tools.calls().contains(&"end ada 70001".to_owned()));
    host.disk = Disk::new();
    let again = host.hands(NOW + LEASE).end_written_lease(true);
    assert_eq!(codes(&again.problems), [Code::LeaseOver]);
    assert!(!again.failed);
    assert!(read(host.paths.shadow()).contains("ada:*:20833:0:99999:7::1:"));
    assert_eq!(read(host.paths.krl()), krl);
    assert!(host.paths.user_ca().exists() && host.paths.drop_in().exists());
}

#[test]
fn a_host_that_never_applied_anything_ends_nothing() {
    let host = TestHost::new();
    host.apply(&wanted(vec![account("ada", 70_001, false)], NOW), NOW);
    fs::remove_file(host.paths.principals_of("ada")).unwrap();
    let outcome = host.hands(NOW).end_written_lease(false);
    assert!(outcome.problems.is_empty() && !outcome.look_again);
    assert!(read(host.paths.shadow()).contains("ada:*:20833:0:99999:7:::"));
}

#[test]
fn a_link_or_a_directory_in_our_places_holds_no_removal_back() {
    let host = TestHost::new();
    host.apply(&wanted(vec![account("ada", 70_001, true), account("bob", 70_002, true)], NOW), NOW);
    let victim = host.paths.at("victim");
    fs::write(&victim, "ada ALL=(ALL) NOPASSWD: ALL\n").unwrap();
    fs::remove_file(host.paths.sudoers()).unwrap();
    std::os::unix::fs::symlink(&victim, host.paths.sudoers()).unwrap();
    fs::remove_file(host.paths.user_ca()).unwrap();
    fs::create_dir(host.paths.user_ca()).unwrap();
    let outcome = host.apply(&wanted(vec![account("bob", 70_002, true)], NOW), NOW);
    assert!(outcome.failed);
    assert!(!host.paths.principals_of("ada").exists());
    assert!(!read(host.paths.sudoers()).contains("ada"));
    assert!(read(host.paths.sudoers()).contains("bob"));
    assert!(read(victim).contains("ada"), "wrote through a link");
    assert!(read(host.paths.shadow()).contains("ada:*:20833:0:99999:7::1:"));
}
