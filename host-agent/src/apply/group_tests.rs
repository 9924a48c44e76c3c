use std::fs;

use sallyport_domain::PosixName;
use sallyport_protocol::{Account, Content};

use crate::accounts::{self, AccountFiles, Changes};
use crate::disk::Disk;
use crate::plan::{Wanted, leave_all};
use crate::problem::{Code, Problem};
use crate::testing::{LEASE, NOW, TestHost, account, content, in_groups, read, wanted_content, with_groups};
use crate::tools::Elsewhere;
use crate::tools::fake::FakeTools;

const RESEARCH: &[(&str, u32)] = &[("research", 70_050)];

fn wanted(groups: &[(&str, u32)], accounts: Vec<Account>) -> Wanted {
    wanted_content(with_groups(groups, content(accounts)), NOW)
}

fn ada(managed: &[&str], local: &[&str]) -> Account {
    in_groups(managed, local, account("ada", 70_001, false))
}

/// With the group adm, in which syslog is.
fn host() -> TestHost {
    let host = TestHost::new();
    fs::write(host.paths.group(), "root:x:0:\nfrank:x:1000:\nadm:x:4:syslog\n").unwrap();
    fs::write(host.paths.gshadow(), "root:*::\nfrank:!::\nadm:*::syslog\n").unwrap();
    host
}

fn codes(problems: &[Problem]) -> Vec<Code> {
    problems.iter().map(|problem| problem.code).collect()
}

fn group(host: &TestHost, name: &str) -> Option<String> {
    let row = |line: &&str| line.starts_with(&format!("{name}:"));
    let text = read(host.paths.group());
    let found = text.lines().find(row).map(ToOwned::to_owned);
    let shadow = read(host.paths.gshadow());
    let members = |line: &str| line.rsplit(':').next().unwrap().to_owned();
    assert_eq!(found.as_deref().map(members), shadow.lines().find(row).map(members), "{text}\n{shadow}");
    found
}

fn ended(host: &TestHost) -> bool {
    host.tools.calls().contains(&"end ada 70001".to_owned())
}

#[test]
fn a_person_comes_into_groups_and_goes_out_of_them() {
    let host = host();
    let both = wanted(RESEARCH, vec![ada(&["research"], &["adm"])]);
    let steps = host.steps(&both, NOW);
    let made = "create the account ada with uid 70001; create the group research with gid 70050; \
        put ada into the group adm; put ada into the group research";
    assert!(steps.iter().any(|step| step == made), "{steps:?}");
    let outcome = host.apply(&both, NOW);
    assert!(outcome.problems.is_empty() && !outcome.failed, "{:?}", outcome.problems);
    assert_eq!(group(&host, "research").unwrap(), "research:x:70050:ada");
    assert_eq!(group(&host, "adm").unwrap(), "adm:x:4:syslog,ada");
    assert!(host.steps(&both, NOW).iter().all(|step| step.starts_with("make /home")));

    // One grant less: out of the groups, and still in.
    let none = wanted(&[], vec![ada(&[], &[])]);
    let steps = host.steps(&none, NOW);
    let left = "take ada out of the group adm; take ada out of the group research; remove the group research";
    assert!(steps.iter().any(|step| step == left), "{steps:?}");
    let outcome = host.apply(&none, NOW);
    assert!(outcome.look_again && outcome.problems.is_empty(), "{:?}", outcome.problems);
    assert_eq!((group(&host, "research"), group(&host, "adm").unwrap()), (None, "adm:x:4:syslog".to_owned()));
    assert!(!ended(&host) && host.paths.principals_of("ada").exists());
    host.apply(&none, NOW);
    assert!(host.state.ledger().unwrap().memberships().is_empty());
    assert!(host.steps(&none, NOW).iter().all(|step| step.starts_with("make /home")));

    // And again, with the number that it had.
    host.apply(&both, NOW);
    assert_eq!(group(&host, "research").unwrap(), "research:x:70050:ada");
    let other = wanted(&[("research", 70_051)], vec![ada(&["research"], &[])]);
    assert!(codes(&host.apply(&other, NOW).problems).contains(&Code::GroupConflict));
}

