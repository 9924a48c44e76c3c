use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sallyport_domain::{Uid, UserId};

use super::*;

const SEED: [u8; 32] = [42; 32];

const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\n# a comment\ndaemon:x:1:1::/:/usr/sbin/nologin\n\
    bad line\nfrank:x:1000:1000:Frank,,,:/home/frank:/bin/bash\n+::::::\n";
const GROUP: &str = "root:x:0:\ndaemon:x:1:\nfrank:x:1000:\nops:x:999:frank\n+:::\n";
const SHADOW: &str =
    "root:$y$j9T$secret:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\nfrank:!:19000::::::\n";
const GSHADOW: &str = "root:*::\ndaemon:*::\nfrank:!::\nops:!::frank\n";
const TODAY: i64 = 20_000;

fn files() -> AccountFiles {
    AccountFiles {
        passwd: Table::parse(PASSWD.as_bytes()),
        group: Table::parse(GROUP.as_bytes()),
        shadow: Table::parse(SHADOW.as_bytes()),
        gshadow: Some(Table::parse(GSHADOW.as_bytes())),
    }
}

fn name(text: &str) -> PosixName {
    text.parse().unwrap()
}

fn ledger(accounts: &[(&str, u32)]) -> Ledger {
    let mut ledger = Ledger::default();
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    for (account, uid) in accounts {
        let user = UserId::generate(now, &mut ChaCha8Rng::from_seed(SEED));
        ledger.intend(
            &name(account),
            Entry { uid: Uid::try_from(*uid).unwrap(), gid: None, user: Some(user), created_at: now },
        );
    }
    ledger
}

fn account(account: &str, uid: u32) -> NewAccount {
    NewAccount {
        name: name(account),
        uid: Uid::try_from(uid).unwrap(),
        gid: Uid::try_from(uid).unwrap(),
        label: "Ada:\nL,".into(),
        shell: "/bin/bash".into(),
    }
}

fn create(accounts: &[(&str, u32)]) -> Changes {
    Changes { create: accounts.iter().map(|(n, uid)| account(n, *uid)).collect(), ..Changes::default() }
}

/// Edits and lets the second opinion agree.
fn edited(files: &AccountFiles, ledger: &Ledger, changes: &Changes) -> (AccountFiles, Vec<String>) {
    let edited = edit(files, ledger, changes, TODAY, |_| true).unwrap();
    verify(files, &edited.files, ledger).unwrap();
    (edited.files, edited.withheld.accounts.into_iter().map(|(name, _)| name.to_string()).collect())
}

fn text(table: &Table) -> String {
    String::from_utf8(table.to_bytes()).unwrap()
}

#[test]
fn a_new_account_is_complete_in_four_files() {
    let (new, withheld) = edited(&files(), &ledger(&[("ada", 70_001)]), &create(&[("ada", 70_001)]));
    assert!(withheld.is_empty());
    assert!(text(&new.passwd).contains("\nada:x:70001:70001:Ada  L:/home/ada:/bin/bash\n+::::::\n"));
    assert!(text(&new.group).contains("\nada:x:70001:\nsallyport-users:x:998:ada\n+:::\n"));
    assert!(text(&new.shadow).ends_with("\nada:*:20000:0:99999:7:::\n"));
    assert!(text(new.gshadow.as_ref().unwrap()).ends_with("\nada:*::\nsallyport-users:*::ada\n"));
}

