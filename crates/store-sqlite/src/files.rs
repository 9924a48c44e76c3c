use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The owner alone: the file holds names and history.
const PRIVATE: u32 = 0o600;

/// Makes the file when it is not there.
///
/// Never once SQLite has it open: closing any descriptor of it would drop SQLite's POSIX locks.
pub(crate) fn make(path: &Path) -> io::Result<()> {
    match OpenOptions::new().create_new(true).write(true).mode(PRIVATE).open(path) {
        Ok(_) => sync_folder(path),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Closes an older file to others, with those that SQLite keeps beside it (new ones get the first one's permissions).
pub(crate) fn narrow_all(path: &Path) -> io::Result<()> {
    [path.to_owned(), beside(path, "-wal"), beside(path, "-shm")].iter().try_for_each(|file| narrow(file))
}

/// Held as long as the store is open, and let go by the kernel when the process dies. `None`: another one holds it.
///
/// A file of its own, because the database's own locks are the connections' business.
pub(crate) fn lock(path: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(PRIVATE)
        .open(beside(path, "-lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn narrow(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(seen) if seen.permissions().mode() & 0o077 != 0 => {
            fs::set_permissions(path, Permissions::from_mode(PRIVATE))
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// So that a new file's name survives a power cut as well as its content.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    PathBuf::from(name)
}