#[test]
fn what_runs_with_a_lost_group_is_ended_and_nothing_else() {
    let host = host();
    host.apply(&wanted(RESEARCH, vec![ada(&["research"], &["adm"])]), NOW);
    host.runs_with(4_001, 70_001, "4 70001 70050");
    // Of two groups one stays, and so does what runs without the other.
    host.apply(&wanted(RESEARCH, vec![ada(&["research"], &["adm"])]), NOW);
    assert!(!ended(&host));
    let outcome = host.apply(&wanted(RESEARCH, vec![ada(&["research"], &[])]), NOW);
    assert!(outcome.look_again && ended(&host));
    // As long as it is there, it is remembered why.
    assert!(!host.state.ledger().unwrap().memberships().is_empty());
    host.runs_with(4_001, 70_001, "70001 70050");
    host.tools.calls.lock().unwrap().clear();
    host.apply(&wanted(RESEARCH, vec![ada(&["research"], &[])]), NOW);
    assert!(!ended(&host));
    // A login that was half-way through has the group of ours; nobody noted it.
    host.apply(&wanted(RESEARCH, vec![ada(&[], &[])]), NOW);
    assert!(ended(&host));
    host.tools.calls.lock().unwrap().clear();
    host.apply(&wanted(RESEARCH, vec![ada(&[], &[])]), NOW);
    assert!(ended(&host), "what still has the group goes on");
}

#[test]
fn suspended_people_and_a_lease_that_is_over_leave_the_groups_empty() {
    let host = host();
    host.apply(&wanted(RESEARCH, vec![ada(&["research"], &["adm"])]), NOW);
    host.apply(&wanted(RESEARCH, Vec::new()), NOW);
    assert_eq!(group(&host, "research").unwrap(), "research:x:70050:");
    assert_eq!(group(&host, "adm").unwrap(), "adm:x:4:syslog");
    let both = || with_groups(RESEARCH, content(vec![ada(&["research"], &["adm"])]));
    host.apply(&wanted_content(both(), NOW), NOW);
    assert_eq!(group(&host, "research").unwrap(), "research:x:70050:ada");
    let over = NOW + LEASE + 1;
    host.apply(&wanted_content(both(), over), over);
    assert_eq!(group(&host, "research").unwrap(), "research:x:70050:");
    assert_eq!(group(&host, "adm").unwrap(), "adm:x:4:syslog");
}

#[test]
fn a_full_disk_holds_no_parting_back() {
    let mut host = host();
    host.apply(&wanted(RESEARCH, vec![ada(&["research"], &["adm"])]), NOW);
    host.runs_with(4_001, 70_001, "4 70050");
    host.disk = Disk::failing(|_, _| Err(std::io::ErrorKind::StorageFull.into()));
    let outcome = host.apply(&wanted(&[], vec![ada(&[], &[])]), NOW);
    assert!(outcome.failed && ended(&host));
    host.disk = Disk::new();
    assert!(!host.apply(&wanted(&[], vec![ada(&[], &[])]), NOW).failed);
    assert_eq!((group(&host, "research"), group(&host, "adm").unwrap()), (None, "adm:x:4:syslog".to_owned()));
}

