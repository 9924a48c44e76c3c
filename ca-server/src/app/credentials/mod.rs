//! What lets a directory write: bearer tokens, users with passwords, OAuth clients. Of every secret only the hash is
//! kept.

mod access;
mod admit;
mod door;
pub(in crate::app) mod expiry;
mod heard;
mod refused;

use std::collections::HashMap;

use jiff::SignedDuration;
use rand::rngs::OsRng;
use sallyport_audit::EventName;
use sallyport_domain::{ConnectionName, RequestId, ScimTokenId, TenantId};
use sallyport_protocol::ProblemCode;
use sallyport_protocol::admin::{
    self as protocol, CreateScimToken, CreatedToken, ExtendScimToken, TokenView,
};
use sallyport_store::{CredentialKind, ReadTx, ScimTokenRow, StoreError};

pub use self::access::AccessGrant;
pub use self::admit::{Presented, ScimConnection, Turned};
pub use self::door::ScimDoor;
pub use self::heard::Heard;
pub use self::refused::{Count, KEPT, Reason, TurnedAway};
use super::tokens::{expiry, generate, hash};
use super::{App, AppError, connections};

/// Two years: longer is forgotten, not meant.
const LONGEST_TTL: SignedDuration = SignedDuration::from_hours(2 * 365 * 24);
/// It stands in lists, log lines and metric labels.
const LONGEST_NAME: usize = 64;

impl App {
    pub async fn create_scim_token(
        &self,
        request: RequestId,
        ask: CreateScimToken,
    ) -> Result<CreatedToken, AppError> {
        check_name(&ask.name)?;
        let (now, own) = (self.now(), self.config().ca.tenant);
        let kind = stored_kind(ask.kind);
        let secret = generate(prefix(kind));
        let mut row = ScimTokenRow {
            id: ScimTokenId::generate(now, &mut OsRng),
            kind,
            tenant: own,
            name: ask.name,
            hash: hash(&secret),
            created_at: now,
            expires_at: expiry(now, ask.ttl_seconds, LONGEST_TTL)?,
            last_used_at: None,
            revoked_at: None,
        };
        let created = CreatedToken {
            id: row.id.to_string(),
            token: secret,
            expires_at: row.expires_at,
            kind: Some(ask.kind),
        };
        self.scim_door().passed(row.hash);
        self.change(request, now, move |tx, change| {
            if let Some(name) = &ask.connection {
                row.tenant = connections::named(tx, name)?.tenant;
            }
            tx.put_scim_token(&row)?;
            let event = change.event(EventName::ScimTokenCreated).with("token", row.id.to_string());
            let event = event.with("tenant", row.tenant.to_string()).with("kind", row.kind.as_str());
            tx.append(&event.with("name", row.name.as_str()).with("expires_at", row.expires_at.to_string()))?;
            Ok(created)
        })
        .await
    }

    pub async fn list_scim_tokens(&self) -> Result<Vec<TokenView>, AppError> {
        self.store()
            .read(|tx| {
                let names = names(tx)?;
                let view = |row: ScimTokenRow| {
                    let connection = names.get(&row.tenant).cloned();
                    view(row, connection)
                };
                Ok(tx.scim_tokens()?.into_iter().map(view).collect())
            })
            .await
    }

    /// A new end, counted from now. One that has expired works again: nothing has to change in Entra.
    pub async fn extend_scim_token(
        &self,
        request: RequestId,
        id: ScimTokenId,
        ask: ExtendScimToken,
    ) -> Result<TokenView, AppError> {
        let now = self.now();
        let expires_at = expiry(now, ask.ttl_seconds, LONGEST_TTL)?;
        self.change(request, now, move |tx, change| {
            let before = tx.scim_token_by_id(id)?.ok_or_else(no_token)?;
            if before.revoked_at.is_some() {
                let detail = "it was revoked, for good; run: sallyport-ca scim-token create";
                return Err(AppError::refused(ProblemCode::Conflict, detail));
            }
            let was = before.expires_at;
            let row = ScimTokenRow { expires_at, ..before };
            tx.put_scim_token(&row)?;
            let event = change.event(EventName::ScimTokenExtended).with("token", id.to_string());
            tx.append(&event.with("from", was.to_string()).with("expires_at", expires_at.to_string()))?;
            let connection = tx.connection_of(row.tenant)?.map(|connection| connection.name);
            Ok(view(row, connection))
        })
        .await
    }

    pub async fn revoke_scim_token(&self, request: RequestId, id: ScimTokenId) -> Result<(), AppError> {
        self.change(request, self.now(), move |tx, change| {
            let mut row = tx.scim_token_by_id(id)?.ok_or_else(no_token)?;
            row.revoked_at.get_or_insert(change.now);
            tx.put_scim_token(&row)?;
            tx.append(&change.event(EventName::ScimTokenRevoked).with("token", id.to_string()))?;
            Ok(())
        })
        .await
    }
}

fn check_name(name: &str) -> Result<(), AppError> {
    let shown = |letter: char| !letter.is_control();
    if (1..=LONGEST_NAME).contains(&name.len()) && name.chars().all(shown) {
        return Ok(());
    }
    let detail = format!("a token's name has 1 to {LONGEST_NAME} bytes and no control characters");
    Err(AppError::refused(ProblemCode::Malformed, detail))
}

fn no_token() -> AppError {
    AppError::refused(ProblemCode::NotFound, "there is no such token; run: sallyport-ca scim-token list")
}

/// What administrators call the tenants.
fn names(tx: &dyn ReadTx) -> Result<HashMap<TenantId, ConnectionName>, StoreError> {
    Ok(tx.connections()?.into_iter().map(|row| (row.tenant, row.name)).collect())
}

const fn stored_kind(kind: protocol::CredentialKind) -> CredentialKind {
    match kind {
        protocol::CredentialKind::Basic => CredentialKind::Basic,
        protocol::CredentialKind::Bearer => CredentialKind::Bearer,
        protocol::CredentialKind::OAuth => CredentialKind::OAuth,
    }
}

const fn shown_kind(kind: CredentialKind) -> protocol::CredentialKind {
    match kind {
        CredentialKind::Basic => protocol::CredentialKind::Basic,
        CredentialKind::Bearer => protocol::CredentialKind::Bearer,
        CredentialKind::OAuth => protocol::CredentialKind::OAuth,
    }
}

/// For people and secret scanners.
const fn prefix(kind: CredentialKind) -> &'static str {
    match kind {
        CredentialKind::Basic => "spp",
        CredentialKind::Bearer => "sps",
        CredentialKind::OAuth => "spc",
    }
}

fn view(row: ScimTokenRow, connection: Option<ConnectionName>) -> TokenView {
    TokenView {
        id: row.id.to_string(),
        name: row.name,
        kind: Some(shown_kind(row.kind)),
        connection,
        created_at: row.created_at,
        expires_at: row.expires_at,
        last_used_at: row.last_used_at,
        uses_left: None,
        revoked: row.revoked_at.is_some(),
    }
}
