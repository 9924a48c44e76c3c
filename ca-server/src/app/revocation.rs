//! What all certificates share: serials, the word that one was issued, and what may be forgotten.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::rngs::OsRng;
use sallyport_audit::EventName;
use sallyport_domain::{RequestId, Serial, UserId};
use sallyport_store::{StoreError, WriteTx};

use super::{App, AppError};
use crate::log::Chain;

/// The next serial; a random start on the first call.
pub(super) fn take_serial(tx: &mut dyn WriteTx) -> Result<Serial, StoreError> {
    let serial = tx.next_serial()?.unwrap_or_else(|| Serial::first(&mut OsRng));
    tx.set_next_serial(serial.next())?;
    Ok(serial)
}

pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

impl App {
    /// Writes that a certificate was issued, without making its receiver wait: an intent without this event counts as
    /// one that may exist.
    pub(super) fn note_issued(&self, request: RequestId, serial: Serial, user: Option<UserId>) {
        let app = self.clone();
        tokio::spawn(async move {
            let now = app.now();
            let noted = app
                .change(request, now, move |tx, change| {
                    // A retry gets the same certificate, which was issued before.
                    if tx.certificate(serial)?.is_none_or(|row| row.issued_at.is_some()) {
                        return Ok(());
                    }
                    tx.mark_issued(serial, now)?;
                    let event = change.event(EventName::CertificateIssued).of_serial(serial);
                    tx.append(&user.map_or(event.clone(), |user| event.of_user(user)))?;
                    Ok::<_, AppError>(())
                })
                .await;
            if let Err(error) = noted {
                tracing::warn!(%serial, error = %Chain(&error), "an issued certificate stays noted as intended");
            }
        });
    }

    /// Forgets uses of tokens that have expired.
    pub async fn forget_old_tokens(&self) -> Result<usize, AppError> {
        let now = self.now();
        self.store().write(move |tx| Ok(tx.forget_tokens(now)?)).await
    }

    /// Whether the store answers.
    pub async fn probe_store(&self) -> Result<(), AppError> {
        self.store().read(|tx| Ok(tx.krl_number().map(|_| ())?)).await
    }

    pub async fn note_start(&self) -> Result<(), AppError> {
        let request = self.new_request_id();
        self.change(request, self.now(), |tx, change| {
            tx.append(&change.event(EventName::CaStarted).with("version", env!("CARGO_PKG_VERSION")))?;
            Ok(())
        })
        .await
    }
}
