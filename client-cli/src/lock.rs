use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sallyport_protocol::Fingerprint;

use crate::failure::Failure;

/// Held until it is dropped or the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// One login at a time for one CA: a second one waits, and then finds the certificate of the first.
pub(crate) fn login(folder: &Path, ca: Fingerprint, waiting: impl FnOnce()) -> Result<Lock, Failure> {
    let name: String =
        ca.to_string().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    take(&folder.join(format!("login-{name}.lock")), waiting)
}

/// For a change of the state file: read, change, write.
pub(crate) fn state(folder: &Path) -> Result<Lock, Failure> {
    take(&folder.join("state.lock"), || {})
}

fn take(path: &Path, waiting: impl FnOnce()) -> Result<Lock, Failure> {
    let open = || -> io::Result<File> {
        if let Some(folder) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        OpenOptions::new().create(true).append(true).mode(0o600).open(path)
    };
    let failed = |error: io::Error| {
        let path = PathBuf::from(path);
        let folder = path.parent().unwrap_or(&path);
        Failure::because(
            format_args!("cannot lock {}", path.display()),
            &error,
            format!("ls -ld {}, and make it yours", folder.display()),
        )
    };
    let file = open().map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            waiting();
            file.lock().map_err(failed)?;
        }
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    Ok(Lock { _file: file })
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn the_second_waits_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let ca = Fingerprint::of_blob(b"ca");
        let first = login(folder.path(), ca, || panic!("nobody is before it")).unwrap();
        let (tell, told) = mpsc::channel();
        let path = folder.path().to_owned();
        let second = thread::spawn(move || login(&path, ca, || tell.send(()).unwrap()).map(|_| ()));
        told.recv().unwrap();
        assert!(!second.is_finished());
        drop(first);
        second.join().unwrap().unwrap();
        login(folder.path(), Fingerprint::of_blob(b"other"), || panic!("another CA is free")).unwrap();
    }
}