#[test]
fn who_came_into_a_group_meanwhile_is_not_made_nor_renamed_to() {
    let known = ledger(&[("ada", 70_001), ("bob", 70_001)]);
    let (made, _) = edited(&files(), &known, &create(&[("bob", 70_001)]));
    let rename =
        Changes { rename: vec![Rename { from: name("bob"), to: name("ada") }], ..Changes::default() };
    let cases =
        [("docker:x:997:frank,ada", ""), ("docker:x:997: ada", ""), ("docker:x:997:", "docker:!:ada:")];
    for (row, shadow) in cases {
        let listed = |mut files: AccountFiles| {
            files.group.insert(vec![row.as_bytes().to_vec()]);
            files.gshadow.as_mut().unwrap().insert(vec![shadow.as_bytes().to_vec()]);
            files
        };
        assert_eq!(edited(&listed(files()), &known, &create(&[("ada", 70_001)])).1, ["ada"], "{row}");
        assert_eq!(edited(&listed(made.clone()), &known, &rename).1, ["ada"], "{row}");
    }
    assert!(edited(&made, &known, &rename).1.is_empty());
    // By our own doing.
    let mut noted = known;
    noted.memberships_mut().add(&name("docker"), &name("ada"));
    let mut ours = files();
    ours.group.insert(vec![b"docker:x:997:ada".to_vec()]);
    assert!(edited(&ours, &noted, &create(&[("ada", 70_001)])).1.is_empty());
}

#[test]
fn a_host_without_gshadow_gets_none() {
    let bare = AccountFiles { gshadow: None, ..files() };
    let (new, _) = edited(&bare, &ledger(&[("ada", 70_001)]), &create(&[("ada", 70_001)]));
    assert!(new.gshadow.is_none());
}

#[test]
fn suspension_and_return_change_one_field_of_one_file() {
    let ledger = ledger(&[("ada", 70_001), ("bob", 70_002)]);
    let (made, _) = edited(&files(), &ledger, &create(&[("ada", 70_001), ("bob", 70_002)]));
    let suspend = Changes { suspend: vec![name("ada")], ..Changes::default() };
    let (suspended, _) = edited(&made, &ledger, &suspend);
    assert!(text(&suspended.shadow).contains("\nada:*:20000:0:99999:7::1:\nbob:*:20000:0:99999:7:::\n"));
    assert_eq!(
        (&suspended.passwd, &suspended.group, &suspended.gshadow),
        (&made.passwd, &made.group, &made.gshadow)
    );
    let view = View::new(&suspended, &ledger);
    assert_eq!(view.standing(&name("ada")), Standing::Ours { suspended: true });
    let back = Changes { reactivate: vec![name("ada")], ..Changes::default() };
    assert_eq!(edited(&suspended, &ledger, &back).0, made);
}

#[test]
fn a_lost_ledger_adopts_nothing() {
    let (made, _) = edited(&files(), &ledger(&[("ada", 70_001)]), &create(&[("ada", 70_001)]));
    let lost = Ledger::default();
    assert!(matches!(View::new(&made, &lost).standing(&name("ada")), Standing::Foreign(_)));
    let changes = Changes { suspend: vec![name("ada")], ..create(&[("ada", 70_001)]) };
    let (unchanged, withheld) = edited(&made, &lost, &changes);
    assert_eq!(unchanged, made);
    assert_eq!(withheld, ["ada", "ada"]);
}

#[test]
fn each_missing_mark_makes_a_row_foreign() {
    let ledger = ledger(&[("ada", 70_001)]);
    let (made, _) = edited(&files(), &ledger, &create(&[("ada", 70_001)]));
    let other_uid = AccountFiles {
        passwd: Table::parse(text(&made.passwd).replace("ada:x:70001", "ada:x:1001").as_bytes()),
        ..made.clone()
    };
    let unmarked = AccountFiles {
        group: Table::parse(text(&made.group).replace(":998:ada", ":998:").as_bytes()),
        ..made.clone()
    };
    let twice = AccountFiles {
        passwd: Table::parse(format!("{}ada:x:70001:70001::/:/bin/sh\n", text(&made.passwd)).as_bytes()),
        ..made
    };
    for files in [other_uid, unmarked, twice] {
        assert!(matches!(View::new(&files, &ledger).standing(&name("ada")), Standing::Foreign(_)));
        let changes = Changes { suspend: vec![name("ada")], ..Changes::default() };
        let outcome = edit(&files, &ledger, &changes, TODAY, |_| true).unwrap();
        assert_eq!(outcome.files, files);
        assert_eq!(outcome.withheld.accounts.len(), 1);
    }
}

