use axum::extract::State;
use axum::http::StatusCode;
use sallyport_domain::{GroupId, ResourceId};
use sallyport_scim::{Kind, Member, Meta, Parameters, Projection, list_response, parse_patch, render_group};
use sallyport_store::GroupRow;
use serde_json::Value;

use super::failure::ScimFailure;
use super::list_query;
use super::query::{Id, Query};
use super::reply::{Base, Known, Object, Reply};
use crate::app::{App, GroupWrite, ScimConnection, ShowMembers, Wanted};
use crate::http::RequestTag;

/// The attribute that may be large, and is loaded only where it is shown.
pub(super) const MEMBERS: &str = "members";

pub(super) async fn create(
    State(app): State<App>,
    ScimConnection { tenant }: ScimConnection,
    RequestTag(request): RequestTag,
    Query(query): Query,
    base: Base,
    Object(body): Object,
) -> Result<Reply, ScimFailure> {
    let projection = query.projection()?;
    let write = app.create_group(tenant, request, body).await?;
    let location = base.of(Kind::Group.endpoint(), write.row.id);
    Ok(Reply { status: StatusCode::CREATED, location: Some(location), ..written(&write, &base, &projection) })
}

pub(super) async fn read(
    State(app): State<App>,
    ScimConnection { tenant }: ScimConnection,
    Id(id): Id<GroupId>,
    Query(query): Query,
    known: Known,
    base: Base,
) -> Result<Reply, ScimFailure> {
    let projection = query.projection()?;
    let read = app.read_group(tenant, id, projection.wants(MEMBERS)).await?;
    Ok(Reply::ok(shown(&read.row, read.members.as_deref(), &base, &projection)).unless(&known))
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
    let (projection, query) = (asked.projection()?, list_query(asked, &[Kind::Group])?);
    let start = query.page.start_index;
    let page = app.list_groups(tenant, query, projection.wants(MEMBERS)).await?;
    let resources =
        page.items.iter().map(|read| shown(&read.row, read.members.as_deref(), base, &projection)).collect();
    Ok(Reply::ok(list_response(resources, page.total, start)))
}

pub(super) async fn replace(
    State(app): State<App>,
    ScimConnection { tenant }: ScimConnection,
    RequestTag(request): RequestTag,
    wanted: Wanted<GroupId>,
    Query(query): Query,
    base: Base,
    Object(body): Object,
) -> Result<Reply, ScimFailure> {
    let projection = query.projection()?;
    let write = app.replace_group(tenant, request, wanted, body).await?;
    Ok(written(&write, &base, &projection))
}

pub(super) async fn patch(
    State(app): State<App>,
    ScimConnection { tenant }: ScimConnection,
    RequestTag(request): RequestTag,
    wanted: Wanted<GroupId>,
    Query(query): Query,
    base: Base,
    Object(body): Object,
) -> Result<Reply, ScimFailure> {
    let projection = query.projection()?;
    let operations = parse_patch(&body)?;
    let show = match (projection.wants(MEMBERS), projection.names(MEMBERS)) {
        (false, _) => ShowMembers::No,
        (true, true) => ShowMembers::All,
        (true, false) => ShowMembers::IfFew,
    };
    let write = app.patch_group(tenant, request, wanted, operations, show).await?;
    Ok(written(&write, &base, &projection))
}

pub(super) async fn delete(
    State(app): State<App>,
    ScimConnection { tenant }: ScimConnection,
    RequestTag(request): RequestTag,
    wanted: Wanted<GroupId>,
) -> Result<StatusCode, ScimFailure> {
    app.delete_group(tenant, request, wanted).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn written(write: &GroupWrite, base: &Base, projection: &Projection) -> Reply {
    if !write.unknown.is_empty() {
        // Success for the client, which would else retry for ever; a dangling id is never stored.
        tracing::warn!(group.id = %write.row.id, ids = ?write.unknown, "unknown members were left out");
    }
    let members = write.members.as_deref().filter(|_| projection.wants(MEMBERS));
    Reply::ok(shown(&write.row, members, base, projection))
}

pub(super) fn shown(
    row: &GroupRow,
    members: Option<&[ResourceId]>,
    base: &Base,
    projection: &Projection,
) -> Value {
    let meta = Meta {
        created: row.created_at,
        last_modified: row.modified_at,
        location: base.of(Kind::Group.endpoint(), row.id),
    };
    let members: Option<Vec<Member>> = members.map(|ids| ids.iter().map(|id| member(*id, base)).collect());
    let resource = render_group(&row.document, &row.id.to_string(), members.as_deref(), &meta);
    Value::Object(projection.apply(Kind::Group, resource))
}

fn member(id: ResourceId, base: &Base) -> Member {
    Member { id: id.to_string(), display: None, location: Some(base.of(Kind::User.endpoint(), id)) }
}
