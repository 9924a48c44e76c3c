//! The administrators' routes about connections: see [`super::admin`].

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, patch};
use sallyport_protocol::admin::{AddConnection, ConnectionView, SetConnection, route};

use super::admin::{id, one};
use super::{Failure, Json, RequestTag};
use crate::app::App;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route(route::CONNECTIONS, get(list).post(add))
        .route(&one(route::CONNECTIONS), patch(set).delete(remove))
}

async fn list(State(app): State<App>) -> Result<Json<Vec<ConnectionView>>, Failure> {
    Ok(Json(app.view_connections().await?))
}

async fn add(
    State(app): State<App>,
    RequestTag(request): RequestTag,
    Json(ask): Json<AddConnection>,
) -> Result<Json<ConnectionView>, Failure> {
    Ok(Json(app.add_connection(request, ask).await?))
}

async fn set(
    State(app): State<App>,
    RequestTag(request): RequestTag,
    Path(name): Path<String>,
    Json(ask): Json<SetConnection>,
) -> Result<Json<ConnectionView>, Failure> {
    Ok(Json(app.set_connection(request, id(&name)?, ask).await?))
}

async fn remove(
    State(app): State<App>,
    RequestTag(request): RequestTag,
    Path(name): Path<String>,
) -> Result<StatusCode, Failure> {
    app.remove_connection(request, id(&name)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
