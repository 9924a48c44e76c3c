//! Ending what a person has running: the only thing that stops a shell, a tmux or an open `ControlMaster`, which would
//! otherwise go on granting new shells.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sallyport_domain::Uid;

/// A fork bomb loses its race against stop-then-kill in a few rounds; more means that something cannot be killed.
const ROUNDS: usize = 100;
const PAUSE: Duration = Duration::from_millis(10);

#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{count} processes of the person are still there")]
pub(crate) struct SessionsLeft {
    pub(crate) count: usize,
}

/// Kills every process of the person, and repeats until there is none: each round first stops all that it sees, so
/// that none can start another while its siblings die.
pub(crate) fn end(proc: &Path, uid: u32) -> Result<(), SessionsLeft> {
    for _ in 0..ROUNDS {
        let processes = processes_of(proc, uid);
        if processes.is_empty() {
            return Ok(());
        }
        for signal in [Signal::SIGSTOP, Signal::SIGKILL] {
            for &process in &processes {
                // The number may have passed to somebody else since it was read.
                if belongs_to(&proc.join(process.to_string()), uid) {
                    // A process that is gone already is what was wanted.
                    let _ = kill(Pid::from_raw(process), signal);
                }
            }
        }
        thread::sleep(PAUSE);
    }
    match processes_of(proc, uid).len() {
        0 => Ok(()),
        count => Err(SessionsLeft { count }),
    }
}

/// Whether anything of the person runs.
pub(crate) fn any(proc: &Path, uid: u32) -> bool {
    !processes_of(proc, uid).is_empty()
}

/// The uids of our block of which something runs, and the groups that it has: the kernel keeps those of the login. What
/// became somebody else has that one's groups (`sudo -u`), or keeps those of before (`sudo -P`): of it only those tell
/// that are not that one's `own`, where these are known. One walk over all processes.
pub(crate) fn managed_uids(
    proc: &Path,
    own: impl Fn(u32) -> Option<BTreeSet<u32>>,
) -> BTreeMap<u32, BTreeSet<u32>> {
    let mut running: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
    for entry in fs::read_dir(proc).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if !name.to_str().is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit())) {
            continue;
        }
        let path = entry.path();
        let owners = owners(&path).into_iter().filter(|uid| Uid::try_from(*uid).is_ok());
        let owners: Vec<u32> = owners.collect();
        if owners.is_empty() {
            continue;
        }
        let status = fs::read_to_string(path.join("status")).unwrap_or_default();
        for uid in owners {
            let groups = running.entry(uid).or_default();
            match real_uid(&status) {
                Some(real) if real == uid => groups.extend(gids(&status)),
                other => {
                    if let Some(own) = other.and_then(&own) {
                        groups.extend(gids(&status).filter(|gid| !own.contains(gid)));
                    }
                }
            }
        }
    }
    running
}

/// From `/proc/PID/status`: its own groups, and those of the login.
fn gids(status: &str) -> impl Iterator<Item = u32> {
    let lines =
        status.lines().filter_map(|line| line.strip_prefix("Groups:").or_else(|| line.strip_prefix("Gid:")));
    lines.flat_map(str::split_whitespace).filter_map(|gid| gid.parse().ok())
}

fn processes_of(proc: &Path, uid: u32) -> Vec<i32> {
    let entries = fs::read_dir(proc).into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    // An agent that was started by hand from the person's own root shell has to finish its work.
    let ours = i32::try_from(std::process::id()).unwrap_or_default();
    let numbers = numbers.filter(|process| *process != ours);
    numbers.filter(|process| belongs_to(&proc.join(process.to_string()), uid)).collect()
}

/// A process is the person's when its real uid is theirs, or when it is an interactive descendant of their login that
/// became somebody else (`sudo -s`): the kernel keeps the login's uid, and a terminal tells a shell from a service
/// that they restarted.
fn owners(process: &Path) -> Vec<u32> {
    let Ok(status) = fs::read_to_string(process.join("status")) else { return Vec::new() };
    if is_dead(&status) {
        return Vec::new();
    }
    let login = fs::read_to_string(process.join("loginuid")).ok().and_then(|text| text.trim().parse().ok());
    let login = login.filter(|_| has_terminal(process));
    real_uid(&status).into_iter().chain(login).collect()
}

fn belongs_to(process: &Path, uid: u32) -> bool {
    owners(process).contains(&uid)
}

/// From `/proc/PID/status`.
pub(crate) fn real_uid(status: &str) -> Option<u32> {
    status.lines().find_map(|line| line.strip_prefix("Uid:"))?.split_whitespace().next()?.parse().ok()
}

/// A zombie cannot do anything, and waits for its parent only.
fn is_dead(status: &str) -> bool {
    let state = status.lines().find_map(|line| line.strip_prefix("State:")).unwrap_or_default();
    matches!(state.trim().chars().next(), Some('Z' | 'X'))
}

/// The seventh field of `proc_pid_stat(5)`, counted after the name, which may hold anything.
fn has_terminal(process: &Path) -> bool {
    let stat = fs::read_to_string(process.join("stat")).unwrap_or_default();
    let after_name = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
    after_name.split_whitespace().nth(4).is_some_and(|terminal| terminal != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(proc: &Path, number: i32, uid: u32, login: &str, terminal: u32, state: &str) {
        let directory = proc.join(number.to_string());
        fs::create_dir_all(&directory).unwrap();
        let status = format!(
            "Name:\tx\nState:\t{state}\nUid:\t{uid}\t0\t0\t0\nGid:\t{uid}\t5\t5\t5\nGroups:\t4 {number} \n"
        );
        fs::write(directory.join("status"), status).unwrap();
        fs::write(directory.join("loginuid"), login).unwrap();
        fs::write(directory.join("stat"), format!("{number} (a) b) S 1 1 1 {terminal} 1")).unwrap();
    }

    #[test]
    fn processes_are_told_by_uid_or_by_login_on_a_terminal() {
        let directory = tempfile::tempdir().unwrap();
        let proc = directory.path();
        process(proc, 900_001, 70_001, "4294967295", 0, "S (sleeping)");
        process(proc, 900_002, 0, "70001", 34_816, "S (sleeping)");
        process(proc, 900_003, 0, "70001", 0, "S (sleeping)");
        process(proc, 900_004, 70_002, "70002", 34_816, "S (sleeping)");
        process(proc, 900_005, 70_001, "70001", 0, "Z (zombie)");
        fs::create_dir_all(proc.join("self")).unwrap();
        let mut found = processes_of(proc, 70_001);
        found.sort_unstable();
        assert_eq!(found, [900_001, 900_002]);
        let running = managed_uids(proc, |_| None);
        assert_eq!(running.keys().collect::<Vec<_>>(), [&70_001, &70_002]);
        assert_eq!(running.get(&70_002), Some(&[4, 5, 70_002, 900_004].into()));
        // Not those of the root shell that is theirs by its login.
        assert_eq!(running.get(&70_001), Some(&[4, 5, 70_001, 900_001].into()));
        // Unless they cannot be root's own.
        let running = managed_uids(proc, |uid| (uid == 0).then(|| [0, 4, 5].into()));
        assert_eq!(running.get(&70_001), Some(&[4, 5, 70_001, 900_001, 900_002].into()));
        assert!(any(proc, 70_002));
        assert!(!any(proc, 70_003));
    }
}
