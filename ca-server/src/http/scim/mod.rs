//! SCIM 2.0 (RFC 7644) for the directory's writer.

mod address;
mod aim;
mod auth;
mod discovery;
mod failure;
mod groups;
mod query;
mod reply;
mod search;
mod token;
mod users;
mod watch;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use sallyport_protocol::path;
use sallyport_scim::{Kind, Parameters, ScimError};

pub(super) use self::address::may_be_meant;
use self::failure::ScimFailure;
use super::{Failure, TIMEOUT, limited};
use crate::app::{App, ListQuery};

/// What Entra may send in one request.
const LARGEST: usize = 1024 * 1024;

pub(super) fn routes(app: &App) -> Router<App> {
    let nested = Router::new().nest(path::SCIM, table().fallback(address::elsewhere));
    // Not a route of its own: axum does not count the bare slash among what is nested.
    let routes = Router::route(nested, &format!("{}/", path::SCIM), any(address::elsewhere))
        .route(path::SCIM_TOKEN, post(token::issue));
    limited(routes, LARGEST, TIMEOUT).layer(from_fn_with_state(app.clone(), watch::watch))
}

/// A refusal that has nothing to do with SCIM, as whoever asks at this address expects it; `None` when nobody does.
pub(super) fn refusal(at: &str, failure: Failure) -> Option<Response> {
    let below = at.strip_prefix(path::SCIM);
    if below.is_some_and(|below| below.is_empty() || below.starts_with('/')) {
        Some(ScimFailure::Other(failure).into_response())
    } else if at == path::SCIM_TOKEN {
        Some(token::Refused::Other(failure).into_response())
    } else {
        None
    }
}

/// Relative to the root of SCIM.
fn table() -> Router<App> {
    Router::new()
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
        .route("/.search", post(search::everything))
        .route("/Groups/.search", post(search::groups))
        .route("/Users/.search", post(search::users))
        .route("/Bulk", any(failure::not_implemented))
        .route("/Me", any(failure::not_implemented))
        .fallback(failure::not_found)
        .method_not_allowed_fallback(failure::method_not_allowed)
}

/// A list as its parameters ask for it, of resources of these kinds.
fn list_query(asked: &Parameters, kinds: &[Kind]) -> Result<ListQuery, ScimError> {
    Ok(ListQuery { filter: asked.filter(kinds)?, page: asked.page()? })
}
