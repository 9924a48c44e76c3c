//! A renewal: a refreshed token, and the key of an earlier certificate of the same login session.

use jiff::{SignedDuration, Timestamp};
use sallyport_domain::{Serial, SessionId};
use sallyport_policy::Login;
use sallyport_protocol::{Namespace, Previous, ProblemCode, verify_armored};
use sallyport_store::{
    CertificateKind, CertificateRow, LoginKind, PersonRow, SessionRow, StoreError, WriteTx,
};
use ssh_key::{Certificate, PublicKey};

use crate::app::{AppError, Refusal};
use crate::signer::Keys;

/// How long after its end a certificate still vouches for its session; well below a day, after which the store ends
/// no session any more.
const AFTERWARDS: SignedDuration = SignedDuration::from_hours(1);

/// An earlier certificate that is ours, and whose key signed this renewal. Whether its session goes on is the store's
/// to say.
#[derive(Debug)]
pub(super) struct Renewal {
    serial: Serial,
    /// The token's, if it repeats one.
    nonce: Option<String>,
}

fn ended(detail: &str) -> AppError {
    AppError::refused(ProblemCode::SessionEnded, format!("{detail}; sign in again: sallyport login"))
}

impl Renewal {
    pub(super) fn check(
        keys: &Keys,
        previous: &Previous,
        nonce: Option<String>,
        message: &[u8],
    ) -> Result<Self, Refusal> {
        let malformed = |detail| Refusal::new(ProblemCode::Malformed, detail);
        let certificate = Certificate::from_openssh(&previous.certificate)
            .map_err(|_| malformed("previous.certificate is not an OpenSSH certificate line"))?;
        let serial = Serial::new(certificate.serial())
            .ok_or_else(|| malformed("previous.certificate has no serial"))?;
        let ours = certificate.signature_key() == keys.user_ca.public().public_key().key_data();
        if !ours || certificate.verify_signature().is_err() {
            return Err(Refusal::new(ProblemCode::WrongSignature, "previous.certificate is not by this CA"));
        }
        let key = PublicKey::from(certificate.public_key().clone());
        verify_armored(&key, Namespace::Renewal, message, &previous.signature).map_err(|_| {
            Refusal::new(
                ProblemCode::WrongSignature,
                "previous.signature is not by the key of previous.certificate",
            )
        })?;
        Ok(Self { serial, nonce })
    }

    /// That the session goes on, for this person.
    pub(super) fn login(
        &self,
        tx: &dyn WriteTx,
        person: &PersonRow,
        now: Timestamp,
    ) -> Result<Login, AppError> {
        let (row, session) =
            self.found(tx)?.ok_or_else(|| ended("the earlier certificate is not on record"))?;
        if session.user != person.id {
            return Err(AppError::refused(
                ProblemCode::WrongPerson,
                "the earlier certificate is another person's",
            ));
        }
        let late = now.duration_since(row.valid_before) > AFTERWARDS;
        if late || row.revoked_at.is_some() || session.ended_at.is_some() {
            return Err(ended("the earlier certificate has ended or was revoked"));
        }
        // Some providers repeat the nonce when they refresh: then it is the session's own, or it is no refresh.
        if self.nonce.is_some() && self.nonce != session.nonce {
            return Err(AppError::refused(
                ProblemCode::WrongNonce,
                "the token is of another sign-in; sign in again",
            ));
        }
        let by_device = session.kind == LoginKind::Device;
        Ok(Login::Renewal { signed_in_at: session.began_at, by_device })
    }

    pub(super) fn session(&self, tx: &dyn WriteTx) -> Result<SessionId, StoreError> {
        let found = self.found(tx)?;
        found.map(|(_, session)| session.id).ok_or(StoreError::Inconsistent {
            table: "session",
            column: "id",
            row: self.serial.to_string(),
        })
    }

    fn found(&self, tx: &dyn WriteTx) -> Result<Option<(CertificateRow, SessionRow)>, StoreError> {
        let Some(row) = tx.certificate(self.serial)? else { return Ok(None) };
        let CertificateKind::User { session, .. } = row.kind else { return Ok(None) };
        Ok(tx.session(session)?.map(|session| (row, session)))
    }
}
