//! Files replaced whole or not at all: temporary file, fsync, rename, fsync of the directory.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::libc;

/// Ends every temporary name. A leading dot keeps sudo from reading it, the ending keeps sshd's `*.conf` from it.
const TEMPORARY_SUFFIX: &str = ".sallyport-new";

/// What a step of writing is about to do; tests make one of them fail.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stage {
    Create,
    Write,
    Sync,
    Rename,
    SyncDirectory,
}

type Fault = Box<dyn Fn(Stage, &Path) -> io::Result<()> + Send + Sync>;

/// The hands that write.
pub(crate) struct Disk {
    fault: Fault,
}

#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}", path.display())]
pub(crate) struct DiskError {
    action: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl DiskError {
    pub(crate) fn new(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self { action, path: path.to_path_buf(), source }
    }

    pub(crate) fn is_disk_full(&self) -> bool {
        matches!(self.source.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::WriteZero)
    }
}

/// Who may read the new file.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Access<'a> {
    /// These permission bits; owned by whoever runs us.
    Mode(u32),
    /// Owner, group and bits of this file, and its `SELinux` label where there is such a thing.
    Like(&'a Path),
}

impl Disk {
    pub(crate) fn new() -> Self {
        Self { fault: Box::new(|_, _| Ok(())) }
    }

    #[cfg(test)]
    pub(crate) fn failing(fault: impl Fn(Stage, &Path) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self { fault: Box::new(fault) }
    }

    /// Puts `bytes` at `path`: a reader sees the old file or the new one, and after return the new one survives a
    /// power cut.
    pub(crate) fn replace(&self, path: &Path, bytes: &[u8], access: Access<'_>) -> Result<(), DiskError> {
        self.replace_unsynced(path, bytes, access)?;
        self.sync_directory(path)
    }

    /// As [`Disk::replace`], but the directory is left to one [`Disk::sync_directory`] after many files.
    pub(crate) fn replace_unsynced(
        &self,
        path: &Path,
        bytes: &[u8],
        access: Access<'_>,
    ) -> Result<(), DiskError> {
        let temporary = temporary_of(path);
        let result = self.write_and_rename(path, &temporary, bytes, access);
        if result.is_err() {
            // Ours alone (O_EXCL): nothing else goes with it. The error that counts is the first one.
            let _ = fs::remove_file(&temporary);
        }
        result
    }

    fn write_and_rename(
        &self,
        path: &Path,
        temporary: &Path,
        bytes: &[u8],
        access: Access<'_>,
    ) -> Result<(), DiskError> {
        remove(temporary)?;
        self.create(temporary, bytes, access)?;
        self.stage(Stage::Rename, path)
            .and_then(|()| fs::rename(temporary, path))
            .map_err(|source| DiskError::new("replace", path, source))
    }

    fn create(&self, temporary: &Path, bytes: &[u8], access: Access<'_>) -> Result<(), DiskError> {
        let failed = |source| DiskError::new("write", temporary, source);
        self.stage(Stage::Create, temporary).map_err(failed)?;
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(temporary)
            .map_err(failed)?;
        self.stage(Stage::Write, temporary).map_err(failed)?;
        file.write_all(bytes).map_err(failed)?;
        set_access(&file, temporary, access).map_err(failed)?;
        self.stage(Stage::Sync, temporary).map_err(failed)?;
        file.sync_all().map_err(failed)
    }

    /// Makes renames and removals in the directory of `path` durable.
    pub(crate) fn sync_directory(&self, path: &Path) -> Result<(), DiskError> {
        let directory = path.parent().unwrap_or(path);
        let failed = |source| DiskError::new("sync", directory, source);
        self.stage(Stage::SyncDirectory, directory).map_err(failed)?;
        File::open(directory).and_then(|handle| handle.sync_all()).map_err(failed)
    }

    fn stage(&self, stage: Stage, path: &Path) -> io::Result<()> {
        (self.fault)(stage, path)
    }
}

fn set_access(file: &File, temporary: &Path, access: Access<'_>) -> io::Result<()> {
    match access {
        Access::Mode(mode) => file.set_permissions(fs::Permissions::from_mode(mode)),
        Access::Like(original) => {
            let metadata = fs::symlink_metadata(original)?;
            std::os::unix::fs::fchown(file, Some(metadata.uid()), Some(metadata.gid()))?;
            file.set_permissions(fs::Permissions::from_mode(metadata.mode() & 0o7777))?;
            copy_label(original, temporary)
        }
    }
}

/// A file in /etc without its `SELinux` label is unreadable to confined programs; the label must stand before the
/// rename.
fn copy_label(original: &Path, temporary: &Path) -> io::Result<()> {
    if !Path::new("/sys/fs/selinux/enforce").exists() {
        return Ok(());
    }
    let status =
        std::process::Command::new("chcon").arg("--reference").arg(original).arg(temporary).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other("chcon could not copy the SELinux label")) }
}

