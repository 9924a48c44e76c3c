//! What anybody may know, signed.

use sallyport_protocol::{Bootstrap, Namespace, Signed};

use super::{App, AppError};

/// Protocol versions that this server speaks.
const VERSIONS: [u32; 1] = [1];

/// Bytes that travel beside their signature.
#[derive(Debug)]
pub struct SignedBytes {
    pub bytes: Vec<u8>,
    /// The SSHSIG blob.
    pub signature: Vec<u8>,
}

impl App {
    pub fn bootstrap(&self) -> Result<Signed, AppError> {
        let config = self.config();
        let document = Bootstrap {
            issuer: config.ca.issuer.clone(),
            tenant: config.ca.tenant,
            client_id: config.ca.client_id.clone(),
            device_login: config.login.device.as_str().to_owned(),
            user_ca_keys: vec![self.user_ca_line()?],
            host_ca_keys: vec![self.host_ca_line()?],
            host_domains: config.ca.host_domains.clone(),
            tls_roots: self.0.tls_roots.clone(),
            versions: VERSIONS.to_vec(),
        };
        self.keys()
            .seal(&document, Namespace::Bootstrap)
            .map_err(|error| AppError::internal("signing", error))
    }

    /// Lines for `TrustedUserCAKeys`.
    pub fn user_keys(&self) -> Result<SignedBytes, AppError> {
        self.signed_keys(&self.user_ca_line()?)
    }

    /// Lines for known_hosts.
    pub fn host_keys(&self) -> Result<SignedBytes, AppError> {
        let domains = &self.config().ca.host_domains;
        let line = self.host_ca_line()?;
        self.signed_keys(&if domains.is_empty() { line } else { format!("@cert-authority {domains} {line}") })
    }

    fn signed_keys(&self, line: &str) -> Result<SignedBytes, AppError> {
        self.signed_bytes(format!("{line}\n").into_bytes(), Namespace::Keys)
    }

    /// The revocation list as it stands.
    pub async fn krl(&self) -> Result<SignedBytes, AppError> {
        let number = self.store().read(|tx| Ok::<_, AppError>(tx.krl_number()?)).await?;
        let bytes = self.revocation_list(number).await?;
        self.signed_bytes(bytes.to_vec(), Namespace::Krl)
    }

    fn signed_bytes(&self, bytes: Vec<u8>, namespace: Namespace) -> Result<SignedBytes, AppError> {
        let signature =
            self.keys().sign(&bytes, namespace).map_err(|error| AppError::internal("signing", error))?;
        Ok(SignedBytes { bytes, signature })
    }
}
