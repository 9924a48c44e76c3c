//! Certificate out: who asks, with which key, and whether they may; intended and durable, then signed.

pub(super) mod person;
mod proof;
mod renewal;
mod token;

use jiff::{SignedDuration, Timestamp};
use sallyport_audit::{Event, EventName};
use sallyport_domain::{RequestId, Serial, SessionId, Subject};
use sallyport_entra::Verified;
use sallyport_issuance::{
    Approved, CriticalOptions, IssuedCertificate, KeyId, PlainKey, Receipt, Recorded, UserCertificate,
    UserProfile,
};
use sallyport_policy::{Entitlement, Login};
use sallyport_protocol::{IssueUserReply, IssueUserRequest, ProblemCode};
use sallyport_store::{
    CertificateKind, CertificateRow, LoginKind, PersonRow, SessionRow, StoreError, TokenUse, WriteTx,
};

use super::change::Change;
use super::revocation::{base64, next_serial, take_serial};
use super::{App, AppError, Refusal, upn_link};
use proof::Proven;
use renewal::Renewal;

/// Clocks differ.
const BACKDATE: SignedDuration = SignedDuration::from_mins(5);
/// How long the same request gets the very same certificate: a client whose answer was lost asks again.
const RETRY: SignedDuration = SignedDuration::from_mins(2);

/// Everything about one request that was verified before the store is asked.
#[derive(Debug)]
struct Asked {
    key: PlainKey,
    token: Verified,
    how: How,
    ttl_seconds: Option<u64>,
    address: Option<String>,
    /// What the token is used for: a retry has the same.
    purpose: [u8; 32],
}

/// How the person came by the token.
#[derive(Debug)]
enum How {
    Browser,
    Device,
    Renewal(Renewal),
}

/// What the transaction leaves to be signed.
#[derive(Debug)]
enum Intent {
    /// Just written.
    New { approved: Approved, stored: Vec<u8>, session: SessionId },
    /// Written by an earlier try of the same request.
    Again { recorded: Recorded, session: SessionId, due: Due },
}

impl App {
    pub async fn issue_user(
        &self,
        request: RequestId,
        ask: IssueUserRequest,
    ) -> Result<IssueUserReply, AppError> {
        let now = self.now();
        let proven = proof::check(&ask, self.keys().fingerprint())?;
        let token = self.verify_token(&ask.id_token, now).await?;
        let subject = token.subject;
        // Before the store is asked: who was refused often costs no write any more.
        self.throttles().refusals.look(&subject, now)?;
        let asked = match self.establish(ask, proven, token) {
            Ok(asked) => asked,
            Err(refusal) => return self.refuse_at_once(request, now, subject, refusal).await,
        };
        let app = self.clone();
        let outcome = self
            .change_firm(request, now, move |tx, change| {
                let Some(person) = person::find(tx, change, &asked.token)? else {
                    let refusal = upn_link::refusal(tx, &asked.token)?;
                    let refusal = refusal.unwrap_or_else(|| person::not_provisioned(&asked.token));
                    return refuse(tx, change, &app, subject, None, refusal);
                };
                match grant(tx, change, &app, &asked, &person) {
                    Ok(intent) => Ok(Ok((intent, person.id))),
                    Err(AppError::Refused(refusal)) => {
                        refuse(tx, change, &app, subject, Some(&person), refusal)
                    }
                    Err(error) => Err(error),
                }
            })
            .await?;
        let (intent, user) = outcome?;
        let (issued, session) = self.seal(intent)?;
        self.note_issued(request, issued.serial, Some(user));
        Ok(reply(issued, session))
    }

    /// The token is good and the rest of the request is not: perhaps a stolen token, so it is an event.
    async fn refuse_at_once<T>(
        &self,
        request: RequestId,
        now: Timestamp,
        subject: Subject,
        refusal: Refusal,
    ) -> Result<T, AppError>
    where
        T: Send + 'static,
    {
        let app = self.clone();
        let refused = self
            .change(request, now, move |tx, change| {
                let person = tx.person_by_subject(subject)?;
                refuse(tx, change, &app, subject, person.as_ref(), refusal)
            })
            .await?;
        refused.map_or_else(
            |refusal| Err(refusal.into()),
            |_| Err(AppError::internal("a refusal", "it was none")),
        )
    }

