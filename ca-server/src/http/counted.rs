//! Counts requests for certificates by what came of them.

use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use sallyport_protocol::{ProblemCode, path};

use super::Failure;
use crate::app::App;

pub(super) async fn certificates(State(app): State<App>, request: Request, next: Next) -> Response {
    let kind = match (request.method(), request.uri().path()) {
        (&Method::POST, path::USER_CERTIFICATE) => Some("user"),
        (&Method::POST, path::HOST_CERTIFICATE | path::HOST_ENROLL) => Some("host"),
        _ => None,
    };
    let response = next.run(request).await;
    if let Some(kind) = kind {
        let failed = response.extensions().get::<Failure>().map(Failure::code);
        let outcome = match failed.map(ProblemCode::as_str) {
            Some(code) => code,
            None if response.status().is_success() => "issued",
            None => "timeout",
        };
        app.metrics().certificate(kind, outcome);
    }
    response
}
