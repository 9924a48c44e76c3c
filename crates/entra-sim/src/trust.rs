//! Whom the simulator's own HTTP client trusts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use reqwest::Client;
use reqwest::redirect::Policy;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

/// Where systems keep their roots, first match wins. Named here, because the usual library leaves the
/// system's roots out as soon as `SSL_CERT_FILE` is set.
const SYSTEM_BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    #[error("cannot read certificates from {}: {cause}", path.display())]
    File { path: PathBuf, cause: String },
    #[error("cannot make an HTTP client: {0}")]
    Client(String),
}

/// An HTTP client that trusts the system's roots plus those in the PEM files of `more`
/// (say, the one that `SSL_CERT_FILE` names). Follows no redirects, sends no `User-Agent`.
///
/// # Errors
/// When a file of `more` cannot be read or holds no certificate.
pub fn http_client(more: &[PathBuf]) -> Result<Client, TrustError> {
    let mut roots = RootCertStore::empty();
    if let Some(bundle) = SYSTEM_BUNDLES.iter().map(Path::new).find(|path| path.exists()) {
        // The system's bundle may hold what rustls does not take: that is not this user's mistake.
        roots.add_parsable_certificates(rustls_native_certs::load_certs_from_paths(Some(bundle), None).certs);
    }
    for path in more {
        let (added, _) = roots.add_parsable_certificates(certificates(path)?);
        if added == 0 {
            return Err(TrustError::File {
                path: path.clone(),
                cause: "no certificate in it is usable".to_owned(),
            });
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TrustError::Client(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let builder = Client::builder().use_preconfigured_tls(config).redirect(Policy::none());
    builder.build().map_err(|error| TrustError::Client(chain(&error)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let loaded = rustls_native_certs::load_certs_from_paths(Some(path), None);
    let cause = match loaded.errors.first() {
        Some(error) => error.to_string(),
        None if loaded.certs.is_empty() => "it holds no certificate".to_owned(),
        None => return Ok(loaded.certs),
    };
    Err(TrustError::File { path: path.to_owned(), cause })
}

/// An error with its causes: "connection refused" stands in the last.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