#[test]
fn a_taken_name_or_number_withholds_one_account_and_the_others_proceed() {
    let ledger = ledger(&[("frank", 70_001), ("ops", 70_002), ("ada", 70_003), ("bob", 70_004)]);
    let mut taken = files();
    taken.passwd.insert(vec![b"squatter:x:70004:100::/:/bin/sh".to_vec()]);
    let all = [("frank", 70_001), ("ops", 70_002), ("ada", 70_003), ("bob", 70_004)];
    let (new, mut withheld) = edited(&taken, &ledger, &create(&all));
    withheld.sort();
    assert_eq!(withheld, ["bob", "frank", "ops"]);
    assert!(text(&new.passwd).contains("\nada:x:70003"));
    assert!(text(&new.passwd).contains("\nfrank:x:1000:1000:Frank,,,:"));
}

#[test]
fn the_marker_group_avoids_taken_gids_and_serves_when_there() {
    let outcome =
        edit(&files(), &ledger(&[("ada", 70_001)]), &create(&[("ada", 70_001)]), TODAY, |gid| gid < 500);
    assert!(text(&outcome.unwrap().files.group).contains("sallyport-users:x:499:ada"));
    let none = edit(&files(), &ledger(&[("ada", 70_001)]), &create(&[("ada", 70_001)]), TODAY, |_| false);
    assert!(matches!(none, Err(EditError::NoMarkerGid)));
    let mut there = files();
    there.group.insert(vec![b"sallyport-users:x:4000:frank".to_vec()]);
    let (new, _) = edited(&there, &ledger(&[("ada", 70_001)]), &create(&[("ada", 70_001)]));
    assert!(text(&new.group).contains("sallyport-users:x:4000:frank,ada\n"));
}

#[test]
fn rows_left_by_a_killed_run_are_finished_or_cleared() {
    let ledger = ledger(&[("ada", 70_001)]);
    let (made, _) = edited(&files(), &ledger, &create(&[("ada", 70_001)]));
    let killed = AccountFiles { passwd: files().passwd, ..made.clone() };
    assert_eq!(View::new(&killed, &ledger).orphans(), [name("ada")]);
    let (finished, withheld) = edited(&killed, &ledger, &create(&[("ada", 70_001)]));
    assert!(withheld.is_empty());
    assert_eq!(finished.passwd, made.passwd);
    assert_eq!(text(&finished.shadow).matches("ada:").count(), 1);
    let (cleared, _) = edited(&killed, &ledger, &Changes { repair: true, ..Changes::default() });
    assert_eq!(cleared.shadow, files().shadow);
    assert!(View::new(&cleared, &ledger).orphans().is_empty());
}

#[test]
fn the_second_opinion_finds_each_kind_of_damage() {
    let ledger = ledger(&[("ada", 70_001)]);
    let (made, _) = edited(&files(), &ledger, &create(&[("ada", 70_001)]));
    let damage = |from: &str, to: &str| Table::parse(text(&made.passwd).replace(from, to).as_bytes());
    let cases = [
        AccountFiles { passwd: damage("root:x:0:0", "root:x:5:0"), ..made.clone() },
        AccountFiles { passwd: damage("# a comment\n", ""), ..made.clone() },
        AccountFiles { passwd: damage("bad line", "bad  line"), ..made.clone() },
        AccountFiles { passwd: damage("ada:x:70001", "ada:x:1000"), ..made.clone() },
        AccountFiles { passwd: damage("frank:x:1000", "frank:x:0"), ..made.clone() },
        AccountFiles { passwd: Table::parse(b""), ..made.clone() },
        AccountFiles { shadow: files().shadow, ..made.clone() },
        AccountFiles { group: files().group, ..made.clone() },
    ];
    for case in cases {
        assert!(verify(&files(), &case, &ledger).is_err(), "{}", text(&case.passwd));
    }
}

