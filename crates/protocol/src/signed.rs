use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use ssh_key::{PrivateKey, PublicKey};

use crate::sshsig::{Namespace, SshSigError, sign_armored, verify_armored};
use crate::{Fingerprint, FingerprintError};

/// JSON that travels with the identity key's signature over its exact bytes.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub struct Signed {
    /// Base64 of the exact bytes that were signed.
    pub signed: String,
    /// The signer, as an OpenSSH line. Only a hint until its fingerprint was compared.
    pub key: String,
    /// Armoured SSHSIG, as `ssh-keygen -Y verify` reads it.
    pub signature: String,
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the signed document is damaged: {0}")]
    Damaged(&'static str),
    #[error("the signed document is not what was asked for")]
    Json(#[source] serde_json::Error),
    #[error("signed by {found}, while {expected} is trusted")]
    OtherKey { expected: Fingerprint, found: Fingerprint },
    #[error("the signature of the document does not hold")]
    Signature(#[from] SshSigError),
}

impl From<FingerprintError> for OpenError {
    fn from(_: FingerprintError) -> Self {
        Self::Damaged("fingerprint")
    }
}

impl Signed {
    /// # Errors
    /// When the value has no JSON form, or the key cannot sign.
    pub fn seal<T: Serialize>(value: &T, key: &PrivateKey, namespace: Namespace) -> Result<Self, OpenError> {
        let bytes = serde_json::to_vec(value).map_err(OpenError::Json)?;
        let line = key.public_key().to_openssh().map_err(|_| OpenError::Damaged("key"))?;
        Ok(Self {
            signed: STANDARD.encode(&bytes),
            key: line,
            signature: sign_armored(key, namespace, &bytes)?,
        })
    }

    /// The value, once the signature was found to be by `trusted` and for `namespace`.
    ///
    /// # Errors
    /// [`OpenError`]; nothing of the content is looked at before the signature held.
    pub fn open<T: DeserializeOwned>(
        &self,
        trusted: Fingerprint,
        namespace: Namespace,
    ) -> Result<T, OpenError> {
        let key: PublicKey = self.key.parse().map_err(|_| OpenError::Damaged("key"))?;
        let found = Fingerprint::of(&key);
        if found != trusted {
            return Err(OpenError::OtherKey { expected: trusted, found });
        }
        let bytes = STANDARD.decode(&self.signed).map_err(|_| OpenError::Damaged("base64"))?;
        verify_armored(&key, namespace, &bytes, &self.signature)?;
        serde_json::from_slice(&bytes).map_err(OpenError::Json)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use ssh_key::Algorithm;

    use super::*;

    fn key(seed: u8) -> PrivateKey {
        PrivateKey::random(&mut ChaCha8Rng::from_seed([seed; 32]), Algorithm::Ed25519).unwrap()
    }

    fn trusted(key: &PrivateKey) -> Fingerprint {
        Fingerprint::of(key.public_key())
    }

    #[test]
    fn opens_for_the_pinned_key_only() {
        let ours = key(1);
        let sealed = Signed::seal(&"hello", &ours, Namespace::Lease).unwrap();
        assert_eq!(sealed.open::<String>(trusted(&ours), Namespace::Lease).unwrap(), "hello");
        assert!(matches!(
            sealed.open::<String>(trusted(&key(2)), Namespace::Lease),
            Err(OpenError::OtherKey { .. })
        ));
    }

    #[test]
    fn a_signature_for_another_purpose_is_worth_nothing() {
        let ours = key(1);
        let sealed = Signed::seal(&"hello", &ours, Namespace::Lease).unwrap();
        assert!(matches!(
            sealed.open::<String>(trusted(&ours), Namespace::Snapshot),
            Err(OpenError::Signature(_))
        ));
    }

    #[test]
    fn an_altered_byte_is_found() {
        let ours = key(1);
        let mut sealed = Signed::seal(&"hello", &ours, Namespace::Lease).unwrap();
        sealed.signed = STANDARD.encode(b"\"hellO\"");
        assert!(matches!(
            sealed.open::<String>(trusted(&ours), Namespace::Lease),
            Err(OpenError::Signature(_))
        ));
    }

    #[test]
    fn a_key_line_swapped_for_the_trusted_one_does_not_help() {
        let (ours, theirs) = (key(1), key(2));
        let mut sealed = Signed::seal(&"hello", &theirs, Namespace::Lease).unwrap();
        sealed.key = ours.public_key().to_openssh().unwrap();
        assert!(sealed.open::<String>(trusted(&ours), Namespace::Lease).is_err());
    }
}
