use jiff::Timestamp;
use rusqlite::params;
use sallyport_domain::{Serial, SessionId, UserId};
use sallyport_store::{
    CertificateKind, CertificateRow, Certificates, CertificatesMut, SessionRow, StoreError, TokenUse,
    UnsettledGroups,
};

use crate::cells::{Cells, FromRow};
use crate::tx::Tx;
use crate::values::{count, login_kind, micros, text, whole};

/// In microseconds.
const A_DAY: i64 = 24 * 60 * 60 * 1_000_000;

macro_rules! certificates {
    ($which:literal) => {
        concat!(
            "SELECT serial, host, person, session, request, tbs, valid_after, valid_before, intended_at, issued_at, ",
            "revoked_at FROM certificates ",
            $which
        )
    };
}

impl FromRow for CertificateRow {
    const TABLE: &'static str = "certificates";
    fn from_row(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            serial: cells.take("serial")?,
            kind: match (cells.take("host")?, cells.take("person")?, cells.take("session")?) {
                (Some(host), None, None) => CertificateKind::Host(host),
                (None, Some(user), Some(session)) => CertificateKind::User { user, session },
                _ => return Err(cells.unreadable("session")),
            },
            request: cells.take("request")?,
            tbs: cells.take("tbs")?,
            valid_after: cells.take("valid_after")?,
            valid_before: cells.take("valid_before")?,
            intended_at: cells.take("intended_at")?,
            issued_at: cells.take("issued_at")?,
            revoked_at: cells.take("revoked_at")?,
        })
    }
}

impl FromRow for TokenUse {
    const TABLE: &'static str = "token_uses";
    fn from_row(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            token: cells.take("token")?,
            purpose: cells.take("purpose")?,
            serial: cells.take("serial")?,
            used_at: cells.take("used_at")?,
            ends_at: cells.take("ends_at")?,
        })
    }
}

impl Certificates for Tx<'_> {
    fn certificate(&self, serial: Serial) -> Result<Option<CertificateRow>, StoreError> {
        let Ok(serial) = whole(serial.value()) else { return Ok(None) };
        self.one(certificates!("WHERE serial = ?1"), [serial])
    }

    fn certificates_after(
        &self,
        serial: Option<Serial>,
        limit: usize,
    ) -> Result<Vec<CertificateRow>, StoreError> {
        let Ok(after) = whole(serial.map_or(0, Serial::value)) else { return Ok(Vec::new()) };
        self.all(certificates!("WHERE serial > ?1 ORDER BY serial LIMIT ?2"), params![after, count(limit)])
    }

    fn revoked_serials(&self, now: Timestamp) -> Result<Vec<Serial>, StoreError> {
        // Not sorted by SQLite, which would read the whole table in that order to save itself the sorting.
        let mut serials = self.all_of(
            CertificateRow::TABLE,
            "SELECT serial FROM certificates WHERE revoked_at IS NOT NULL AND valid_before > ?1",
            [micros(now)],
            |cells| cells.take("serial"),
        )?;
        serials.extend(self.withdrawn_serials(now)?);
        serials.sort_unstable();
        Ok(serials)
    }

    fn certified_until(
        &self,
        user: UserId,
        by: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let ends = self.all_of(
            CertificateRow::TABLE,
            "SELECT valid_before FROM certificates WHERE person = ?1 AND valid_before > ?2 AND intended_at <= ?3 \
             ORDER BY valid_before DESC LIMIT 1",
            params![user.to_string(), micros(now), micros(by)],
            |cells| cells.take("valid_before"),
        )?;
        Ok(ends.into_iter().next())
    }

    fn session(&self, id: SessionId) -> Result<Option<SessionRow>, StoreError> {
        self.session_row(id)
    }

    fn token_use(&self, token: &str, ends_at: Timestamp) -> Result<Option<TokenUse>, StoreError> {
        self.one(
            "SELECT token, purpose, serial, used_at, ends_at FROM token_uses WHERE ends_at = ?1 AND token = ?2",
            params![micros(ends_at), token],
        )
    }
}

impl CertificatesMut for Tx<'_> {
    fn intend(&mut self, certificate: &CertificateRow) -> Result<(), StoreError> {
        let (host, user, session, parent) = match certificate.kind {
            CertificateKind::Host(host) => (Some(host), None, None, "host"),
            CertificateKind::User { user, session } => (None, Some(user), Some(session), "user or session"),
        };
        self.change(
            "INSERT INTO certificates (serial, host, person, session, request, tbs, valid_after, valid_before, \
             intended_at, issued_at, revoked_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            params![
                whole(certificate.serial.value())?,
                text(host),
                text(user),
                text(session),
                certificate.request.to_string(),
                certificate.tbs,
                micros(certificate.valid_after),
                micros(certificate.valid_before),
                micros(certificate.intended_at),
                certificate.issued_at.map(micros),
                certificate.revoked_at.map(micros),
            ],
            parent,
        )?;
        Ok(())
    }

    fn mark_issued(&mut self, serial: Serial, at: Timestamp) -> Result<bool, StoreError> {
        let marked = self.change(
            "UPDATE certificates SET issued_at = ?2 WHERE serial = ?1 AND issued_at IS NULL",
            params![whole(serial.value())?, micros(at)],
            "",
        )?;
        Ok(marked == 1)
    }

    fn begin_session(&mut self, session: &SessionRow) -> Result<(), StoreError> {
        self.change(
            "INSERT INTO sessions (id, person, kind, began_at, nonce, ended_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                session.id.to_string(),
                session.user.to_string(),
                login_kind(session.kind),
                micros(session.began_at),
                session.nonce,
                session.ended_at.map(micros),
            ],
            "user",
        )?;
        Ok(())
    }

    fn end_sessions(&mut self, user: UserId, at: Timestamp) -> Result<usize, StoreError> {
        self.together(|| {
            self.change(
                "UPDATE sessions SET ended_at = ?2 WHERE ended_at IS NULL \
                 AND id IN (SELECT session FROM certificates WHERE person = ?1 AND valid_before > ?3)",
                params![user.to_string(), micros(at), micros(at) - A_DAY],
                "",
            )?;
            self.change(
                "UPDATE certificates SET revoked_at = ?2 \
                 WHERE person = ?1 AND revoked_at IS NULL AND valid_before > ?2",
                params![user.to_string(), micros(at)],
                "",
            )
        })
    }

    fn use_token(&mut self, token: &TokenUse) -> Result<(), StoreError> {
        self.change(
            "INSERT INTO token_uses (token, purpose, serial, used_at, ends_at) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                token.token,
                token.purpose,
                whole(token.serial.value())?,
                micros(token.used_at),
                micros(token.ends_at),
            ],
            "",
        )?;
        Ok(())
    }

    fn forget_tokens(&mut self, before: Timestamp) -> Result<usize, StoreError> {
        self.change("DELETE FROM token_uses WHERE ends_at < ?1", [micros(before)], "")
    }
}
