//! What hosts ask. Every request is signed; enrolment by the key that it brings.

use axum::Router;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::{get, post};
use sallyport_domain::Generation;
use sallyport_protocol::{
    EnrollReply, EnrollRequest, HostCertificateReply, HostCertificateRequest, ProblemCode, Report,
    RequestSignature, SignedRequest, SnapshotReply, path,
};
use serde::Deserialize;
use ssh_key::PublicKey;

use axum::extract::FromRequest;

use super::{Failure, Json, RequestTag, SmallBody};
use crate::app::{App, AuthenticatedHost};

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route(path::HOST_ENROLL, post(enroll))
        .route(path::HOST_CERTIFICATE, post(certificate))
        .route(path::HOST_SNAPSHOT, get(snapshot))
        .route(path::HOST_REPORT, post(report))
}

/// A request with its signature and body, not yet judged.
#[derive(Debug)]
struct Sealed {
    signature: RequestSignature,
    method: String,
    path_and_query: String,
    body: SmallBody,
}

impl FromRequest<App> for Sealed {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Result<Self, Failure> {
        let signature = signature(request.headers())?;
        let method = request.method().as_str().to_owned();
        let path_and_query = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
        let body = SmallBody::from_request(request, app).await?;
        Ok(Self { signature, method, path_and_query, body })
    }
}

fn signature(headers: &HeaderMap) -> Result<RequestSignature, Failure> {
    let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    header.parse().map_err(|error| Failure::new(ProblemCode::Unauthorized, format!("{error}")))
}

impl Sealed {
    async fn host(&self, app: &App) -> Result<AuthenticatedHost, Failure> {
        let Self { signature, method, path_and_query, body } = self;
        Ok(app.authenticate_host(signature, method, path_and_query, &body.0).await?)
    }
}

async fn enroll(
    State(app): State<App>,
    RequestTag(request): RequestTag,
    sealed: Sealed,
) -> Result<Json<EnrollReply>, Failure> {
    let ask: EnrollRequest = Json::parse(&sealed.body.0)?;
    let key: PublicKey = ask.machine_key.parse().map_err(|_| {
        Failure::new(ProblemCode::KeyNotPlain, "machine_key is not an OpenSSH public key line")
    })?;
    let signed = SignedRequest {
        method: &sealed.method,
        path_and_query: &sealed.path_and_query,
        body: &sealed.body.0,
        ca: app.keys().fingerprint(),
    };
    // The nonce is not remembered: anybody may bring a key. What counts once is the token.
    app.check_signed_request(&sealed.signature, &signed, &key)?;
    Ok(Json(app.enroll_host(request, key, ask).await?))
}

async fn certificate(
    State(app): State<App>,
    RequestTag(request): RequestTag,
    sealed: Sealed,
) -> Result<Json<HostCertificateReply>, Failure> {
    let host = sealed.host(&app).await?;
    let ask: HostCertificateRequest = Json::parse(&sealed.body.0)?;
    Ok(Json(app.renew_host_certificate(request, host, ask).await?))
}

/// `?after=N&wait=S`: the generation that the host has, and how long the answer may wait for a newer one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct After {
    #[serde(default)]
    after: u64,
    #[serde(default)]
    wait: u64,
}

async fn snapshot(
    State(app): State<App>,
    query: Result<Query<After>, axum::extract::rejection::QueryRejection>,
    sealed: Sealed,
) -> Result<Json<SnapshotReply>, Failure> {
    let host = sealed.host(&app).await?;
    let Query(After { after, wait }) = query
        .map_err(|_| Failure::new(ProblemCode::Malformed, "the query is after=GENERATION&wait=SECONDS"))?;
    Ok(Json(app.snapshot(host, Generation::new(after), wait).await?))
}

async fn report(
    State(app): State<App>,
    RequestTag(request): RequestTag,
    sealed: Sealed,
) -> Result<StatusCode, Failure> {
    let host = sealed.host(&app).await?;
    let said: Report = Json::parse(&sealed.body.0)?;
    app.take_report(request, host, said).await?;
    Ok(StatusCode::NO_CONTENT)
}
