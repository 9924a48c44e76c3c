use std::fs;
use std::path::PathBuf;

use super::effective::{conflicts, shadows};
use super::render;
use super::shown::{Shown, differs, kind_of};
use super::trial::{Place, Site, remove, try_out};
use crate::disk::{self, Access, Disk, DiskError};
use crate::paths::Paths;
use crate::state::StateError;
use crate::tools::Tools;

const MODE: u32 = 0o644;
const LARGEST_FILE: u64 = 4 * 1024 * 1024;

#[derive(Debug, thiserror::Error)]
pub(crate) enum SshdError {
    #[error(
        "sshd's configuration has a fault of its own, so ours was left as it is ({0}); mend it first, see: sshd -t"
    )]
    BrokenBefore(String),
    #[error("{} would be silently replaced; take it out of sshd's configuration, or move its keys to the CA", .0.join(", "))]
    Conflict(Vec<String>),
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error("what stood before is back, but sshd was not told ({0}); this is tried again")]
    NotBack(String),
    #[error(
        "sshd shows {0} instead of the host certificate that it was given; the configuration of before is back; does `HostKey` in sshd's configuration name another key than the certified one? then say which: host_key in /etc/sallyport-host.toml"
    )]
    NotShown(&'static str),
    #[error("sshd did not take the new configuration ({0}); the one of before is back")]
    Refused(String),
    #[error("our configuration has no effect ({}); is `Include /etc/ssh/sshd_config.d/*.conf` the first line of sshd_config?", .0.join(", "))]
    Shadowed(Vec<String>),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(
        "nobody could be posted to take the change back if this process died ({0}), so nothing was changed"
    )]
    Unwatched(String),
}

/// Puts the drop-in in place, with proof at each step that sshd goes on, and takes it back otherwise. Every file that
/// it names is there before.
pub(crate) fn install(
    site: &Site<'_, impl Tools>,
    bytes: &[u8],
    managed: Option<&str>,
) -> Result<(), SshdError> {
    let Site { paths, tools, .. } = site;
    tools.check_sshd(None).map_err(SshdError::BrokenBefore)?;
    let root_before = tools.effective_sshd("root").map_err(SshdError::BrokenBefore)?;
    let theirs = conflicts(&root_before);
    let is_new = disk::read(&paths.drop_in(), LARGEST_FILE).unwrap_or_default().is_none();
    if is_new && !theirs.is_empty() {
        return Err(SshdError::Conflict(theirs));
    }
    try_aside(paths, *tools, Some(bytes))?;
    disk::directory(&paths.drop_ins(), 0o755)?;
    let names_certificate = bytes != render(false);
    try_out(site, Place::DropIn, bytes, || {
        prove(*tools, managed, &root_before)?;
        if names_certificate { certificate_is_shown(site) } else { Ok(()) }
    })
}

fn prove(tools: &impl Tools, managed: Option<&str>, root_before: &str) -> Result<(), SshdError> {
    tools.check_sshd(None).map_err(SshdError::Refused)?;
    let root = tools.effective_sshd("root").map_err(SshdError::Refused)?;
    let of_managed =
        managed.map(|user| tools.effective_sshd(user)).transpose().map_err(SshdError::Refused)?;
    let beaten = shadows(&root, of_managed.as_deref(), Some(root_before));
    if !beaten.is_empty() {
        return Err(SshdError::Shadowed(beaten));
    }
    tools.reload_sshd().map_err(SshdError::Refused)
}

/// Puts a new host certificate in the place of the one that sshd shows.
pub(crate) fn renew(site: &Site<'_, impl Tools>, bytes: &[u8]) -> Result<(), SshdError> {
    site.tools.check_sshd(None).map_err(SshdError::BrokenBefore)?;
    try_out(site, Place::HostCertificate, bytes, || {
        site.tools.reload_sshd().map_err(SshdError::Refused)?;
        certificate_is_shown(site)
    })
}

/// Connects to sshd as anybody would: it serves without its certificate when that does not fit its key, and says so
/// to nobody.
fn certificate_is_shown(site: &Site<'_, impl Tools>) -> Result<(), SshdError> {
    let bytes = disk::read(&site.paths.host_certificate(), LARGEST_FILE)?.unwrap_or_default();
    let line = String::from_utf8_lossy(&bytes);
    let shown = site.tools.shown_host_certificate(kind_of(&line));
    if let Shown::Unknown(why) = &shown {
        tracing::warn!("nobody looked at the host certificate that sshd shows: {why}");
    }
    differs(&shown, &line).map_or(Ok(()), |what| Err(SshdError::NotShown(what)))
}

