//! The administrators' routes about account names: see [`super::admin`].

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use sallyport_protocol::admin::{PosixGroupView, route};
use sallyport_protocol::names::{
    AdoptAccount, AdoptionView, ApplyExpression, ApproveNames, AssignName, NameChange, NameIssue, NameOf,
    NamesPreview, PreviewNames, PreviewSummary, ReleaseName, ReleasedName,
};

use super::{Failure, Json, RequestTag};
use crate::app::App;

/// A hundred thousand rows of a spreadsheet.
const PREVIEW_BODY: usize = 256 * 1024 * 1024;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route(route::NAMES, get(issues))
        .route(route::NAMES_RESERVED, get(reserved))
        .route(route::NAMES_PREVIEW, post(preview).layer(DefaultBodyLimit::max(PREVIEW_BODY)))
        .route(route::NAMES_GROUPS, get(groups))
        .route(route::NAMES_APPLY, post(apply))
        .route(route::NAMES_APPROVE, post(approve))
        .route(route::NAMES_KEEP, post(keep))
        .route(route::NAMES_ASSIGN, post(assign))
        .route(route::NAMES_RELEASE, post(release))
        .route(route::ADOPTIONS, get(adoptions).post(adopt).delete(disown))
}

async fn issues(State(app): State<App>) -> Result<Json<Vec<NameIssue>>, Failure> {
    Ok(Json(app.name_issues().await?))
}

async fn reserved(State(app): State<App>) -> Result<Json<Vec<NameIssue>>, Failure> {
    Ok(Json(app.reserved_names().await?))
}

async fn preview(
    State(app): State<App>,
    Json(ask): Json<PreviewNames>,
) -> Result<Json<NamesPreview>, Failure> {
    Ok(Json(app.preview_names(ask).await?))
}

async fn apply(
    State(app): State<App>,
    RequestTag(request): RequestTag,
    Json(ask): Json<ApplyExpression>,
) -> Result<Json<PreviewSummary>, Failure> {
    Ok(Json(app.apply_expression(request, ask).await?))
}

async fn approve(
    State(app): State<App>,
    RequestTag(request): RequestTag,
    Json(ask): Json<ApproveNames>,
) -> Result<Json<Vec<NameChange>>, Failure> {
    Ok(Json(app.approve_names(request, ask).await?))
}

async fn keep(
    State(app): State<App>,
    RequestTag(request): RequestTag,
    Json(ask): Json<NameOf>,
) -> Result<Json<NameChange>, Failure> {
    Ok(Json(app.keep_name(request, ask).await?))
}

async fn assign(
    State(app): State<App>,
    RequestTag(request): RequestTag,
    Json(ask): Json<AssignName>,
) -> Result<Json<NameChange>, Failure> {
    Ok(Json(app.assign_name(request, ask).await?))
}

async fn release(
    State(app): State<App>,
    RequestTag(request): RequestTag,
    Json(ask): Json<ReleaseName>,
) -> Result<Json<ReleasedName>, Failure> {
    Ok(Json(app.release_name(request, ask).await?))
}

async fn groups(State(app): State<App>) -> Result<Json<Vec<PosixGroupView>>, Failure> {
    Ok(Json(app.view_posix_groups().await?))
}

async fn adoptions(State(app): State<App>) -> Result<Json<Vec<AdoptionView>>, Failure> {
    Ok(Json(app.view_adoptions().await?))
}

async fn adopt(
    State(app): State<App>,
    RequestTag(request): RequestTag,
    Json(ask): Json<AdoptAccount>,
) -> Result<Json<AdoptionView>, Failure> {
    Ok(Json(app.adopt_account(request, ask).await?))
}

async fn disown(
    State(app): State<App>,
    RequestTag(request): RequestTag,
    Json(ask): Json<AdoptAccount>,
) -> Result<StatusCode, Failure> {
    app.disown_account(request, ask).await?;
    Ok(StatusCode::NO_CONTENT)
}
