//! Whether the CA still stands by a certificate. Its dates alone do not say so.

use std::time::Duration;

use sallyport_client::{ClientError, UserClient, bootstrap};
use sallyport_domain::Serial;
use sallyport_krl::Krl;
use sallyport_protocol::Fingerprint;

use crate::certificate::Certificate;
use crate::settings::PinnedCa;

/// For both questions together. Whoever is offline has their certificate all the same, and waits no longer than this.
const LIMIT: Duration = Duration::from_secs(3);

/// What the CA says is revoked, when it was there to say something.
#[derive(Debug, Default)]
pub(crate) struct Revocations(Option<Krl>);

impl Revocations {
    /// Asks the CA, for a moment.
    pub(crate) async fn ask(ca: &PinnedCa) -> Self {
        let asked = tokio::time::timeout(LIMIT, fetch(ca)).await;
        Self(asked.ok().and_then(Result::ok))
    }

    /// `None`: nobody said.
    pub(crate) fn revokes(&self, certificate: &Certificate) -> Option<bool> {
        let list = self.0.as_ref().filter(|list| Fingerprint::of(list.ca()) == certificate.signing_ca())?;
        Some(Serial::new(certificate.serial).is_some_and(|serial| list.revokes(serial)))
    }
}

async fn fetch(pinned: &PinnedCa) -> Result<Krl, ClientError> {
    let (_, ca) = bootstrap(&pinned.url, pinned.fingerprint).await?;
    UserClient::new(ca)?.revocations().await
}

#[cfg(test)]
pub(crate) mod tests {
    use sallyport_domain::Generation;
    use ssh_key::PublicKey;

    use super::*;
    use crate::certificate::tests::{Made, NOW, at, private_key};

    pub(crate) fn revoking(ca: &PublicKey, serial: u64) -> Revocations {
        let serials = [Serial::new(serial).unwrap()].into();
        Revocations(Some(Krl::new(Generation::new(1), at(NOW), ca, serials).unwrap()))
    }

    #[test]
    fn only_the_same_serial_of_the_same_key_is_meant() {
        let made = Made::user(7, NOW, NOW + 60);
        let of = |ca: &PublicKey, serial| revoking(ca, serial).revokes(&made.read());
        assert_eq!(of(made.ca.public_key(), 7), Some(true));
        assert_eq!(of(made.ca.public_key(), 8), Some(false));
        assert_eq!(of(private_key(9).public_key(), 7), None);
        assert_eq!(Revocations::default().revokes(&made.read()), None);
    }
}
