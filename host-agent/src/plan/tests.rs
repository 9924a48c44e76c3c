use std::fs;

use crate::accounts::{Entry, Ledger};
use crate::disk::Disk;
use crate::problem::Code;
use crate::testing::{LEASE, NOW, TestHost, account, at, content, read, user, wanted, wanted_content};
use crate::tools::Elsewhere;

fn codes(host: &TestHost, wanted: &super::Wanted) -> Vec<Code> {
    let mut codes: Vec<Code> =
        host.hands(NOW).rehearse(wanted).problems.into_iter().map(|problem| problem.code).collect();
    codes.sort();
    codes
}

/// Steps without those about homes, which depend on who runs the test.
fn steps(host: &TestHost, wanted: &super::Wanted, now: i64) -> Vec<String> {
    host.steps(wanted, now).into_iter().filter(|step| !step.starts_with("make /home")).collect()
}

#[test]
fn a_fresh_host_gets_trust_first_accounts_then_and_sshd_last() {
    let host = TestHost::new();
    let wanted = wanted(vec![account("ada", 70_001, true), account("bob", 70_002, false)], NOW);
    assert_eq!(
        host.steps(&wanted, NOW),
        [
            "write the revocation list",
            "write the CA keys for user certificates",
            "make /home/ada for uid 70001",
            "make /home/bob for uid 70002",
            "create the account ada with uid 70001; create the account bob with uid 70002",
            "write sudo rules for ada",
            "write the principals of ada, bob",
            "install the sshd drop-in, check it, reload sshd",
        ]
    );
}

#[test]
fn a_host_in_step_has_nothing_to_do() {
    let host = TestHost::new();
    let wanted = wanted(vec![account("ada", 70_001, true)], NOW);
    host.apply(&wanted, NOW);
    assert!(steps(&host, &wanted, NOW).is_empty());
}

#[test]
fn taking_away_goes_principals_sudo_expiry_sessions() {
    let host = TestHost::new();
    host.apply(&wanted(vec![account("ada", 70_001, true), account("bob", 70_002, true)], NOW), NOW);
    assert_eq!(
        steps(&host, &wanted(vec![account("bob", 70_002, true)], NOW), NOW)[..4],
        [
            "remove the principals of ada",
            "take sudo away from all but bob",
            "expire the accounts of ada",
            "end what runs of ada",
        ]
    );
    assert_eq!(
        steps(&host, &wanted(vec![account("bob", 70_002, false)], NOW), NOW)[..2],
        ["remove the principals of ada", "remove the sudoers file"]
    );
}

#[test]
fn sessions_end_before_anybody_waits_for_the_account_files_and_again_after() {
    let host = TestHost::new();
    host.apply(&wanted(vec![account("ada", 70_001, false), account("bob", 70_002, false)], NOW), NOW);
    host.runs(900_001, 70_001);
    let steps = steps(&host, &wanted(Vec::new(), NOW), NOW);
    assert_eq!(
        steps[2..],
        ["end what runs of ada", "expire the accounts of ada, bob", "end what runs of ada, bob"]
    );
}

#[test]
fn a_signed_snapshot_of_nobody_suspends_everybody() {
    let host = TestHost::new();
    host.apply(&wanted(vec![account("ada", 70_001, false)], NOW), NOW);
    let steps = steps(&host, &wanted(Vec::new(), NOW), NOW);
    assert_eq!(steps, ["remove the principals of ada", "expire the accounts of ada", "end what runs of ada"]);
}

#[test]
fn the_end_of_the_lease_does_the_same_and_says_so() {
    let host = TestHost::new();
    let people = vec![account("ada", 70_001, true)];
    host.apply(&wanted(people.clone(), NOW), NOW);
    let over = wanted(people.clone(), NOW + LEASE);
    let steps = steps(&host, &over, NOW + LEASE);
    assert_eq!(
        steps,
        [
            "remove the principals of ada",
            "remove the sudoers file",
            "expire the accounts of ada",
            "end what runs of ada"
        ]
    );
    assert_eq!(codes(&host, &over), [Code::LeaseOver]);
    assert!(wanted(people, NOW + LEASE - 1).problems.is_empty());
}

#[test]
fn a_principal_that_is_no_longer_wanted_is_gone_before_the_new_one_comes() {
    let host = TestHost::new();
    host.apply(&wanted(vec![account("ada", 70_001, false)], NOW), NOW);
    let mut changed = account("ada", 70_001, false);
    changed.principals = vec!["g:sre".parse().unwrap()];
    let steps = steps(&host, &wanted(vec![changed], NOW), NOW);
    assert_eq!(steps, ["remove the principals of ada", "write the principals of ada"]);
}

