//! What stands where a home is to be. Homes lie on file systems of users and of servers: they may not answer, and may
//! say what somebody else wants them to.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::{major, minor};

use crate::paths::Paths;

/// Longest that a directory may take to say whose it is.
const PATIENCE: Duration = Duration::from_secs(2);
/// More that do not answer are not asked: each keeps a thread.
const MOST_SILENT: usize = 32;
/// Bits of whoever else may write.
const OTHERS_WRITE: u32 = 0o022;

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    Free,
    /// A directory of the account's.
    Theirs,
    /// A directory of root's that nobody else writes into: an administrator's doing.
    Roots,
    /// Somebody else's, or nobody can tell whose.
    Taken {
        /// Whose the directory is, where it stands there itself.
        owner: Option<u32>,
        /// What follows the path in a sentence.
        why: String,
    },
}

impl Place {
    fn taken(why: impl Into<String>) -> Self {
        Self::Taken { owner: None, why: why.into() }
    }
}

/// As [`Place`], for the home of an account that is to be made or has none: whatever cannot be seen to be nobody's or
/// theirs is somebody's.
pub(crate) fn look(paths: &Paths, home: &Path, uid: u32) -> Place {
    let (mountinfo, asked) = (paths.proc().join("self/mountinfo"), home.to_path_buf());
    in_time(home, PATIENCE, move || look_and_wait(&asked, uid, &mountinfo))
        .unwrap_or_else(|| Place::taken("does not answer"))
}

fn look_and_wait(home: &Path, uid: u32, mountinfo: &Path) -> Place {
    let unseen = |error: &std::io::Error| Place::taken(format!("cannot be looked at ({error})"));
    let itself = match fs::symlink_metadata(home) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Place::Free,
        Err(error) => return unseen(&error),
    };
    // The slash at the end has links followed, and what is mounted on demand mounted: a plain stat does not do that
    // (automount(8)), and a login would.
    let reached = match fs::metadata(home.join("")) {
        Ok(metadata) => metadata,
        Err(error) => return unseen(&error),
    };
    let is_strangers = |owner: u32| owner != 0 && owner != uid;
    if is_strangers(itself.uid()) {
        return Place::Taken { owner: Some(itself.uid()), why: format!("belongs to uid {}", itself.uid()) };
    }
    if is_strangers(reached.uid()) {
        return Place::taken(format!("leads to a directory of uid {}", reached.uid()));
    }
    // Who mounted it answers for all that it says.
    if let Some(owner) = mounted_by(mountinfo, reached.dev()).filter(|owner| is_strangers(*owner)) {
        return Place::taken(format!("was mounted by uid {owner}"));
    }
    if reached.uid() == uid {
        Place::Theirs
    } else if reached.mode() & OTHERS_WRITE == 0 {
        Place::Roots
    } else {
        Place::taken("belongs to root, and others can write into it")
    }
}

/// Who made a mount in user space, by the `user_id=` of `fuse(8)`.
fn mounted_by(mountinfo: &Path, device: u64) -> Option<u32> {
    let text = fs::read_to_string(mountinfo).ok()?;
    let device = format!("{}:{}", major(device), minor(device));
    let line = text.lines().find(|line| line.split(' ').nth(2) == Some(device.as_str()))?;
    let (_, of_superblock) = line.split_once(" - ")?;
    let options = of_superblock.split(' ').nth(2)?;
    options.split(',').find_map(|option| option.strip_prefix("user_id="))?.parse().ok()
}

/// Whose the home of an account is that is there already; `None`: not told here. What is mounted there is not asked: it
/// may be the account's own doing, and never answer.
pub(crate) fn glance(homes: &Path, name: &str) -> Option<u32> {
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_NO_XDEV);
    let directory = File::open(homes).ok()?;
    let metadata = File::from(openat2(&directory, name, how).ok()?).metadata().ok()?;
    (!metadata.is_symlink()).then(|| metadata.uid())
}

/// Names in the directory of homes; `None` where it does not answer. What is mounted on demand may not be among them.
pub(crate) fn listed(homes: &Path) -> Option<BTreeSet<OsString>> {
    let asked = homes.to_path_buf();
    in_time(homes, PATIENCE, move || {
        let entries = fs::read_dir(asked).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name()).collect()
    })
}

