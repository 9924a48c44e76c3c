//! Homes that cannot be had: nobody new is let in without their own, and nobody else waits for it.

use std::fs;

use crate::accounts::Place;
use crate::problem::Code;
use crate::testing::{NOW, TestHost, account, in_groups, read, wanted};

/// Only root can give homes away, without which all are strangers'.
fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// No home can be made: the skeleton is deeper than one is.
fn break_skeleton(host: &TestHost) {
    let mut deep = host.paths.skeleton();
    for _ in 0..10 {
        deep.push("deep");
    }
    fs::create_dir_all(deep).unwrap();
}

#[test]
fn who_has_no_home_that_is_theirs_is_not_let_in_until_they_have() {
    let host = TestHost::new();
    host.apply(&wanted(vec![account("bob", 70_002, true)], NOW), NOW);
    let _ = fs::remove_dir_all(host.paths.homes().join("bob"));
    let groups = read(host.paths.group()) + "ops:x:29:\n";
    fs::write(host.paths.group(), groups).unwrap();
    break_skeleton(&host);
    let ada = in_groups(&[], &["ops"], account("ada", 70_001, true));
    let both = wanted(vec![ada, account("bob", 70_002, true)], NOW);
    for round in 0..3 {
        let outcome = host.apply(&both, NOW);
        assert!(outcome.failed, "round {round}");
        assert!(!read(host.paths.passwd()).contains("ada"), "round {round}");
        assert!(!host.paths.principals_of("ada").exists(), "round {round}");
        assert!(!read(host.paths.sudoers()).contains("ada"), "round {round}");
        assert!(!read(host.paths.group()).contains("ada"), "round {round}");
        // Who had access keeps it, with a home or without.
        assert!(host.paths.principals_of("bob").exists() && read(host.paths.sudoers()).contains("bob"));
    }
    fs::remove_dir_all(host.paths.skeleton()).unwrap();
    let outcome = host.apply(&both, NOW);
    assert!(!outcome.failed && outcome.problems.is_empty(), "{:?}", outcome.problems);
    assert!(
        read(host.paths.passwd()).contains("\nada:") && read(host.paths.group()).contains("ops:x:29:ada")
    );
    assert!(host.paths.principals_of("ada").exists());
    assert_eq!(host.paths.homes().join("bob").exists(), is_root());
}

#[test]
fn a_home_that_nobody_can_look_at_withholds_a_new_account_and_says_why() {
    if !is_root() {
        return;
    }
    let mut host = TestHost::new();
    host.apply(&wanted(vec![account("bob", 70_002, true)], NOW), NOW);
    host.tools.home = Some(Place::Taken { owner: None, why: "does not answer".into() });
    let both = wanted(vec![account("ada", 70_001, true), account("bob", 70_002, true)], NOW);
    let outcome = host.hands(NOW).bring_in_step(&both);
    let told: Vec<_> = outcome.problems.iter().filter(|problem| problem.code == Code::HomeForeign).collect();
    let [told] = told[..] else { panic!("{:?}", outcome.problems) };
    assert!(told.detail.starts_with("ada is withheld: /home/ada does not answer; mend it"), "{told}");
    assert!(!read(host.paths.passwd()).contains("ada") && !host.paths.principals_of("ada").exists());
    assert!(host.paths.principals_of("bob").exists() && !outcome.failed);
}

#[test]
fn taking_away_looks_at_no_home() {
    if !is_root() {
        return;
    }
    let host = TestHost::new();
    let before = vec![account("ada", 70_001, true), account("bob", 70_002, true)];
    host.apply(&wanted(before, NOW), NOW);
    host.runs(900_001, 70_001);
    host.tools.calls.lock().unwrap().clear();
    host.apply(&wanted(vec![account("bob", 70_002, true), account("cyd", 70_003, true)], NOW), NOW);
    let calls = host.tools.calls();
    let first_look = calls.iter().position(|call| call.starts_with("look at")).unwrap();
    let last_end = calls.iter().rposition(|call| call == "end ada 70001").unwrap();
    assert!(last_end < first_look, "{calls:?}");
    // Nor is anybody's asked who is here already: only the new one's.
    let looks: Vec<&String> = calls.iter().filter(|call| call.starts_with("look at")).collect();
    assert_eq!(looks, ["look at cyd"]);
}
