use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyPair, KeyUsagePurpose,
    SerialNumber,
};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::leaf::{Leaf, Maker};
use crate::app::SharedClock;
use crate::config::{Listen, Tls};
use crate::private_file;

/// The root outlives every machine that pins it; what it signs is made anew, see [`super::leaf`].
const ROOT_DAYS: i64 = 20 * 365;
/// Clocks differ.
const BACKDATE_DAYS: i64 = 1;

#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{} cannot be read or written", path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} is not PEM of the expected kind", .0.display())]
    Pem(PathBuf),
    #[error("no certificate could be made")]
    Make(#[from] rcgen::Error),
    #[error("the certificate and the key do not serve TLS together")]
    Config(#[from] rustls::Error),
}

/// Makes `root.pem` and `root.key` under `directory`.
///
/// # Errors
/// [`TlsError`]; files that are there already are never overwritten.
pub fn create_root(directory: &Path, now: Timestamp) -> Result<(), TlsError> {
    let key = KeyPair::generate()?;
    let mut params = params("Sallyport private root", ROOT_DAYS, now);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let root = params.self_signed(&key)?;
    let write = |name: &str, mode, text: &str| {
        let path = directory.join(name);
        private_file::create(&path, mode, text.as_bytes()).map_err(|source| TlsError::Io { path, source })
    };
    write("root.key", 0o600, &key.serialize_pem())?;
    write("root.pem", 0o644, &root.pem())
}

/// The private root, when `init` made one.
///
/// # Errors
/// When it is there and cannot be read.
pub fn root_pem(directory: &Path) -> Result<Option<String>, TlsError> {
    let path = directory.join("root.pem");
    match std::fs::read_to_string(&path) {
        Ok(pem) => Ok(Some(pem)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(TlsError::Io { path, source }),
    }
}

/// Reads what the listener would need, and throws it away.
///
/// # Errors
/// As the listener would fail.
pub fn check_tls(listen: &Listen, tls: &Path, clock: SharedClock) -> Result<(), TlsError> {
    server_config(listen, tls, clock).map(drop)
}

/// The TLS side of one listener; `None` for plain HTTP.
pub(super) fn server_config(
    listen: &Listen,
    tls: &Path,
    clock: SharedClock,
) -> Result<Option<Arc<ServerConfig>>, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth();
    let mut config = match &listen.tls {
        Tls::Plain => return Ok(None),
        Tls::Files { certificate, key } => {
            builder.with_single_cert(chain(certificate)?, private_key(key)?)?
        }
        Tls::Private { names } => {
            let (folder, address, names) = (tls.to_owned(), listen.address.ip(), names.clone());
            builder
                .with_cert_resolver(Arc::new(Leaf::new(Maker { folder, address, names, provider }, clock)?))
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(Arc::new(config)))
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = || TlsError::Pem(path.to_owned());
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(|_| pem())?.collect();
    chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(pem)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|_| TlsError::Pem(path.to_owned()))
}

/// A root or leaf of this name, from yesterday on.
pub(super) fn params(name: &str, days: i64, now: Timestamp) -> CertificateParams {
    let mut params = CertificateParams::default();
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    params.distinguished_name = subject;
    params.serial_number = Some(SerialNumber::from(rand::random::<[u8; 16]>().to_vec()));
    let day = |offset: i64| now.as_second() + offset * 24 * 3600;
    params.not_before = offset_time(day(-BACKDATE_DAYS));
    params.not_after = offset_time(day(days));
    params
}

/// Of the crate that rcgen speaks; the epoch where the second is outside its range.
fn offset_time(second: i64) -> time::OffsetDateTime {
    time::OffsetDateTime::from_unix_timestamp(second).unwrap_or(time::OffsetDateTime::UNIX_EPOCH)
}
