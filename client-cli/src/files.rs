//! Files that are never half written.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Largest file of ours, or of the user's, that is read.
pub(crate) const LIMIT: u64 = 4 * 1024 * 1024;

#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    #[error("{} is over {LIMIT} bytes", path.display())]
    Large { path: PathBuf },
    #[error("{} is a link to nothing", path.display())]
    LinkToNothing { path: PathBuf },
    #[error("{} is not a regular file", path.display())]
    NotRegular { path: PathBuf },
    #[error("{} is not text in UTF-8", path.display())]
    NotText { path: PathBuf },
    #[error("{} belongs to somebody else", path.display())]
    NotYours { path: PathBuf },
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// A text of ours. `None` when there is no such file.
pub(crate) fn read(path: &Path) -> Result<Option<String>, FileError> {
    let text = read_bytes(path)?.map(String::from_utf8).transpose();
    text.map_err(|_| FileError::NotText { path: path.to_owned() })
}

/// A file of the user's, who owes nobody UTF-8. `None` when there is no such file.
pub(crate) fn read_bytes(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    let failed = |source| FileError::Read { path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(FileError::NotRegular { path: path.to_owned() });
    }
    let mut bytes = Vec::new();
    file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(failed)?;
    if u64::try_from(bytes.len()).map_or(true, |length| length > LIMIT) {
        return Err(FileError::Large { path: path.to_owned() });
    }
    Ok(Some(bytes))
}

/// Finds out whether a file could be written there, by one beside it that goes again. Of missing folders, the nearest
/// one that is there has to do.
pub(crate) fn try_place(path: &Path) -> Result<(), FileError> {
    let failed = |source| FileError::Write { path: path.to_owned(), source };
    let folder = path.ancestors().skip(1).find(|folder| folder.exists());
    let folder = folder.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
    let trial = folder.join(format!(".sallyport.{}.new", std::process::id()));
    // As large as what will be written, or a full disk would take it.
    let written = write_new(&trial, &[0; 4096], 0o600);
    let _ = fs::remove_file(&trial);
    written.map_err(failed)
}

/// The whole content or the old one: a file beside it, synced, then renamed over it. Missing folders are made 0700.
pub(crate) fn write(path: &Path, content: &[u8], mode: u32) -> Result<(), FileError> {
    let failed = |source| FileError::Write { path: path.to_owned(), source };
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(failed(io::ErrorKind::InvalidInput.into()));
    };
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    let mut beside = name.to_owned();
    beside.push(format!(".{}.new", std::process::id()));
    let beside = folder.join(beside);
    let written = write_new(&beside, content, mode).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // It may never have been made.
        let _ = fs::remove_file(&beside);
    }
    written.map_err(failed)?;
    // The rename itself is durable once the folder is; some file systems cannot sync one.
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}

fn write_new(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    // Left by a process with our number that was killed.
    let _ = fs::remove_file(path);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.write_all(content)?;
    file.sync_all()
}

/// `Ok` when the file is gone, also when it never was.
pub(crate) fn remove(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(FileError::Write { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// A file of the user's that we are to edit: where it really is, and its mode. `None` when there is none yet.
///
/// A link is followed, because people keep their dot files elsewhere; what it leads to must be a regular file of theirs.
pub(crate) fn editable(path: &Path) -> Result<Option<(PathBuf, u32)>, FileError> {
    let failed = |source| FileError::Read { path: path.to_owned(), source };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
        Ok(_) => {}
    }
    let real = fs::canonicalize(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => FileError::LinkToNothing { path: path.to_owned() },
        _ => failed(error),
    })?;
    let metadata = fs::metadata(&real).map_err(failed)?;
    if !metadata.is_file() {
        return Err(FileError::NotRegular { path: real });
    }
    if metadata.uid() != nix::unistd::geteuid().as_raw() {
        return Err(FileError::NotYours { path: real });
    }
    Ok(Some((real, metadata.mode() & 0o7777)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn writes_whole_files_with_their_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/file");
        write(&path, b"one", 0o644).unwrap();
        write(&path, b"two", 0o600).unwrap();
        assert_eq!(read(&path).unwrap().as_deref(), Some("two"));
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left beside");
    }

    #[test]
    fn a_failed_write_leaves_the_old_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        fs::create_dir_all(path.join("full")).unwrap();
        assert!(matches!(write(&path, b"x", 0o600), Err(FileError::Write { .. })));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside");
    }

    #[test]
    fn reading_knows_absence_folders_and_size() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(&folder.path().join("none")).unwrap().is_none());
        assert!(matches!(read(folder.path()), Err(FileError::NotRegular { .. })));
        let large = folder.path().join("large");
        File::create(&large).unwrap().set_len(LIMIT + 1).unwrap();
        assert!(matches!(read(&large), Err(FileError::Large { .. })));
        let binary = folder.path().join("binary");
        fs::write(&binary, [0xff]).unwrap();
        assert!(matches!(read(&binary), Err(FileError::NotText { .. })));
    }

    #[test]
    fn links_to_dot_files_are_followed_and_others_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::write(&real, "x").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
        symlink(&real, &link).unwrap();
        let real = real.canonicalize().unwrap();
        assert_eq!(editable(&link).unwrap(), Some((real, 0o640)));
        assert!(editable(&folder.path().join("none")).unwrap().is_none());

        let dangling = folder.path().join("dangling");
        symlink("nothing", &dangling).unwrap();
        assert!(matches!(editable(&dangling), Err(FileError::LinkToNothing { .. })));
        let device = folder.path().join("device");
        symlink("/dev/null", &device).unwrap();
        assert!(matches!(editable(&device), Err(FileError::NotRegular { .. })));
    }
}
