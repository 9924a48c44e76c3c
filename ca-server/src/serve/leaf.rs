//! The certificate under the private root: made at the start, and made anew long before it ends.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, Issuer, KeyPair, SanType};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::tls::{TlsError, params};
use crate::app::SharedClock;
use crate::log::Chain;

const DAYS: i64 = 397;
/// With a third of its life left.
const RENEW_AFTER: SignedDuration = SignedDuration::from_hours(DAYS * 24 * 2 / 3);
/// After a failure the old one still has months.
const TRY_AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// Shows the certificate of the day to whoever connects. The key never touches the disk.
#[derive(Debug)]
pub(super) struct Leaf {
    maker: Maker,
    clock: SharedClock,
    shown: Mutex<Shown>,
}

#[derive(Debug)]
struct Shown {
    key: Arc<CertifiedKey>,
    renew_at: Timestamp,
}

/// All that a new certificate needs.
#[derive(Debug)]
pub(super) struct Maker {
    pub(super) folder: PathBuf,
    pub(super) address: IpAddr,
    pub(super) names: Vec<String>,
    pub(super) provider: Arc<CryptoProvider>,
}

impl Leaf {
    pub(super) fn new(maker: Maker, clock: SharedClock) -> Result<Self, TlsError> {
        let now = clock.0.now();
        let key = Arc::new(maker.make(now)?);
        let shown = Mutex::new(Shown { key, renew_at: later(now, RENEW_AFTER) });
        Ok(Self { maker, clock, shown })
    }

    /// The certificate for a connection now.
    fn current(&self) -> Arc<CertifiedKey> {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.0.now();
        if now >= shown.renew_at {
            let wait = match self.maker.make(now) {
                Ok(key) => {
                    tracing::info!("the TLS certificate under the private root was made anew");
                    shown.key = Arc::new(key);
                    RENEW_AFTER
                }
                Err(error) => {
                    tracing::warn!(error = %Chain(&error), "the TLS certificate could not be made anew; the old one serves on");
                    TRY_AGAIN_AFTER
                }
            };
            shown.renew_at = later(now, wait);
        }
        Arc::clone(&shown.key)
    }
}

fn later(now: Timestamp, wait: SignedDuration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

impl ResolvesServerCert for Leaf {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

impl Maker {
    /// A new key, and a certificate for the address and the names.
    fn make(&self, now: Timestamp) -> Result<CertifiedKey, TlsError> {
        let read = |name: &str| {
            let path = self.folder.join(name);
            std::fs::read_to_string(&path).map_err(|source| TlsError::Io { path, source })
        };
        let issuer = Issuer::from_ca_cert_pem(&read("root.pem")?, KeyPair::from_pem(&read("root.key")?)?)?;
        let key = KeyPair::generate()?;
        let certificate = self.params(now)?.signed_by(&key, &issuer)?;
        let key =
            PrivateKeyDer::try_from(key.serialize_der()).map_err(|_| TlsError::Pem(self.folder.clone()))?;
        Ok(CertifiedKey::from_der(vec![certificate.der().clone()], key, &self.provider)?)
    }

    fn params(&self, now: Timestamp) -> Result<CertificateParams, TlsError> {
        let mut params = params("Sallyport CA", DAYS, now);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.subject_alt_names.push(SanType::DnsName("localhost".try_into()?));
        if !self.address.is_unspecified() {
            params.subject_alt_names.push(SanType::IpAddress(self.address));
        }
        for name in &self.names {
            params.subject_alt_names.push(match name.parse() {
                Ok(ip) => SanType::IpAddress(ip),
                Err(_) => SanType::DnsName(name.as_str().try_into()?),
            });
        }
        Ok(params)
    }
}

#[cfg(test)]
mod tests {
    use sallyport_domain::Clock;

    use super::*;
    use crate::serve::create_root;

    struct Hand(Mutex<Timestamp>);

    impl Clock for Hand {
        fn now(&self) -> Timestamp {
            *self.0.lock().unwrap()
        }
    }

    struct Years {
        hand: Arc<Hand>,
        leaf: Leaf,
        folder: tempfile::TempDir,
    }

    impl Years {
        fn begin() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let hand = Arc::new(Hand(Mutex::new(Timestamp::from_second(1_800_000_000).unwrap())));
            create_root(folder.path(), hand.now()).unwrap();
            let maker = Maker {
                folder: folder.path().to_owned(),
                address: [127, 0, 0, 1].into(),
                names: vec!["ca.contoso.test".to_owned()],
                provider: Arc::new(rustls::crypto::ring::default_provider()),
            };
            let leaf = Leaf::new(maker, SharedClock(hand.clone())).unwrap();
            Self { hand, leaf, folder }
        }

        fn pass(&self, days: i64) {
            let mut now = self.hand.0.lock().unwrap();
            *now = now.checked_add(SignedDuration::from_hours(24 * days)).unwrap();
        }

        /// The DER of what is shown.
        fn shown(&self) -> Vec<u8> {
            self.leaf.current().cert[0].to_vec()
        }
    }

    #[test]
    fn it_stays_for_most_of_its_life_and_changes_long_before_its_end() {
        let years = Years::begin();
        let first = years.shown();
        years.pass(DAYS * 2 / 3 - 1);
        assert_eq!(years.shown(), first);
        years.pass(2);
        let second = years.shown();
        assert_ne!(second, first);
        assert_eq!(years.shown(), second);
        years.pass(DAYS);
        assert_ne!(years.shown(), second, "and again");
    }

    #[test]
    fn a_failure_keeps_the_old_one_and_is_tried_again() {
        let years = Years::begin();
        let first = years.shown();
        let (root, aside) = (years.folder.path().join("root.key"), years.folder.path().join("aside"));
        std::fs::rename(&root, &aside).unwrap();
        years.pass(300);
        assert_eq!(years.shown(), first);
        std::fs::rename(&aside, &root).unwrap();
        assert_eq!(years.shown(), first, "not at every connection");
        years.pass(1);
        assert_ne!(years.shown(), first);
    }
}
