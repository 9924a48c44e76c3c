//! Host certificates: intended, durable, signed; at enrolment and at each renewal.

use jiff::SignedDuration;
use sallyport_audit::EventName;
use sallyport_domain::{Lifetime, RequestId};
use sallyport_issuance::{Approved, HostCertificate, HostProfile, KeyId, PlainKey, Receipt};
use sallyport_protocol::{HostCertificateReply, HostCertificateRequest};
use sallyport_store::{CertificateKind, CertificateRow, HostRow, WriteTx};
use ssh_key::PublicKey;

use super::change::Change;
use super::revocation::{next_serial, take_serial};
use super::{App, AppError, AuthenticatedHost};

/// 30 days; agents renew at half.
const LIFETIME: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Clocks differ.
const BACKDATE: SignedDuration = SignedDuration::from_mins(5);

/// What is durable and not yet signed.
#[derive(Debug)]
pub(super) struct Intent {
    approved: Approved,
    row: CertificateRow,
}

/// Reserves a serial and writes the whole to-be-signed content into the chain. One host does so only so often.
pub(super) fn intend(
    tx: &mut dyn WriteTx,
    change: &Change,
    app: &App,
    host: &HostRow,
    key: &PlainKey,
) -> Result<Intent, AppError> {
    app.throttles().host_certificates.take(host.id, change.now)?;
    let at = |offset: SignedDuration| {
        change.now.checked_add(offset).map_err(|error| AppError::internal("the clock", error))
    };
    let certificate = HostCertificate {
        serial: next_serial(tx)?,
        key_id: KeyId::of_host(host.id, &host.name, change.request),
        names: host.names.clone(),
        valid_after: at(-BACKDATE)?,
        valid_before: at(LIFETIME)?,
    };
    let approved = profile()?
        .approve(key, &certificate, app.keys().host_ca.public(), &mut rand::rngs::OsRng)
        .map_err(|error| AppError::internal("a host certificate's content", error))?;
    let row = CertificateRow {
        serial: certificate.serial,
        kind: CertificateKind::Host(host.id),
        request: change.request,
        tbs: approved.tbs().to_vec(),
        valid_after: certificate.valid_after,
        valid_before: certificate.valid_before,
        intended_at: change.now,
        issued_at: None,
        revoked_at: None,
    };
    take_serial(tx, row.serial)?;
    tx.intend(&row)?;
    let event = change.event(EventName::CertificateIntended).of_host(host.id).of_serial(row.serial);
    tx.append(&event.with("tbs", super::revocation::base64(&row.tbs)))?;
    let event = change.event(EventName::HostCertified).of_host(host.id).of_serial(row.serial);
    tx.append(&event.with("valid_until", row.valid_before.to_string()))?;
    Ok(Intent { approved, row })
}

fn profile() -> Result<HostProfile, AppError> {
    let seconds = u64::try_from(LIFETIME.as_secs()).unwrap_or(0);
    let longest =
        Lifetime::from_seconds(seconds).map_err(|error| AppError::internal("the host profile", error))?;
    HostProfile::new(longest).map_err(|error| AppError::internal("the host profile", error))
}

impl App {
    /// Signs what is durable.
    pub(super) fn seal_host_certificate(&self, intent: Intent) -> Result<String, AppError> {
        let Intent { approved, row } = intent;
        let recorded = approved
            .recorded(&Receipt::for_tbs(&row.tbs))
            .map_err(|error| AppError::internal("a record", error))?;
        let issued =
            recorded.sign(&self.keys().host_ca).map_err(|error| AppError::internal("signing", error))?;
        self.note_issued(row.request, row.serial, None);
        Ok(issued.line)
    }

    /// A new certificate for the names that the host already has: renewal chooses nothing.
    pub async fn renew_host_certificate(
        &self,
        request: RequestId,
        from: AuthenticatedHost,
        ask: HostCertificateRequest,
    ) -> Result<HostCertificateReply, AppError> {
        let machine_key: PublicKey = from
            .host
            .machine_key
            .parse()
            .map_err(|error: ssh_key::Error| AppError::internal("a host's key", error))?;
        let key = self.check_host_key(&machine_key, &ask.host_key, &ask.host_key_signature)?;
        let app = self.clone();
        let intent = self
            .change(request, self.now(), move |tx, change| intend(tx, change, &app, &from.host, &key))
            .await?;
        Ok(HostCertificateReply { certificate: self.seal_host_certificate(intent)? })
    }
}
