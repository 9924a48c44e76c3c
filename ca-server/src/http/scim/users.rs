use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use sallyport_scim::{Kind, Meta, Projection, list_response, parse_patch, render_user};
use sallyport_store::ResourceRow;
use serde_json::Value;

use super::reply::{Base, Object, Reply, ScimFailure};
use super::{ReadQuery, resource_id};
use crate::app::{App, ScimConnection};
use crate::http::RequestTag;

pub(super) async fn create(
    State(app): State<App>,
    ScimConnection { tenant }: ScimConnection,
    RequestTag(request): RequestTag,
    base: Base,
    Object(body): Object,
) -> Result<Reply, ScimFailure> {
    let row = app.create_user(tenant, request, body).await?;
    let location = base.of(Kind::User.endpoint(), row.id);
    let body = shown(&row, &base, &Projection::default());
    Ok(Reply { status: StatusCode::CREATED, body, location: Some(location) })
}

pub(super) async fn read(
    State(app): State<App>,
    ScimConnection { tenant }: ScimConnection,
    Path(id): Path<String>,
    Query(query): Query<ReadQuery>,
    base: Base,
) -> Result<Reply, ScimFailure> {
    let projection = query.projection()?;
    let row = app.read_user(tenant, resource_id(&id)?).await?;
    Ok(Reply::ok(shown(&row, &base, &projection)))
}

pub(super) async fn list(
    State(app): State<App>,
    ScimConnection { tenant }: ScimConnection,
    Query(query): Query<ReadQuery>,
    base: Base,
) -> Result<Reply, ScimFailure> {
    let (projection, asked) = (query.projection()?, query.list()?);
    let start = asked.page.start_index;
    let page = app.list_users(tenant, asked).await?;
    let resources = page.items.iter().map(|row| shown(row, &base, &projection)).collect();
    Ok(Reply::ok(list_response(resources, page.total, start)))
}

pub(super) async fn replace(
    State(app): State<App>,
    ScimConnection { tenant }: ScimConnection,
    RequestTag(request): RequestTag,
    Path(id): Path<String>,
    base: Base,
    Object(body): Object,
) -> Result<Reply, ScimFailure> {
    let row = app.replace_user(tenant, request, resource_id(&id)?, body).await?;
    Ok(Reply::ok(shown(&row, &base, &Projection::default())))
}

pub(super) async fn patch(
    State(app): State<App>,
    ScimConnection { tenant }: ScimConnection,
    RequestTag(request): RequestTag,
    Path(id): Path<String>,
    base: Base,
    Object(body): Object,
) -> Result<Reply, ScimFailure> {
    let operations = parse_patch(&body)?;
    let row = app.patch_user(tenant, request, resource_id(&id)?, operations).await?;
    Ok(Reply::ok(shown(&row, &base, &Projection::default())))
}

pub(super) async fn delete(
    State(app): State<App>,
    ScimConnection { tenant }: ScimConnection,
    RequestTag(request): RequestTag,
    Path(id): Path<String>,
) -> Result<StatusCode, ScimFailure> {
    app.delete_user(tenant, request, resource_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn shown(row: &ResourceRow, base: &Base, projection: &Projection) -> Value {
    let meta = Meta {
        created: row.created_at,
        last_modified: row.modified_at,
        location: base.of(Kind::User.endpoint(), row.id),
    };
    let resource = render_user(&row.document, &row.id.to_string(), &meta);
    Value::Object(projection.apply(Kind::User, resource))
}
