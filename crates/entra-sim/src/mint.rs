//! Tokens made to order: what a test needs to try a verifier with the wrong tenant, the wrong key, no key.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::claims::{self, SignIn, Stamp, saturating_sub};
use crate::core::Core;
use crate::errors::random_uuid;
use crate::jwt;
use crate::keys::{KeyError, SigningKey};
use crate::scope::Scopes;
use crate::tenant::TenantError;

/// An ID token to forge. The default is an empty set of claims, properly signed.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct MintRequest {
    /// Start from the ID token that this person (object id or UPN) would get, disabled or not.
    pub user: Option<String>,
    /// The `nonce` claim of that token.
    pub nonce: Option<String>,
    /// Shift the token's issue time this many seconds into the past (negative: into the future).
    pub age: i64,
    /// Replace or add claims; `null` takes a claim away.
    pub claims: Map<String, Value>,
    /// Replace or add header members; `null` takes one away. `alg` decides the signature:
    /// `none` leaves it empty, `HS256` keys it with the public key's PEM text.
    pub header: Map<String, Value>,
    pub key: MintKey,
}

/// Which key signs a forged token.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum MintKey {
    /// The key that signs everything else.
    #[default]
    Current,
    /// The newest retired key; the current one where there is none.
    Retired,
    /// A key that was never published, under the current key's `kid`.
    Foreign,
}

/// A token could not be made.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    #[error(transparent)]
    Tenant(#[from] TenantError),
    #[error(transparent)]
    Key(#[from] KeyError),
}

pub(crate) fn mint(core: &Core, request: &MintRequest) -> Result<String, MintError> {
    let now = saturating_sub(core.now(), SignedDuration::from_secs(request.age));
    let mut claims = match &request.user {
        Some(who) => person(core, who, request.nonce.as_deref(), &Stamp::new(now))?,
        None => Map::new(),
    };
    overlay(&mut claims, &request.claims);
    let current = core.state().keys.current();
    let mut header = jwt::header(&current);
    let key = match request.key {
        MintKey::Current => current,
        MintKey::Retired => {
            let key = core.state().keys.retired().unwrap_or(current);
            header.insert("kid".to_owned(), json!(key.kid()));
            key
        }
        MintKey::Foreign => std::sync::Arc::new(SigningKey::generate()?),
    };
    overlay(&mut header, &request.header);
    Ok(jwt::encode(&header, &claims, &key))
}

fn person(
    core: &Core,
    who: &str,
    nonce: Option<&str>,
    stamp: &Stamp,
) -> Result<Map<String, Value>, TenantError> {
    let state = core.state();
    let user = state.tenant.user(who).ok_or_else(|| TenantError::NoSuchUser(who.to_owned()))?;
    let sign_in = SignIn { oid: user.oid, session: random_uuid(), at: stamp.now };
    let scopes = Scopes::parse("openid profile offline_access");
    let issuer = core.issuer(state.tenant.tenant);
    Ok(claims::id_token(&state.tenant, &issuer, user, &sign_in, &scopes, nonce, stamp))
}

fn overlay(onto: &mut Map<String, Value>, changes: &Map<String, Value>) {
    for (name, value) in changes {
        if value.is_null() {
            onto.remove(name);
        } else {
            onto.insert(name.clone(), value.clone());
        }
    }
}
