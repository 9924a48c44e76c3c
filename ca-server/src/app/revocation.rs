//! What all certificates share: serials, and what may be forgotten.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::rngs::OsRng;
use sallyport_audit::EventName;
use sallyport_domain::Serial;
use sallyport_store::{StoreError, WriteTx};

use super::{App, AppError};

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
