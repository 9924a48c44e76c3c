//! What the CA says: judged, kept, and found again.

use std::sync::{MutexGuard, PoisonError};

use jiff::Timestamp;
use sallyport_domain::Generation;
use sallyport_protocol::{Content, SnapshotReply};

use super::{Agent, AgentError, Position};
use crate::disk::{self, Access};
use crate::lease;
use crate::lock::AgentLock;
use crate::problem::{Code, Problem, chain};
use crate::receive::{Expected, Word, judge_reply};
use crate::state::{Accepted, Enrolment, StateError, Words};

impl Agent {
    pub(crate) fn position(&self, enrolment: &Enrolment) -> Position {
        match self.accepted(enrolment) {
            Ok(Some(accepted)) => {
                Position { accepted: accepted.generation, lease_until: Some(accepted.lease_until) }
            }
            Ok(None) | Err(_) => Position { accepted: Generation::ZERO, lease_until: None },
        }
    }

    /// Judges an answer of the CA and keeps it when it holds: written down before anything else, since others on this
    /// host go by what is written (`lapse`, and whoever runs after us).
    pub(crate) fn receive(
        &self,
        enrolment: &Enrolment,
        reply: SnapshotReply,
        asked: Generation,
        nonce: String,
        now: Timestamp,
    ) -> Result<(), AgentError> {
        let _lock = AgentLock::take(&self.paths.lock())?;
        if self.still_enrolled(enrolment)?.host != enrolment.host {
            return Ok(());
        }
        let word = self.judge(enrolment, reply, asked, nonce, now)?;
        match word {
            Word::Lease(lease) => self.unsaved().lease = Some(lease),
            Word::Snapshot(snapshot) => *self.unsaved() = Words { lease: None, snapshot: Some(snapshot) },
        }
        // What is in the way is told by the step that follows.
        if self.save_words().is_some()
            && let Some(until) = self.position(enrolment).lease_until
        {
            self.note_lease(until);
        }
        Ok(())
    }

    /// For others on this host while the state directory takes nothing: /run lives in memory, as we do.
    fn note_lease(&self, until: Timestamp) {
        let note = lease::header(until);
        if let Err(error) = self.disk.replace(&self.paths.lease_note(), note.as_bytes(), Access::Mode(0o600))
        {
            tracing::warn!("cannot note the lease: {}", chain(&error));
        }
    }

    pub(super) fn unsaved(&self) -> MutexGuard<'_, Words> {
        self.unsaved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn accepted(&self, enrolment: &Enrolment) -> Result<Option<Accepted>, StateError> {
        self.state.accepted(enrolment, &self.unsaved())
    }

    /// Writes down what the CA said. A disk that does not take it holds nothing else back.
    pub(super) fn save_words(&self) -> Option<Problem> {
        let mut unsaved = self.unsaved();
        if unsaved.is_empty() {
            return None;
        }
        match self.state.save_words(&self.disk, &unsaved) {
            Ok(()) => {
                *unsaved = Words::default();
                if let Err(error) = disk::remove(&self.paths.lease_note()) {
                    tracing::warn!("{}", chain(&error));
                }
                None
            }
            Err(error) => Some(Problem::caused(Code::StepFailed, &error)),
        }
    }

    fn judge(
        &self,
        enrolment: &Enrolment,
        reply: SnapshotReply,
        asked: Generation,
        nonce: String,
        now: Timestamp,
    ) -> Result<Word, AgentError> {
        let applied = self.state.applied().unwrap_or_default().generation;
        let floor = applied.max(self.position(enrolment).accepted);
        let trusted = enrolment.ca.fingerprint();
        let expected = Expected { trusted, host: enrolment.host, floor, asked, nonce };
        Ok(judge_reply(reply, &expected, now)?)
    }

    /// What the CA said last, whenever that was.
    pub(crate) fn last_word(&self) -> Option<Content> {
        self.accepted(&self.enrolment().ok()?).ok()?.map(|accepted| accepted.content)
    }

    /// The content of an answer, judged and not kept; `None` for a lease.
    pub(crate) fn peek(
        &self,
        enrolment: &Enrolment,
        reply: SnapshotReply,
        asked: Generation,
        nonce: String,
        now: Timestamp,
    ) -> Result<Option<Accepted>, AgentError> {
        match self.judge(enrolment, reply, asked, nonce, now)? {
            Word::Lease(_) => Ok(None),
            Word::Snapshot(stored) => Ok(Some(stored.open(enrolment)?)),
        }
    }
}
