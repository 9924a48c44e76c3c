use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(90);
const RETRY: Duration = Duration::from_millis(20);

/// Held while the host is being changed, so that `apply` and `run` do not work against each other.
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
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path).map_err(failed)?;
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
