//! What all certificates share: serials, and what may be forgotten.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::rngs::OsRng;
use sallyport_audit::EventName;
use sallyport_domain::Serial;
use sallyport_entra::TOLERANCE;
use sallyport_store::{StoreError, WriteTx};

use super::{App, AppError};

/// The serial that is nobody's yet; a random start when there is none. It is to be taken in the same transaction.
pub(super) fn next_serial(tx: &dyn WriteTx) -> Result<Serial, StoreError> {
    Ok(tx.next_serial()?.unwrap_or_else(|| Serial::first(&mut OsRng)))
}

pub(super) fn take_serial(tx: &mut dyn WriteTx, serial: Serial) -> Result<(), StoreError> {
    tx.set_next_serial(serial.next())
}

pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

impl App {
    /// Forgets uses of tokens that nobody can play again: a token is taken for a little while after its end.
    pub async fn forget_old_tokens(&self) -> Result<usize, AppError> {
        let ended = self.now().checked_sub(TOLERANCE);
        let ended = ended.map_err(|error| AppError::internal("the clock", error))?;
        self.store().write(move |tx| Ok(tx.forget_tokens(ended)?)).await
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