#[test]
fn what_others_left_in_our_directory_grants_nobody_access() {
    let host = TestHost::new();
    let wanted = wanted(vec![account("ada", 70_001, true)], NOW);
    host.apply(&wanted, NOW);
    fs::write(host.paths.principals_of("root"), "u:01J8ZK\n").unwrap();
    fs::write(host.paths.principals_of("ada"), "u:somebody-else\n").unwrap();
    fs::write(host.paths.sudoers(), "eve ALL=(ALL) NOPASSWD: ALL\n").unwrap();
    let steps = steps(&host, &wanted, NOW);
    assert_eq!(
        steps[..3],
        ["remove the principals of ada", "remove the principals of root", "remove the sudoers file"]
    );
}

#[test]
fn leases_are_written_again_at_half_life_only() {
    let host = TestHost::new();
    let people = vec![account("ada", 70_001, true)];
    host.apply(&wanted(people.clone(), NOW), NOW);
    // A word of the CA that moves the lease by as much as the clock moved.
    let later = |seconds: i64| {
        let accepted = crate::state::Accepted {
            generation: sallyport_domain::Generation::new(1),
            content: content(people.clone()),
            lease_until: at(NOW + LEASE + seconds),
        };
        super::Wanted { lease_until: accepted.lease_until, ..wanted(people.clone(), NOW) }
    };
    assert!(steps(&host, &later(LEASE / 4), NOW + LEASE / 4).is_empty());
    let again = steps(&host, &later(LEASE * 3 / 4), NOW + LEASE * 3 / 4);
    assert_eq!(again, ["write sudo rules for ada", "write the principals of ada"]);
}

#[test]
fn each_withheld_account_has_its_reason_and_the_others_proceed() {
    let mut host = TestHost::new();
    fs::create_dir_all(host.paths.at("usr/lib/sysusers.d")).unwrap();
    fs::write(host.paths.at("usr/lib/sysusers.d/x.conf"), "u quirkd -\n").unwrap();
    host.tools.elsewhere.insert("lena".into(), Elsewhere::Name("a user".into()));
    host.tools.elsewhere.insert("cyd".into(), Elsewhere::Number { number: 70_001, who: "somebody".into() });
    let mut ledger = Ledger::default();
    let entry = |uid: u32, seed| Entry {
        uid: uid.try_into().unwrap(),
        gid: None,
        user: Some(user(seed)),
        created_at: at(NOW),
    };
    ledger.intend(&"old".parse().unwrap(), entry(70_009, 1));
    ledger.intend(&"moved".parse().unwrap(), entry(70_011, 10));
    host.state.save_ledger(&Disk::new(), &ledger).unwrap();
    let cases = [
        (vec![account("postgres", 70_001, false)], Code::NameReserved),
        (vec![account("quirkd", 70_001, false)], Code::NameReserved),
        (vec![account("frank", 70_001, false)], Code::NameTaken),
        (vec![account("lena", 70_001, false)], Code::NameTaken),
        (vec![account("cyd", 70_001, false)], Code::UidConflict),
        (vec![account("old", 70_009, false)], Code::NameTaken),
        (vec![account("moved", 70_010, false)], Code::UidConflict),
        (vec![account("new", 70_009, false)], Code::UidConflict),
    ];
    for (mut people, code) in cases {
        people.push(account("zoe", 70_099, true));
        let name = people[0].name.clone();
        let wanted = wanted(people, NOW);
        assert_eq!(codes(&host, &wanted), [code], "{name}");
        let steps = host.steps(&wanted, NOW).join("\n");
        assert!(!steps.contains(&format!("{name}")), "{steps}");
        assert!(steps.contains("create the account zoe"), "{steps}");
    }
}

#[test]
fn the_home_of_whoever_had_the_name_before_is_not_inherited() {
    let host = TestHost::new();
    let me = nix::unistd::getuid().as_raw();
    assert!(!(70_000..=99_999).contains(&me));
    let wanted = wanted(vec![account("ada", 70_001, true), account("bob", 70_002, false)], NOW);
    let home = host.paths.homes().join("ada");
    fs::create_dir_all(&home).unwrap();
    let owner = if me == 0 { 70_009 } else { me };
    std::os::unix::fs::chown(&home, Some(owner), None).unwrap();
    assert_eq!(codes(&host, &wanted), [Code::HomeForeign]);
    let told = host.hands(NOW).rehearse(&wanted).problems.remove(0).detail;
    assert!(told.starts_with(&format!("ada is withheld: /home/ada belongs to uid {owner}")), "{told}");
    let steps = steps(&host, &wanted, NOW).join("\n");
    assert!(!steps.contains("ada") && steps.contains("create the account bob"), "{steps}");
    // Moved away, it is in nobody's way.
    fs::rename(&home, host.paths.homes().join("ada.70009")).unwrap();
    assert!(codes(&host, &wanted).is_empty());
    // Of an account that is there, it is told and left.
    host.apply(&wanted, NOW);
    let _ = fs::remove_dir_all(&home);
    fs::rename(host.paths.homes().join("ada.70009"), &home).unwrap();
    assert_eq!(codes(&host, &wanted), [Code::HomeForeign]);
    assert!(host.paths.principals_of("ada").exists());
}

