use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use crate::provider::{DiscoveryError, discover};
use crate::verify::{Expect, Verified, verify};
use crate::{HttpClient, KeySet, TokenError};

/// Keys change without notice, so a fresh set is fetched this often even when nobody asks.
const REFRESH_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// After any attempt, good or bad, the issuer is left alone for this long.
const COOL_DOWN: SignedDuration = SignedDuration::from_secs(60);

/// The same while there are no keys at all: nobody can sign in, and the issuer may be back any second.
const COOL_DOWN_WITHOUT_KEYS: SignedDuration = SignedDuration::from_secs(5);

/// An issuer and the last good set of its keys. Cheap to clone; the clones share the keys.
///
/// A token under a known key never waits for the network. One fetch runs at a time, for all that wait, and it goes
/// on when the one who asked goes away: a caller that hangs up cannot use up the attempt.
#[derive(Clone)]
pub struct Issuer(Arc<Shared>);

struct Shared {
    url: String,
    http: HttpClient,
    keys: RwLock<KeySet>,
    attempts: Mutex<Attempts>,
}

#[derive(Default)]
struct Attempts {
    tried: Option<Timestamp>,
    fetched: Option<Timestamp>,
    /// Whether the last attempt failed.
    failing: bool,
}

/// Why a token was not accepted.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum VerifyError {
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The keys to judge the token are missing: nothing is said about the token itself.
    #[error("the issuer cannot be reached, so the sign-in cannot be checked; try again in a minute")]
    Unreachable,
}

impl Issuer {
    /// Touches no network: the server starts while the issuer is away.
    #[must_use]
    pub fn new(url: impl Into<String>, http: HttpClient) -> Self {
        Self(Arc::new(Shared { url: url.into(), http, keys: RwLock::default(), attempts: Mutex::default() }))
    }

    #[must_use]
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// Whether tokens can be judged without the network.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        !self.0.keys().is_empty()
    }

    /// [`verify`] with the keys at hand; fetches them again when the token's key is not among them.
    ///
    /// # Errors
    /// The token's own fault, or [`VerifyError::Unreachable`] when fresh keys were needed and did not come.
    pub async fn verify(
        &self,
        token: &str,
        expect: &Expect,
        now: Timestamp,
    ) -> Result<Verified, VerifyError> {
        let keys = self.0.keys();
        match verify(token, &keys, expect, now) {
            Err(TokenError::UnknownKey { .. }) => {}
            outcome => return Ok(outcome?),
        }
        let shared = Arc::clone(&self.0);
        let fetched = tokio::spawn(async move { shared.renew(&keys, now).await }).await;
        match fetched {
            Ok(Ok(fresh)) => Ok(verify(token, &fresh, expect, now)?),
            Ok(Err(Stale)) | Err(_) => Err(VerifyError::Unreachable),
        }
    }

    /// For a job that runs every minute or so: fetches the keys when the last set is an hour old, or there is none.
    ///
    /// # Errors
    /// When a fetch was due and failed. The last good keys stay in use.
    pub async fn refresh_if_due(&self, now: Timestamp) -> Result<(), DiscoveryError> {
        let mut attempts = self.0.attempts.lock().await;
        let due = attempts.fetched.is_none_or(|at| !within(REFRESH_EVERY, at, now));
        if due && !attempts.cooling(now, self.has_keys()) {
            self.0.fetch(&mut attempts, now).await?;
        }
        Ok(())
    }
}

/// There was nothing newer to be had, and the last attempt failed.
struct Stale;

impl Shared {
    fn keys(&self) -> KeySet {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keys newer than `known`, if they can be had: those that somebody else fetched meanwhile, or fetched now.
    async fn renew(&self, known: &KeySet, now: Timestamp) -> Result<KeySet, Stale> {
        let mut attempts = self.attempts.lock().await;
        let current = self.keys();
        if !current.is_same_as(known) {
            return Ok(current);
        }
        if attempts.cooling(now, !current.is_empty()) {
            return if attempts.failing { Err(Stale) } else { Ok(current) };
        }
        match self.fetch(&mut attempts, now).await {
            Ok(()) => Ok(self.keys()),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "the issuer's keys cannot be fetched");
                Err(Stale)
            }
        }
    }

    async fn fetch(&self, attempts: &mut Attempts, now: Timestamp) -> Result<(), DiscoveryError> {
        // Both before the await: whatever happens to this future, the issuer is not hammered.
        attempts.tried = Some(now);
        attempts.failing = true;
        let provider = discover(&self.url, &self.http).await?;
        let keys = KeySet::new(provider.jwks().keys().iter().cloned());
        if keys.is_empty() {
            return Err(DiscoveryError::NoUsableKey { issuer: self.url.clone() });
        }
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        attempts.fetched = Some(now);
        attempts.failing = false;
        Ok(())
    }
}

impl Attempts {
    fn cooling(&self, now: Timestamp, have_keys: bool) -> bool {
        let pause = if have_keys { COOL_DOWN } else { COOL_DOWN_WITHOUT_KEYS };
        self.tried.is_some_and(|tried| within(pause, tried, now))
    }
}

/// Whether `now` is less than `span` after `past`. A clock that was set back counts as a long time.
fn within(span: SignedDuration, past: Timestamp, now: Timestamp) -> bool {
    let age = now.duration_since(past);
    !age.is_negative() && age < span
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer")
            .field("url", &self.0.url)
            .field("keys", &self.0.keys())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
