//! Refusals that no use case heard of (a body that is none, a filter that does not parse) belong in the provisioning
//! log as well.

use std::sync::{Arc, OnceLock};

use axum::extract::{Request, State};
use axum::http::{Method, Uri};
use axum::middleware::Next;
use axum::response::Response;
use sallyport_domain::TenantId;
use sallyport_scim::Kind;

use crate::app::{App, Attempt, Verb};
use crate::http::RequestTag;

/// Whose credential the request had. Left here by the extractor that checks it: strangers fill no log.
#[derive(Clone, Debug, Default)]
pub(super) struct Speaker(Arc<OnceLock<TenantId>>);

impl Speaker {
    pub(super) fn is(&self, tenant: TenantId) {
        // Said twice by two extractors of one request, and the same both times.
        let _ = self.0.set(tenant);
    }
}

/// Part of an answer that refuses, unless the use case has written it down.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    pub(super) scim_type: Option<&'static str>,
    pub(super) detail: String,
}

pub(super) async fn note(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let speaker = Speaker::default();
    let tag = request.extensions().get::<RequestTag>().copied();
    let verb = verb(request.method(), request.uri());
    let place = place(request.uri());
    request.extensions_mut().insert(speaker.clone());
    let mut response = next.run(request).await;
    let status = response.status().as_u16();
    let refused = response.extensions_mut().remove::<Refused>();
    // Entra looks for what is not there yet all day long: that is no failure.
    let ordinary = verb == Verb::Read && status == 404;
    if let (Some(refused), Some(tenant), Some(RequestTag(request)), Some((kind, id)), false) =
        (refused, speaker.0.get().copied(), tag, place, ordinary)
    {
        let attempt = Attempt { tenant, request, verb, kind, id, name: None };
        app.note_refusal(attempt, status, refused.scim_type, refused.detail).await;
    }
    response
}

fn verb(method: &Method, uri: &Uri) -> Verb {
    match *method {
        Method::POST if uri.path().to_ascii_lowercase().ends_with("/.search") => Verb::Read,
        Method::DELETE => Verb::Delete,
        Method::PATCH => Verb::Update,
        Method::POST => Verb::Create,
        Method::PUT => Verb::Replace,
        _ => Verb::Read,
    }
}

/// The resource type and the id, wherever in the address they stand: a Tenant URL may carry flags, also before them.
fn place(uri: &Uri) -> Option<(Kind, Option<String>)> {
    let address = uri.path_and_query()?.as_str();
    let lower = address.to_ascii_lowercase();
    let found = [Kind::Group, Kind::User].into_iter().find_map(|kind| {
        let endpoint = format!("/{}", kind.endpoint().to_ascii_lowercase());
        lower.find(&endpoint).map(|start| (kind, start + endpoint.len()))
    });
    let (kind, end) = found?;
    let id = address.get(end..)?.strip_prefix('/').unwrap_or_default();
    let id = id.split(['/', '?']).next().filter(|id| !id.is_empty() && !id.starts_with('.'));
    Some((kind, id.map(str::to_owned)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_found_behind_flags() {
        let of = |text: &str| place(&text.parse().unwrap());
        let id = Some("01J".to_owned());
        assert_eq!(of("/scim/v2/Users/01J?attributes=id"), Some((Kind::User, id.clone())));
        assert_eq!(of("/scim/v2/?aadOptscim062020/groups/01J"), Some((Kind::Group, id)));
        assert_eq!(of("/scim/v2/Users?filter=id+eq+%22a%22"), Some((Kind::User, None)));
        assert_eq!(of("/scim/v2/Users/.search"), Some((Kind::User, None)));
        assert_eq!(of("/scim/v2/Schemas"), None);
    }
}
