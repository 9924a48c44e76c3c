//! Certificate out: who asks, with which key, and whether they may; intended and durable, then signed.

mod intent;
pub(super) mod person;
mod proof;
mod renewal;
mod session;
mod token;

use jiff::Timestamp;
use sallyport_audit::EventName;
use sallyport_domain::{RequestId, SessionId, Subject};
use sallyport_entra::Verified;
use sallyport_issuance::{Approved, IssuedCertificate, PlainKey, Receipt, Recorded};
use sallyport_policy::Login;
use sallyport_protocol::{IssueUserReply, IssueUserRequest};
use sallyport_store::{PersonRow, WriteTx};

use super::change::Change;
use super::{App, AppError, Refusal, upn_link};
use proof::Proven;
use renewal::Renewal;

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

impl How {
    /// For the audit.
    const fn as_str(&self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::Device => "device",
            Self::Renewal(_) => "renewal",
        }
    }
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
        return intent::again(tx, asked, &used, &entitlement, change.now);
    }
    let session = asked.how.session(tx, change.now, asked, person)?;
    intent::intend(tx, change, app, asked, person, &entitlement, &session)
}
