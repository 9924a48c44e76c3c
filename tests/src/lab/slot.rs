//! One number per living lab, so that many labs stand side by side in many processes.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::process;

const HOME: &str = "/run/sallyport-tests";
const SWEEP: &str = include_str!("sweep.sh");
/// The third byte of the lab's network.
const NUMBERS: std::ops::RangeInclusive<u8> = 1..=250;

/// Each fails only when a lab ends in that very instant.
const ATTEMPTS: usize = 100;

/// A claimed number with its private folder. The claim is a lock, which the kernel gives back when the last
/// of its two holders is gone: this process, and the sweeper that clears up after it.
#[derive(Debug)]
pub(super) struct Slot {
    folder: PathBuf,
    number: u8,
    sweeper: Child,
}

impl Slot {
    pub(super) fn claim() -> Result<Self> {
        for number in NUMBERS {
            if let Some(lock) = try_lock(&lock_of(number))? {
                return Self::begin(number, lock);
            }
        }
        bail!("all {} labs of this machine are in use: see {HOME}", NUMBERS.len())
    }

    pub(super) fn number(&self) -> u8 {
        self.number
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    fn begin(number: u8, lock: File) -> Result<Self> {
        let folder = Path::new(HOME).join(number.to_string());
        if folder.exists() {
            // Its owner and its sweeper were killed together.
            let status = sweeper(&folder, None, Stdio::null()).stdin(Stdio::null()).status();
            status.with_context(|| format!("cannot sweep {}", folder.display()))?;
        }
        fs::DirBuilder::new()
            .mode(0o755)
            .create(&folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        let mut command = sweeper(&folder, Some(&lock_of(number)), lock.into());
        command.stdin(Stdio::piped());
        let sweeper = process::spawn(command).context("cannot start a lab's sweeper")?;
        Ok(Self { folder, number, sweeper })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        drop(self.sweeper.stdin.take());
        drop(self.sweeper.wait());
    }
}

fn lock_of(number: u8) -> PathBuf {
    Path::new(HOME).join(format!("{number}.lock"))
}

/// `None`: a living lab has it. The last one to leave takes the file away, and its folder, between any two lines here.
fn try_lock(path: &Path) -> Result<Option<File>> {
    let failed = || format!("cannot lock {}", path.display());
    for _ in 0..ATTEMPTS {
        fs::create_dir_all(HOME).with_context(|| format!("cannot make {HOME}"))?;
        let lock = match OpenOptions::new().create(true).truncate(false).write(true).open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            opened => opened.with_context(failed)?,
        };
        match lock.try_lock() {
            Ok(()) if is_named(&lock, path)? => return Ok(Some(lock)),
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error).with_context(failed),
        }
    }
    bail!("{} comes and goes", path.display())
}

/// Whether the file is still the one of that name: a lock on another claims nothing.
fn is_named(file: &File, path: &Path) -> Result<bool> {
    match fs::metadata(path) {
        Ok(named) => Ok(named.ino() == file.metadata()?.ino()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).with_context(|| format!("cannot look at {}", path.display())),
    }
}

/// In a session of its own: an interrupt from the terminal must not reach the one who clears up after it.
/// `lock` is its standard output only to be held open; `claim` goes when all is swept.
fn sweeper(folder: &Path, claim: Option<&Path>, lock: Stdio) -> Command {
    let mut command = Command::new("setsid");
    command.args(["sh", "-c", SWEEP, "sweep"]).arg(folder).args(claim).stdout(lock).stderr(Stdio::null());
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lab_leaves_nothing_and_another_stays() {
        let home = std::env::temp_dir().join(format!("sallyport-sweep-{}", std::process::id()));
        let (one, two) = (home.join("1"), home.join("2"));
        for lab in [&one, &two] {
            fs::create_dir_all(lab.join("root")).unwrap();
            fs::write(lab.with_extension("lock"), "").unwrap();
        }
        let sweep = |lab: &Path| {
            let claim = lab.with_extension("lock");
            let status = sweeper(lab, Some(&claim), Stdio::null()).stdin(Stdio::null()).status();
            assert!(status.unwrap().success());
        };
        sweep(&one);
        assert!(!one.exists() && !one.with_extension("lock").exists());
        assert!(two.exists() && two.with_extension("lock").exists());
        sweep(&two);
        assert!(!home.exists());
    }
}
