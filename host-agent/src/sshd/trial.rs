//! Files of sshd's that are changed with proof, or not at all: what stood before is written down first, so that it
//! comes back whoever dies in the middle.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::SshdError;
use crate::disk::{self, Access, Disk, DiskError};
use crate::paths::Paths;
use crate::state::State;
use crate::tools::Tools;

const MODE: u32 = 0o644;
const LARGEST_FILE: u64 = 4 * 1024 * 1024;

/// Where sshd's configuration is worked on.
pub(crate) struct Site<'a, T> {
    pub(crate) paths: &'a Paths,
    pub(crate) disk: &'a Disk,
    pub(crate) tools: &'a T,
    pub(crate) state: &'a State,
}

/// What is on trial, and what stood there before. As long as this record is on the disk, nothing is proved.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub(crate) struct Trial {
    place: Place,
    /// Base64; `None`: there was no file.
    before: Option<String>,
}

/// A file that is put on trial.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Place {
    DropIn,
    HostCertificate,
}

impl Place {
    fn path(self, paths: &Paths) -> std::path::PathBuf {
        match self {
            Self::DropIn => paths.drop_in(),
            Self::HostCertificate => paths.host_certificate(),
        }
    }
}

/// Changes a file, and takes it back unless `proof` holds. When this process dies on the way, the watchman takes it
/// back; when both die, whoever works on this host next.
pub(super) fn try_out(
    site: &Site<'_, impl Tools>,
    place: Place,
    bytes: &[u8],
    proof: impl FnOnce() -> Result<(), SshdError>,
) -> Result<(), SshdError> {
    let path = place.path(site.paths);
    // A link or a directory is nothing to bring back.
    let before = disk::read(&path, LARGEST_FILE).unwrap_or_default();
    let trial = Trial { place, before: before.map(|bytes| STANDARD.encode(bytes)) };
    site.state.save_trial(site.disk, &trial)?;
    let watchman = match site.tools.post_watchman() {
        Ok(watchman) => watchman,
        Err(why) => {
            site.state.end_trial(site.disk)?;
            return Err(SshdError::Unwatched(why));
        }
    };
    let outcome =
        site.disk.replace(&path, bytes, Access::Mode(MODE)).map_err(SshdError::from).and_then(|()| proof());
    match outcome {
        Ok(()) => site.state.end_trial(site.disk)?,
        // A taking back that fails leaves the record, and the next run repeats it.
        Err(_) => take_back(site).map(|_| ())?,
    }
    watchman.dismiss();
    outcome
}

/// Puts back what stood before a trial that did not come to its end. `false`: there is none.
pub(crate) fn take_back(site: &Site<'_, impl Tools>) -> Result<bool, SshdError> {
    let Site { paths, disk, tools, state } = site;
    let trial = match state.trial() {
        Ok(None) => return Ok(false),
        Ok(Some(trial)) => trial,
        // A record that says nothing: without our drop-in, sshd is what it was before us.
        Err(_) => Trial { place: Place::DropIn, before: None },
    };
    let path = trial.place.path(paths);
    match trial.before.and_then(|before| STANDARD.decode(before).ok()) {
        Some(bytes) => {
            let write = || disk.replace(&path, &bytes, Access::Mode(MODE));
            match write() {
                Err(error) if error.is_disk_full() && state.release_spare() => write()?,
                result => result?,
            }
        }
        None => remove(disk, &path)?,
    }
    // What stands now passed its check before the trial; an sshd that read the other one reads this one now, and one
    // that ended over it is started.
    tools.check_sshd(None).and_then(|()| tools.revive_sshd()).map_err(SshdError::NotBack)?;
    state.end_trial(disk)?;
    Ok(true)
}

pub(super) fn remove(disk: &Disk, path: &std::path::Path) -> Result<(), DiskError> {
    disk::remove(path).and_then(|()| disk.sync_directory(path))
}
