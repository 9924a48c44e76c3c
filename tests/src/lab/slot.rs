//! One number per living lab, so that many labs stand side by side in many processes.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::process;

const HOME: &str = "/run/sallyport-tests";
const SWEEP: &str = include_str!("sweep.sh");
/// The third byte of the lab's network.
const NUMBERS: std::ops::RangeInclusive<u8> = 1..=250;

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
        fs::create_dir_all(HOME).with_context(|| format!("cannot make {HOME}"))?;
        for number in NUMBERS {
            if let Some(lock) = try_lock(number)? {
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
            let status = sweeper(&folder, Stdio::null()).stdin(Stdio::null()).status();
            status.with_context(|| format!("cannot sweep {}", folder.display()))?;
        }
        fs::DirBuilder::new()
            .mode(0o755)
            .create(&folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        let mut command = sweeper(&folder, lock.into());
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

fn try_lock(number: u8) -> Result<Option<File>> {
    let path = format!("{HOME}/{number}.lock");
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("cannot open {path}"))?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {path}")),
    }
}

/// In a session of its own: an interrupt from the terminal must not reach the one who clears up after it.
/// `lock` is its standard output only to be held open.
fn sweeper(folder: &Path, lock: Stdio) -> Command {
    let mut command = Command::new("setsid");
    command.args(["sh", "-c", SWEEP, "sweep"]).arg(folder).stdout(lock).stderr(Stdio::null());
    command
}
