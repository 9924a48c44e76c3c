use std::path::PathBuf;

use rustls::pki_types::pem;

/// Why there is nothing to trust. Each sentence says what to do.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    #[error("a root certificate does not parse; replace it by a valid X.509 CA certificate")]
    Certificate(#[source] rustls::Error),
    #[error("{} holds no PEM certificate; name a file with a BEGIN CERTIFICATE block in SSL_CERT_FILE", path.display())]
    EmptyFile { path: PathBuf },
    #[error("cannot read the root certificates in {}; correct or unset SSL_CERT_FILE", path.display())]
    File { path: PathBuf, source: pem::Error },
    #[error("the list of pinned root certificates is empty")]
    NoPinnedRoots,
    #[error(
        "this machine trusts no root certificate; install ca-certificates, or name a PEM file in SSL_CERT_FILE"
    )]
    NoSystemRoots,
    #[error("a pinned root certificate is not valid PEM")]
    PinnedPem(#[source] pem::Error),
    #[error("the TLS library offers no protocol version")]
    Protocols(#[source] rustls::Error),
}
