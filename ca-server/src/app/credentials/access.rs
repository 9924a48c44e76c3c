//! OAuth 2 client credentials (RFC 6749 section 4.4): a client shows its secret and gets a token for an hour.

use std::fmt;
use std::net::IpAddr;

use jiff::SignedDuration;
use sallyport_store::{AccessTokenRow, CredentialKind};

use super::admit::{Known, Turned};
use super::{generate, hash};
use crate::app::{App, AppError};

/// What access tokens begin with, so that they are looked for in their own table.
pub(super) const ACCESS_PREFIX: &str = "spa_";
/// Entra asks again when it ends.
const LIFETIME: SignedDuration = SignedDuration::from_hours(1);

/// What a client gets. Does not print its token.
pub struct AccessGrant {
    pub token: String,
    pub seconds: i64,
}

impl fmt::Debug for AccessGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessGrant").field("seconds", &self.seconds).finish_non_exhaustive()
    }
}

impl App {
    /// A token for a client's id and secret, from where the connection's networks allow.
    pub async fn grant_access(
        &self,
        shown: Option<(&str, &str)>,
        from: Option<IpAddr>,
    ) -> Result<Result<AccessGrant, Turned>, AppError> {
        let Some((client, secret)) = shown else {
            return Ok(Err(self.turn_away(None, Turned::Nothing, from)));
        };
        let known = match self.admit_as(CredentialKind::OAuth, Some(client), secret, from).await? {
            Ok(known) => known,
            Err(turned) => return Ok(Err(turned)),
        };
        let now = self.now();
        let Known { credential, .. } = known;
        if let Err(seconds) = self.scim_door().grant(credential.id, now) {
            return Ok(Err(Turned::TooMany { seconds }));
        }
        let token = generate(ACCESS_PREFIX.trim_end_matches('_'));
        let end = now.checked_add(LIFETIME).map_err(|error| AppError::internal("the clock", error))?;
        let row = AccessTokenRow {
            hash: hash(&token),
            credential: credential.id,
            expires_at: end.min(credential.expires_at),
        };
        self.scim_door().passed(row.hash);
        let seconds = row.expires_at.duration_since(now).as_secs();
        self.store().write(move |tx| Ok::<_, AppError>(tx.put_access_token(&row)?)).await?;
        Ok(Ok(AccessGrant { token, seconds }))
    }

    /// Forgets access tokens that have ended.
    pub async fn forget_access_tokens(&self) -> Result<(), AppError> {
        let now = self.now();
        self.store().write(move |tx| Ok::<_, AppError>(tx.forget_access_tokens(now).map(drop)?)).await
    }
}
