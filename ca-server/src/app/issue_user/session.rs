//! The session that a certificate comes out of, and what policy hears of it.

use jiff::Timestamp;
use sallyport_audit::EventName;
use sallyport_domain::SessionId;
use sallyport_policy::Login;
use sallyport_store::{LoginKind, PersonRow, SessionRow, StoreError, WriteTx};

use super::{Asked, How};
use crate::app::AppError;
use crate::app::change::Change;

/// The session that a certificate belongs to.
#[derive(Debug)]
pub(super) enum Session {
    /// Still to be written.
    New(SessionRow),
    Known(SessionId),
}

impl How {
    /// What policy is asked about; a renewal's session is looked up and judged on the way.
    pub(super) fn login(
        &self,
        tx: &dyn WriteTx,
        person: &PersonRow,
        now: Timestamp,
    ) -> Result<Login, AppError> {
        match self {
            Self::Browser => Ok(Login::Browser),
            Self::Device => Ok(Login::Device),
            Self::Renewal(renewal) => renewal.login(tx, person, now),
        }
    }

    /// The session that the certificate belongs to: a new one for each sign-in.
    pub(super) fn session(
        &self,
        tx: &dyn WriteTx,
        now: Timestamp,
        asked: &Asked,
        person: &PersonRow,
    ) -> Result<Session, StoreError> {
        let kind = match self {
            Self::Renewal(renewal) => return renewal.session(tx).map(Session::Known),
            Self::Browser => LoginKind::Browser,
            Self::Device => LoginKind::Device,
        };
        Ok(Session::New(SessionRow {
            id: SessionId::generate(now, &mut rand::rngs::OsRng),
            user: person.id,
            kind,
            began_at: now,
            nonce: asked.token.nonce.clone(),
            ended_at: None,
        }))
    }
}

impl Session {
    pub(super) const fn id(&self) -> SessionId {
        match self {
            Self::New(session) => session.id,
            Self::Known(id) => *id,
        }
    }

    /// Writes a new one down.
    pub(super) fn begin(&self, tx: &mut dyn WriteTx, change: &Change, how: &How) -> Result<(), StoreError> {
        let Self::New(session) = self else { return Ok(()) };
        tx.begin_session(session)?;
        let event = change.event(EventName::LoginSucceeded).of_user(session.user);
        tx.append(&event.with("session", session.id.to_string()).with("login", how.as_str()))?;
        Ok(())
    }
}
