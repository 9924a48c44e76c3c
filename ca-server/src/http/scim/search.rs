//! `POST /.search`: a read whose filter is too long, or too private, for an address; and a read of everything.

use axum::extract::State;
use sallyport_scim::{Kind, Parameters, list_response};

use super::failure::ScimFailure;
use super::query::Query;
use super::reply::{Base, Object, Reply};
use super::{groups, list_query, users};
use crate::app::{App, Found, ScimConnection};

pub(super) async fn users(
    State(app): State<App>,
    connection: ScimConnection,
    base: Base,
    Object(body): Object,
) -> Result<Reply, ScimFailure> {
    users::listed(&app, connection, &Parameters::from_body(&body)?, &base).await
}

pub(super) async fn groups(
    State(app): State<App>,
    connection: ScimConnection,
    base: Base,
    Object(body): Object,
) -> Result<Reply, ScimFailure> {
    groups::listed(&app, connection, &Parameters::from_body(&body)?, &base).await
}

pub(super) async fn everything(
    State(app): State<App>,
    connection: ScimConnection,
    base: Base,
    Object(body): Object,
) -> Result<Reply, ScimFailure> {
    listed(&app, connection, &Parameters::from_body(&body)?, &base).await
}

/// `GET` of the root (RFC 7644 section 3.4.2.1).
pub(super) async fn at_the_root(
    State(app): State<App>,
    connection: ScimConnection,
    Query(query): Query,
    base: Base,
) -> Result<Reply, ScimFailure> {
    listed(&app, connection, &query, &base).await
}

/// Users before groups.
async fn listed(
    app: &App,
    ScimConnection { tenant }: ScimConnection,
    asked: &Parameters,
    base: &Base,
) -> Result<Reply, ScimFailure> {
    let (projection, query) = (asked.projection()?, list_query(asked, &[Kind::User, Kind::Group])?);
    let start = query.page.start_index;
    let page = app.search(tenant, query, projection.wants(groups::MEMBERS)).await?;
    let resources = page.items.iter().map(|found| match found {
        Found::Group(read) => groups::shown(&read.row, read.members.as_deref(), base, &projection),
        Found::User(row) => users::shown(row, base, &projection),
    });
    Ok(Reply::ok(list_response(resources.collect(), page.total, start)))
}
