use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use nix::libc;

const PATIENCE: Duration = Duration::from_secs(90);
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
        let failed = |source| AgentLockError::Lock { path: path.to_path_buf(), source };
        let file = open(path).map_err(failed)?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => thread::sleep(RETRY),
                Err(TryLockError::WouldBlock) => return Err(AgentLockError::Held),
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
        }
    }
}

/// A file that others can open (made by hand, or by a version that did not know better) may be held already: it gives way
/// to a new one.
fn open(path: &Path) -> io::Result<File> {
    let create = || {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600).custom_flags(libc::O_NOFOLLOW);
        options.open(path)
    };
    let file = create()?;
    let metadata = file.metadata()?;
    let for_others = metadata.mode() & 0o077;
    if for_others == 0 && metadata.uid() == nix::unistd::geteuid().as_raw() {
        return Ok(file);
    }
    std::fs::remove_file(path)?;
    create()
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

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
        let ours = AgentLock::take(&path).unwrap();
        assert!(begun.elapsed() < PATIENCE / 2, "waited for somebody who has no business with it");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert!(File::open(&path).unwrap().try_lock().is_err(), "our own do wait");
        drop(ours);
        let before = fs::metadata(&path).unwrap().ino();
        drop(AgentLock::take(&path).unwrap());
        assert_eq!(fs::metadata(&path).unwrap().ino(), before, "one file for all of ours");
    }
}