/// What is still being waited for.
static SILENT: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn silent() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    SILENT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What `work` gives, unless it takes longer than `patience`. Nobody can end a thread that waits for a file system: it
/// is left behind, and its path is not asked again before it came back.
fn in_time<T: Send + 'static>(
    path: &Path,
    patience: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let path = path.to_path_buf();
    {
        let mut silent = silent();
        if silent.len() >= MOST_SILENT || !silent.insert(path.clone()) {
            return None;
        }
    }
    let (sender, receiver) = mpsc::sync_channel(1);
    let asked = path.clone();
    let waits = thread::Builder::new().spawn(move || {
        let answer = work();
        silent().remove(&asked);
        // Nobody may wait for it any more.
        let _ = sender.send(answer);
    });
    if waits.is_err() {
        silent().remove(&path);
    }
    receiver.recv_timeout(patience).ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};

    use super::*;

    const ADA: u32 = 70_001;
    const LEAVER: u32 = 70_009;

    fn host() -> (tempfile::TempDir, Paths) {
        let root = tempfile::tempdir().unwrap();
        let paths = Paths::under(root.path());
        fs::create_dir_all(paths.homes()).unwrap();
        (root, paths)
    }

    fn why(place: Place) -> String {
        match place {
            Place::Taken { why, .. } => why,
            other => panic!("{other:?} is not taken"),
        }
    }

    #[test]
    fn nothing_is_free_and_what_is_theirs_is_theirs() {
        let (_root, paths) = host();
        let home = paths.homes().join("ada");
        let me = nix::unistd::getuid().as_raw();
        assert_eq!(look(&paths, &home, ADA), Place::Free);
        fs::create_dir(&home).unwrap();
        assert_eq!(look(&paths, &home, me), Place::Theirs);
        let link = paths.homes().join("by.link");
        symlink(&home, &link).unwrap();
        assert_eq!(look(&paths, &link, me), Place::Theirs);
    }

    #[test]
    fn what_cannot_be_looked_at_is_not_free() {
        let (root, paths) = host();
        let home = paths.homes().join("ada");
        symlink(root.path().join("nowhere"), &home).unwrap();
        assert!(why(look(&paths, &home, ADA)).starts_with("cannot be looked at"));
        fs::remove_file(&home).unwrap();
        symlink("ada", &home).unwrap();
        assert!(why(look(&paths, &home, ADA)).starts_with("cannot be looked at"));
        fs::remove_file(&home).unwrap();
        fs::write(&home, "").unwrap();
        assert!(why(look(&paths, &home, ADA)).starts_with("cannot be looked at"));
        // Somebody put a file where homes are.
        assert!(why(look(&paths, &home.join("deeper"), ADA)).starts_with("cannot be looked at"));
    }

    /// Only root can give files away.
    #[test]
    fn a_link_of_roots_does_not_make_a_leavers_directory_roots() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let (root, paths) = host();
        let (home, elsewhere) = (paths.homes().join("ada"), root.path().join("data"));
        fs::create_dir(&elsewhere).unwrap();
        chown(&elsewhere, Some(LEAVER), None).unwrap();
        symlink(&elsewhere, &home).unwrap();
        assert_eq!(why(look(&paths, &home, ADA)), "leads to a directory of uid 70009");
        // Nor is the link of a leaver's anybody else's, wherever it leads.
        chown(&elsewhere, Some(ADA), None).unwrap();
        lchown(&home, Some(LEAVER), None).unwrap();
        let taken = Place::Taken { owner: Some(LEAVER), why: "belongs to uid 70009".into() };
        assert_eq!(look(&paths, &home, ADA), taken);
        lchown(&home, Some(0), None).unwrap();
        assert_eq!(look(&paths, &home, ADA), Place::Theirs);
        chown(&elsewhere, Some(0), None).unwrap();
        assert_eq!(look(&paths, &home, ADA), Place::Roots);
        fs::set_permissions(&elsewhere, fs::Permissions::from_mode(0o1777)).unwrap();
        assert_eq!(why(look(&paths, &home, ADA)), "belongs to root, and others can write into it");
    }

    #[test]
    fn whoever_mounted_it_answers_for_what_it_says() {
        let (_root, paths) = host();
        let home = paths.homes().join("ada");
        fs::create_dir(&home).unwrap();
        let (me, device) = (nix::unistd::getuid().as_raw(), fs::metadata(&home).unwrap().dev());
        let device = format!("{}:{}", major(device), minor(device));
        fs::create_dir_all(paths.proc().join("self")).unwrap();
        let mounted = |options: &str| {
            let lines = format!(
                "20 1 0:1 / / rw - ext4 /dev/a rw,user_id=1\n40 20 {device} / /home/ada rw,nosuid shared:2 - fuse x {options}\n"
            );
            fs::write(paths.proc().join("self/mountinfo"), lines).unwrap();
            look(&paths, &home, me)
        };
        assert_eq!(why(mounted("rw,user_id=70009,group_id=70009")), "was mounted by uid 70009");
        assert_eq!(mounted("rw,user_id=0,group_id=0,allow_other"), Place::Theirs);
        assert_eq!(mounted("rw"), Place::Theirs);
    }

    #[test]
    fn a_glance_tells_the_owner_and_follows_nothing() {
        let (root, paths) = host();
        let me = nix::unistd::getuid().as_raw();
        fs::create_dir(paths.homes().join("ada")).unwrap();
        symlink(root.path(), paths.homes().join("bob")).unwrap();
        assert_eq!(glance(&paths.homes(), "ada"), Some(me));
        assert_eq!(glance(&paths.homes(), "bob"), None);
        assert_eq!(glance(&paths.homes(), "cyd"), None);
        // Another file system, whatever it is.
        assert_eq!(glance(Path::new("/"), "proc"), None);
        assert_eq!(listed(&paths.homes()).unwrap(), ["ada".into(), "bob".into()].into());
    }

    #[test]
    fn what_does_not_answer_is_not_waited_for_and_not_asked_again_meanwhile() {
        let path = Path::new("/a home that does not answer");
        let (release, waits) = mpsc::channel::<()>();
        let (came_back, back) = mpsc::channel::<()>();
        let hangs = move || {
            let _ = waits.recv();
            drop(came_back);
        };
        assert_eq!(in_time(path, Duration::from_millis(10), hangs), None);
        assert_eq!(in_time(path, PATIENCE, || panic!("asked again")), None::<()>);
        assert_eq!(in_time(Path::new("/another"), PATIENCE, || 1), Some(1));
        drop(release);
        let _ = back.recv();
        let again = (0..1_000).find_map(|_| {
            thread::sleep(Duration::from_millis(1));
            in_time(path, PATIENCE, || 2)
        });
        assert_eq!(again, Some(2));
    }

    const SILENT_HOME: &str = "SALLYPORT_TEST_SILENT_HOME";

    /// In a mount namespace of its own, where root is and FUSE.
    #[test]
    fn a_users_mount_that_never_answers_holds_nobody_up() {
        if let Some(home) = std::env::var_os(SILENT_HOME) {
            return asks_a_silent_mount(Path::new(&home));
        }
        let fuse = fs::OpenOptions::new().read(true).write(true).open("/dev/fuse");
        let namespace = std::process::Command::new("unshare").args(["-m", "true"]).status();
        if !nix::unistd::geteuid().is_root() || fuse.is_err() || !namespace.is_ok_and(|done| done.success()) {
            return;
        }
        let (_root, paths) = host();
        let home = paths.homes().join("ada");
        fs::create_dir(&home).unwrap();
        let script = "exec 3<>/dev/fuse && mount -i -t fuse -o fd=3,rootmode=40755,user_id=70009,group_id=70009,allow_other fuse \"$1\" && shift && exec \"$@\"";
        let ran = std::process::Command::new("unshare")
            .args(["-m", "sh", "-c", script, "sh"])
            .arg(&home)
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "accounts::place::tests::a_users_mount_that_never_answers_holds_nobody_up"])
            .env(SILENT_HOME, &home)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(
            ran.status.success() && said.contains("1 passed"),
            "{said}{}",
            String::from_utf8_lossy(&ran.stderr)
        );
    }

    fn asks_a_silent_mount(home: &Path) {
        let homes = home.parent().unwrap();
        let paths = Paths::under(homes.parent().unwrap());
        assert_eq!(glance(homes, "ada"), None);
        assert!(listed(homes).unwrap().contains(std::ffi::OsStr::new("ada")));
        let begun = std::time::Instant::now();
        assert_eq!(why(look(&paths, home, ADA)), "does not answer");
        assert_eq!(why(look(&paths, home, ADA)), "does not answer");
        assert!(begun.elapsed() < PATIENCE * 2, "asked twice");
    }
}
