//! What is seen of every SCIM request from outside of its handler: it is counted and timed, and refusals are
//! logged, without their secrets.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use sallyport_domain::ConnectionName;

use crate::app::App;
use crate::http::client_address::ClientAddress;
use crate::metrics::ScimOperation;

/// A place in the request for what is found out inside.
#[derive(Clone, Debug, Default)]
pub(super) struct Observed(Arc<OnceLock<ConnectionName>>);

impl Observed {
    pub(super) fn belongs_to(&self, name: ConnectionName) {
        // Set once: a request has one credential.
        let _ = self.0.set(name);
    }
}

/// In a refusal: why, in words that hold nothing of the request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Why(pub(super) &'static str);

pub(super) async fn watch(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let observed = Observed::default();
    request.extensions_mut().insert(observed.clone());
    let from = request.extensions().get::<ClientAddress>().map(|client| client.0);
    let operation = ScimOperation::of(request.method().as_str(), request.uri().path());
    let begun = Instant::now();
    let response = next.run(request).await;
    let status = response.status();
    app.metrics().scim(observed.0.get(), operation, status.as_u16(), begun.elapsed());
    if is_worth_a_line(status)
        && let Some(untold) = app.scim_door().tell(app.now())
    {
        let why = response.extensions().get::<Why>().map_or("", |why| why.0);
        let connection = observed.0.get().map_or("", ConnectionName::as_str);
        let from = from.map(tracing::field::display);
        let status = status.as_u16();
        tracing::warn!(from, status, connection, why, untold, "a SCIM request was refused");
    }
    response
}

/// 404 and 409 are answers that a directory expects in its daily work.
fn is_worth_a_line(status: StatusCode) -> bool {
    status.is_client_error() && ![StatusCode::NOT_FOUND, StatusCode::CONFLICT].contains(&status)
}
