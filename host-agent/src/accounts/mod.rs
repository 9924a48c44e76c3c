//! Local accounts: passwd, group, shadow and gshadow edited in one batch, as bytes, under the system's own lock.

mod edit;
mod foreign;
mod group_edit;
mod group_verify;
mod groups;
mod home;
mod ledger;
mod lock;
mod place;
mod rebuild;
mod strays;
mod system_names;
mod table;
mod verify;
mod view;

#[cfg(test)]
mod group_tests;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use sallyport_domain::PosixName;

use crate::disk::{self, Access, Disk, DiskError};
use crate::paths::Paths;

pub(crate) use edit::{Changes, NewAccount, Rename};
pub(crate) use foreign::{Foreign, foreign};
pub(crate) use groups::{GroupChanges, GroupStanding, GroupView, Memberships, NewGroup, gids_of};
pub(crate) use home::{HomeError, Owner, make as make_home};
pub(crate) use ledger::{Entry, Ledger};
pub(crate) use place::{Place, glance, listed, look};
pub(crate) use rebuild::{Lost, Witness, rebuild, rebuild_groups};
pub(crate) use strays::{own_gid, strays};
pub(crate) use system_names::system_names;
pub(crate) use view::{Standing, View};

use edit::{EditError, edit};
use lock::{AccountLock, LockError};
use table::Table;
use verify::{VerifyError, sound, verify};

/// The group that all our accounts are in: one of three marks of ownership, and what sshd's `Match Group` reads.
pub(crate) const MARKER_GROUP: &str = "sallyport-users";

/// No site's passwd comes near; a file that does is not one.
const LARGEST_FILE: u64 = 256 * 1024 * 1024;

const SECONDS_PER_DAY: i64 = 86_400;

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct AccountFiles {
    passwd: Table,
    group: Table,
    shadow: Table,
    /// Absent on distributions without group passwords.
    gshadow: Option<Table>,
}

/// What a batch left alone, and why.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Withheld {
    pub(crate) accounts: Vec<(PosixName, String)>,
    /// Sentences about groups.
    pub(crate) groups: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum AccountsError {
    #[error("the new account files were not written")]
    Changed(#[from] VerifyError),
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error("the accounts cannot be made")]
    Edit(#[from] EditError),
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error("{} is not there", .0.display())]
    Missing(PathBuf),
    #[error("{} is a mount of its own and cannot be replaced; let the container's image hold the accounts", .0.display())]
    Mounted(PathBuf),
}

impl AccountFiles {
    pub(crate) fn read(paths: &Paths) -> Result<Self, AccountsError> {
        let table = |path: PathBuf| match disk::read(&path, LARGEST_FILE)? {
            Some(bytes) => Ok(Table::parse(&bytes)),
            None => Err(AccountsError::Missing(path)),
        };
        let files = Self {
            passwd: table(paths.passwd())?,
            group: table(paths.group())?,
            shadow: table(paths.shadow())?,
            gshadow: disk::read(&paths.gshadow(), LARGEST_FILE)?.map(|bytes| Table::parse(&bytes)),
        };
        sound(&files)?;
        Ok(files)
    }

    /// In the order that makes a visible account complete: its passwd row comes last.
    fn write(&self, old: &Self, paths: &Paths, disk: &Disk) -> Result<(), AccountsError> {
        let mut changed: Vec<(PathBuf, &Table)> = Vec::new();
        if self.group != old.group {
            changed.push((paths.group(), &self.group));
        }
        if let (Some(new), true) = (&self.gshadow, self.gshadow != old.gshadow) {
            changed.push((paths.gshadow(), new));
        }
        if self.shadow != old.shadow {
            changed.push((paths.shadow(), &self.shadow));
        }
        if self.passwd != old.passwd {
            changed.push((paths.passwd(), &self.passwd));
        }
        for (path, _) in &changed {
            refuse_mount(path, paths)?;
        }
        for (path, table) in changed {
            disk.replace(&path, &table.to_bytes(), Access::Like(&path))?;
        }
        Ok(())
    }
}

/// A file that is itself a mount point (as in containers) cannot be renamed over.
fn refuse_mount(path: &Path, paths: &Paths) -> Result<(), AccountsError> {
    let mounts = std::fs::read_to_string(paths.proc().join("self/mountinfo")).unwrap_or_default();
    let is_mount = |line: &str| line.split(' ').nth(4).is_some_and(|point| Path::new(point) == path);
    if mounts.lines().any(is_mount) { Err(AccountsError::Mounted(path.to_path_buf())) } else { Ok(()) }
}

/// Carries out one batch under the lock that useradd and its kin take. Reads afresh under the lock, so that what
/// others wrote in the meantime stays.
///
/// Gives what turned out not to be ours to touch.
pub(crate) fn apply(
    paths: &Paths,
    disk: &Disk,
    ledger: &Ledger,
    changes: &Changes,
    now: Timestamp,
    gid_is_free: impl Fn(u32) -> bool,
) -> Result<Withheld, AccountsError> {
    let _lock = AccountLock::take(&paths.account_lock())?;
    let old = AccountFiles::read(paths)?;
    let today = now.as_second().div_euclid(SECONDS_PER_DAY);
    let edited = edit(&old, ledger, changes, today, gid_is_free)?;
    verify(&old, &edited.files, ledger)?;
    edited.files.write(&old, paths, disk)?;
    Ok(edited.withheld)
}
