use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;

use sallyport_protocol::{Account, Content};

use crate::disk::Disk;
use crate::problem::{Code, Problem};
use crate::testing::{LEASE, NOW, TestHost, abilities, account, content, read, wanted, wanted_content};
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
fn a_refused_drop_in_leaves_sshd_as_it_was_and_the_rest_in_place() {
    let mut host = TestHost::new();
    host.tools.sshd_refuses_while = Some(host.paths.drop_in());
    let outcome = host.apply(&wanted(vec![account("ada", 70_001, true)], NOW), NOW);
    assert!(outcome.failed);
    assert_eq!(codes(&outcome.problems), [Code::SshdRefused]);
    assert!(!host.paths.drop_in().exists());
    assert!(host.paths.sudoers().exists());
}

#[test]
fn the_drop_in_never_names_a_file_that_is_not_there() {
    let mut host = TestHost::new();
    host.disk = Disk::failing(|_, path| {
        if path.to_string_lossy().contains("revoked") { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    });
    host.apply(&wanted(Vec::new(), NOW), NOW);
    assert!(host.paths.user_ca().exists());
    assert!(!host.paths.krl().exists());
    assert!(!host.paths.drop_in().exists());
}

#[test]
fn a_trial_that_nobody_lived_to_end_is_taken_back_and_then_made_anew() {
    let mut host = TestHost::new();
    let wanted = wanted(Vec::new(), NOW);
    host.apply(&wanted, NOW);
    let drop_in = read(host.paths.drop_in());
    let record = host.paths.state().join("sshd-trial.json");
    let interrupt = || {
        fs::write(host.paths.drop_in(), "unproved\n").unwrap();
        fs::write(&record, "{\"place\":\"drop_in\",\"before\":null}").unwrap();
    };
    interrupt();
    assert!(host.apply(&wanted, NOW).problems.is_empty());
    assert_eq!(read(host.paths.drop_in()), drop_in);
    assert!(!record.exists());
    // And where it cannot be made anew, it stays away.
    interrupt();
    host.tools.sshd_refuses_while = Some(host.paths.drop_in());
    assert!(host.apply(&wanted, NOW).failed);
    assert!(!host.paths.drop_in().exists() && !record.exists());
}

#[test]
fn a_change_that_sshd_did_not_take_is_not_tried_at_each_round() {
    let mut host = TestHost::new();
    host.tools.effective = Some("authorizedprincipalsfile none\n".into());
    let wanted = wanted(vec![account("ada", 70_001, true)], NOW);
    let reloads =
        |host: &TestHost| host.tools.calls().iter().filter(|call| call.as_str() == "reload").count();
    assert!(host.hands(NOW).bring_in_step(&wanted).failed);
    let tried = reloads(&host);
    assert!(tried > 0);
    for second in 1..10 {
        let outcome = host.hands(NOW + second).bring_in_step(&wanted);
        assert!(outcome.held && !outcome.failed, "the generation counted as applied, or news have to wait");
        let said = outcome.problems.iter().find(|problem| problem.code == Code::ShadowedBy).unwrap();
        assert!(said.detail.contains("failed 1 times, the last at 2027-01-15T08:00:00Z"), "{said}");
    }
    assert_eq!(reloads(&host), tried);
    // Its time has come, and once more when somebody mended the configuration.
    host.hands(NOW + 10).bring_in_step(&wanted);
    assert_eq!(reloads(&host), 2 * tried);
    assert!(host.hands(NOW + 11).bring_in_step(&wanted).held);
    host.tools.effective = None;
    fs::write(host.paths.drop_ins().join("50-theirs.conf"), "# mended\n").unwrap();
    let outcome = host.hands(NOW + 12).bring_in_step(&wanted);
    assert!(!outcome.failed && !outcome.held, "{:?}", outcome.problems);
    assert!(host.paths.drop_in().exists());
}

#[test]
fn what_is_effective_is_reported_not_what_was_written() {
    let mut host = TestHost::new();
    let wanted = wanted(vec![account("ada", 70_001, true)], NOW);
    host.apply(&wanted, NOW);
    host.tools.effective = Some("authorizedprincipalsfile none\n".into());
    host.tools.sudo_grants_nothing = true;
    let outcome = host.apply(&wanted, NOW);
    assert_eq!(codes(&outcome.problems), [Code::ShadowedBy, Code::SudoShadowed]);
    fs::write(host.paths.sudoers_main(), "").unwrap();
    assert!(codes(&host.apply(&wanted, NOW).problems).contains(&Code::SudoNotWired));
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
    let over = host.hands(NOW + LEASE).end_written_lease(abilities(), true);
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
    let before = host.hands(NOW + LEASE - 1).end_written_lease(abilities(), true);
    assert!(before.problems.is_empty() && host.paths.principals_of("ada").exists(), "ended too early");
    let krl = read(host.paths.krl());
    // Nothing can be written: what is left undone is done by the next run, which finds no lease in any file.
    host.disk = Disk::failing(|_, _| Err(ErrorKind::StorageFull.into()));
    let over = host.hands(NOW + LEASE).end_written_lease(abilities(), true);
    assert!(over.failed && over.look_again);
    assert!(codes(&over.problems).contains(&Code::LeaseOver));
    assert!(!host.paths.principals_of("ada").exists() && !host.paths.sudoers().exists());
    assert!(host.tools.calls().contains(&"end ada 70001".to_owned()));
    host.disk = Disk::new();
    let again = host.hands(NOW + LEASE).end_written_lease(abilities(), true);
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
    let outcome = host.hands(NOW).end_written_lease(abilities(), false);
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

fn named(name: &str, account: Account) -> Account {
    Account { name: name.parse().unwrap(), ..account }
}

#[test]
fn a_renamed_person_keeps_numbers_home_and_what_runs() {
    let host = TestHost::new();
    let ada = account("ada", 70_001, true);
    host.apply(&wanted(vec![ada.clone()], NOW), NOW);
    let renamed = wanted(vec![named("ada.byron", ada.clone())], NOW);
    let outcome = host.apply(&renamed, NOW);
    assert!(outcome.problems.is_empty() && !outcome.failed, "{:?}", outcome.problems);
    let passwd = read(host.paths.passwd());
    assert!(passwd.contains("\nada.byron:x:70001:70001:ADA:/home/ada:/bin/bash\n"), "{passwd}");
    assert!(!passwd.contains("\nada:"), "{passwd}");
    assert!(read(host.paths.group()).contains("\nada.byron:x:70001:\n"));
    assert!(read(host.paths.shadow()).contains("\nada.byron:*:20833:0:99999:7:::"));
    assert!(read(host.paths.sudoers()).contains("ada.byron ALL="));
    assert!(host.paths.principals_of("ada.byron").exists() && !host.paths.principals_of("ada").exists());
    assert!(host.paths.at("home/ada").exists() && !host.paths.at("home/ada.byron").exists());
    assert!(!host.tools.calls().iter().any(|call| call.starts_with("end ")), "{:?}", host.tools.calls());
    assert!(host.steps(&renamed, NOW).is_empty(), "{:?}", host.steps(&renamed, NOW));

    // The old name is nobody else's here, and the account goes with the new one.
    let thief = wanted(vec![named("ada", account("bob", 70_002, false))], NOW);
    assert!(codes(&host.apply(&thief, NOW).problems).contains(&Code::NameTaken));
    assert!(!host.paths.principals_of("ada").exists());
    assert!(read(host.paths.shadow()).contains("\nada.byron:*:20833:0:99999:7::1:"));

    // Back to the old name, and back in.
    let outcome = host.apply(&wanted(vec![ada], NOW), NOW);
    assert!(outcome.problems.is_empty(), "{:?}", outcome.problems);
    assert!(read(host.paths.passwd()).contains("\nada:x:70001:70001:ADA:/home/ada:/bin/bash\n"));
    assert!(read(host.paths.shadow()).contains("\nada:*:20833:0:99999:7:::"));
}

#[test]
fn a_renaming_that_was_killed_half_way_is_finished() {
    let host = TestHost::new();
    let ada = account("ada", 70_001, false);
    host.apply(&wanted(vec![ada.clone()], NOW), NOW);
    // Group and shadow were written, passwd was not.
    for path in [host.paths.group(), host.paths.shadow(), host.paths.gshadow()] {
        let half = read(path.clone()).replace("\nada:", "\nada.byron:");
        fs::write(path, half).unwrap();
    }
    let mut ledger = host.state.ledger().unwrap();
    let entry = *ledger.entry(&ada.name).unwrap();
    ledger.intend(&"ada.byron".parse().unwrap(), entry);
    host.state.save_ledger(&Disk::new(), &ledger).unwrap();
    let outcome = host.apply(&wanted(vec![named("ada.byron", ada)], NOW), NOW);
    assert!(outcome.problems.is_empty(), "{:?}", outcome.problems);
    assert!(read(host.paths.passwd()).contains("\nada.byron:x:70001:70001:"));
    assert_eq!(read(host.paths.group()).matches("\nada.byron:x:70001:").count(), 1);
    assert_eq!(read(host.paths.shadow()).matches("\nada.byron:*:").count(), 1);
}

#[test]
fn an_adopted_account_keeps_what_it_has() {
    let host = TestHost::new();
    let files = || [host.paths.passwd(), host.paths.group(), host.paths.shadow()].map(read);
    let before = files();
    let frank = Account { adopt: Some("frank".parse().unwrap()), ..account("fr", 70_003, true) };
    let outcome = host.apply(&wanted(vec![frank.clone()], NOW), NOW);
    assert!(outcome.problems.is_empty(), "{:?}", outcome.problems);
    assert_eq!(files(), before);
    assert!(read(host.paths.principals_of("frank")).contains(frank.principals[0].as_str()));
    assert!(read(host.paths.sudoers()).contains("frank ALL="));
    assert!(!host.paths.principals_of("fr").exists() && !host.paths.at("home/fr").exists());
    assert!(host.steps(&wanted(vec![frank.clone()], NOW), NOW).is_empty());

    // Suspended: principals and sudo go, what runs ends; the account is not touched.
    let process = host.paths.proc().join("4242");
    fs::create_dir_all(&process).unwrap();
    fs::write(process.join("status"), "Name:\tsh\nState:\tS (sleeping)\nUid:\t1000\t1000\t1000\t1000\n")
        .unwrap();
    assert!(host.apply(&wanted(Vec::new(), NOW), NOW).look_again);
    assert!(host.tools.calls().contains(&"end frank 1000".to_owned()), "{:?}", host.tools.calls());
    assert!(!host.paths.principals_of("frank").exists() && !host.paths.sudoers().exists());
    assert_eq!(files(), before);

    // Once it ended, what Frank does on his own is his.
    fs::remove_dir_all(&process).unwrap();
    host.apply(&wanted(Vec::new(), NOW), NOW);
    assert_eq!(host.state.ledger().unwrap().adopted().count(), 0);
    assert!(host.steps(&wanted(Vec::new(), NOW), NOW).is_empty());
}

#[test]
fn what_cannot_be_adopted_is_not() {
    let host = TestHost::new();
    let adopting =
        |local: &str| Account { adopt: Some(local.parse().unwrap()), ..account("fr", 70_003, true) };
    let passwd = format!("{}oldsvc:x:998:998::/:/bin/sh\n", read(host.paths.passwd()));
    fs::write(host.paths.passwd(), passwd).unwrap();
    for local in ["root", "oldsvc"] {
        let outcome = host.apply(&wanted(vec![adopting(local)], NOW), NOW);
        assert!(codes(&outcome.problems).contains(&Code::AdoptionRefused), "{local}: {:?}", outcome.problems);
        assert!(!host.paths.principals_of(local).exists() && !host.paths.sudoers().exists(), "{local}");
    }
    // Another person's until their sessions have ended.
    host.apply(&wanted(vec![adopting("frank")], NOW), NOW);
    let other = Account { adopt: Some("frank".parse().unwrap()), ..account("eve", 70_004, false) };
    let outcome = host.apply(&wanted(vec![other.clone()], NOW), NOW);
    assert!(outcome.problems.is_empty() || codes(&outcome.problems).contains(&Code::AdoptionRefused));
    assert!(host.apply(&wanted(vec![other.clone()], NOW), NOW).problems.is_empty());
    assert!(!read(host.paths.principals_of("frank")).contains(adopting("frank").principals[0].as_str()));
    // Where the account does not stand, the person gets what they get everywhere.
    let outcome = host.apply(&wanted(vec![other, adopting("nobody-here")], NOW), NOW);
    assert!(outcome.problems.is_empty(), "{:?}", outcome.problems);
    assert!(read(host.paths.passwd()).contains("\nfr:x:70003:"));
}
