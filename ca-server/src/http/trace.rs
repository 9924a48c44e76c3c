//! Each request gets an id: in the log, in the audit and in every refusal.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use sallyport_domain::RequestId;
use sallyport_protocol::ProblemCode;
use tracing::Instrument;

use super::{Failure, scim};
use crate::app::App;

/// The request's id, as an extractor.
#[derive(Clone, Copy, Debug)]
pub struct RequestTag(pub RequestId);

impl<S: Sync> FromRequestParts<S> for RequestTag {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let tag = parts.extensions.get::<Self>().copied();
        tag.ok_or_else(|| Failure::new(ProblemCode::Internal, "the request has no id"))
    }
}

/// Tags the request, and renders a [`Failure`] with the tag.
pub(super) async fn tag(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let id = app.new_request_id();
    request.extensions_mut().insert(RequestTag(id));
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    // On at every level: an error that is logged inside has the id that the person was told.
    let span = tracing::error_span!("request", %id, %method, path);
    let mut response = next.run(request).instrument(span.clone()).await;
    if let Some(failure) = response.extensions_mut().remove::<Failure>() {
        response = scim::refusal(&path, failure.clone()).unwrap_or_else(|| failure.render(id));
    }
    span.in_scope(|| tracing::debug!(status = response.status().as_u16(), "answered"));
    response
}