/// What somebody who connects sees of the host certificate; `None`: sshd is not told of one.
pub(crate) fn look_at_certificate(site: &Site<'_, impl Tools>) -> Option<Result<&'static str, String>> {
    let names_certificate = disk::read(&site.paths.drop_in(), LARGEST_FILE).ok()?? != render(false);
    let bytes =
        disk::read(&site.paths.host_certificate(), LARGEST_FILE).ok()?.filter(|_| names_certificate)?;
    let line = String::from_utf8_lossy(&bytes);
    let shown = site.tools.shown_host_certificate(kind_of(&line));
    Some(match (&shown, differs(&shown, &line)) {
        (Shown::Nobody, _) => Err("no sshd answers".into()),
        (Shown::Unknown(why), _) => Err(format!("nobody could look at what sshd shows: {why}")),
        (_, None) => Ok("sshd shows the one that it was given"),
        (_, Some(what)) => Err(format!(
            "sshd shows {what} instead of the one that it was given; try: sallyport-host apply --once"
        )),
    })
}

/// Takes the drop-in out again, when sshd is well without it, and ends whatever is on trial.
pub(crate) fn uninstall(site: &Site<'_, impl Tools>) -> Result<(), SshdError> {
    let Site { paths, disk, tools, state } = site;
    let reload = || tools.check_sshd(None).and_then(|()| tools.reload_sshd());
    match disk::read(&paths.drop_in(), LARGEST_FILE)? {
        // Whoever took it out before us may not have lived to tell sshd. What ails sshd without us is not ours.
        None => drop(reload()),
        Some(before) => {
            tools.check_sshd(None).map_err(SshdError::BrokenBefore)?;
            try_aside(paths, *tools, None)?;
            remove(disk, &paths.drop_in())?;
            if let Err(refusal) = reload() {
                disk.replace(&paths.drop_in(), &before, Access::Mode(MODE))?;
                let _ = tools.reload_sshd();
                return Err(SshdError::Refused(refusal));
            }
        }
    }
    Ok(state.end_trial(disk)?)
}

/// `sshd -t` on a copy of the configuration in which ours is `bytes`, or is not there.
fn try_aside(paths: &Paths, tools: &impl Tools, bytes: Option<&[u8]>) -> Result<(), SshdError> {
    let scratch = paths.state().join("scratch-sshd");
    let outcome = write_aside(paths, &scratch, bytes)
        .map_err(SshdError::from)
        .and_then(|main| tools.check_sshd(Some(&main)).map_err(SshdError::Refused));
    // Copies of world-readable files; the next trial clears them too.
    let _ = fs::remove_dir_all(&scratch);
    outcome
}

fn write_aside(paths: &Paths, scratch: &PathBuf, bytes: Option<&[u8]>) -> Result<PathBuf, DiskError> {
    let disk = Disk::new();
    let _ = fs::remove_dir_all(scratch);
    disk::directory(scratch, 0o700)?;
    let copies = scratch.join("sshd_config.d");
    disk::directory(&copies, 0o700)?;
    let ours = paths.drop_in().file_name().unwrap_or_default().to_os_string();
    for entry in fs::read_dir(paths.drop_ins()).into_iter().flatten().flatten() {
        if entry.file_name() != ours
            && let Ok(Some(content)) = disk::read(&entry.path(), LARGEST_FILE)
        {
            disk.replace_unsynced(&copies.join(entry.file_name()), &content, Access::Mode(0o600))?;
        }
    }
    if let Some(bytes) = bytes {
        disk.replace_unsynced(&copies.join(ours), bytes, Access::Mode(0o600))?;
    }
    let main = disk::read(&paths.sshd_config(), LARGEST_FILE)?.unwrap_or_default();
    let main =
        String::from_utf8_lossy(&main).replace("/etc/ssh/sshd_config.d/", &format!("{}/", copies.display()));
    let path = scratch.join("sshd_config");
    disk.replace_unsynced(&path, main.as_bytes(), Access::Mode(0o600))?;
    Ok(path)
}

#[cfg(test)]
mod tests;
