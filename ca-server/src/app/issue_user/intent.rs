//! What a certificate shall be, written down before it is signed; or what was written for the same request before.

use jiff::{SignedDuration, Timestamp};
use sallyport_audit::{Event, EventName};
use sallyport_domain::{Serial, SessionId};
use sallyport_issuance::{CriticalOptions, KeyId, Recorded, UserCertificate, UserProfile};
use sallyport_policy::Entitlement;
use sallyport_protocol::ProblemCode;
use sallyport_store::{CertificateKind, CertificateRow, PersonRow, TokenUse, WriteTx};

use super::session::Session;
use super::{Asked, Due, Intent};
use crate::app::change::Change;
use crate::app::revocation::{base64, next_serial, take_serial};
use crate::app::{App, AppError, Refusal};

/// Clocks differ.
const BACKDATE: SignedDuration = SignedDuration::from_mins(5);
/// How long the same request gets the very same certificate: a client whose answer was lost asks again.
const RETRY: SignedDuration = SignedDuration::from_mins(2);

/// The same request within two minutes gets the very same certificate; anything else is a replay.
pub(super) fn again(
    tx: &dyn WriteTx,
    asked: &Asked,
    used: &TokenUse,
    entitlement: &Entitlement,
    now: Timestamp,
) -> Result<Intent, AppError> {
    let replayed = || Refusal::new(ProblemCode::TokenReplayed, "this sign-in was used before; sign in again");
    if !is_retry(used, &asked.purpose, now) {
        return Err(replayed().into());
    }
    let row = tx.certificate(used.serial)?.filter(|row| row.revoked_at.is_none()).ok_or_else(replayed)?;
    let CertificateKind::User { session, .. } = row.kind else { return Err(replayed().into()) };
    let recorded =
        Recorded::from_store(row.tbs).map_err(|error| AppError::internal("a recorded certificate", error))?;
    let principals = entitlement.principals.to_strings();
    let due = Due { key: asked.key.clone(), principals, until: entitlement.valid_before };
    Ok(Intent::Again { recorded, session, due })
}

/// Whether a token that was used comes again for the same purpose, soon enough for an answer that was lost.
fn is_retry(used: &TokenUse, purpose: &[u8; 32], now: Timestamp) -> bool {
    used.purpose == *purpose && now.duration_since(used.used_at) <= RETRY
}

/// Everything that can still fail comes first, and then what is written.
pub(super) fn intend(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    app: &App,
    asked: &Asked,
    person: &PersonRow,
    entitlement: &Entitlement,
    session: &Session,
) -> Result<Intent, AppError> {
    let certificate = certificate(next_serial(tx)?, change, person, entitlement)?;
    let profile =
        UserProfile::new(entitlement.lifetime).map_err(|error| AppError::internal("a profile", error))?;
    let approved = profile
        .approve(&asked.key, &certificate, app.keys().user_ca.public(), &mut rand::rngs::OsRng)
        .map_err(|error| AppError::internal("a certificate's content", error))?;
    let id = session.id();
    let row = CertificateRow {
        serial: certificate.serial,
        kind: CertificateKind::User { user: person.id, session: id },
        request: change.request,
        tbs: approved.tbs().to_vec(),
        valid_after: certificate.valid_after,
        valid_before: certificate.valid_before,
        intended_at: change.now,
        issued_at: None,
        revoked_at: None,
    };
    take_serial(tx, row.serial)?;
    session.begin(tx, change, &asked.how)?;
    tx.intend(&row)?;
    tx.use_token(&token_use(asked, &row))?;
    tx.append(&intended(change, asked, &row, id).of_user(person.id))?;
    Ok(Intent::New { approved, stored: row.tbs, session: id })
}

fn certificate(
    serial: Serial,
    change: &Change,
    person: &PersonRow,
    entitlement: &Entitlement,
) -> Result<UserCertificate, AppError> {
    let after = change.now.checked_sub(BACKDATE).map_err(|error| AppError::internal("the clock", error))?;
    Ok(UserCertificate {
        serial,
        key_id: KeyId::of_user(person.id, &person.user_name, change.request),
        principals: entitlement.principals.clone(),
        valid_after: after,
        valid_before: entitlement.valid_before,
        extensions: entitlement.extensions.clone(),
        critical_options: CriticalOptions::default(),
    })
}

fn token_use(asked: &Asked, row: &CertificateRow) -> TokenUse {
    TokenUse {
        token: asked.token.token_id.as_str().to_owned(),
        purpose: asked.purpose,
        serial: row.serial,
        used_at: row.intended_at,
        ends_at: asked.token.expires_at,
    }
}

fn intended(change: &Change, asked: &Asked, row: &CertificateRow, session: SessionId) -> Event {
    let event = change.event(EventName::CertificateIntended).of_serial(row.serial);
    event
        .with("tbs", base64(&row.tbs))
        .with("session", session.to_string())
        .with("login", asked.how.as_str())
        .with("valid_until", row.valid_before.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_request_counts_as_lost_for_two_minutes_and_another_never() {
        let at = |second: i64| Timestamp::from_second(1_800_000_000 + second).unwrap();
        let used = TokenUse {
            token: "uti:a".to_owned(),
            purpose: [1; 32],
            serial: Serial::new(7).unwrap(),
            used_at: at(0),
            ends_at: at(3780),
        };
        assert!(is_retry(&used, &[1; 32], at(0)));
        assert!(is_retry(&used, &[1; 32], at(120)));
        assert!(!is_retry(&used, &[1; 32], at(121)));
        assert!(!is_retry(&used, &[2; 32], at(0)), "another key, lifetime or address is a replay");
    }
}