/// The batch on a disk: `paths` under a directory of its own.
struct Host {
    _root: tempfile::TempDir,
    paths: Paths,
}

impl Host {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let paths = Paths::under(root.path());
        std::fs::create_dir_all(paths.etc()).unwrap();
        for (path, text) in [
            (paths.passwd(), PASSWD),
            (paths.group(), GROUP),
            (paths.shadow(), SHADOW),
            (paths.gshadow(), GSHADOW),
        ] {
            std::fs::write(path, text).unwrap();
        }
        Self { _root: root, paths }
    }
}

#[test]
fn a_full_disk_at_any_write_leaves_complete_files_and_the_next_run_finishes() {
    use crate::disk::Stage;
    use std::sync::atomic::{AtomicUsize, Ordering};

    let now = Timestamp::from_second(1_800_000_000).unwrap();
    let ledger = ledger(&[("ada", 70_001)]);
    // Four files, four stages that can fail and one directory sync each.
    for failing in 0..20 {
        let host = Host::new();
        let count = AtomicUsize::new(0);
        let disk = Disk::failing(move |_: Stage, _| {
            if count.fetch_add(1, Ordering::Relaxed) == failing {
                return Err(std::io::ErrorKind::StorageFull.into());
            }
            Ok(())
        });
        let changes = create(&[("ada", 70_001)]);
        apply(&host.paths, &disk, &ledger, &changes, now, |_| true).unwrap_err();
        let after = AccountFiles::read(&host.paths).unwrap();
        let visible = text(&after.passwd).contains("\nada:");
        assert!(!visible || text(&after.shadow).contains("\nada:"), "a visible account without a shadow row");
        let again = if visible { Changes { repair: true, ..Changes::default() } } else { changes };
        apply(&host.paths, &Disk::new(), &ledger, &again, now, |_| true).unwrap();
        let finished = AccountFiles::read(&host.paths).unwrap();
        assert_eq!(View::new(&finished, &ledger).standing(&name("ada")), Standing::Ours { suspended: false });
        assert!(std::fs::read_dir(host.paths.etc()).unwrap().count() <= 5, "a temporary file was left");
    }
}

#[test]
fn nothing_to_change_writes_nothing() {
    let host = Host::new();
    let disk = Disk::failing(|_, _| panic!("wrote"));
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    apply(&host.paths, &disk, &ledger(&[]), &Changes { repair: true, ..Changes::default() }, now, |_| true)
        .unwrap();
}

#[test]
fn unsound_files_are_not_built_upon() {
    let host = Host::new();
    for (path, bytes) in [(host.paths.passwd(), &b"daemon:x:1:1:::\n"[..]), (host.paths.shadow(), b"")] {
        let before = std::fs::read(&path).unwrap();
        std::fs::write(&path, bytes).unwrap();
        assert!(AccountFiles::read(&host.paths).is_err(), "{}", path.display());
        std::fs::write(&path, before).unwrap();
    }
    assert!(AccountFiles::read(&host.paths).is_ok());
}

#[test]
fn ten_thousand_accounts_are_one_quick_batch() {
    let accounts: Vec<(String, u32)> = (0..10_000).map(|n| (format!("user{n}"), 70_000 + n)).collect();
    let pairs: Vec<(&str, u32)> = accounts.iter().map(|(name, uid)| (name.as_str(), *uid)).collect();
    let begun = std::time::Instant::now();
    let (new, withheld) = edited(&files(), &ledger(&pairs), &create(&pairs));
    assert!(withheld.is_empty());
    assert_eq!(new.passwd.rows().count(), 10_003);
    // Far above what it takes, far below what a quadratic batch takes.
    assert!(begun.elapsed().as_secs() < 20);
}

