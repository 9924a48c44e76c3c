//! Refusals as Entra words them: an OAuth error word, an `AADSTS` number, and a body that is always whole.

use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

/// Why a request is refused. `Display` is the text after `AADSTSnnn: `.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("Invalid username or password.")]
    BadPassword,
    #[error("The request is not properly formatted: {0}.")]
    BadRequest(&'static str),
    #[error(
        "The size or the characters of the code challenge parameter are not valid, or its method is unknown."
    )]
    BadChallenge,
    #[error("The provided value for the input parameter 'scope' is not valid. It names no usable scope.")]
    BadScope,
    #[error("The provided value for the '{0}' parameter is not valid.")]
    BadToken(&'static str),
    #[error("User declined to consent to access the app.")]
    ConsentDeclined,
    #[error("The provided authorization code has expired. Send a new interactive authorization request.")]
    CodeExpired,
    #[error("OAuth2 Authorization code was already redeemed, please retry with a new valid code.")]
    CodeRedeemed,
    #[error("OAuth 2.0 device flow error. The user declined the sign-in.")]
    DeviceDeclined,
    #[error("OAuth 2.0 device flow error. The device code has expired. Restart the sign-in.")]
    DeviceExpired,
    #[error("OAuth 2.0 device flow error. Authorization is pending. Continue polling.")]
    DevicePending,
    #[error("OAuth 2.0 device flow error. The verification code is not valid.")]
    DeviceUnknown,
    #[error("The request is not properly formatted. The parameter '{0}' is duplicated.")]
    Duplicated(String),
    #[error("Session information is not sufficient for single-sign-on: an interactive sign-in is needed.")]
    LoginRequired,
    #[error("The size of the code challenge parameter is not valid: a public client must send one.")]
    MissingChallenge,
    #[error("The request body must contain the following parameter: '{0}'.")]
    MissingParameter(&'static str),
    #[error(
        "Application '{0}' is not configured as a multi-tenant application: name its tenant in the address."
    )]
    NotMultiTenant(Uuid),
    #[error("The request body must contain the following parameter: 'client_assertion' or 'client_secret'.")]
    PublicFlowsOff,
    #[error("The redirect URI '{0}' specified in the request does not match those of the application.")]
    RedirectUnknown(String),
    #[error("The reply address does not match the reply address provided when requesting the code.")]
    RedirectDiffers,
    #[error("The refresh token has expired due to inactivity.")]
    RefreshExpired,
    #[error("The provided grant has expired due to it being revoked. A fresh sign-in is needed.")]
    RefreshRevoked,
    #[error("Client is public so neither 'client_assertion' nor 'client_secret' should be presented.")]
    SecretFromPublicClient,
    #[error("Application with identifier '{0}' was not found in the directory.")]
    UnknownClient(String),
    #[error("Tenant '{0}' not found. Check to make sure you have the correct tenant ID.")]
    UnknownTenant(String),
    #[error("The app requested an unsupported grant type '{0}'.")]
    UnsupportedGrant(String),
    #[error("The response_type '{0}' is not enabled for the application.")]
    UnsupportedResponseType(String),
    #[error("The user account has been deleted from the directory.")]
    UserDeleted,
    #[error("The user account is disabled.")]
    UserDisabled,
    #[error("The user account does not exist in the directory. Check the name that was typed.")]
    UserUnknown,
    #[error("The Code_Verifier does not match the code_challenge supplied in the authorization request.")]
    VerifierMismatch,
}

