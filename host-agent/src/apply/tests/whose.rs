//! Accounts that change their name, and accounts that were there before.

use super::*;

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
