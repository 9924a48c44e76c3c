//! Whom our TLS clients trust: one rustls `ClientConfig` for each of the three answers.
//!
//! - [`system`]: what the machine trusts, plus the PEM file that `SSL_CERT_FILE` names;
//! - [`pinned`]: only the roots that a signed document names;
//! - [`unverified`]: nobody is checked, for the one fetch whose content is verified by a signature.
//!
//! The provider is always ring, passed explicitly: no process-wide default decides.

mod error;
mod native;
mod unverified;

use std::env;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};

pub use error::TrustError;
pub use unverified::unverified;

/// The variable that names one more PEM file of roots to trust.
pub const EXTRA_ROOTS_VARIABLE: &str = "SSL_CERT_FILE";

/// The path in `SSL_CERT_FILE`, if any: the only place that reads the environment.
#[must_use]
pub fn extra_roots_from_environment() -> Option<PathBuf> {
    env::var_os(EXTRA_ROOTS_VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// The machine's roots plus those in `extra_file`, which is what [`extra_roots_from_environment`] found.
///
/// Other programs take `SSL_CERT_FILE` as a replacement. Here it adds: a private root for one's own CA must not
/// take away the public roots that the issuer needs.
///
/// # Errors
/// When `extra_file` cannot be read or holds no certificate, or when no root was found anywhere.
pub fn system(extra_file: Option<&Path>) -> Result<ClientConfig, TrustError> {
    let mut roots = RootCertStore::empty();
    // A machine's bundle may hold a certificate that rustls does not take; the others are still good.
    roots.add_parsable_certificates(native::certificates(extra_file.is_some()));
    if let Some(path) = extra_file {
        add_all(&mut roots, read_file(path)?)?;
    }
    if roots.is_empty() { Err(TrustError::NoSystemRoots) } else { trusting(roots) }
}

/// Only the certificates in `pems` (one or more each), whatever the machine trusts.
///
/// # Errors
/// When a text does not parse as PEM certificates, or when there is none at all.
pub fn pinned<P: AsRef<str>>(pems: &[P]) -> Result<ClientConfig, TrustError> {
    let mut roots = RootCertStore::empty();
    for pem in pems {
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_ref().as_bytes()).collect();
        add_all(&mut roots, found.map_err(TrustError::PinnedPem)?)?;
    }
    if roots.is_empty() { Err(TrustError::NoPinnedRoots) } else { trusting(roots) }
}

fn read_file(path: &Path) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let failed = |source| TrustError::File { path: path.to_owned(), source };
    let found: Vec<_> =
        CertificateDer::pem_file_iter(path).map_err(failed)?.collect::<Result<_, _>>().map_err(failed)?;
    if found.is_empty() { Err(TrustError::EmptyFile { path: path.to_owned() }) } else { Ok(found) }
}

fn add_all(roots: &mut RootCertStore, found: Vec<CertificateDer<'static>>) -> Result<(), TrustError> {
    found.into_iter().try_for_each(|certificate| roots.add(certificate).map_err(TrustError::Certificate))
}

fn trusting(roots: RootCertStore) -> Result<ClientConfig, TrustError> {
    Ok(finished(builder()?.with_root_certificates(roots)))
}

fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, TrustError> {
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TrustError::Protocols)
}

fn finished(builder: ConfigBuilder<ClientConfig, WantsClientCert>) -> ClientConfig {
    builder.with_no_client_auth()
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

#[cfg(test)]
mod tests;