    /// Called after the commit: only now is there something to have a receipt for.
    fn seal(&self, intent: Intent) -> Result<(IssuedCertificate, SessionId), AppError> {
        let sign = |recorded: Recorded| {
            recorded.sign(&self.keys().user_ca).map_err(|error| AppError::internal("signing", error))
        };
        match intent {
            Intent::New { approved, stored, session } => {
                let recorded = approved.recorded(&Receipt::for_tbs(&stored));
                Ok((sign(recorded.map_err(|error| AppError::internal("a record", error))?)?, session))
            }
            Intent::Again { recorded, session, due } => {
                let issued = sign(recorded)?;
                if due.covers(&issued) {
                    return Ok((issued, session));
                }
                Err(AppError::internal("a stored certificate", "it is not what this request may have"))
            }
        }
    }
}

/// What a request may have now. A stored certificate is handed out again only inside of it: the row may have been
/// written by somebody else.
#[derive(Debug)]
struct Due {
    key: PlainKey,
    principals: Vec<String>,
    until: Timestamp,
}

impl Due {
    fn covers(&self, issued: &IssuedCertificate) -> bool {
        let same_key = ssh_key::Certificate::from_openssh(&issued.line)
            .is_ok_and(|certificate| certificate.public_key() == self.key.public_key().key_data());
        same_key && issued.principals == self.principals && issued.valid_before <= self.until
    }
}

fn reply(issued: IssuedCertificate, session: SessionId) -> IssueUserReply {
    IssueUserReply {
        certificate: issued.line,
        serial: issued.serial.value(),
        valid_until: issued.valid_before,
        principals: issued.principals,
        session: session.to_string(),
    }
}

type Outcome = Result<(Intent, sallyport_domain::UserId), Refusal>;

/// A refusal of a verified person is an event; it is written, so the transaction stands. It uses no token up, and so
/// could be had again and again: whoever was refused too often is told that instead, and no event is written. What was
/// written before, when the person was found, stands either way: to fail now would take everybody's commit along.
fn refuse(
    tx: &mut dyn WriteTx,
    change: &Change,
    app: &App,
    subject: Subject,
    person: Option<&PersonRow>,
    refusal: Refusal,
) -> Result<Outcome, AppError> {
    if let Err(too_often) = app.throttles().refusals.take(subject, change.now) {
        return Ok(Err(too_often));
    }
    let mut event = change.event(EventName::CertificateRefused).with("code", refusal.code.as_str());
    event = event.with("tenant", subject.tenant.to_string()).with("object_id", subject.object.to_string());
    if let Some(person) = person {
        event = event.of_user(person.id).with("user_name", person.user_name.as_str());
    }
    tx.append(&event)?;
    Ok(Err(refusal))
}

/// The order of questions: may this person, is this token new, what exactly; then it is written.
fn grant(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    app: &App,
    asked: &Asked,
    person: &PersonRow,
) -> Result<Intent, AppError> {
    person::check_address(asked, person)?;
    let login = asked.how.login(tx, person, change.now);
    if login.is_err() {
        // Why a session ended is said where it is known: suspended, or no grant left.
        person::entitle(tx, app, asked, person, Login::Browser, change.now)?;
    }
    let login = login?;
    let entitlement = person::entitle(tx, app, asked, person, login, change.now)?;
    if let Some(used) = tx.token_use(asked.token.token_id.as_str(), asked.token.expires_at)? {
        return again(tx, asked, &used, &entitlement, change.now);
    }
    let session = asked.how.session(tx, change.now, asked, person)?;
    intend(tx, change, app, asked, person, &entitlement, &session)
}

/// The session that a certificate belongs to.
#[derive(Debug)]
enum Session {
    /// Still to be written.
    New(SessionRow),
    Known(SessionId),
}

/// The same request within two minutes gets the very same certificate; anything else is a replay.
fn again(
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
fn intend(
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

impl How {
    /// For the audit.
    const fn as_str(&self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::Device => "device",
            Self::Renewal(_) => "renewal",
        }
    }

    /// What policy is asked about; a renewal's session is looked up and judged on the way.
    fn login(&self, tx: &dyn WriteTx, person: &PersonRow, now: Timestamp) -> Result<Login, AppError> {
        match self {
            Self::Browser => Ok(Login::Browser),
            Self::Device => Ok(Login::Device),
            Self::Renewal(renewal) => renewal.login(tx, person, now),
        }
    }

    /// The session that the certificate belongs to: a new one for each sign-in.
    fn session(
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
    const fn id(&self) -> SessionId {
        match self {
            Self::New(session) => session.id,
            Self::Known(id) => *id,
        }
    }

    /// Writes a new one down.
    fn begin(&self, tx: &mut dyn WriteTx, change: &Change, how: &How) -> Result<(), StoreError> {
        let Self::New(session) = self else { return Ok(()) };
        tx.begin_session(session)?;
        let event = change.event(EventName::LoginSucceeded).of_user(session.user);
        tx.append(&event.with("session", session.id.to_string()).with("login", how.as_str()))?;
        Ok(())
    }
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
