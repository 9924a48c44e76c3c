use sallyport_scim::{Parameters, ScimError, discovery, list_response};
use serde_json::Value;

use super::failure::ScimFailure;
use super::query::{Id, Query};
use super::reply::{Base, Reply};
use crate::app::ScimConnection;

pub(super) async fn service_provider_config(_: ScimConnection, base: Base) -> Reply {
    Reply::ok(discovery::service_provider_config(base.as_str()))
}

pub(super) async fn resource_types(
    _: ScimConnection,
    Query(query): Query,
    base: Base,
) -> Result<Reply, ScimFailure> {
    listed(&query, discovery::resource_types(base.as_str()))
}

pub(super) async fn resource_type(
    _: ScimConnection,
    base: Base,
    Id(id): Id<String>,
) -> Result<Reply, ScimFailure> {
    one(discovery::resource_type_by_id(base.as_str(), &id))
}

pub(super) async fn schemas(
    _: ScimConnection,
    Query(query): Query,
    base: Base,
) -> Result<Reply, ScimFailure> {
    listed(&query, discovery::schemas(base.as_str()))
}

pub(super) async fn schema(_: ScimConnection, base: Base, Id(id): Id<String>) -> Result<Reply, ScimFailure> {
    one(discovery::schema_by_id(base.as_str(), &id))
}

/// Whole, whatever is asked: RFC 7644 section 4 forbids filters here and has everything else ignored.
fn listed(query: &Parameters, all: Vec<Value>) -> Result<Reply, ScimFailure> {
    if query.has_filter() {
        return Err(ScimFailure::FilteredDiscovery);
    }
    let total = all.len();
    Ok(Reply::ok(list_response(all, total, 1)))
}

fn one(found: Option<Value>) -> Result<Reply, ScimFailure> {
    Ok(Reply::ok(found.ok_or_else(|| ScimError::NotFound("the description".to_owned()))?))
}