#[test]
fn names_and_uids_that_stand_twice_are_nobodys() {
    let host = TestHost::new();
    let twice = wanted(vec![account("ada", 70_001, false), account("bob", 70_001, false)], NOW);
    assert_eq!(codes(&host, &twice), [Code::NameTaken, Code::NameTaken]);
    assert!(!host.steps(&twice, NOW).join("\n").contains("create"));
}

#[test]
fn unsound_account_files_neither_wipe_nor_grant() {
    let host = TestHost::new();
    let people = vec![account("ada", 70_001, true), account("bob", 70_002, true)];
    host.apply(&wanted(people, NOW), NOW);
    fs::write(host.paths.shadow(), "").unwrap();
    let now = wanted(vec![account("bob", 70_002, true), account("cyd", 70_003, true)], NOW);
    let steps = steps(&host, &now, NOW);
    assert_eq!(steps[..2], ["remove the principals of ada", "take sudo away from all but bob"]);
    assert!(!steps.join("\n").contains("cyd"), "{steps:?}");
    assert_eq!(codes(&host, &now), [Code::AccountsRefused]);
}

#[test]
fn lists_that_sshd_could_not_use_are_not_written() {
    let host = TestHost::new();
    let mut bad = content(Vec::new());
    bad.krl = "AAAA".into();
    bad.user_ca_keys.clear();
    let bad = wanted_content(bad, NOW);
    assert_eq!(codes(&host, &bad), [Code::CaKeysRefused, Code::KrlRefused]);
    assert_eq!(host.steps(&bad, NOW), ["install the sshd drop-in, check it, reload sshd"]);
}

#[test]
fn without_sudo_the_rest_goes_on() {
    let host = TestHost::new();
    let mut wanted = wanted(vec![account("ada", 70_001, true)], NOW);
    wanted.abilities.has_visudo = false;
    assert_eq!(codes(&host, &wanted), [Code::SudoMissing]);
    assert!(host.steps(&wanted, NOW).contains(&"write the principals of ada".to_owned()));
}

fn with_gid(name: &str, uid: u32, gid: u32) -> sallyport_protocol::Account {
    sallyport_protocol::Account { gid: Some(gid.try_into().unwrap()), ..account(name, uid, false) }
}

#[test]
fn a_gid_from_the_ca_is_carried_out_once() {
    let host = TestHost::new();
    let wanted = wanted(vec![with_gid("ada", 70_001, 80_001)], NOW);
    let first = host.steps(&wanted, NOW).join("\n");
    assert!(first.contains("create the account ada with uid 70001 and gid 80001"), "{first}");
    host.apply(&wanted, NOW);
    assert!(read(host.paths.passwd()).contains("\nada:x:70001:80001:"));
    assert!(read(host.paths.group()).contains("\nada:x:80001:"));
    assert!(steps(&host, &wanted, NOW).is_empty());
    assert!(codes(&host, &wanted).is_empty());
}

#[test]
fn an_account_that_was_made_keeps_its_group() {
    let host = TestHost::new();
    host.apply(&wanted(vec![account("ada", 70_001, false)], NOW), NOW);
    let pinned = wanted(vec![with_gid("ada", 70_001, 80_001)], NOW);
    assert!(steps(&host, &pinned, NOW).is_empty());
    assert!(codes(&host, &pinned).is_empty());
}

#[test]
fn a_gid_of_somebody_else_withholds_the_account_and_the_others_proceed() {
    let mut host = TestHost::new();
    host.apply(&wanted(vec![with_gid("bob", 70_002, 80_002)], NOW), NOW);
    let groups = read(host.paths.group()) + "team:x:80009:\n";
    fs::write(host.paths.group(), groups).unwrap();
    host.tools.elsewhere.insert("lena".into(), Elsewhere::Number { number: 80_003, who: "group ops".into() });
    let cases = [
        (with_gid("ada", 70_001, 80_009), "its gid 80009 belongs to group team"),
        (with_gid("ada", 70_001, 80_002), "its gid 80002 was given to bob"),
        (with_gid("lena", 70_003, 80_003), "its gid 80003 belongs to group ops"),
    ];
    for (refused, why) in cases {
        let name = refused.name.clone();
        let wanted = wanted(vec![refused, account("zoe", 70_099, false)], NOW);
        let plan = host.hands(NOW).rehearse(&wanted);
        let said: Vec<String> = plan.problems.iter().map(ToString::to_string).collect();
        assert_eq!(codes(&host, &wanted), [Code::UidConflict], "{said:?}");
        assert!(said[0].contains(why), "{said:?}");
        let steps = host.steps(&wanted, NOW).join("\n");
        assert!(steps.contains("create the account zoe") && !steps.contains(name.as_str()), "{steps}");
    }
    // One number for two people, once as a uid and once as a gid.
    let twice = wanted(vec![with_gid("cyd", 70_004, 70_005), account("dan", 70_005, false)], NOW);
    assert_eq!(codes(&host, &twice), [Code::NameTaken, Code::NameTaken]);
}
