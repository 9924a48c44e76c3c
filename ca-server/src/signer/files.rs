use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rand::rngs::OsRng;
use sallyport_issuance::CaKeyError;
use ssh_key::{Algorithm, LineEnding, PrivateKey};

use crate::private_file;

/// Identity, user CA, host CA; the order of [`super::Keys`].
pub(super) const NAMES: [&str; 3] = ["identity", "user_ca", "host_ca"];

/// An Ed25519 key file is under 500 bytes.
const LARGEST: u64 = 16 * 1024;
/// Any permission of group or others.
const NOT_PRIVATE: u32 = 0o077;

#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    #[error(
        "{} exists, and a CA's key is never overwritten\n  after an init that was cut off, when nobody trusts the key yet: \
         remove the directory and run init again",
        .0.display()
    )]
    Exists(PathBuf),
    #[error("{} cannot be read or written", path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} is not an unencrypted OpenSSH private key", path.display())]
    Malformed {
        path: PathBuf,
        #[source]
        source: ssh_key::Error,
    },
    #[error("one of the key files does not hold a CA key")]
    CaKey(#[source] CaKeyError),
    #[error("{} can be read by others; run: chmod 600 {}", .0.display(), .0.display())]
    Open(PathBuf),
}

pub(super) fn create(directory: &Path, name: &str) -> Result<PrivateKey, KeyFileError> {
    let path = directory.join(name);
    let malformed = |source| KeyFileError::Malformed { path: path.clone(), source };
    let mut key = PrivateKey::random(&mut OsRng, Algorithm::Ed25519).map_err(malformed)?;
    key.set_comment(format!("sallyport {name}"));
    let text = key.to_openssh(LineEnding::LF).map_err(malformed)?;
    let public = key.public_key().to_openssh().map_err(malformed)?;
    write_new(&path, 0o600, text.as_bytes())?;
    write_new(&directory.join(format!("{name}.pub")), 0o644, format!("{public}\n").as_bytes())?;
    Ok(key)
}

fn write_new(path: &Path, mode: u32, bytes: &[u8]) -> Result<(), KeyFileError> {
    private_file::create(path, mode, bytes).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => KeyFileError::Exists(path.to_owned()),
        _ => KeyFileError::Io { path: path.to_owned(), source },
    })
}

pub(super) fn load(directory: &Path, name: &str) -> Result<PrivateKey, KeyFileError> {
    let path = directory.join(name);
    let io = |source| KeyFileError::Io { path: path.clone(), source };
    let file = OpenOptions::new().read(true).open(&path).map_err(io)?;
    if file.metadata().map_err(io)?.mode() & NOT_PRIVATE != 0 {
        return Err(KeyFileError::Open(path));
    }
    let mut text = String::new();
    file.take(LARGEST).read_to_string(&mut text).map_err(io)?;
    let key = PrivateKey::from_openssh(&text)
        .map_err(|source| KeyFileError::Malformed { path: path.clone(), source })?;
    if key.is_encrypted() {
        return Err(KeyFileError::Malformed { path, source: ssh_key::Error::Encrypted });
    }
    Ok(key)
}
