use std::fmt;

use ed25519_dalek::{Signature, Signer, SigningKey};
use ssh_key::private::KeypairData;
use ssh_key::{HashAlg, PrivateKey, PublicKey};

/// A CA key that signs certificates: Ed25519, ready for use.
///
/// Holds the key with its public half computed once, because a [`PrivateKey`] computes it anew for each signature and
/// is half as fast. Wiped when dropped.
pub struct CaKey {
    signing: SigningKey,
    public: CaPublicKey,
}

/// The half of a [`CaKey`] that everybody may know.
#[derive(Clone, Eq, PartialEq)]
pub struct CaPublicKey {
    key: PublicKey,
    blob: Vec<u8>,
}

/// Why a private key cannot be the CA's.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CaKeyError {
    #[error("the two halves of the CA key do not belong together; restore the key file from a backup")]
    Damaged,
    #[error("the CA key is encrypted; decrypt it first")]
    Encrypted,
    #[error("a CA key is an Ed25519 key")]
    NotEd25519,
}

impl CaKey {
    /// Copies the key and tries it once. `key` wipes itself when the caller drops it.
    ///
    /// # Errors
    /// [`CaKeyError`]
    pub fn new(key: &PrivateKey) -> Result<Self, CaKeyError> {
        if key.is_encrypted() {
            return Err(CaKeyError::Encrypted);
        }
        let KeypairData::Ed25519(pair) = key.key_data() else {
            return Err(CaKeyError::NotEd25519);
        };
        let signing = SigningKey::from(&pair.private);
        let trial = b"sallyport: a CA key on trial";
        let holds = signing.verifying_key().verify_strict(trial, &signing.sign(trial)).is_ok();
        if !holds || signing.verifying_key().as_bytes() != &pair.public.0 {
            return Err(CaKeyError::Damaged);
        }
        let public = CaPublicKey::new(key.public_key()).map_err(|_| CaKeyError::Damaged)?;
        Ok(Self { signing, public })
    }

    #[must_use]
    pub const fn public(&self) -> &CaPublicKey {
        &self.public
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Signature {
        self.signing.sign(message)
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &Signature) -> bool {
        self.signing.verifying_key().verify_strict(message, signature).is_ok()
    }
}

impl fmt::Debug for CaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CaKey").field(&self.public).finish()
    }
}

impl CaPublicKey {
    /// # Errors
    /// When the key is not an Ed25519 key.
    pub fn new(key: &PublicKey) -> Result<Self, CaKeyError> {
        if key.key_data().ed25519().is_none() {
            return Err(CaKeyError::NotEd25519);
        }
        let key = PublicKey::from(key.key_data().clone());
        let blob = key.to_bytes().map_err(|_| CaKeyError::Damaged)?;
        Ok(Self { key, blob })
    }

    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.key
    }

    #[must_use]
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }
}

impl fmt::Debug for CaPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.key.fingerprint(HashAlg::Sha256))
    }
}
