//! SCIM 2.0 (RFC 7644) for the directory's writer.

mod auth;
mod discovery;
mod groups;
mod reply;
mod users;

use axum::Router;
use axum::routing::get;
use sallyport_protocol::path;
use sallyport_scim::{Filter, Page, Projection, ScimError};
use serde::Deserialize;

use crate::app::{App, ListQuery};
use reply::ScimFailure;

pub(super) fn routes() -> Router<App> {
    let routes = Router::new()
        .route("/Users", get(users::list).post(users::create))
        .route("/Users/{id}", get(users::read).put(users::replace).patch(users::patch).delete(users::delete))
        .route("/Groups", get(groups::list).post(groups::create))
        .route(
            "/Groups/{id}",
            get(groups::read).put(groups::replace).patch(groups::patch).delete(groups::delete),
        )
        .route("/ServiceProviderConfig", get(discovery::service_provider_config))
        .route("/ResourceTypes", get(discovery::resource_types))
        .route("/ResourceTypes/{id}", get(discovery::resource_type))
        .route("/Schemas", get(discovery::schemas))
        .route("/Schemas/{id}", get(discovery::schema))
        .fallback(reply::not_found)
        .method_not_allowed_fallback(reply::method_not_allowed);
    Router::new().nest(path::SCIM, routes)
}

/// The query of a read. Keys that we do not know are ignored: Entra's Tenant URL may carry flags.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReadQuery {
    attributes: Option<String>,
    excluded_attributes: Option<String>,
    filter: Option<String>,
    start_index: Option<String>,
    count: Option<String>,
}

impl ReadQuery {
    fn projection(&self) -> Result<Projection, ScimError> {
        Projection::parse(self.attributes.as_deref(), self.excluded_attributes.as_deref())
    }

    fn list(&self) -> Result<ListQuery, ScimError> {
        let filter = self.filter.as_deref().map(str::parse::<Filter>).transpose()?;
        Ok(ListQuery { filter, page: Page::parse(self.start_index.as_deref(), self.count.as_deref())? })
    }
}

/// The id in a path; anything that is no id of ours is not found.
fn resource_id<T: std::str::FromStr>(text: &str) -> Result<T, ScimFailure> {
    text.parse().map_err(|_| ScimError::NotFound("the resource".to_owned()).into())
}
