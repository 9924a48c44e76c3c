//! What a request is about, as far as its first line tells.

use axum::http::{Method, StatusCode, Uri};
use sallyport_scim::Kind;

use crate::app::Verb;

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Aim {
    pub(super) verb: Verb,
    pub(super) kind: Kind,
    pub(super) id: Option<String>,
}

impl Aim {
    /// `None`: about no user and no group.
    pub(super) fn of(method: &Method, uri: &Uri) -> Option<Self> {
        let (kind, id) = place(uri)?;
        Some(Self { verb: verb(method, uri), kind, id })
    }

    /// Entra looks for what is not there yet all day long: that is no failure.
    pub(super) fn is_ordinary(&self, status: StatusCode) -> bool {
        self.verb == Verb::Read && status == StatusCode::NOT_FOUND
    }
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
