//! What people's clients ask: the bootstrap document, the keys, a certificate.

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sallyport_protocol::{IssueUserReply, IssueUserRequest, Signed, path};

use super::{Failure, Json, RequestTag};
use crate::app::{App, SignedBytes};

const SIGNATURE: &str = "sallyport-signature";

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route(path::BOOTSTRAP, get(bootstrap))
        .route(path::USER_KEYS, get(user_keys))
        .route(path::HOST_KEYS, get(host_keys))
        .route(path::KRL, get(krl))
        .route(path::USER_CERTIFICATE, post(issue))
}

async fn bootstrap(State(app): State<App>) -> Result<Json<Signed>, Failure> {
    Ok(Json(app.bootstrap()?))
}

async fn user_keys(State(app): State<App>) -> Result<Response, Failure> {
    Ok(signed(app.user_keys()?, "text/plain; charset=utf-8"))
}

async fn host_keys(State(app): State<App>) -> Result<Response, Failure> {
    Ok(signed(app.host_keys()?, "text/plain; charset=utf-8"))
}

async fn krl(State(app): State<App>) -> Result<Response, Failure> {
    Ok(signed(app.krl().await?, "application/octet-stream"))
}

fn signed(answer: SignedBytes, media_type: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE.as_str(), media_type.to_owned()),
        (SIGNATURE, STANDARD.encode(answer.signature)),
    ];
    (headers, answer.bytes).into_response()
}

async fn issue(
    State(app): State<App>,
    RequestTag(request): RequestTag,
    Json(ask): Json<IssueUserRequest>,
) -> Result<Json<IssueUserReply>, Failure> {
    Ok(Json(app.issue_user(request, ask).await?))
}