impl Refusal {
    /// The number after `AADSTS`, and the OAuth error word.
    pub(crate) fn codes(&self) -> (u32, &'static str) {
        match self {
            Self::BadPassword => (50_126, "invalid_grant"),
            Self::BadRequest(_) => (90_023, "invalid_request"),
            Self::BadChallenge => (501_491, "invalid_request"),
            Self::BadScope => (70_011, "invalid_scope"),
            Self::BadToken(_) => (70_000, "invalid_grant"),
            Self::ConsentDeclined => (65_004, "access_denied"),
            Self::CodeExpired => (70_008, "invalid_grant"),
            Self::CodeRedeemed => (54_005, "invalid_grant"),
            // Entra's number for a declined device sign-in is not published: that of declined consent stands in.
            Self::DeviceDeclined => (65_004, "authorization_declined"),
            Self::DeviceExpired => (70_019, "expired_token"),
            Self::DevicePending => (70_016, "authorization_pending"),
            Self::DeviceUnknown => (70_018, "bad_verification_code"),
            Self::Duplicated(_) => (9_000_411, "invalid_request"),
            Self::LoginRequired => (50_058, "login_required"),
            Self::MissingChallenge => (50_147, "invalid_request"),
            Self::MissingParameter(_) => (900_144, "invalid_request"),
            Self::NotMultiTenant(_) => (50_194, "invalid_request"),
            Self::PublicFlowsOff => (7_000_218, "invalid_client"),
            Self::RedirectUnknown(_) => (50_011, "invalid_request"),
            Self::RedirectDiffers => (500_112, "invalid_grant"),
            Self::RefreshExpired => (700_082, "invalid_grant"),
            Self::RefreshRevoked => (50_173, "invalid_grant"),
            Self::SecretFromPublicClient => (700_025, "invalid_client"),
            Self::UnknownClient(_) => (700_016, "unauthorized_client"),
            Self::UnknownTenant(_) => (90_002, "invalid_request"),
            Self::UnsupportedGrant(_) => (70_003, "unsupported_grant_type"),
            Self::UnsupportedResponseType(_) => (70_005, "unsupported_response_type"),
            Self::UserDeleted => (500_341, "invalid_grant"),
            Self::UserDisabled => (50_057, "invalid_grant"),
            Self::UserUnknown => (50_034, "invalid_grant"),
            Self::VerifierMismatch => (501_481, "invalid_grant"),
        }
    }

    /// `AADSTSnnn: text`, as on a page.
    pub(crate) fn text(&self) -> String {
        format!("AADSTS{}: {self}", self.codes().0)
    }

    fn status(&self) -> StatusCode {
        if self.codes().1 == "invalid_client" { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST }
    }
}

/// What ties one answer to one line of a log: made once per request.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    pub(crate) base: String,
    pub(crate) id: Uuid,
    pub(crate) correlation_id: Uuid,
    pub(crate) now: Timestamp,
}

impl Trace {
    /// The correlation id is the client's `client-request-id` where it sent one.
    pub(crate) fn new(base: &str, now: Timestamp, headers: &HeaderMap) -> Self {
        let asked = headers.get("client-request-id").and_then(|value| value.to_str().ok());
        let correlation_id = asked.and_then(|text| text.parse().ok()).unwrap_or_else(random_uuid);
        Self { base: base.to_owned(), id: random_uuid(), correlation_id, now }
    }

    pub(crate) fn description(&self, refusal: &Refusal) -> String {
        format!(
            "{} Trace ID: {} Correlation ID: {} Timestamp: {}",
            refusal.text(),
            self.id,
            self.correlation_id,
            self.timestamp()
        )
    }

    pub(crate) fn error_uri(&self, refusal: &Refusal) -> String {
        format!("{}/error?code={}", self.base, refusal.codes().0)
    }

    /// The whole JSON error of the token and device endpoints.
    pub(crate) fn refuse(&self, refusal: &Refusal) -> Response {
        let (number, word) = refusal.codes();
        tracing::info!(error = word, aadsts = number, "refused");
        let body = json!({
            "error": word,
            "error_description": self.description(refusal),
            "error_codes": [number],
            "timestamp": self.timestamp(),
            "trace_id": self.id,
            "correlation_id": self.correlation_id,
            "error_uri": self.error_uri(refusal),
        });
        (
            refusal.status(),
            [(header::CACHE_CONTROL, "no-store, no-cache"), (header::PRAGMA, "no-cache")],
            Json(body),
        )
            .into_response()
    }

    fn timestamp(&self) -> String {
        self.now.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
    }
}

pub(crate) fn random_uuid() -> Uuid {
    let mut bytes = [0; 16];
    rand::RngCore::fill_bytes(&mut rand::rngs::OsRng, &mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_carries_number_trace_correlation_and_time() {
        let trace = Trace::new("http://sim.test", "2026-11-21T09:00:00Z".parse().unwrap(), &HeaderMap::new());
        let text = trace.description(&Refusal::DevicePending);
        let start = "AADSTS70016: OAuth 2.0 device flow error. Authorization is pending. Continue polling. Trace ID: ";
        assert!(text.starts_with(start), "{text}");
        assert!(text.ends_with("Timestamp: 2026-11-21 09:00:00Z"), "{text}");
        assert_eq!(trace.error_uri(&Refusal::DevicePending), "http://sim.test/error?code=70016");
    }

    #[test]
    fn only_client_authentication_is_a_401() {
        assert_eq!(Refusal::SecretFromPublicClient.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(Refusal::DevicePending.status(), StatusCode::BAD_REQUEST);
    }
}
