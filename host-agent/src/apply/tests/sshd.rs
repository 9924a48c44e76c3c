//! What sshd reads.

use super::*;

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
