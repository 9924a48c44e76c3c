use std::error::Error;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::uri::Scheme;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sallyport_protocol::ProblemCode;
use sallyport_scim::json::parse_object;
use sallyport_scim::{ScimError, error_body};
use sallyport_store::StoreError;
use serde_json::{Map, Value};

use super::refusals::Refused;
use super::watch::Why;
use crate::app::{AppError, DirectoryError, ScimConnection, Turned};
use crate::log::Chain;

/// What a client waits when the store has no room.
const BUSY_SECONDS: u64 = 5;
const MEDIA_TYPE: &str = "application/scim+json";
const TOO_LARGE: &str = "a body is 1 MiB at most";

/// A SCIM answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) body: Value,
    pub(super) location: Option<String>,
}

impl Reply {
    pub(super) const fn ok(body: Value) -> Self {
        Self { status: StatusCode::OK, body, location: None }
    }

    /// The same, or nothing where the client has this version already.
    pub(super) fn unless(self, known: &Known) -> Self {
        let stale = self.version().is_none_or(|version| !known.names(version));
        if stale { self } else { Self { status: StatusCode::NOT_MODIFIED, ..self } }
    }

    fn version(&self) -> Option<&str> {
        self.body.get("meta")?.get("version")?.as_str()
    }
}

/// `If-None-Match`: what the client has.
#[derive(Debug)]
pub(super) struct Known(Vec<String>);

impl<S: Sync> FromRequestParts<S> for Known {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let headers = parts.headers.get_all(header::IF_NONE_MATCH).iter();
        let tags = headers.filter_map(|header| header.to_str().ok()).flat_map(|list| list.split(','));
        Ok(Self(tags.map(|tag| tag.trim().to_owned()).collect()))
    }
}

impl Known {
    /// RFC 9110, section 8.8.3.2: two tags are compared without what says that they are weak.
    fn names(&self, version: &str) -> bool {
        let bare = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag).to_owned();
        self.0.iter().any(|tag| tag == "*" || bare(tag) == bare(version))
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let tag = self.version().and_then(|version| HeaderValue::from_str(version).ok());
        let mut response = if self.status == StatusCode::NOT_MODIFIED {
            self.status.into_response()
        } else {
            let mut response = (self.status, Json(self.body)).into_response();
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
            response
        };
        let headers = response.headers_mut();
        headers.extend(tag.map(|tag| (header::ETAG, tag)));
        if let Some(location) = self.location.and_then(|location| location.try_into().ok()) {
            headers.insert(header::LOCATION, location);
        }
        response
    }
}

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
    Scim(ScimError),
    TooLarge,
    Turned(Turned),
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

impl ScimFailure {
    fn internal(error: &(dyn Error + 'static)) -> Self {
        tracing::error!(error = %Chain(error), "a SCIM request failed inside");
        Self::Internal
    }
}

impl IntoResponse for ScimFailure {
    fn into_response(self) -> Response {
        let (why, refused) = (Why(self.why()), self.refused());
        let retry_after = match self {
            Self::Turned(Turned::TooMany { seconds }) => seconds,
            _ => BUSY_SECONDS,
        };
        let (status, body) = self.render();
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = Reply { status, body, location: None }.into_response();
        response.extensions_mut().insert(why);
        if let Some(refused) = refused {
            response.extensions_mut().insert(refused);
        }
        let headers = response.headers_mut();
        if status == StatusCode::TOO_MANY_REQUESTS {
            headers.insert(header::RETRY_AFTER, retry_after.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            let basic = HeaderValue::from_static("Basic realm=\"Sallyport\"");
            headers.append(header::WWW_AUTHENTICATE, basic);
        }
        response
    }
}

impl ScimFailure {
    fn render(self) -> (u16, Value) {
        let plain = |status, detail: &str| (status, error_body(status, None, detail));
        match self {
            Self::Busy => plain(429, "the server is busy; try again"),
            Self::FilteredDiscovery => plain(403, "descriptions of the service cannot be filtered"),
            Self::Internal => plain(500, "something failed inside; try again"),
            Self::MethodNotAllowed => plain(405, "this address does not know that method"),
            Self::NotImplemented => plain(501, "this server has no bulk operations and no /Me"),
            Self::Noted(error) | Self::Scim(error) => (error.status(), error.body()),
            Self::TooLarge => plain(413, TOO_LARGE),
            Self::Turned(Turned::Network) => plain(
                403,
                "this credential may not be used from this address; see sallyport-ca connection list",
            ),
            Self::Turned(Turned::TooMany { .. }) => {
                plain(429, "too many wrong credentials came from this address; try again")
            }
            // One sentence for all: a stranger learns nothing about a credential.
            Self::Turned(_) => plain(
                401,
                "the credential is missing, unknown, expired or revoked; sallyport-ca scim-token create makes one",
            ),
        }
    }

    /// What the provisioning log has yet to hear of.
    fn refused(&self) -> Option<Refused> {
        match self {
            Self::Scim(error) => Some(Refused { scim_type: error.scim_type(), detail: error.detail() }),
            Self::TooLarge => Some(Refused { scim_type: None, detail: TOO_LARGE.to_owned() }),
            _ => None,
        }
    }

    /// For the log: nothing of what was sent.
    const fn why(&self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::FilteredDiscovery => "a filter on descriptions",
            Self::Internal => "internal",
            Self::MethodNotAllowed => "method not allowed",
            Self::NotImplemented => "not implemented",
            Self::Noted(error) | Self::Scim(error) => match error.scim_type() {
                Some(kind) => kind,
                None => "not found",
            },
            Self::TooLarge => "too large",
            Self::Turned(turned) => turned.as_str(),
        }
    }
}

pub(super) async fn not_found() -> ScimFailure {
    ScimError::NotFound("this address was".to_owned()).into()
}

pub(super) async fn method_not_allowed() -> ScimFailure {
    ScimFailure::MethodNotAllowed
}

/// What RFC 7644 lets a server leave out, and asks it to say so about (sections 3.7 and 3.11).
pub(super) async fn not_implemented(_: ScimConnection) -> ScimFailure {
    ScimFailure::NotImplemented
}

/// A JSON object as a body, whatever the Content-Type says.
#[derive(Debug)]
pub(super) struct Object(pub(super) Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for Object {
    type Rejection = ScimFailure;

    async fn from_request(request: Request, state: &S) -> Result<Self, ScimFailure> {
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                ScimFailure::TooLarge
            } else {
                ScimError::InvalidSyntax("the body could not be read".to_owned()).into()
            }
        })?;
        Ok(Self(parse_object(&bytes)?))
    }
}

/// The address under which this client sees us, for `meta.location`.
#[derive(Debug)]
pub(super) struct Base(String);

impl<S: Sync> FromRequestParts<S> for Base {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let host = header("host").filter(|host| host.len() <= 255).unwrap_or("localhost");
        // Only a label in an answer: nothing is decided by it, so the proxy's word is good enough.
        let forwarded = header("x-forwarded-proto").filter(|scheme| matches!(*scheme, "http" | "https"));
        let own = parts.extensions.get::<Scheme>().map_or("https", Scheme::as_str);
        let scheme = forwarded.unwrap_or(own);
        Ok(Self(format!("{scheme}://{host}{}", sallyport_protocol::path::SCIM)))
    }
}

impl Base {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn of(&self, endpoint: &str, id: impl std::fmt::Display) -> String {
        format!("{}/{endpoint}/{id}", self.0)
    }
}
