use axum::extract::State;
use axum::http::StatusCode;
use sallyport_domain::ResourceId;
use sallyport_scim::{Kind, Meta, Parameters, Projection, list_response, parse_patch, render_user};
use sallyport_store::ResourceRow;
use serde_json::Value;

use super::failure::ScimFailure;
use super::list_query;
use super::query::{Id, Query};
use super::reply::{Base, Known, Object, Reply};
use crate::app::{App, ScimConnection, Wanted};
use crate::http::RequestTag;

pub(super) async fn create(
    State(app): State<App>,
    ScimConnection { tenant }: ScimConnection,
    RequestTag(request): RequestTag,
    Query(query): Query,
    base: Base,
    Object(body): Object,
) -> Result<Reply, ScimFailure> {
    let projection = query.projection()?;
    let row = app.create_user(tenant, request, body).await?;
    let location = base.of(Kind::User.endpoint(), row.id);
    let body = shown(&row, &base, &projection);
    Ok(Reply { status: StatusCode::CREATED, body, location: Some(location) })
}

pub(super) async fn read(
    State(app): State<App>,
    ScimConnection { tenant }: ScimConnection,
    Id(id): Id<ResourceId>,
    Query(query): Query,
    known: Known,
    base: Base,
) -> Result<Reply, ScimFailure> {
    let projection = query.projection()?;
    let row = app.read_user(tenant, id).await?;
    Ok(Reply::ok(shown(&row, &base, &projection)).unless(&known))
}

pub(super) async fn list(
    State(app): State<App>,
    connection: ScimConnection,
    Query(query): Query,
    base: Base,
) -> Result<Reply, ScimFailure> {
    listed(&app, connection, &query, &base).await
}

pub(super) async fn listed(
    app: &App,
    ScimConnection { tenant }: ScimConnection,
    asked: &Parameters,
    base: &Base,
) -> Result<Reply, ScimFailure> {
    let (projection, query) = (asked.projection()?, list_query(asked, &[Kind::User])?);
    let start = query.page.start_index;
    let page = app.list_users(tenant, query).await?;
    let resources = page.items.iter().map(|row| shown(row, base, &projection)).collect();
    Ok(Reply::ok(list_response(resources, page.total, start)))
}

pub(super) async fn replace(
    State(app): State<App>,
    ScimConnection { tenant }: ScimConnection,
    RequestTag(request): RequestTag,
    wanted: Wanted<ResourceId>,
    Query(query): Query,
    base: Base,
    Object(body): Object,
) -> Result<Reply, ScimFailure> {
    let projection = query.projection()?;
    let row = app.replace_user(tenant, request, wanted, body).await?;
    Ok(Reply::ok(shown(&row, &base, &projection)))
}

pub(super) async fn patch(
    State(app): State<App>,
    ScimConnection { tenant }: ScimConnection,
    RequestTag(request): RequestTag,
    wanted: Wanted<ResourceId>,
    Query(query): Query,
    base: Base,
    Object(body): Object,
) -> Result<Reply, ScimFailure> {
    let projection = query.projection()?;
    let operations = parse_patch(&body)?;
    let row = app.patch_user(tenant, request, wanted, operations).await?;
    Ok(Reply::ok(shown(&row, &base, &projection)))
}

pub(super) async fn delete(
    State(app): State<App>,
    ScimConnection { tenant }: ScimConnection,
    RequestTag(request): RequestTag,
    wanted: Wanted<ResourceId>,
) -> Result<StatusCode, ScimFailure> {
    app.delete_user(tenant, request, wanted).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) fn shown(row: &ResourceRow, base: &Base, projection: &Projection) -> Value {
    let meta = Meta {
        created: row.created_at,
        last_modified: row.modified_at,
        location: base.of(Kind::User.endpoint(), row.id),
    };
    let resource = render_user(&row.document, &row.id.to_string(), &meta);
    Value::Object(projection.apply(Kind::User, resource))
}
