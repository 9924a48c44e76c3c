use std::fs;
use std::path::PathBuf;

use super::effective::{conflicts, shadows};
use crate::disk::{self, Access, Disk, DiskError};
use crate::paths::Paths;
use crate::tools::Tools;

const MODE: u32 = 0o644;
const LARGEST_FILE: u64 = 4 * 1024 * 1024;

#[derive(Debug, thiserror::Error)]
pub(crate) enum SshdError {
    #[error("sshd's configuration has a fault of its own, so nothing was added ({0}); try: sshd -t")]
    BrokenBefore(String),
    #[error("{} would be silently replaced; take it out of sshd's configuration, or move its keys to the CA", .0.join(", "))]
    Conflict(Vec<String>),
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error("sshd did not take the new configuration ({0}); the one of before is back")]
    Refused(String),
    #[error("our configuration has no effect ({}); is `Include /etc/ssh/sshd_config.d/*.conf` the first line of sshd_config?", .0.join(", "))]
    Shadowed(Vec<String>),
}

/// Puts the drop-in in place, with proof at each step that sshd goes on, and takes it back otherwise. Every file that
/// it names is there before.
pub(crate) fn install(
    paths: &Paths,
    disk: &Disk,
    tools: &impl Tools,
    bytes: &[u8],
    managed: Option<&str>,
) -> Result<(), SshdError> {
    tools.check_sshd(None).map_err(SshdError::BrokenBefore)?;
    // A link or a directory is nothing to bring back.
    let before = disk::read(&paths.drop_in(), LARGEST_FILE).unwrap_or_default();
    let root_before = tools.effective_sshd("root").map_err(SshdError::BrokenBefore)?;
    let theirs = conflicts(&root_before);
    if before.is_none() && !theirs.is_empty() {
        return Err(SshdError::Conflict(theirs));
    }
    try_aside(paths, tools, Some(bytes))?;
    disk::directory(&paths.drop_ins(), 0o755)?;
    disk.replace(&paths.drop_in(), bytes, Access::Mode(MODE))?;
    let proof = prove(tools, managed, &root_before);
    if let Err(error) = proof {
        put_back(paths, disk, before.as_deref())?;
        // The old configuration passed its check a moment ago; a running sshd keeps what it has read.
        let _ = tools.reload_sshd();
        return Err(error);
    }
    Ok(())
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

fn put_back(paths: &Paths, disk: &Disk, before: Option<&[u8]>) -> Result<(), DiskError> {
    match before {
        Some(bytes) => disk.replace(&paths.drop_in(), bytes, Access::Mode(MODE)),
        None => disk::remove(&paths.drop_in()).and_then(|()| disk.sync_directory(&paths.drop_in())),
    }
}

/// Takes the drop-in out again, when sshd is well without it.
pub(crate) fn uninstall(paths: &Paths, disk: &Disk, tools: &impl Tools) -> Result<(), SshdError> {
    let Some(before) = disk::read(&paths.drop_in(), LARGEST_FILE)? else { return Ok(()) };
    try_aside(paths, tools, None)?;
    put_back(paths, disk, None)?;
    let proof = tools.check_sshd(None).and_then(|()| tools.reload_sshd());
    if let Err(refusal) = proof {
        put_back(paths, disk, Some(&before))?;
        let _ = tools.reload_sshd();
        return Err(SshdError::Refused(refusal));
    }
    Ok(())
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
mod tests {
    use super::super::render;
    use super::*;
    use crate::tools::fake::FakeTools;

    fn host() -> (tempfile::TempDir, Paths, FakeTools) {
        let root = tempfile::tempdir().unwrap();
        let paths = Paths::under(root.path());
        fs::create_dir_all(paths.drop_ins()).unwrap();
        fs::write(paths.sshd_config(), "Include /etc/ssh/sshd_config.d/*.conf\n").unwrap();
        let tools = FakeTools { drop_in: Some(paths.drop_in()), ..FakeTools::default() };
        (root, paths, tools)
    }

    #[test]
    fn the_drop_in_is_tried_aside_then_in_place_then_loaded() {
        let (_root, paths, tools) = host();
        install(&paths, &Disk::new(), &tools, &render(true), Some("ada")).unwrap();
        assert_eq!(fs::read(paths.drop_in()).unwrap(), render(true));
        let calls = tools.calls();
        assert_eq!(calls.len(), 4, "{calls:?}");
        assert!(calls[1].contains("scratch-sshd/sshd_config"), "{calls:?}");
        assert_eq!(calls[3], "reload");
        assert!(!paths.state().join("scratch-sshd").exists());
    }

    #[test]
    fn a_configuration_that_fails_in_place_is_taken_back() {
        let (_root, paths, tools) = host();
        let tools = FakeTools { sshd_refuses_while: Some(paths.drop_in()), ..tools };
        let error = install(&paths, &Disk::new(), &tools, &render(true), None).unwrap_err();
        assert!(matches!(error, SshdError::Refused(_)), "{error}");
        assert!(!paths.drop_in().exists());
    }

    #[test]
    fn a_configuration_without_effect_is_taken_back() {
        let (_root, paths, tools) = host();
        fs::write(paths.drop_in(), "old\n").unwrap();
        let tools = FakeTools { effective: Some("authorizedprincipalsfile none\n".into()), ..tools };
        let error = install(&paths, &Disk::new(), &tools, &render(true), None).unwrap_err();
        assert!(matches!(error, SshdError::Shadowed(_)), "{error}");
        assert_eq!(fs::read(paths.drop_in()).unwrap(), b"old\n");
    }

    #[test]
    fn a_broken_sshd_and_lists_of_others_are_left_alone() {
        let (_root, paths, tools) = host();
        let broken = FakeTools { sshd_refuses_while: Some(paths.sshd_config()), ..FakeTools::default() };
        let error = install(&paths, &Disk::new(), &broken, &render(true), None).unwrap_err();
        assert!(matches!(error, SshdError::BrokenBefore(_)));
        let taken = FakeTools { effective: Some("trustedusercakeys /etc/ssh/ca.pub\n".into()), ..tools };
        let error = install(&paths, &Disk::new(), &taken, &render(true), None).unwrap_err();
        assert!(matches!(error, SshdError::Conflict(_)));
        assert!(!paths.drop_in().exists());
    }

    #[test]
    fn leaving_takes_it_out_and_loads() {
        let (_root, paths, tools) = host();
        install(&paths, &Disk::new(), &tools, &render(true), None).unwrap();
        uninstall(&paths, &Disk::new(), &tools).unwrap();
        assert!(!paths.drop_in().exists());
        assert_eq!(tools.calls().last().unwrap(), "reload");
        uninstall(&paths, &Disk::new(), &tools).unwrap();
    }
}
