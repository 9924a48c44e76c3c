//! What the ID token proves, and which of the three ways it came.

use jiff::Timestamp;
use sallyport_entra::{Expect, TokenError, Verified, VerifyError};
use sallyport_protocol::{IssueUserRequest, LoginRandom, ProblemCode, login_nonce};

use super::renewal::Renewal;
use super::{Asked, How, Proven};
use crate::app::{App, AppError, Refusal};

impl App {
    pub(super) async fn verify_token(&self, token: &str, now: Timestamp) -> Result<Verified, AppError> {
        let config = self.config();
        let expect = Expect {
            issuer: config.ca.issuer.clone(),
            audience: config.ca.client_id.clone(),
            tenants: vec![config.ca.tenant],
            token_max_age: config.login.token_max_age,
            // Policy refuses them, where the refusal becomes an event.
            guests: true,
        };
        self.issuer().verify(token, &expect, now).await.map_err(|error| refusal(&error).into())
    }

    /// Which way the token came: with a nonce from a browser, without one from a device code; with an earlier
    /// certificate it is a renewal.
    pub(super) fn establish(
        &self,
        ask: IssueUserRequest,
        proven: Proven,
        token: Verified,
    ) -> Result<Asked, Refusal> {
        let how = match ask.previous {
            Some(previous) => {
                How::Renewal(Renewal::check(self.keys(), &previous, token.nonce.clone(), &proven.message)?)
            }
            None => direct(&proven, &token, ask.nonce_random.as_deref())?,
        };
        let Proven { key, purpose, .. } = proven;
        Ok(Asked { key, token, how, ttl_seconds: ask.ttl_seconds, address: ask.asked_as, purpose })
    }
}

/// A token with a nonce is a browser login and nothing else; one without cannot be made one by sending a random part.
fn direct(proven: &Proven, token: &Verified, nonce_random: Option<&str>) -> Result<How, Refusal> {
    let wrong = |detail| Err(Refusal::new(ProblemCode::WrongNonce, detail));
    match (&token.nonce, nonce_random) {
        (None, None) => Ok(How::Device),
        (None, Some(_)) => wrong("the token has no nonce, so nonce_random proves nothing; sign in again"),
        (Some(_), None) => {
            wrong("the token is of a browser login and came without its nonce_random; sign in again")
        }
        (Some(nonce), Some(random)) => {
            let random: LoginRandom =
                random.parse().map_err(|error| Refusal::new(ProblemCode::Malformed, format!("{error}")))?;
            if *nonce == login_nonce(proven.key.blob(), &random) {
                return Ok(How::Browser);
            }
            wrong("the token was made for another key; sign in again")
        }
    }
}

fn refusal(error: &VerifyError) -> Refusal {
    let code = match error {
        VerifyError::Unreachable => ProblemCode::IssuerUnreachable,
        VerifyError::Token(token) => match token {
            TokenError::Expired => ProblemCode::TokenExpired,
            TokenError::GuestRefused => ProblemCode::GuestRefused,
            TokenError::Invalid(_) | TokenError::UnknownKey { .. } => ProblemCode::TokenInvalid,
            TokenError::TooOld => ProblemCode::TokenTooOld,
            TokenError::WrongAudience => ProblemCode::WrongAudience,
            TokenError::WrongIssuer => ProblemCode::WrongIssuer,
            TokenError::WrongTenant => ProblemCode::WrongTenant,
        },
    };
    Refusal::new(code, error.to_string())
}