proptest! {
    #[test]
    fn lines_of_others_survive_any_batch(
        lines in proptest::collection::vec("[a-z+#:!* \\PC]{0,30}", 0..12),
        wanted in proptest::collection::vec((0usize..6, 70_000u32..70_006, any::<bool>()), 0..6),
    ) {
        let names = ["ada", "bob", "cyd", "frank", "ops", "dan"];
        let mut start = files();
        start.passwd.insert(lines.iter().filter(|l| !l.contains('\n')).map(|l| l.clone().into_bytes()).collect());
        start.shadow.insert(lines.iter().filter(|l| !l.contains('\n')).map(|l| l.clone().into_bytes()).collect());
        let known: Vec<(&str, u32)> = wanted.iter().map(|(n, uid, _)| (names[*n], *uid)).collect();
        let ledger = ledger(&known);
        let mut changes = Changes { repair: true, ..Changes::default() };
        for (n, uid, suspend) in &wanted {
            if *suspend { changes.suspend.push(name(names[*n])) } else { changes.create.push(account(names[*n], *uid)) }
        }
        let outcome = edit(&start, &ledger, &changes, TODAY, |_| true).unwrap();
        // Duplicates in one batch are for the planner to refuse; the second opinion must then refuse as well.
        if verify(&start, &outcome.files, &ledger).is_ok() {
            let after = text(&outcome.files.passwd);
            for line in text(&start.passwd).lines() {
                prop_assert!(after.lines().any(|l| l == line), "lost {line:?}");
            }
            prop_assert!(after.starts_with("root:x:0:0:root:/root:/bin/bash\n"));
        } else {
            prop_assert!(!wanted.is_empty());
        }
    }
}

#[test]
fn what_is_local_and_not_ours_is_told() {
    let mut files = files();
    let ledger = ledger(&[("ada", 70_001), ("eve", 70_002)]);
    let rows = "ada:x:70001:70001::/home/ada:/bin/sh\neve:x:70009:70009::/:/bin/sh\npostgres:x:70003:1::/:/bin/sh\n\
        Odd:x:99999:1::/:/bin/sh\nfar:x:100000:1::/:/bin/sh\n";
    files.passwd = Table::parse(format!("{PASSWD}{rows}").as_bytes());
    files.group = Table::parse(format!("{GROUP}ada:x:70001:\nteam:x:70004:\n").as_bytes());
    let found = foreign(&files, &ledger, &[sallyport_domain::UidRange::DEFAULT]);
    assert!(found.problem().is_none());
    let local = found.told;
    let names: Vec<String> = local.names.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["far", "frank", "ops", "team"]);
    // Eve's row is not the one that was made for her, so its number is somebody's.
    let ids: Vec<u32> = local.ids.iter().map(|id| id.value()).collect();
    assert_eq!(ids, [70_003, 70_004, 70_009, 99_999]);
}

#[test]
fn more_than_the_ca_takes_is_said_with_how_many() {
    let mut files = files();
    let most = u32::try_from(sallyport_protocol::LocalNames::MOST).unwrap();
    let row = |n: u32| format!("local{n:04}:x:{}:1::/:/bin/sh", 70_000 + n.min(most + 2)).into_bytes();
    files.passwd = Table::parse(b"root:x:0:0::/root:/bin/sh\n");
    files.passwd.insert((0..most + 7).map(row).collect());
    files.group = Table::parse(b"root:x:0:\n");
    let found = foreign(&files, &Ledger::default(), &[sallyport_domain::UidRange::DEFAULT]);
    assert_eq!((found.told.names.len(), found.told.ids.len()), (1_000, 1_000));
    // The lowest numbers, which are the next to be given.
    assert_eq!(found.told.ids.last().map(|id| id.value()), Some(70_999));
    let problem = found.problem().unwrap();
    assert_eq!(problem.code, crate::problem::Code::LocalNamesCut);
    assert!(problem.detail.contains(": 7 names and 3 numbers are not told"), "{problem}");
    assert!(!problem.code.holds_generation_back());
}

