//! What is seen of every SCIM request from outside of its handler. It is counted and timed; a refusal gets SCIM's
//! shape wherever it comes from, is logged without its secrets, and is written into the provisioning log where no use
//! case has done so: a body that is none, a filter that does not parse, a server that is busy or broken.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sallyport_domain::{ConnectionName, TenantId};

use super::address;
use super::aim::Aim;
use super::failure::ScimFailure;
use crate::app::{App, Attempt, Reason};
use crate::http::client_address::ClientAddress;
use crate::http::{Failure, RequestTag};
use crate::metrics::ScimOperation;
use crate::serve::Unreadable;

/// A place in the request for whose it is. Left there by the extractor that checks it: strangers fill no log.
#[derive(Clone, Debug, Default)]
pub(super) struct Observed(Arc<OnceLock<(TenantId, ConnectionName)>>);

impl Observed {
    pub(super) fn belongs_to(&self, tenant: TenantId, name: ConnectionName) {
        // Set once: a request has one credential.
        let _ = self.0.set((tenant, name));
    }

    fn tenant(&self) -> Option<TenantId> {
        self.0.get().map(|(tenant, _)| *tenant)
    }

    fn connection(&self) -> Option<&ConnectionName> {
        self.0.get().map(|(_, name)| name)
    }
}

/// Part of an answer that refuses.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    /// In words that hold nothing of the request.
    pub(super) why: &'static str,
    pub(super) untold: Option<Untold>,
}

/// What the provisioning log has yet to hear of.
#[derive(Clone, Debug)]
pub(super) struct Untold {
    pub(super) scim_type: Option<&'static str>,
    pub(super) detail: String,
}

pub(super) async fn watch(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let observed = Observed::default();
    request.extensions_mut().insert(observed.clone());
    let from = request.extensions().get::<ClientAddress>().map(|client| client.0);
    let tag = request.extensions().get::<RequestTag>().copied();
    let path = request.uri().path().to_owned();
    let meant = address::meant(request.uri());
    let meant = meant.as_ref().unwrap_or_else(|| request.uri());
    let operation = ScimOperation::of(request.method().as_str(), meant.path());
    let aim = Aim::of(request.method(), meant);
    let shows_credential = request.headers().contains_key(AUTHORIZATION);
    let begun = Instant::now();
    let response = match request.extensions().get::<Unreadable>() {
        Some(why) => ScimFailure::Unreadable(*why).into_response(),
        None => next.run(request).await,
    };
    let mut response = shaped(&path, response);
    let status = response.status();
    let refused = response.extensions_mut().remove::<Refused>();
    app.metrics().scim(observed.connection(), operation, status.as_u16(), begun.elapsed());
    if status == StatusCode::NOT_FOUND && observed.connection().is_none() && shows_credential {
        // Nothing that asks for a credential is there.
        app.turned_away().note(None, Reason::LOST, from, app.now());
    }
    if is_worth_a_line(status)
        && let Some(untold) = app.scim_door().tell(app.now())
    {
        let why = refused.as_ref().map_or("", |refused| refused.why);
        let connection = observed.connection().map_or("", ConnectionName::as_str);
        let from = from.map(tracing::field::display);
        let status = status.as_u16();
        tracing::warn!(from, status, connection, why, untold, "a SCIM request was refused");
    }
    if let (Some(tenant), Some(aim)) = (observed.tenant(), &aim) {
        app.tally().note(tenant, aim.verb, status.as_u16(), app.now());
    }
    if let (Some(untold), Some(tenant), Some(RequestTag(request)), Some(aim)) =
        (refused.and_then(|refused| refused.untold), observed.tenant(), tag, aim)
        && !aim.is_ordinary(status)
    {
        let Aim { verb, kind, id } = aim;
        let attempt = Attempt { tenant, request, verb, kind, id, name: None };
        note(&app, attempt, status, untold).await;
    }
    response
}

/// What HTTP itself refused (too slow, too often), in SCIM's shape.
fn shaped(path: &str, mut response: Response) -> Response {
    match response.extensions_mut().remove::<Failure>() {
        Some(failure) => super::refusal(path, failure.clone()).unwrap_or_else(|| failure.into_response()),
        None => response,
    }
}

async fn note(app: &App, attempt: Attempt, status: StatusCode, untold: Untold) {
    let Untold { scim_type, detail } = untold;
    if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
        // A server in trouble has enough to do.
        app.note_failure(attempt, status.as_u16(), &detail).await;
    } else {
        app.note_refusal(attempt, status.as_u16(), scim_type, detail).await;
    }
}

/// 404 and 409 are answers that a directory expects in its daily work.
fn is_worth_a_line(status: StatusCode) -> bool {
    status.is_client_error() && ![StatusCode::NOT_FOUND, StatusCode::CONFLICT].contains(&status)
}
