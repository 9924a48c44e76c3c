//! Tokens for machines that enrol, and what they have in common with the directory's credentials: only hashes are kept.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use rand::RngCore;
use rand::rngs::OsRng;
use sallyport_audit::EventName;
use sallyport_domain::{EnrollTokenId, RequestId};
use sallyport_protocol::ProblemCode;
use sallyport_protocol::admin::{CreateEnrollToken, CreatedToken, TokenView};
use sallyport_store::{EnrollTokenRow, SecretHash};
use sha2::{Digest, Sha256};

use super::{App, AppError};

/// 256 bits: nothing to guess, so a plain hash is enough at rest.
const SECRET_LENGTH: usize = 32;
/// An enrolment token lies in a provisioning script: a month is long.
const LONGEST_ENROLL_TTL: SignedDuration = SignedDuration::from_hours(31 * 24);
const MOST_USES: u32 = 10_000;

/// The hash under which a secret is kept.
pub(super) fn hash(secret: &str) -> SecretHash {
    SecretHash(Sha256::digest(secret.as_bytes()).into())
}

/// A new secret; the prefix tells people and secret scanners what it is.
pub(super) fn generate(prefix: &str) -> String {
    let mut bytes = [0u8; SECRET_LENGTH];
    OsRng.fill_bytes(&mut bytes);
    format!("{prefix}_{}", URL_SAFE_NO_PAD.encode(bytes))
}

pub(super) fn expiry(now: Timestamp, seconds: u64, longest: SignedDuration) -> Result<Timestamp, AppError> {
    let ttl = i64::try_from(seconds).ok().map(SignedDuration::from_secs);
    let Some(ttl) = ttl.filter(|ttl| ttl.is_positive() && *ttl <= longest) else {
        let days = longest.as_hours() / 24;
        return Err(AppError::refused(
            ProblemCode::Malformed,
            format!("a token lives at most {days} days; lower --ttl"),
        ));
    };
    now.checked_add(ttl).map_err(|error| AppError::internal("the clock", error))
}

impl App {
    pub async fn create_enroll_token(
        &self,
        request: RequestId,
        ask: CreateEnrollToken,
    ) -> Result<CreatedToken, AppError> {
        self.check_enroll_token(&ask)?;
        let now = self.now();
        let secret = generate("spe");
        let row = EnrollTokenRow {
            id: EnrollTokenId::generate(now, &mut OsRng),
            hash: hash(&secret),
            names: ask.names,
            tags: ask.tags,
            uses_left: ask.uses,
            created_at: now,
            expires_at: expiry(now, ask.ttl_seconds, LONGEST_ENROLL_TTL)?,
            revoked_at: None,
        };
        let created =
            CreatedToken { id: row.id.to_string(), token: secret, expires_at: row.expires_at, kind: None };
        self.change(request, now, move |tx, change| {
            tx.put_enroll_token(&row)?;
            let event = change.event(EventName::EnrollTokenCreated).with("token", row.id.to_string());
            let event = event.with("names", row.names.to_string()).with("tags", row.tags.to_string());
            tx.append(&event.with("uses", row.uses_left))?;
            Ok(created)
        })
        .await
    }

    fn check_enroll_token(&self, ask: &CreateEnrollToken) -> Result<(), AppError> {
        let malformed = |detail: &str| Err(AppError::refused(ProblemCode::Malformed, detail));
        if self.config().ca.host_domains.is_empty() {
            return malformed(
                "no host can be enrolled: this CA has no host domains. Set host_domains in [ca] of sallyport.toml \
                 (say [\"*.corp.example\"]) and start the server again",
            );
        }
        if ask.names.is_empty() {
            return malformed(
                "a host never chooses its own name: add --name PATTERN for the names that it may have",
            );
        }
        if !(1..=MOST_USES).contains(&ask.uses) {
            return malformed("an enrolment token has 1 to 10000 uses");
        }
        let domains = &self.config().ca.host_domains;
        if let Some(outside) = ask.names.iter().find(|name| !name.is_negated() && !domains.meet(name)) {
            return malformed(&format!(
                "no host can be called {outside}: this CA's host domains are {domains}. Correct --name, or add a pattern \
                 to host_domains in [ca] of sallyport.toml and start the server again"
            ));
        }
        Ok(())
    }

    pub async fn list_enroll_tokens(&self) -> Result<Vec<TokenView>, AppError> {
        self.store().read(|tx| Ok(tx.enroll_tokens()?.iter().map(enroll_view).collect())).await
    }

    pub async fn revoke_enroll_token(&self, request: RequestId, id: EnrollTokenId) -> Result<(), AppError> {
        self.change(request, self.now(), move |tx, change| {
            let Some(mut row) = tx.enroll_tokens()?.into_iter().find(|row| row.id == id) else {
                let detail = "there is no such token; run: sallyport-ca enroll-token list";
                return Err(AppError::refused(ProblemCode::NotFound, detail));
            };
            row.revoked_at.get_or_insert(change.now);
            tx.put_enroll_token(&row)?;
            tx.append(&change.event(EventName::EnrollTokenRevoked).with("token", id.to_string()))?;
            Ok(())
        })
        .await
    }
}

fn enroll_view(row: &EnrollTokenRow) -> TokenView {
    TokenView {
        id: row.id.to_string(),
        name: row.names.to_string(),
        kind: None,
        connection: None,
        created_at: row.created_at,
        expires_at: row.expires_at,
        last_used_at: None,
        uses_left: Some(row.uses_left),
        revoked: row.revoked_at.is_some(),
    }
}
