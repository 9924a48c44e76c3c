use ssh_encoding::{Decode, Encode, LineEnding};
use ssh_key::private::PrivateKey;
use ssh_key::{HashAlg, PublicKey, SshSig};

/// What a signature was made for. A signature in one namespace is worth nothing in another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Namespace {
    Audit,
    Bootstrap,
    /// A certificate request, by the key to be certified.
    Certificate,
    /// A host's SSH key speaks for its enrolment or renewal.
    HostKey,
    Keys,
    Krl,
    Lease,
    /// A renewal, by the key of the earlier certificate.
    Renewal,
    Request,
    Snapshot,
}

impl Namespace {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Audit => "sallyport-audit-v1",
            Self::Bootstrap => "sallyport-bootstrap-v1",
            Self::Certificate => "sallyport-certificate-v1",
            Self::HostKey => "sallyport-host-key-v1",
            Self::Keys => "sallyport-keys-v1",
            Self::Krl => "sallyport-krl-v1",
            Self::Lease => "sallyport-lease-v1",
            Self::Renewal => "sallyport-renewal-v1",
            Self::Request => "sallyport-request-v1",
            Self::Snapshot => "sallyport-snapshot-v1",
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SshSigError {
    #[error("the signature is not an SSHSIG")]
    Malformed,
    #[error("the key cannot sign")]
    Sign,
    #[error("the signature does not hold for these bytes, this key and this purpose")]
    Wrong,
}

/// Signs `message` as `ssh-keygen -Y sign -n NAMESPACE` does.
///
/// # Errors
/// When the key is of a kind that cannot sign here.
fn sign(key: &PrivateKey, namespace: Namespace, message: &[u8]) -> Result<SshSig, SshSigError> {
    key.sign(namespace.as_str(), HashAlg::Sha512, message).map_err(|_| SshSigError::Sign)
}

/// [`sign`], armoured (`-----BEGIN SSH SIGNATURE-----`).
///
/// # Errors
/// As [`sign`].
pub fn sign_armored(key: &PrivateKey, namespace: Namespace, message: &[u8]) -> Result<String, SshSigError> {
    sign(key, namespace, message)?.to_pem(LineEnding::LF).map_err(|_| SshSigError::Sign)
}

/// [`sign`], as the bare blob.
///
/// # Errors
/// As [`sign`].
pub fn sign_blob(key: &PrivateKey, namespace: Namespace, message: &[u8]) -> Result<Vec<u8>, SshSigError> {
    let mut blob = Vec::new();
    sign(key, namespace, message)?.encode(&mut blob).map_err(|_| SshSigError::Sign)?;
    Ok(blob)
}

/// # Errors
/// [`SshSigError::Malformed`] or [`SshSigError::Wrong`]: the signature must be by `key`, in `namespace`, over `message`.
pub fn verify_armored(
    key: &PublicKey,
    namespace: Namespace,
    message: &[u8],
    armored: &str,
) -> Result<(), SshSigError> {
    let signature = SshSig::from_pem(armored).map_err(|_| SshSigError::Malformed)?;
    verify(key, namespace, message, &signature)
}

/// # Errors
/// As [`verify_armored`].
pub fn verify_blob(
    key: &PublicKey,
    namespace: Namespace,
    message: &[u8],
    blob: &[u8],
) -> Result<(), SshSigError> {
    let mut reader = blob;
    let signature = SshSig::decode(&mut reader).map_err(|_| SshSigError::Malformed)?;
    if !reader.is_empty() {
        return Err(SshSigError::Malformed);
    }
    verify(key, namespace, message, &signature)
}

fn verify(
    key: &PublicKey,
    namespace: Namespace,
    message: &[u8],
    signature: &SshSig,
) -> Result<(), SshSigError> {
    key.verify(namespace.as_str(), message, signature).map_err(|_| SshSigError::Wrong)
}
