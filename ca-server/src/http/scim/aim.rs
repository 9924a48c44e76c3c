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
    /// Of the address that is meant. `None`: about no user and no group.
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

/// The resource type and the id.
fn place(uri: &Uri) -> Option<(Kind, Option<String>)> {
    let mut segments = uri.path().split('/').filter(|segment| !segment.is_empty());
    let of = |segment: &str| {
        let kinds = [Kind::Group, Kind::User].into_iter();
        kinds.into_iter().find(|kind| kind.endpoint().eq_ignore_ascii_case(segment))
    };
    let kind = segments.find_map(of)?;
    let id = segments.next().filter(|id| !id.starts_with('.'));
    Some((kind, id.map(str::to_owned)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_kind_and_maybe_an_id() {
        let of = |text: &str| place(&text.parse().unwrap());
        let id = Some("01J".to_owned());
        assert_eq!(of("/scim/v2/Users/01J?attributes=id"), Some((Kind::User, id.clone())));
        assert_eq!(of("/Groups/01J"), Some((Kind::Group, id)));
        assert_eq!(of("/scim/v2/Users?filter=id+eq+%22a%22"), Some((Kind::User, None)));
        assert_eq!(of("/scim/v2/Users/.search"), Some((Kind::User, None)));
        assert_eq!(of("/scim/v2/Schemas"), None);
    }
}
