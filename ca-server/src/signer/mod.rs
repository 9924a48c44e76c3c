//! The three keys of a CA and what each signs. Only this room holds them.

mod files;

use std::fmt;
use std::path::Path;

use sallyport_issuance::CaKey;
use sallyport_protocol::{Fingerprint, Namespace, OpenError, Signed, SshSigError, sign_blob};
use serde::Serialize;
use ssh_key::PrivateKey;

pub use files::KeyFileError;

/// Identity, user CA and host CA.
pub struct Keys {
    identity: PrivateKey,
    identity_fingerprint: Fingerprint,
    pub user_ca: CaKey,
    pub host_ca: CaKey,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("identity", &self.identity_fingerprint).finish_non_exhaustive()
    }
}

impl Keys {
    /// Makes the three key files under `directory`, which must not hold them yet.
    ///
    /// # Errors
    /// [`KeyFileError`]; a key that is there already is never overwritten.
    pub fn create(directory: &Path) -> Result<Self, KeyFileError> {
        let [identity, user_ca, host_ca] = files::NAMES.map(|name| files::create(directory, name));
        Self::assemble(identity?, user_ca?, host_ca?)
    }

    /// # Errors
    /// [`KeyFileError`]: missing, unreadable, or readable by others.
    pub fn load(directory: &Path) -> Result<Self, KeyFileError> {
        let [identity, user_ca, host_ca] = files::NAMES.map(|name| files::load(directory, name));
        Self::assemble(identity?, user_ca?, host_ca?)
    }

    fn assemble(
        identity: PrivateKey,
        user_ca: PrivateKey,
        host_ca: PrivateKey,
    ) -> Result<Self, KeyFileError> {
        let identity_fingerprint = Fingerprint::of(identity.public_key());
        let ca_key = |key: PrivateKey| CaKey::new(&key).map_err(KeyFileError::CaKey);
        Ok(Self { identity, identity_fingerprint, user_ca: ca_key(user_ca)?, host_ca: ca_key(host_ca)? })
    }

    /// What people and hosts pin.
    pub fn fingerprint(&self) -> Fingerprint {
        self.identity_fingerprint
    }

    /// # Errors
    /// When the value has no JSON form.
    pub fn seal<T: Serialize>(&self, value: &T, namespace: Namespace) -> Result<Signed, OpenError> {
        Signed::seal(value, &self.identity, namespace)
    }

    /// The SSHSIG blob, for the header `Sallyport-Signature`.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn sign(&self, message: &[u8], namespace: Namespace) -> Result<Vec<u8>, SshSigError> {
        sign_blob(&self.identity, namespace, message)
    }
}
