//! Bearer tokens: for the directory's writer and for machines that enrol. Only their hashes are kept.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use rand::RngCore;
use rand::rngs::OsRng;
use sallyport_audit::EventName;
use sallyport_domain::{ConnectionName, EnrollTokenId, RequestId, ScimTokenId, TenantId};
use sallyport_protocol::ProblemCode;
use sallyport_protocol::admin::{CreateEnrollToken, CreateScimToken, CreatedToken, TokenView};
use sallyport_store::{ConnectionRow, EnrollTokenRow, ScimTokenRow, SecretHash};
use sha2::{Digest, Sha256};

use super::{App, AppError, connections};

/// 256 bits: nothing to guess, so a plain hash is enough at rest.
const SECRET_LENGTH: usize = 32;
/// Two years: longer is forgotten, not meant.
const LONGEST_SCIM_TTL: SignedDuration = SignedDuration::from_hours(2 * 365 * 24);
/// An enrolment token lies in a provisioning script: a month is long.
const LONGEST_ENROLL_TTL: SignedDuration = SignedDuration::from_hours(31 * 24);
const MOST_USES: u32 = 10_000;
/// How coarsely the last use of a SCIM token is kept: a write a request would be a waste.
const LAST_USED_STEP: SignedDuration = SignedDuration::from_mins(5);

/// Whose directory a SCIM request writes.
#[derive(Clone, Copy, Debug)]
pub struct ScimConnection {
    pub tenant: TenantId,
}

/// The hash under which a secret is kept.
pub(super) fn hash(secret: &str) -> SecretHash {
    SecretHash(Sha256::digest(secret.as_bytes()).into())
}

/// A new secret; the prefix tells people and secret scanners what it is.
fn generate(prefix: &str) -> String {
    let mut bytes = [0u8; SECRET_LENGTH];
    OsRng.fill_bytes(&mut bytes);
    format!("{prefix}_{}", URL_SAFE_NO_PAD.encode(bytes))
}

