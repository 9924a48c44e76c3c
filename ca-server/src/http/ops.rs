//! Health, for whatever watches the server.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use sallyport_protocol::path;

use super::Failure;
use crate::app::App;

pub(super) fn routes() -> Router<App> {
    Router::new().route(path::HEALTH, get(healthy)).route(path::READY, get(ready))
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
