//! The administrators' routes, served on the socket only: whoever may open it is root or the server's own user.

use axum::Extension;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{delete, get};
use sallyport_protocol::admin::{
    AddGrant, AuditVerdict, CreateEnrollToken, CreateScimToken, CreatedToken, DirectoryQuery, DirectoryView,
    ExtendScimToken, Finding, ForgetView, GrantView, GroupView, HostView, LinkView, ProvisioningEvent,
    ProvisioningQuery, TokenView, UserView, route,
};
use sallyport_protocol::{ProblemCode, path};
use serde::Deserialize;

use super::{Failure, Json, RequestTag};
use crate::app::App;
use crate::serve::Administrator;

pub(super) fn routes() -> Router<App> {
    let routes = Router::new()
        .route(route::AUDIT, get(audit))
        .route(route::AUDIT_VERIFY, get(verify))
        .route(route::DIRECTORY, get(directory))
        .route(&one(route::DIRECTORY), get(forgettable).delete(forget))
        .route(&format!("{}/link", one(route::DIRECTORY)), get(linkable).post(link))
        .route(route::DOCTOR, get(doctor))
        .route(route::ENROLL_TOKENS, get(enroll_tokens).post(create_enroll_token))
        .route(&one(route::ENROLL_TOKENS), delete(revoke_enroll_token))
        .route(route::GRANTS, get(grants).post(add_grant))
        .route(&one(route::GRANTS), delete(remove_grant))
        .route(route::GROUPS, get(groups))
        .route(route::HOSTS, get(hosts))
        .route(&one(route::HOSTS), delete(retire_host))
        .route(route::PROVISIONING, get(provisioning))
        .route(route::SCIM_TOKENS, get(scim_tokens).post(create_scim_token))
        .route(&one(route::SCIM_TOKENS), delete(revoke_scim_token).patch(extend_scim_token))
        .route(route::USERS, get(users))
        .merge(super::connections::routes())
        .merge(super::names::routes());
    Router::new().nest(path::ADMIN, routes)
}

pub(super) fn one(collection: &str) -> String {
    format!("{collection}/{{id}}")
}

pub(super) fn id<T: std::str::FromStr>(text: &str) -> Result<T, Failure>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| Failure::new(ProblemCode::Malformed, error.to_string()))
}

async fn directory(
    State(app): State<App>,
    Query(query): Query<DirectoryQuery>,
) -> Result<Json<DirectoryView>, Failure> {
    Ok(Json(app.view_directory(query).await?))
}

async fn forgettable(State(app): State<App>, Path(text): Path<String>) -> Result<Json<ForgetView>, Failure> {
    Ok(Json(app.view_forgettable(id(&text)?).await?))
}

async fn forget(
    State(app): State<App>,
    RequestTag(request): RequestTag,
    Extension(Administrator(uid)): Extension<Administrator>,
    Path(text): Path<String>,
) -> Result<Json<ForgetView>, Failure> {
    Ok(Json(app.forget(request, id(&text)?, format!("uid {uid}")).await?))
}

async fn linkable(State(app): State<App>, Path(text): Path<String>) -> Result<Json<LinkView>, Failure> {
    Ok(Json(app.view_linkable(id(&text)?).await?))
}

async fn link(
    State(app): State<App>,
    RequestTag(request): RequestTag,
    Extension(Administrator(uid)): Extension<Administrator>,
    Path(text): Path<String>,
) -> Result<Json<LinkView>, Failure> {
    Ok(Json(app.link(request, id(&text)?, format!("uid {uid}")).await?))
}

async fn doctor(State(app): State<App>) -> Result<Json<Vec<Finding>>, Failure> {
    Ok(Json(app.examine().await?))
}

async fn grants(State(app): State<App>) -> Result<Json<Vec<GrantView>>, Failure> {
    Ok(Json(app.list_grants().await?))
}

async fn add_grant(
    State(app): State<App>,
    RequestTag(request): RequestTag,
    Json(ask): Json<AddGrant>,
) -> Result<Json<GrantView>, Failure> {
    Ok(Json(app.add_grant(request, ask).await?))
}

async fn remove_grant(
    State(app): State<App>,
    RequestTag(request): RequestTag,
    Path(text): Path<String>,
) -> Result<StatusCode, Failure> {
    app.remove_grant(request, id(&text)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn groups(State(app): State<App>) -> Result<Json<Vec<GroupView>>, Failure> {
    Ok(Json(app.view_groups().await?))
}

async fn provisioning(
    State(app): State<App>,
    Query(query): Query<ProvisioningQuery>,
) -> Result<Json<Vec<ProvisioningEvent>>, Failure> {
    Ok(Json(app.provisioning(query).await?))
}

async fn users(State(app): State<App>) -> Result<Json<Vec<UserView>>, Failure> {
    Ok(Json(app.view_users().await?))
}

async fn hosts(State(app): State<App>) -> Result<Json<Vec<HostView>>, Failure> {
    Ok(Json(app.view_hosts().await?))
}

async fn retire_host(
    State(app): State<App>,
    RequestTag(request): RequestTag,
    Path(text): Path<String>,
) -> Result<StatusCode, Failure> {
    app.retire_host(request, id(&text)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn enroll_tokens(State(app): State<App>) -> Result<Json<Vec<TokenView>>, Failure> {
    Ok(Json(app.list_enroll_tokens().await?))
}

async fn create_enroll_token(
    State(app): State<App>,
    RequestTag(request): RequestTag,
    Json(ask): Json<CreateEnrollToken>,
) -> Result<Json<CreatedToken>, Failure> {
    Ok(Json(app.create_enroll_token(request, ask).await?))
}

async fn revoke_enroll_token(
    State(app): State<App>,
    RequestTag(request): RequestTag,
    Path(text): Path<String>,
) -> Result<StatusCode, Failure> {
    app.revoke_enroll_token(request, id(&text)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn scim_tokens(State(app): State<App>) -> Result<Json<Vec<TokenView>>, Failure> {
    Ok(Json(app.list_scim_tokens().await?))
}

async fn create_scim_token(
    State(app): State<App>,
    RequestTag(request): RequestTag,
    Json(ask): Json<CreateScimToken>,
) -> Result<Json<CreatedToken>, Failure> {
    Ok(Json(app.create_scim_token(request, ask).await?))
}

async fn extend_scim_token(
    State(app): State<App>,
    RequestTag(request): RequestTag,
    Path(text): Path<String>,
    Json(ask): Json<ExtendScimToken>,
) -> Result<Json<TokenView>, Failure> {
    Ok(Json(app.extend_scim_token(request, id(&text)?, ask).await?))
}

async fn revoke_scim_token(
    State(app): State<App>,
    RequestTag(request): RequestTag,
    Path(text): Path<String>,
) -> Result<StatusCode, Failure> {
    app.revoke_scim_token(request, id(&text)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `?after=SEQ&limit=N`
#[derive(Debug, Deserialize)]
struct AuditQuery {
    #[serde(default)]
    after: u64,
    #[serde(default = "AuditQuery::limit")]
    limit: usize,
}

impl AuditQuery {
    const fn limit() -> usize {
        1000
    }
}

/// An array of export lines, as they are.
async fn audit(
    State(app): State<App>,
    Query(query): Query<AuditQuery>,
) -> Result<impl IntoResponse, Failure> {
    let lines = app.audit_lines(query.after, query.limit).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], format!("[{}]", lines.join(","))))
}

async fn verify(State(app): State<App>) -> Result<Json<AuditVerdict>, Failure> {
    Ok(Json(app.verify_audit().await?))
}