/// Ada with uid 70001, whose own group has the gid 80001.
fn with_own_gid() -> (Ledger, Changes) {
    let gid = Uid::try_from(80_001).unwrap();
    let mut known = Ledger::default();
    let entry = *ledger(&[("ada", 70_001)]).entry(&name("ada")).unwrap();
    known.intend(&name("ada"), Entry { gid: Some(gid), ..entry });
    let ada = NewAccount { gid, ..account("ada", 70_001) };
    (known, Changes { create: vec![ada], ..Changes::default() })
}

#[test]
fn a_gid_of_its_own_stands_in_passwd_and_group_and_is_ours() {
    let (ledger, changes) = with_own_gid();
    let (made, withheld) = edited(&files(), &ledger, &changes);
    assert!(withheld.is_empty());
    assert!(text(&made.passwd).contains("\nada:x:70001:80001:"));
    assert!(text(&made.group).contains("\nada:x:80001:\n"));
    assert_eq!(View::new(&made, &ledger).standing(&name("ada")), Standing::Ours { suspended: false });
    assert!(foreign(&made, &ledger, &[sallyport_domain::UidRange::DEFAULT]).told.ids.is_empty());
    // Where only the group was written, the next run finishes.
    let killed = AccountFiles { passwd: files().passwd, ..made.clone() };
    let (finished, withheld) = edited(&killed, &ledger, &changes);
    assert!(withheld.is_empty());
    assert_eq!(finished.passwd, made.passwd);
    // A group of that name with another gid is not what we made: its number is somebody's.
    let moved = Table::parse(text(&made.group).replace("ada:x:80001:", "ada:x:70001:").as_bytes());
    let moved = AccountFiles { passwd: files().passwd, group: moved, ..made };
    assert!(matches!(View::new(&moved, &ledger).standing(&name("ada")), Standing::Foreign(_)));
    let ids = foreign(&moved, &ledger, &[sallyport_domain::UidRange::DEFAULT]).told.ids;
    assert_eq!(ids.iter().map(|id| id.value()).collect::<Vec<_>>(), [70_001]);
}

#[test]
fn a_gid_that_somebody_else_has_withholds_the_account() {
    let (ledger, changes) = with_own_gid();
    let mut taken = files();
    taken.group.insert(vec![b"team:x:80001:frank".to_vec()]);
    let (unchanged, withheld) = edited(&taken, &ledger, &changes);
    assert_eq!((unchanged, withheld), (taken, vec!["ada".to_owned()]));
}

#[test]
fn a_renamed_account_keeps_its_gid() {
    let (mut ledger, changes) = with_own_gid();
    let (made, _) = edited(&files(), &ledger, &changes);
    let entry = *ledger.entry(&name("ada")).unwrap();
    ledger.intend(&name("lovelace"), entry);
    let rename = Rename { from: name("ada"), to: name("lovelace") };
    let (renamed, withheld) = edited(&made, &ledger, &Changes { rename: vec![rename], ..Changes::default() });
    assert!(withheld.is_empty());
    assert!(text(&renamed.passwd).contains("\nlovelace:x:70001:80001:"));
    assert!(text(&renamed.group).contains("\nlovelace:x:80001:\n"));
}

#[test]
fn a_ledger_from_before_there_were_gids_reads_as_gid_is_uid() {
    let old = ledger(&[("ada", 70_001)]);
    let json = serde_json::to_string(&old).unwrap();
    assert!(!json.contains("gid"), "{json}");
    let read: Ledger = serde_json::from_str(&json).unwrap();
    assert_eq!(read.entry(&name("ada")).unwrap().gid().value(), 70_001);
    let (new, _) = with_own_gid();
    let again: Ledger = serde_json::from_str(&serde_json::to_string(&new).unwrap()).unwrap();
    assert_eq!(again.entry(&name("ada")).unwrap().gid().value(), 80_001);
}
