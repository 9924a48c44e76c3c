//! The word that a certificate was issued: written soon after the answer, many at a time.
//!
//! Nobody waits for it: an intent without this event counts as a certificate that may exist.

use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use sallyport_audit::{Event, EventName};
use sallyport_domain::{RequestId, Serial, UserId};
use sallyport_store::{StoreError, WriteTx};

use super::{App, AppError};
use crate::log::Chain;

/// What is still to be written, and whether somebody is at it.
#[derive(Debug, Default)]
pub struct Issued(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    notes: Vec<Note>,
    writing: bool,
}

#[derive(Clone, Copy, Debug)]
struct Note {
    at: Timestamp,
    request: RequestId,
    serial: Serial,
    user: Option<UserId>,
}

impl Issued {
    /// Whether the caller is to write, since nobody does.
    fn add(&self, note: Note) -> bool {
        let mut waiting = self.lock();
        waiting.notes.push(note);
        !mem::replace(&mut waiting.writing, true)
    }

    /// All that waits; `None` ends the writing.
    fn take(&self) -> Option<Vec<Note>> {
        let mut waiting = self.lock();
        waiting.writing = !waiting.notes.is_empty();
        waiting.writing.then(|| mem::take(&mut waiting.notes))
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl App {
    /// Says that a certificate was signed. Written while later ones are made: under load, hundreds share one closure.
    pub(super) fn note_issued(&self, request: RequestId, serial: Serial, user: Option<UserId>) {
        let note = Note { at: self.now(), request, serial, user };
        if self.issued().add(note) {
            let app = self.clone();
            tokio::spawn(async move { app.write_issued().await });
        }
    }

    async fn write_issued(&self) {
        while let Some(notes) = self.issued().take() {
            let count = notes.len();
            let written = self.store().write_firm(move |tx| Ok::<_, AppError>(write(tx, &notes)?)).await;
            if let Err(error) = written {
                tracing::warn!(count, error = %Chain(&error), "issued certificates stay noted as intended");
            }
        }
    }
}

fn write(tx: &mut dyn WriteTx, notes: &[Note]) -> Result<(), StoreError> {
    for note in notes {
        // A retry gets the same certificate, which was issued before.
        if !tx.mark_issued(note.serial, note.at)? {
            continue;
        }
        let event = Event::new(EventName::CertificateIssued, note.at).of_request(note.request);
        let event = Event { user: note.user, ..event.of_serial(note.serial) };
        tx.append(&event)?;
    }
    Ok(())
}