fn temporary_of(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}{TEMPORARY_SUFFIX}"))
}

pub(crate) fn is_temporary(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(TEMPORARY_SUFFIX)
}

/// Removes a file; that it was not there is no error. Needs no space on the disk.
pub(crate) fn remove(path: &Path) -> Result<(), DiskError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => Err(DiskError::new("remove", path, source)),
        _ => Ok(()),
    }
}

/// The bytes of a regular file, or `None` when there is none. A symbolic link is not followed.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, DiskError> {
    let failed = |source| DiskError::new("read", path, source);
    let opened = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(failed(io::Error::other("it is not a regular file")));
    }
    if metadata.len() > limit {
        return Err(failed(io::Error::other(format!("it is larger than {limit} bytes"))));
    }
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes).map_err(failed)?;
    Ok(Some(bytes))
}

/// A directory with these bits and its parents with 0755, where they are not there yet.
pub(crate) fn directory(path: &Path, mode: u32) -> Result<(), DiskError> {
    let failed = |source| DiskError::new("create", path, source);
    if fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir()) {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o755).create(parent).map_err(failed)?;
    }
    DirBuilder::new().mode(mode).create(path).map_err(failed)?;
    // The umask of whoever started us must not close a directory that sshd reads as the user.
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(failed)
}

/// Removes what a killed run left beside the files it was replacing.
pub(crate) fn sweep(directory: &Path) -> Result<usize, DiskError> {
    let failed = |source| DiskError::new("read", directory, source);
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(failed(error)),
    };
    let mut removed = 0;
    for entry in entries {
        let entry = entry.map_err(failed)?;
        if entry.file_name().to_str().is_some_and(is_temporary) {
            remove(&entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAGES: [Stage; 4] = [Stage::Create, Stage::Write, Stage::Sync, Stage::Rename];

    #[test]
    fn a_failure_at_any_stage_leaves_the_old_file_and_nothing_else() {
        for failing in STAGES {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("passwd");
            fs::write(&path, "old").unwrap();
            let disk =
                Disk::failing(
                    move |stage, _| {
                        if stage == failing { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
                    },
                );
            let error = disk.replace(&path, b"new", Access::Mode(0o644)).unwrap_err();
            assert!(error.is_disk_full(), "{failing:?}");
            assert_eq!(fs::read(&path).unwrap(), b"old", "{failing:?}");
            assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "{failing:?} left a file behind");
        }
    }

    #[test]
    fn a_leftover_of_a_killed_run_is_no_obstacle() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("passwd");
        fs::write(temporary_of(&path), "half").unwrap();
        Disk::new().replace(&path, b"new", Access::Mode(0o640)).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
    }

    #[test]
    fn a_link_planted_as_temporary_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let (path, victim) = (directory.path().join("passwd"), directory.path().join("victim"));
        fs::write(&victim, "victim").unwrap();
        std::os::unix::fs::symlink(&victim, temporary_of(&path)).unwrap();
        Disk::new().replace(&path, b"new", Access::Mode(0o644)).unwrap();
        assert_eq!(fs::read(&victim).unwrap(), b"victim");
    }

    #[test]
    fn sweeping_takes_only_our_leftovers() {
        let directory = tempfile::tempdir().unwrap();
        for name in [".passwd.sallyport-new", "passwd", ".pwd.lock"] {
            fs::write(directory.path().join(name), "x").unwrap();
        }
        assert_eq!(sweep(directory.path()).unwrap(), 1);
        assert!(directory.path().join(".pwd.lock").exists());
    }

    #[test]
    fn reading_follows_no_link_and_has_a_limit() {
        let directory = tempfile::tempdir().unwrap();
        let (file, link) = (directory.path().join("file"), directory.path().join("link"));
        fs::write(&file, "12345").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert_eq!(read(&file, 5).unwrap().unwrap(), b"12345");
        assert!(read(&file, 4).is_err());
        assert!(read(&link, 5).is_err());
        assert!(read(&directory.path().join("none"), 5).unwrap().is_none());
    }
}
