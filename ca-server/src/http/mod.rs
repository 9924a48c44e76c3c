//! HTTP: extract, call one use case, render. No business rule has an `if` here.

mod admin;
mod client_address;
mod connections;
mod counted;
mod deadline;
mod failure;
mod hosts;
mod json;
mod login;
mod names;
mod ops;
mod scim;
mod strangers;
mod trace;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Uri};
use axum::{Extension, Router};
use ipnet::IpNet;

pub use failure::Failure;
pub use json::{Json, SmallBody};
pub use trace::RequestTag;

use sallyport_protocol::{ProblemCode, Report};

use self::client_address::ClientAddress;
use self::strangers::Strangers;
use crate::app::{App, Reason};
use crate::config::Surface;

/// The largest honest body here is what a host reports.
const SMALL_BODY: usize = 64 * 1024;
const _: () = assert!(Report::LARGEST < SMALL_BODY);
/// Folding a long audit chain takes its time.
const ADMIN_TIMEOUT: Duration = Duration::from_mins(15);
const TIMEOUT: Duration = Duration::from_secs(30);
/// Above the longest poll that a host may ask for.
const POLL_TIMEOUT: Duration = Duration::from_secs(90);

/// The routes of these surfaces; everything else is 404. `proxies`: whose word counts about where a request comes from.
pub fn router(app: &App, surfaces: &BTreeSet<Surface>, proxies: &[IpNet]) -> Router {
    let mut router = Router::new();
    for surface in surfaces {
        router = router.merge(match surface {
            Surface::Admin => limited(admin::routes(), SMALL_BODY, ADMIN_TIMEOUT),
            Surface::Hosts => limited(hosts::routes(), SMALL_BODY, POLL_TIMEOUT),
            Surface::Login => limited(login::routes(), SMALL_BODY, TIMEOUT),
            Surface::Ops => limited(ops::routes(), SMALL_BODY, TIMEOUT),
            Surface::Scim => scim::routes(app),
        });
    }
    let strangers = Strangers::new(app.clock());
    router
        .fallback(nothing_there)
        .method_not_allowed_fallback(failure::method_not_allowed)
        .layer(axum::middleware::from_fn_with_state(app.clone(), counted::certificates))
        .layer(axum::middleware::from_fn_with_state(strangers, strangers::at_the_door))
        .layer(axum::middleware::from_fn_with_state(Arc::from(proxies), client_address::note))
        .layer(axum::middleware::from_fn_with_state(app.clone(), trace::tag))
        .with_state(app.clone())
}

async fn nothing_there(
    State(app): State<App>,
    from: Option<Extension<ClientAddress>>,
    headers: HeaderMap,
    uri: Uri,
) -> Failure {
    if scim::may_be_meant(uri.path(), &headers) {
        let from = from.map(|Extension(ClientAddress(address))| address);
        app.turned_away().note(None, Reason::LOST, from, app.now());
    }
    Failure::new(ProblemCode::NotFound, "there is nothing at this address")
}

/// With a limit on bodies, and on the time from a request's headers to its answer: slow bodies end here.
pub fn limited<S>(routes: Router<S>, body: usize, timeout: Duration) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let deadline = axum::middleware::from_fn_with_state(timeout, deadline::keep);
    routes.layer(DefaultBodyLimit::max(body)).layer(deadline)
}
