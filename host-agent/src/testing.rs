//! A host in a temporary directory, for tests of the brain and the hands.

use std::fs;
use std::path::PathBuf;

use jiff::Timestamp;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sallyport_domain::{Generation, PosixGroups, Principal, UserId};
use sallyport_protocol::{Account, Content, PosixGroup};
use ssh_key::{Algorithm, PrivateKey};

use crate::apply::{Hands, Outcome};
use crate::disk::Disk;
use crate::paths::Paths;
use crate::plan::{Abilities, Wanted};
use crate::principals::ExpiryNotation;
use crate::sshd::{FailedTrials, Place};
use crate::state::{Accepted, State};
use crate::tools::fake::FakeTools;

pub(crate) const NOW: i64 = 1_800_000_000;
pub(crate) const LEASE: i64 = 72 * 3_600;

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

pub(crate) fn user(seed: u8) -> UserId {
    UserId::generate(at(NOW), &mut ChaCha8Rng::from_seed([seed; 32]))
}

/// The same key for the same seed.
pub(crate) fn key(seed: u8) -> PrivateKey {
    PrivateKey::random(&mut ChaCha8Rng::from_seed([seed; 32]), Algorithm::Ed25519).unwrap()
}

/// A person whose id follows from the uid.
pub(crate) fn account(name: &str, uid: u32, sudo: bool) -> Account {
    let user = user(u8::try_from(uid - 70_000).unwrap());
    Account {
        name: name.parse().unwrap(),
        uid: uid.try_into().unwrap(),
        user,
        label: name.to_uppercase(),
        principals: vec![Principal::from(user)],
        sudo,
        gid: None,
        adopt: None,
        groups: PosixGroups::default(),
    }
}

pub(crate) fn in_groups(managed: &[&str], local: &[&str], account: Account) -> Account {
    let names = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    Account { groups: PosixGroups { managed: names(managed), local: names(local) }, ..account }
}

pub(crate) fn with_groups(groups: &[(&str, u32)], content: Content) -> Content {
    let group = |(name, gid): &(&str, u32)| PosixGroup {
        name: name.parse().unwrap(),
        gid: (*gid).try_into().unwrap(),
    };
    Content { posix_groups: groups.iter().map(group).collect(), ..content }
}

pub(crate) fn content(accounts: Vec<Account>) -> Content {
    Content { accounts, user_ca_keys: vec![key(7).public_key().to_openssh().unwrap()], ..Content::default() }
}

pub(crate) fn wanted(accounts: Vec<Account>, now: i64) -> Wanted {
    wanted_content(content(accounts), now)
}

pub(crate) fn wanted_content(content: Content, now: i64) -> Wanted {
    let accepted = Accepted { generation: Generation::new(1), content, lease_until: at(NOW + LEASE) };
    Wanted::new(&accepted, None, abilities(), at(now))
}

pub(crate) fn abilities() -> Abilities {
    Abilities { expiry: ExpiryNotation::Utc, has_visudo: true, sudo_ends: true, shell: "/bin/bash".into() }
}

/// A host with root, daemon and frank, sudo and sshd.
pub(crate) struct TestHost {
    _root: tempfile::TempDir,
    pub(crate) paths: Paths,
    pub(crate) state: State,
    pub(crate) tools: FakeTools,
    pub(crate) disk: Disk,
    pub(crate) failed_trials: FailedTrials,
}

impl TestHost {
    pub(crate) fn new() -> Self {
        Self::at(tempfile::tempdir().unwrap())
    }

    /// Where hundreds of them do not wait for a disk, if there is such a place.
    pub(crate) fn in_memory() -> Self {
        Self::at(tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap())
    }

    fn at(root: tempfile::TempDir) -> Self {
        let paths = Paths::under(root.path());
        for directory in [paths.sudoers_directory(), paths.drop_ins(), paths.homes(), paths.at("run")] {
            fs::create_dir_all(directory).unwrap();
        }
        for (path, text) in [
            (paths.passwd(), "root:x:0:0:root:/root:/bin/bash\nfrank:x:1000:1000::/home/frank:/bin/sh\n"),
            (paths.group(), "root:x:0:\nfrank:x:1000:\n"),
            (paths.shadow(), "root:*:1::::::\nfrank:!:1::::::\n"),
            (paths.gshadow(), "root:*::\nfrank:!::\n"),
            (paths.sudoers_main(), "@includedir /etc/sudoers.d\n"),
            (paths.sshd_config(), "Include /etc/ssh/sshd_config.d/*.conf\n"),
        ] {
            fs::write(path, text).unwrap();
        }
        let tools = FakeTools { drop_in: Some(paths.drop_in()), ..FakeTools::default() };
        let state = State::new(&paths);
        let failed_trials = FailedTrials::default();
        Self { _root: root, paths, state, tools, disk: Disk::new(), failed_trials }
    }

    pub(crate) fn hands(&self, now: i64) -> Hands<'_, FakeTools> {
        let Self { paths, state, tools, disk, failed_trials, .. } = self;
        Hands { paths, disk, tools, state, failed_trials, now: at(now), prove_sudo: true }
    }

    /// A process of this person, for the scan to find.
    pub(crate) fn runs(&self, process: u32, uid: u32) {
        let directory = self.paths.proc().join(process.to_string());
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("status"), format!("State:\tS (sleeping)\nUid:\t{uid}\t0\t0\t0\n")).unwrap();
    }

    /// A process of this person that has these groups.
    pub(crate) fn runs_with(&self, process: u32, uid: u32, gids: &str) {
        self.runs(process, uid);
        let status = self.paths.proc().join(process.to_string()).join("status");
        let text = format!("{}Gid:\t{uid}\t0\t0\t0\nGroups:\t{gids}\n", read(status.clone()));
        fs::write(status, text).unwrap();
    }

    /// As `apply --once`: no failure is remembered. Without complaints about homes, which only root can give to others.
    pub(crate) fn apply(&self, wanted: &Wanted, now: i64) -> Outcome {
        self.failed_trials.forget(Place::DropIn);
        self.failed_trials.forget(Place::HostCertificate);
        self.give_up_homes(wanted);
        let mut outcome = self.hands(now).bring_in_step(wanted);
        self.give_up_homes(wanted);
        outcome.problems.retain(|problem| !problem.detail.contains("/home/"));
        outcome
    }

    /// Homes that somebody who is not root made are nobody's: they could not be given away.
    fn give_up_homes(&self, wanted: &Wanted) {
        for account in wanted.accounts().iter().filter(|_| !nix::unistd::geteuid().is_root()) {
            let _ = fs::remove_dir_all(self.paths.homes().join(account.name.as_str()));
        }
    }

    /// The lines of `--dry-run`.
    pub(crate) fn steps(&self, wanted: &Wanted, now: i64) -> Vec<String> {
        let plan = self.hands(now).rehearse(wanted);
        plan.steps.iter().map(ToString::to_string).collect()
    }
}

/// The text of a file, empty where there is none.
pub(crate) fn read(path: PathBuf) -> String {
    fs::read_to_string(path).unwrap_or_default()
}