#[test]
fn a_group_that_is_taken_is_a_problem_and_everything_else_is_applied() {
    let taken = |row: &str| {
        let host = host();
        fs::write(host.paths.group(), format!("{}{row}\n", read(host.paths.group()))).unwrap();
        host
    };
    let people =
        || vec![in_groups(&["research", "print"], &["adm", "nowhere"], account("ada", 70_001, true))];
    for row in ["research:x:1234:frank", "team:x:70050:frank", "research:x:70050:frank"] {
        let host = taken(row);
        let wanted = wanted(&[("print", 70_060), ("research", 70_050)], people());
        let outcome = host.apply(&wanted, NOW);
        let mut found = codes(&outcome.problems);
        found.sort();
        assert_eq!(found, [Code::GroupConflict, Code::GroupMissing], "{:?}", outcome.problems);
        assert!(!outcome.failed);
        assert!(read(host.paths.group()).contains(&format!("{row}\n")), "{row}");
        assert_eq!(group(&host, "print").unwrap(), "print:x:70060:ada");
        assert_eq!(group(&host, "adm").unwrap(), "adm:x:4:syslog,ada");
        assert!(host.paths.principals_of("ada").exists() && host.paths.sudoers().exists());
    }
    // By somebody whom the local files do not show, or by the snapshot itself.
    let mut host = host();
    let directory = Elsewhere::Name("a group of another name service".into());
    host.tools = FakeTools { elsewhere: [("research".to_owned(), directory)].into(), ..host.tools };
    let outcome = host.apply(&wanted(RESEARCH, vec![ada(&["research"], &[])]), NOW);
    assert_eq!(codes(&outcome.problems), [Code::GroupConflict]);
    let twice = wanted(&[("ada", 70_060), ("docker", 70_061), ("lone", 70_001)], vec![ada(&["lone"], &[])]);
    let outcome = host.apply(&twice, NOW);
    assert_eq!(codes(&outcome.problems), [Code::GroupConflict; 3], "{:?}", outcome.problems);
    assert!(host.paths.principals_of("ada").exists());
}

#[test]
fn a_renamed_person_stays_in_the_groups_and_goes_on_working() {
    let host = host();
    host.apply(&wanted(RESEARCH, vec![ada(&["research"], &["adm"])]), NOW);
    host.runs_with(4_001, 70_001, "4 70001 70050");
    let name: PosixName = "ada.byron".parse().unwrap();
    let renamed = wanted(RESEARCH, vec![Account { name, ..ada(&["research"], &["adm"]) }]);
    for _ in 0..2 {
        let outcome = host.apply(&renamed, NOW);
        assert!(outcome.problems.is_empty() && !outcome.failed, "{:?}", outcome.problems);
        assert_eq!(group(&host, "research").unwrap(), "research:x:70050:ada.byron");
        assert_eq!(group(&host, "adm").unwrap(), "adm:x:4:syslog,ada.byron");
    }
    assert!(!host.tools.calls().iter().any(|call| call.starts_with("end ")), "{:?}", host.tools.calls());
    assert!(host.steps(&renamed, NOW).is_empty(), "{:?}", host.steps(&renamed, NOW));
}

#[test]
fn an_adopted_account_loses_only_what_it_got() {
    let host = host();
    fs::write(host.paths.group(), read(host.paths.group()).replace("adm:x:4:syslog", "adm:x:4:syslog,frank"))
        .unwrap();
    fs::write(host.paths.gshadow(), read(host.paths.gshadow()).replace("::syslog", "::syslog,frank"))
        .unwrap();
    let frank = in_groups(&["research"], &["adm"], account("fr", 70_003, false));
    let frank = Account { adopt: Some("frank".parse().unwrap()), ..frank };
    let outcome = host.apply(&wanted(RESEARCH, vec![frank]), NOW);
    assert!(outcome.problems.is_empty(), "{:?}", outcome.problems);
    assert_eq!(group(&host, "research").unwrap(), "research:x:70050:frank");
    for _ in 0..2 {
        assert!(!host.apply(&wanted(RESEARCH, Vec::new()), NOW).failed);
        assert_eq!(group(&host, "research").unwrap(), "research:x:70050:");
        assert_eq!(group(&host, "adm").unwrap(), "adm:x:4:syslog,frank", "he was in it before");
    }
    assert!(host.state.ledger().unwrap().memberships().is_empty());
}

