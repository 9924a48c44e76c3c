use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use nix::libc;

const PATIENCE: Duration = Duration::from_secs(90);
/// A step seldom takes longer, and who holds a file that everybody can hold gains no more than this, once.
const PATIENCE_WITH_OLD: Duration = Duration::from_secs(30);
const RETRY: Duration = Duration::from_millis(20);

/// Held while the host is being changed, so that `apply` and `run` do not work against each other.
///
/// The file is root's alone: whoever can open it, for reading too, can hold it with `flock`, and so put off the end of
/// their own access.
#[derive(Debug)]
pub(crate) struct AgentLock {
    _file: File,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum AgentLockError {
    #[error("another sallyport-host has been at work for {} seconds", PATIENCE.as_secs())]
    Held,
    #[error("cannot lock {}; are you root?", path.display())]
    Lock {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl AgentLock {
    pub(crate) fn take(path: &Path) -> Result<Self, AgentLockError> {
        Self::take_over(path, PATIENCE_WITH_OLD)
    }

    fn take_over(path: &Path, patience_with_old: Duration) -> Result<Self, AgentLockError> {
        let failed = |source| AgentLockError::Lock { path: path.to_path_buf(), source };
        let begun = Instant::now();
        loop {
            let file = open(path).map_err(failed)?;
            if !is_ours_alone(&file).map_err(failed)? {
                replace_old(path, patience_with_old).map_err(failed)?;
            } else if lock(&file, PATIENCE.saturating_sub(begun.elapsed())).map_err(failed)? {
                // Meanwhile another may have put a new one in its place, and that is the one that counts.
                if is_at(path, &file) {
                    return Ok(Self { _file: file });
                }
            } else {
                return Err(AgentLockError::Held);
            }
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600).custom_flags(libc::O_NOFOLLOW);
    options.open(path)
}

fn is_ours_alone(file: &File) -> io::Result<bool> {
    let metadata = file.metadata()?;
    let for_others = metadata.mode() & 0o077;
    Ok(for_others == 0 && metadata.uid() == nix::unistd::geteuid().as_raw())
}

fn is_at(path: &Path, file: &File) -> bool {
    let same = |there: &Metadata, held: &Metadata| (there.dev(), there.ino()) == (held.dev(), held.ino());
    matches!((std::fs::symlink_metadata(path), file.metadata()), (Ok(there), Ok(held)) if same(&there, &held))
}

/// Whether it came about within the time.
fn lock(file: &File, patience: Duration) -> io::Result<bool> {
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if begun.elapsed() < patience => thread::sleep(RETRY),
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(source)) => return Err(source),
        }
    }
}

/// A file that others can open (made by hand, or by a version that did not know better) gives way to a new one. An agent
/// of that version may be at work with it, so it is waited for; anybody may hold it as well, so not for long. One at
/// a time, or the second would take away what the first has put there.
fn replace_old(path: &Path, patience: Duration) -> io::Result<()> {
    let guard = open(&path.with_extension("replaced"))?;
    if !is_ours_alone(&guard)? {
        return Err(io::Error::other("somebody else's file is in the way"));
    }
    lock(&guard, PATIENCE)?.then_some(()).ok_or(io::ErrorKind::TimedOut)?;
    let old = open(path)?;
    if is_ours_alone(&old)? {
        return Ok(());
    }
    lock(&old, patience)?;
    std::fs::remove_file(path)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn nobody_else_can_hold_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        // As it would be with a common umask, and held by somebody who could read it.
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let theirs = File::open(&path).unwrap();
        theirs.lock().unwrap();
        let begun = Instant::now();
        let ours = AgentLock::take_over(&path, Duration::from_millis(50)).unwrap();
        assert!(begun.elapsed() < PATIENCE / 2, "waited for somebody who has no business with it");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert!(File::open(&path).unwrap().try_lock().is_err(), "our own do wait");
        drop(ours);
        let before = fs::metadata(&path).unwrap().ino();
        drop(AgentLock::take(&path).unwrap());
        assert_eq!(fs::metadata(&path).unwrap().ino(), before, "one file for all of ours");
    }

    /// What comes of a thread that takes the lock.
    fn taken(path: &Path) -> mpsc::Receiver<AgentLock> {
        let (sender, receiver) = mpsc::channel();
        let path = path.to_path_buf();
        thread::spawn(move || sender.send(AgentLock::take(&path).unwrap()));
        receiver
    }

    const A_WHILE: Duration = Duration::from_millis(200);

    #[test]
    fn an_agent_of_before_that_is_at_work_is_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let at_work = OpenOptions::new().write(true).open(&path).unwrap();
        at_work.lock().unwrap();
        let (first, second) = (taken(&path), taken(&path));
        assert!(first.recv_timeout(A_WHILE).is_err() && second.try_recv().is_err());
        drop(at_work);
        // Then one at a time, though both met the old file.
        let begun = Instant::now();
        let (held, other) = loop {
            match (first.try_recv(), second.try_recv()) {
                (Ok(held), Err(_)) => break (held, second),
                (Err(_), Ok(held)) => break (held, first),
                (Ok(_), Ok(_)) => panic!("both hold it"),
                _ => assert!(begun.elapsed() < PATIENCE, "nobody got it"),
            }
            thread::sleep(RETRY);
        };
        assert!(other.recv_timeout(A_WHILE).is_err(), "both hold it");
        drop(held);
        drop(other.recv_timeout(PATIENCE).unwrap());
    }

    #[test]
    fn a_lock_on_a_file_that_was_replaced_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let old = AgentLock::take(&path).unwrap();
        let waits = taken(&path);
        assert!(waits.recv_timeout(A_WHILE).is_err());
        fs::remove_file(&path).unwrap();
        let new = AgentLock::take(&path).unwrap();
        drop(old);
        assert!(waits.recv_timeout(A_WHILE).is_err(), "two are at work");
        drop(new);
        drop(waits.recv_timeout(PATIENCE).unwrap());
    }
}
