use axum::extract::Path;
use sallyport_scim::{ScimError, discovery, list_response};
use serde_json::Value;

use super::reply::{Base, Reply, ScimFailure};
use crate::app::ScimConnection;

pub(super) async fn service_provider_config(_: ScimConnection, base: Base) -> Reply {
    Reply::ok(discovery::service_provider_config(base.as_str()))
}

pub(super) async fn resource_types(_: ScimConnection, base: Base) -> Reply {
    listed(discovery::resource_types(base.as_str()))
}

pub(super) async fn resource_type(
    _: ScimConnection,
    base: Base,
    Path(id): Path<String>,
) -> Result<Reply, ScimFailure> {
    one(discovery::resource_type_by_id(base.as_str(), &id))
}

pub(super) async fn schemas(_: ScimConnection, base: Base) -> Reply {
    listed(discovery::schemas(base.as_str()))
}

pub(super) async fn schema(
    _: ScimConnection,
    base: Base,
    Path(id): Path<String>,
) -> Result<Reply, ScimFailure> {
    one(discovery::schema_by_id(base.as_str(), &id))
}

fn listed(all: Vec<Value>) -> Reply {
    let total = all.len();
    Reply::ok(list_response(all, total, 1))
}

fn one(found: Option<Value>) -> Result<Reply, ScimFailure> {
    Ok(Reply::ok(found.ok_or_else(|| ScimError::NotFound("the description".to_owned()))?))
}
