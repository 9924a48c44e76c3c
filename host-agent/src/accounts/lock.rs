use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

/// useradd itself gives up after 15 seconds, so nobody sane holds it longer than this.
const PATIENCE: Duration = Duration::from_mins(1);
const RETRY: Duration = Duration::from_millis(50);

/// The lock of lckpwdf(3), held until dropped.
///
/// glibc takes it as a POSIX record lock (`fcntl`, `F_SETLKW`) for writing over the whole of /etc/.pwd.lock. The same
/// lock is had here without the C function, which has no safe binding: the kernel sees no difference.
#[derive(Debug)]
pub(super) struct AccountLock {
    /// Closing it gives the lock back.
    _file: File,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    #[error("another program has held {path} for a minute; see which with: fuser {path}", path = .0.display())]
    Held(PathBuf),
    #[error("cannot lock {}", path.display())]
    Lock {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl AccountLock {
    pub(super) fn take(path: &Path) -> Result<Self, LockError> {
        Self::take_within(path, PATIENCE)
    }

    fn take_within(path: &Path, patience: Duration) -> Result<Self, LockError> {
        let failed = |source| LockError::Lock { path: path.to_path_buf(), source };
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(path)
            .map_err(failed)?;
        let begun = Instant::now();
        loop {
            match fcntl(&file, FcntlArg::F_SETLK(&whole_file())) {
                Ok(_) => return Ok(Self { _file: file }),
                Err(Errno::EACCES | Errno::EAGAIN) if begun.elapsed() < patience => thread::sleep(RETRY),
                Err(Errno::EACCES | Errno::EAGAIN) => return Err(LockError::Held(path.to_path_buf())),
                Err(errno) => return Err(failed(errno.into())),
            }
        }
    }
}

fn whole_file() -> libc::flock {
    libc::flock {
        l_type: i16::try_from(libc::F_WRLCK).unwrap_or_default(),
        l_whence: i16::try_from(libc::SEEK_SET).unwrap_or_default(),
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// A record lock does not hold against its own process, so another program has to try.
    #[test]
    fn another_program_sees_the_lock() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(".pwd.lock");
        let try_it = || {
            let script =
                "import fcntl,sys\nf=open(sys.argv[1],'w')\nfcntl.lockf(f,fcntl.LOCK_EX|fcntl.LOCK_NB)";
            Command::new("python3").args(["-c", script]).arg(&path).output().map(|out| out.status.success())
        };
        let lock = AccountLock::take(&path).unwrap();
        let Ok(taken) = try_it() else { return };
        assert!(!taken, "the lock did not hold");
        drop(lock);
        assert!(try_it().unwrap(), "the lock was not given back");
    }
}