#[test]
fn all_of_ours_goes_when_the_host_is_left() {
    let host = host();
    let two = vec![ada(&["research"], &["adm"]), in_groups(&["print"], &[], account("bob", 70_002, false))];
    host.apply(&wanted(&[("print", 70_060), ("research", 70_050)], two), NOW);
    let ledger = host.state.ledger().unwrap();
    let files = AccountFiles::read(&host.paths).unwrap();
    let changes = leave_all(&files, &ledger);
    assert_eq!((changes.part.each().count(), changes.remove.len()), (3, 2));
    let changes = Changes { groups: changes, ..Changes::default() };
    accounts::apply(&host.paths, &Disk::new(), &ledger, &changes, crate::testing::at(NOW), |_| false)
        .unwrap();
    assert_eq!((group(&host, "research"), group(&host, "print")), (None, None));
    assert_eq!(group(&host, "adm").unwrap(), "adm:x:4:syslog");
}

#[test]
fn without_the_cas_word_nobody_is_in_and_the_groups_stay() {
    let host = host();
    host.apply(&wanted(RESEARCH, vec![ada(&["research"], &["adm"])]), NOW);
    let over = NOW + LEASE + 1;
    host.hands(over).end_written_lease(true);
    assert_eq!(group(&host, "research").unwrap(), "research:x:70050:");
    assert_eq!(group(&host, "adm").unwrap(), "adm:x:4:syslog");
    let word: Content = with_groups(RESEARCH, content(vec![ada(&["research"], &["adm"])]));
    host.apply(&wanted_content(word, NOW), NOW);
    assert_eq!(group(&host, "research").unwrap(), "research:x:70050:ada");
}

/// Another row, in both files.
fn add(host: &TestHost, row: &str) {
    fs::write(host.paths.group(), format!("{}{row}\n", read(host.paths.group()))).unwrap();
    let (name, members) = (row.split(':').next().unwrap(), row.rsplit(':').next().unwrap());
    fs::write(host.paths.gshadow(), format!("{}{name}:!::{members}\n", read(host.paths.gshadow()))).unwrap();
}

#[test]
fn a_name_that_stands_in_somebodys_group_is_not_made_nor_taken_by_a_rename() {
    let host = host();
    add(&host, "docker:x:998:syslog,ada");
    let bob = || in_groups(&[], &["adm"], account("bob", 70_002, true));
    let outcome = host.apply(&wanted(&[], vec![ada(&[], &["docker"]), bob()]), NOW);
    assert_eq!(codes(&outcome.problems), [Code::NameTaken], "{:?}", outcome.problems);
    let why = "ada is withheld: the name stands in the group docker; if it is nobody's there: gpasswd -d ada docker";
    assert_eq!(outcome.problems[0].detail, why);
    assert!(!read(host.paths.passwd()).contains("ada") && !host.paths.principals_of("ada").exists());
    assert_eq!(group(&host, "adm").unwrap(), "adm:x:4:syslog,bob");

    let renamed = || wanted(&[], vec![Account { name: "ada".parse().unwrap(), ..bob() }]);
    assert_eq!(codes(&host.apply(&renamed(), NOW).problems), [Code::NameTaken]);
    assert!(read(host.paths.passwd()).contains("\nbob:"));
    for path in [host.paths.group(), host.paths.gshadow()] {
        fs::write(&path, read(path.clone()).replace("syslog,ada", "syslog")).unwrap();
    }
    assert!(host.apply(&renamed(), NOW).problems.is_empty());
    assert_eq!(group(&host, "adm").unwrap(), "adm:x:4:syslog,ada");
}

#[test]
fn a_group_that_stands_twice_is_left_in_all_of_its_rows() {
    let host = host();
    host.apply(&wanted(&[], vec![ada(&[], &["adm"])]), NOW);
    add(&host, "adm:x:5:ada");
    host.runs_with(4_001, 70_001, "5 70001");
    host.apply(&wanted(&[], vec![ada(&[], &[])]), NOW);
    let text = read(host.paths.group()) + &read(host.paths.gshadow());
    assert!(!text.lines().any(|line| line.starts_with("adm:") && line.contains("ada")), "{text}");
    assert!(ended(&host) && !host.state.ledger().unwrap().memberships().is_empty());
}

