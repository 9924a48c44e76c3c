use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::uri::Scheme;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sallyport_scim::json::parse_object;
use sallyport_scim::{ScimError, Versions};
use serde_json::{Map, Value};

use super::failure::ScimFailure;

const MEDIA_TYPE: &str = "application/scim+json";

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
        let names = |version| known.0.as_ref().is_some_and(|known| known.name(version));
        let stale = !self.version().is_some_and(names);
        if stale { self } else { Self { status: StatusCode::NOT_MODIFIED, ..self } }
    }

    fn version(&self) -> Option<&str> {
        self.body.get("meta")?.get("version")?.as_str()
    }
}

/// `If-None-Match`: what the client has.
#[derive(Debug)]
pub(super) struct Known(Option<Versions>);

impl<S: Sync> FromRequestParts<S> for Known {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(versions(parts, &header::IF_NONE_MATCH)))
    }
}

/// What is no text is a version that nothing has: a condition is never passed over.
pub(super) fn versions(parts: &Parts, name: &header::HeaderName) -> Option<Versions> {
    let lists = parts.headers.get_all(name).iter();
    Versions::read(lists.map(|list| String::from_utf8_lossy(list.as_bytes())))
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
