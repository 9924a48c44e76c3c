//! A root made for one run, and a leaf under it.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

use crate::claims::{saturating_add, saturating_sub};
use crate::clock::SimClock;

/// A certificate for the simulator. The root's private key is forgotten as soon as the leaf is signed.
pub struct SelfSigned {
    root_pem: String,
    config: Arc<ServerConfig>,
}

/// The certificate could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make a TLS certificate: {0}")]
pub struct TlsError(String);

impl SelfSigned {
    /// Covers `localhost`, `127.0.0.1`, `::1`, the address that is listened on, and `public_host`.
    ///
    /// # Errors
    /// When `public_host` can stand in no certificate.
    pub fn generate(listen: IpAddr, public_host: Option<&str>) -> Result<Self, TlsError> {
        let now = SimClock::default().now();
        let mut names =
            vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned(), listen.to_string()];
        names.extend(public_host.map(|host| host.trim_matches(['[', ']']).to_owned()));
        names.sort();
        names.dedup();
        Self::for_names(names, now).map_err(|error| TlsError(error.to_string()))
    }

    fn for_names(names: Vec<String>, now: Timestamp) -> Result<Self, Box<dyn std::error::Error>> {
        let mut root = params(Vec::new(), "entra-sim root", now)?;
        root.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        root.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let root = CertifiedIssuer::self_signed(root, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let mut leaf = params(names, "entra-sim", now)?;
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
        leaf.use_authority_key_identifier_extension = true;
        let leaf = leaf.signed_by(&key, &root)?;
        let chain: Vec<CertificateDer<'static>> = vec![leaf.der().clone()];
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { root_pem: root.pem(), config: Arc::new(config) })
    }

    /// The root that clients must trust, in PEM.
    #[must_use]
    pub fn root_pem(&self) -> &str {
        &self.root_pem
    }

    pub(crate) fn acceptor(self) -> TlsAcceptor {
        TlsAcceptor::from(self.config)
    }
}

impl fmt::Debug for SelfSigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SelfSigned").finish_non_exhaustive()
    }
}

/// Valid from yesterday for a year: some clients refuse certificates that live for ever.
fn params(names: Vec<String>, common_name: &str, now: Timestamp) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    let date = |at: Timestamp| {
        let date = at.to_zoned(TimeZone::UTC).date();
        rcgen::date_time_ymd(i32::from(date.year()), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    params.not_before = date(saturating_sub(now, SignedDuration::from_hours(24)));
    params.not_after = date(saturating_add(now, SignedDuration::from_hours(24 * 365)));
    Ok(params)
}