#[test]
fn who_is_entitled_to_a_withheld_group_goes_on_working() {
    let host = host();
    host.apply(&wanted(RESEARCH, vec![ada(&["research"], &[])]), NOW);
    fs::write(host.paths.group(), read(host.paths.group()).replace("research:x:70050:", "research:x:1234:"))
        .unwrap();
    host.runs_with(4_001, 70_001, "70001 70050");
    let outcome = host.apply(&wanted(RESEARCH, vec![ada(&["research"], &[])]), NOW);
    assert_eq!(codes(&outcome.problems), [Code::GroupConflict], "{:?}", outcome.problems);
    assert!(!ended(&host));
    host.apply(&wanted(RESEARCH, vec![ada(&[], &[])]), NOW);
    assert!(ended(&host));
}

#[test]
fn nobodys_own_first_group_ends_their_sessions() {
    let host = host();
    let passwd = read(host.paths.passwd()).replace("frank:x:1000:1000:", "frank:x:1000:4:");
    fs::write(host.paths.passwd(), passwd).unwrap();
    let frank = |local: &[&str]| {
        let adopt = Some("frank".parse().unwrap());
        wanted(&[], vec![Account { adopt, ..in_groups(&[], local, account("fr", 70_003, false)) }])
    };
    host.apply(&frank(&["adm"]), NOW);
    assert_eq!(group(&host, "adm").unwrap(), "adm:x:4:syslog,frank");
    host.runs_with(4_001, 1_000, "4");
    for _ in 0..2 {
        host.apply(&frank(&[]), NOW);
    }
    assert_eq!(group(&host, "adm").unwrap(), "adm:x:4:syslog");
    assert!(!host.tools.calls().iter().any(|call| call.starts_with("end ")), "{:?}", host.tools.calls());
    assert!(host.state.ledger().unwrap().memberships().is_empty());
}

#[test]
fn who_was_in_a_group_as_good_as_root_before_the_grant_is_told() {
    let host = host();
    host.apply(&wanted(&[], vec![ada(&[], &[])]), NOW);
    add(&host, "docker:x:998:ada");
    // By no grant at all: put there by others, or by us when the list that told so was another.
    let outcome = host.apply(&wanted(&[], vec![ada(&[], &["adm"])]), NOW);
    assert_eq!(codes(&outcome.problems), [Code::GroupStays], "{:?}", outcome.problems);
    assert!(outcome.problems[0].detail.contains("by no grant"));
    assert!(!outcome.failed);
    let both = || wanted(&[], vec![ada(&[], &["adm", "docker"])]);
    let outcome = host.apply(&both(), NOW);
    assert_eq!(codes(&outcome.problems), [Code::GroupStays], "{:?}", outcome.problems);
    assert!(outcome.problems[0].detail.contains("gpasswd -d ada docker"));
    // Taken out, she comes in by our doing, and it ends with the grant.
    fs::write(host.paths.group(), read(host.paths.group()).replace("998:ada", "998:")).unwrap();
    fs::write(host.paths.gshadow(), read(host.paths.gshadow()).replace("docker:!::ada", "docker:!::"))
        .unwrap();
    assert!(host.apply(&both(), NOW).problems.is_empty());
    assert!(host.apply(&both(), NOW).problems.is_empty());
    host.apply(&wanted(&[], vec![ada(&[], &[])]), NOW);
    assert_eq!(group(&host, "docker").unwrap(), "docker:x:998:");
}

