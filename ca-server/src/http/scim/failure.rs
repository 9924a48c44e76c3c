use std::error::Error;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sallyport_protocol::ProblemCode;
use sallyport_scim::{ScimError, error_body};
use sallyport_store::StoreError;

use super::reply::Reply;
use super::watch::{Refused, Untold};
use crate::app::{AppError, DirectoryError, ScimConnection, Turned};
use crate::http::Failure;
use crate::log::Chain;
use crate::serve::Unreadable;

/// What a client waits when the store has no room in its queue, and when it cannot write or read at all: a full disk is
/// not empty in seconds.
const BUSY_SECONDS: u64 = 5;
const UNAVAILABLE_SECONDS: u64 = 30;

/// A SCIM refusal (RFC 7644, section 3.12).
#[derive(Debug)]
pub enum ScimFailure {
    Busy,
    FilteredDiscovery,
    Internal,
    MethodNotAllowed,
    NotImplemented,
    /// As [`ScimFailure::Scim`], and in the provisioning log already.
    Noted(ScimError),
    /// A refusal from outside of SCIM.
    Other(Failure),
    Scim(ScimError),
    TooLarge,
    Turned(Turned),
    /// The database fails, which says nothing about the request.
    Unavailable,
    Unreadable(Unreadable),
}

impl From<ScimError> for ScimFailure {
    fn from(error: ScimError) -> Self {
        Self::Scim(error)
    }
}

impl From<DirectoryError> for ScimFailure {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::Noted(error) => Self::Noted(error),
            DirectoryError::Scim(error) => Self::Scim(error),
            DirectoryError::Store(StoreError::Busy) => Self::Busy,
            DirectoryError::Store(source @ (StoreError::Closed | StoreError::Database(_))) => {
                tracing::error!(error = %Chain(&source), "a SCIM request found the database failing");
                Self::Unavailable
            }
            DirectoryError::Store(source) => Self::internal(&source),
        }
    }
}

impl From<AppError> for ScimFailure {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Refused(refusal) if refusal.code == ProblemCode::TooMany => Self::Busy,
            error => Self::internal(&error),
        }
    }
}

impl IntoResponse for ScimFailure {
    fn into_response(self) -> Response {
        let (status, scim_type, detail) = self.parts();
        let refused = Refused { why: self.why(), untold: self.untold(scim_type, &detail) };
        let body = error_body(status, scim_type, &detail);
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = Reply { status, body, location: None }.into_response();
        response.extensions_mut().insert(refused);
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after() {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            let basic = HeaderValue::from_static("Basic realm=\"Sallyport\"");
            headers.append(header::WWW_AUTHENTICATE, basic);
        }
        if matches!(self, Self::Unreadable(_)) {
            // What comes next from somebody who writes such lines need not be read.
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

impl ScimFailure {
    fn internal(error: &(dyn Error + 'static)) -> Self {
        tracing::error!(error = %Chain(error), "a SCIM request failed inside");
        Self::Internal
    }

    /// Status, `scimType` and sentence.
    fn parts(&self) -> (u16, Option<&'static str>, String) {
        let plain = |status, detail: &str| (status, None, detail.to_owned());
        match self {
            Self::Busy => plain(429, "the server is busy; try again"),
            Self::FilteredDiscovery => plain(403, "descriptions of the service cannot be filtered"),
            Self::Internal => plain(500, "something failed inside; try again"),
            Self::MethodNotAllowed => plain(405, "this address does not know that method"),
            Self::NotImplemented => plain(501, "this server has no bulk operations and no /Me"),
            Self::Noted(error) | Self::Scim(error) => (error.status(), error.scim_type(), error.detail()),
            Self::Other(failure) => plain(failure.code().status(), failure.detail()),
            Self::TooLarge => plain(413, "a body is 1 MiB at most"),
            Self::Turned(Turned::Network) => plain(
                403,
                "this credential may not be used from this address; see sallyport-ca connection list",
            ),
            Self::Turned(Turned::TooMany { .. }) => {
                plain(429, "too many wrong credentials came from this address; try again")
            }
            Self::Unavailable => plain(503, "the server's database fails; try again"),
            // One sentence for all: a stranger learns nothing about a credential.
            Self::Turned(_) => plain(
                401,
                "the credential is missing, unknown, expired or revoked; sallyport-ca scim-token create makes one",
            ),
            Self::Unreadable(Unreadable::Space) => {
                plain(400, "the address has a space in it; write it as %20 or as +")
            }
            Self::Unreadable(Unreadable::TooLong) => {
                plain(414, "the address is too long; send the filter to /.search with POST")
            }
        }
    }

    /// Seconds.
    const fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Busy => Some(BUSY_SECONDS),
            Self::Other(failure) => failure.retry_after(),
            Self::Turned(Turned::TooMany { seconds }) => Some(*seconds),
            Self::Unavailable => Some(UNAVAILABLE_SECONDS),
            _ => None,
        }
    }

    /// What the provisioning log has yet to hear of.
    fn untold(&self, scim_type: Option<&'static str>, detail: &str) -> Option<Untold> {
        let told = match self {
            Self::Busy
            | Self::Internal
            | Self::Other(_)
            | Self::Scim(_)
            | Self::TooLarge
            | Self::Unavailable => false,
            Self::FilteredDiscovery
            | Self::MethodNotAllowed
            | Self::NotImplemented
            | Self::Noted(_)
            | Self::Turned(_)
            | Self::Unreadable(_) => true,
        };
        (!told).then(|| Untold { scim_type, detail: detail.to_owned() })
    }

    /// For the log: nothing of what was sent.
    const fn why(&self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::FilteredDiscovery => "a filter on descriptions",
            Self::Internal => "internal",
            Self::MethodNotAllowed => "method not allowed",
            Self::NotImplemented => "not implemented",
            Self::Noted(error) | Self::Scim(error) => match (error.scim_type(), error) {
                (Some(kind), _) => kind,
                (None, ScimError::VersionMismatch) => "another version",
                (None, _) => "not found",
            },
            Self::Other(failure) => failure.code().as_str(),
            Self::TooLarge => "too large",
            Self::Turned(turned) => turned.as_str(),
            Self::Unavailable => "the database fails",
            Self::Unreadable(Unreadable::Space) => "a space in the address",
            Self::Unreadable(Unreadable::TooLong) => "the address is too long",
        }
    }
}

pub(super) async fn not_found() -> ScimFailure {
    ScimError::NotFound("this address".to_owned()).into()
}

pub(super) async fn method_not_allowed() -> ScimFailure {
    ScimFailure::MethodNotAllowed
}

/// What RFC 7644 lets a server leave out, and asks it to say so about (sections 3.7 and 3.11).
pub(super) async fn not_implemented(_: ScimConnection) -> ScimFailure {
    ScimFailure::NotImplemented
}