fn expiry(now: Timestamp, seconds: u64, longest: SignedDuration) -> Result<Timestamp, AppError> {
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
    pub async fn create_scim_token(
        &self,
        request: RequestId,
        ask: CreateScimToken,
    ) -> Result<CreatedToken, AppError> {
        let now = self.now();
        let own = self.config().ca.tenant;
        let secret = generate("sps");
        let connection = ask.connection;
        let mut row = ScimTokenRow {
            id: ScimTokenId::generate(now, &mut OsRng),
            tenant: own,
            name: ask.name,
            hash: hash(&secret),
            created_at: now,
            expires_at: expiry(now, ask.ttl_seconds, LONGEST_SCIM_TTL)?,
            last_used_at: None,
            revoked_at: None,
        };
        let created = CreatedToken { id: row.id.to_string(), token: secret, expires_at: row.expires_at };
        self.change(request, now, move |tx, change| {
            if let Some(name) = &connection {
                row.tenant = connections::named(tx, name)?.tenant;
            }
            tx.put_scim_token(&row)?;
            let event = change.event(EventName::ScimTokenCreated).with("token", row.id.to_string());
            let event = event.with("tenant", row.tenant.to_string());
            tx.append(&event.with("name", row.name.as_str()).with("expires_at", row.expires_at.to_string()))?;
            Ok(created)
        })
        .await
    }

    pub async fn list_scim_tokens(&self) -> Result<Vec<TokenView>, AppError> {
        self.store()
            .read(|tx| {
                let names: HashMap<TenantId, ConnectionName> =
                    tx.connections()?.into_iter().map(|row| (row.tenant, row.name)).collect();
                let view = |row: ScimTokenRow| {
                    let connection = names.get(&row.tenant).cloned();
                    scim_view(row, connection)
                };
                Ok(tx.scim_tokens()?.into_iter().map(view).collect())
            })
            .await
    }

    pub async fn revoke_scim_token(&self, request: RequestId, id: ScimTokenId) -> Result<(), AppError> {
        self.change(request, self.now(), move |tx, change| {
            let Some(mut row) = tx.scim_tokens()?.into_iter().find(|row| row.id == id) else {
                return Err(no_token("scim-token"));
            };
            row.revoked_at.get_or_insert(change.now);
            tx.put_scim_token(&row)?;
            tx.append(&change.event(EventName::ScimTokenRevoked).with("token", id.to_string()))?;
            Ok(())
        })
        .await
    }

    /// Who writes with this secret; `None` for anything that is not a live token.
    pub async fn scim_connection(&self, secret: &str) -> Result<Option<ScimConnection>, AppError> {
        let now = self.now();
        let hash = hash(secret);
        let found = self
            .store()
            .read(move |tx| {
                let Some(row) = tx.scim_token(&hash)? else { return Ok::<_, AppError>(None) };
                let connection = tx.connection_of(row.tenant)?;
                Ok(connection.map(|connection| (row, connection)))
            })
            .await?;
        let Some((row, connection)) =
            found.filter(|(row, _)| row.revoked_at.is_none() && row.expires_at > now)
        else {
            return Ok(None);
        };
        if is_due(row.last_used_at, now) || is_due(connection.last_request_at, now) {
            self.note_use(hash, now).await?;
        }
        Ok(Some(ScimConnection { tenant: row.tenant }))
    }

    /// What the rows say then, not what was read: they may have been changed meanwhile, and a use undoes nothing.
    async fn note_use(&self, hash: SecretHash, now: Timestamp) -> Result<(), AppError> {
        self.store()
            .write(move |tx| {
                let Some(row) = tx.scim_token(&hash)? else { return Ok(()) };
                if let Some(connection) = tx.connection_of(row.tenant)? {
                    tx.put_connection(&ConnectionRow { last_request_at: Some(now), ..connection })?;
                }
                Ok(tx.put_scim_token(&ScimTokenRow { last_used_at: Some(now), ..row })?)
            })
            .await
    }

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
        let created = CreatedToken { id: row.id.to_string(), token: secret, expires_at: row.expires_at };
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
        Ok(())
    }

    pub async fn list_enroll_tokens(&self) -> Result<Vec<TokenView>, AppError> {
        self.store().read(|tx| Ok(tx.enroll_tokens()?.iter().map(enroll_view).collect())).await
    }

    pub async fn revoke_enroll_token(&self, request: RequestId, id: EnrollTokenId) -> Result<(), AppError> {
        self.change(request, self.now(), move |tx, change| {
            let Some(mut row) = tx.enroll_tokens()?.into_iter().find(|row| row.id == id) else {
                return Err(no_token("enroll-token"));
            };
            row.revoked_at.get_or_insert(change.now);
            tx.put_enroll_token(&row)?;
            tx.append(&change.event(EventName::EnrollTokenRevoked).with("token", id.to_string()))?;
            Ok(())
        })
        .await
    }
}

fn is_due(last: Option<Timestamp>, now: Timestamp) -> bool {
    last.is_none_or(|last| now.duration_since(last) >= LAST_USED_STEP)
}

fn no_token(command: &str) -> AppError {
    let detail = format!("there is no such token; run: sallyport-ca {command} list");
    AppError::refused(ProblemCode::NotFound, detail)
}

fn scim_view(row: ScimTokenRow, connection: Option<ConnectionName>) -> TokenView {
    TokenView {
        id: row.id.to_string(),
        name: row.name,
        connection,
        created_at: row.created_at,
        expires_at: row.expires_at,
        last_used_at: row.last_used_at,
        uses_left: None,
        revoked: row.revoked_at.is_some(),
    }
}

fn enroll_view(row: &EnrollTokenRow) -> TokenView {
    TokenView {
        id: row.id.to_string(),
        name: row.names.to_string(),
        connection: None,
        created_at: row.created_at,
        expires_at: row.expires_at,
        last_used_at: None,
        uses_left: Some(row.uses_left),
        revoked: row.revoked_at.is_some(),
    }
}