#[test]
fn an_older_list_put_back_is_told_where_it_leaves_somebody_as_good_as_root() {
    let host = host();
    add(&host, "docker:x:998:");
    host.apply(&wanted(&[], vec![ada(&[], &[])]), NOW);
    let older = host.state.ledger().unwrap();
    assert!(host.apply(&wanted(&[], vec![ada(&[], &["docker"])]), NOW).problems.is_empty());
    host.state.save_ledger(&Disk::new(), &older).unwrap();
    let outcome = host.apply(&wanted(&[], vec![ada(&[], &[])]), NOW);
    assert_eq!(codes(&outcome.problems), [Code::GroupStays], "{:?}", outcome.problems);
    // A local account that was given away has the groups that it always had.
    let host = self::host();
    add(&host, "docker:x:998:frank");
    let frank = Account { adopt: Some("frank".parse().unwrap()), ..account("fr", 70_003, false) };
    assert!(host.apply(&wanted(&[], vec![frank]), NOW).problems.is_empty());
}

#[test]
fn who_became_somebody_else_is_not_taken_for_having_their_groups() {
    let host = host();
    host.apply(&wanted(RESEARCH, vec![ada(&["research"], &[])]), NOW);
    host.apply(&wanted(RESEARCH, vec![ada(&[], &[])]), NOW);
    // `sudo -iu cyd` on ada's terminal: cyd's groups, and ada's login.
    host.runs_with(4_001, 70_003, "70003 70050");
    let process = host.paths.proc().join("4001");
    fs::write(process.join("loginuid"), "70001").unwrap();
    fs::write(process.join("stat"), "4001 (bash) S 1 1 1 34816 1").unwrap();
    let outcome = host.apply(&wanted(RESEARCH, vec![ada(&[], &[])]), NOW);
    assert!(!ended(&host) && !outcome.look_again, "{:?}", host.tools.calls());
    // Whose login ends, ends with it.
    host.apply(&wanted(RESEARCH, Vec::new()), NOW);
    assert!(ended(&host));
}

#[test]
fn who_became_somebody_else_and_kept_a_lost_group_is_ended() {
    let host = host();
    add(&host, "docker:x:998:");
    let cyd = || in_groups(&[], &["docker"], account("cyd", 70_003, false));
    host.apply(&wanted(&[], vec![ada(&[], &["docker"]), cyd()]), NOW);
    // `sudo -P` on ada's terminal: root's and cyd's number, and ada's groups.
    for (process, uid) in [("4001", 0), ("4002", 70_003)] {
        host.runs_with(process.parse().unwrap(), uid, "998 70001");
        let process = host.paths.proc().join(process);
        fs::write(process.join("loginuid"), "70001").unwrap();
        fs::write(process.join("stat"), "4001 (sh) S 1 1 1 34816 1").unwrap();
    }
    host.apply(&wanted(&[], vec![ada(&[], &["docker"]), cyd()]), NOW);
    assert!(!ended(&host));
    // Cyd's docker may be cyd's own; root's is not.
    let without_root = host.paths.proc().join("4001");
    let kept = host.paths.proc().join("kept");
    fs::rename(&without_root, &kept).unwrap();
    host.apply(&wanted(&[], vec![ada(&[], &[]), cyd()]), NOW);
    assert!(!ended(&host), "{:?}", host.tools.calls());
    host.apply(&wanted(&[], vec![ada(&[], &["docker"]), cyd()]), NOW);
    fs::rename(&kept, &without_root).unwrap();
    host.apply(&wanted(&[], vec![ada(&[], &[]), cyd()]), NOW);
    assert!(ended(&host), "{:?}", host.tools.calls());
}

#[test]
fn without_the_lock_nobody_is_noted_as_put_into_a_group() {
    let host = host();
    host.apply(&wanted(&[], vec![ada(&[], &[])]), NOW);
    let _ = fs::remove_file(host.paths.account_lock());
    fs::create_dir(host.paths.account_lock()).unwrap();
    let outcome = host.apply(&wanted(&[], vec![ada(&[], &["adm"])]), NOW);
    assert_eq!(codes(&outcome.problems), [Code::AccountsRefused]);
    assert!(host.state.ledger().unwrap().memberships().is_empty());
}
