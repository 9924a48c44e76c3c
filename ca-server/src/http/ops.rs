//! Health, for whatever watches the server.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use axum::routing::get;
use sallyport_protocol::path;

use super::Failure;
use crate::app::App;
use crate::metrics::Dialect;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route(path::HEALTH, get(healthy))
        .route(path::METRICS, get(metrics))
        .route(path::READY, get(ready))
}

/// The process answers.
async fn healthy() -> &'static str {
    "ok\n"
}

/// The store answers too. An unreachable issuer is no reason to take the server away: hosts need it all the same.
async fn ready(State(app): State<App>) -> Result<&'static str, Failure> {
    app.probe_store().await?;
    Ok("ready\n")
}

/// For Prometheus, in the text that it asks for.
async fn metrics(State(app): State<App>, headers: HeaderMap) -> Result<impl IntoResponse, Failure> {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let dialect = Dialect::of(accept);
    Ok(([(header::CONTENT_TYPE, dialect.media_type())], app.render_metrics(dialect).await?))
}
