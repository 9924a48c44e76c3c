//! Addresses as directories write them. What an administrator pasted as Tenant URL comes before `/Users`, flags and
//! spare slashes included, and not every client minds the case of an endpoint.

use axum::Router;
use axum::extract::{OriginalUri, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use percent_encoding::percent_decode_str;
use sallyport_protocol::path;
use tower::ServiceExt;

use super::{failure, search, table};
use crate::app::App;

/// What chooses a dialect of Entra's. The request looks the same to us either way: both dialects are understood.
const FLAGS: [&str; 3] = ["aadOptscim062020", "AzureAdScimPatch062020", "AzureAdScimPatch2017"];
const ENDPOINTS: [&str; 8] =
    ["Bulk", "Groups", "Me", "ResourceTypes", "Schemas", "ServiceProviderConfig", "Users", SEARCH];
const SEARCH: &str = ".search";
/// What a query of SCIM's own begins with: a slash in a filter ends no flags.
const PARAMETERS: [&str; 7] =
    ["attributes", "count", "excludedAttributes", "filter", "sortBy", "sortOrder", "startIndex"];

/// Answers a request whose address is no route, but means one.
pub(super) async fn elsewhere(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    mut request: Request,
) -> Response {
    let Some(meant) = meant(&uri).or_else(|| root(&uri)) else {
        return failure::not_found().await.into_response();
    };
    *request.uri_mut() = meant;
    // It has no such handler as this, so this happens once.
    let Ok(response) = rooted().with_state(app).oneshot(request).await;
    response
}

/// The table with the root in it: there, flags have to be seen through before anything is matched.
fn rooted() -> Router<App> {
    table().route("/", get(search::at_the_root)).method_not_allowed_fallback(failure::method_not_allowed)
}

/// The route that an address means, below the root of SCIM; `None` when the address means what it says.
pub(super) fn meant(uri: &Uri) -> Option<Uri> {
    let below = uri.path().strip_prefix(path::SCIM)?;
    let (below, query) = match uri.query() {
        Some(query) if below.trim_matches('/').is_empty() => behind_flags(query)?,
        query => (below, query),
    };
    let mut segments: Vec<&str> = below
        .split('/')
        .filter(|segment| !segment.is_empty())
        .skip_while(|segment| has_flag(&percent_decode_str(segment).decode_utf8_lossy()))
        .collect();
    for segment in &mut segments {
        *segment = endpoint(segment).unwrap_or(segment);
    }
    let mut meant = format!("/{}", segments.join("/"));
    if meant == below {
        return None;
    }
    if let Some(query) = query {
        meant.extend(["?", query]);
    }
    meant.parse().ok()
}

/// Whether somebody who asks at an address where nothing is may be a directory with a wrong Tenant URL: a directory always
/// shows a credential, and those who look for other people's programs do not.
pub(in crate::http) fn may_be_meant(path: &str, headers: &HeaderMap) -> bool {
    let of_others = ["/api/", "/v1/"].iter().any(|other| path.starts_with(other)) && !path.contains("/scim");
    let usual = ["Groups", "ServiceProviderConfig", "Users"];
    headers.contains_key(AUTHORIZATION)
        && !of_others
        && path.split('/').any(|segment| usual.iter().any(|known| known.eq_ignore_ascii_case(segment)))
}

/// The root itself, where that is meant. With a flag that is none it is no answer: everybody would be found in the place
/// of somebody, and nobody told that the Tenant URL is wrong.
fn root(uri: &Uri) -> Option<Uri> {
    let bare = uri.path().strip_prefix(path::SCIM).is_some_and(|below| below.trim_matches('/').is_empty());
    let known = |pair: &str| {
        let name = pair.split('=').next().unwrap_or_default();
        let is_one_of = |known: &[&str]| known.iter().any(|known| known.eq_ignore_ascii_case(name));
        is_one_of(&PARAMETERS) || (is_one_of(&FLAGS) && !pair.contains(['/', '%', '?']))
    };
    if !bare {
        return None;
    }
    match uri.query() {
        None | Some("") => Some(Uri::from_static("/")),
        Some(query) => query.split('&').all(known).then(|| format!("/?{query}").parse().ok())?,
    }
}

/// Path and query where `https://…/scim/v2/?flag&other` was pasted, and `/Users?filter=…` put behind it.
fn behind_flags(query: &str) -> Option<(&str, Option<&str>)> {
    let (flags, rest) = query.split_once('/')?;
    // No endpoint and no id has either mark, so whichever comes first begins the query.
    let (below, query) = match rest.split_once(['?', '&']) {
        Some((below, query)) => (below, Some(query)),
        None => (rest, None),
    };
    let is_route = below.split('/').find(|segment| !segment.is_empty()).and_then(endpoint).is_some();
    (has_flag(flags) && is_route).then_some((below, query))
}

fn endpoint(segment: &str) -> Option<&'static str> {
    ENDPOINTS.into_iter().find(|known| known.eq_ignore_ascii_case(segment))
}

/// Whether a flag of Entra's is among what stands there, with a value or without, and no parameter of a search.
fn has_flag(text: &str) -> bool {
    let names = || text.split(['?', '&']).map(|pair| pair.split('=').next().unwrap_or_default());
    let any = |known: &[&str]| names().any(|name| known.iter().any(|known| known.eq_ignore_ascii_case(name)));
    any(&FLAGS) && !any(&PARAMETERS)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn meant_by(text: &str) -> Option<String> {
        meant(&text.parse().unwrap()).map(|uri| uri.to_string())
    }

    #[test]
    fn flags_slashes_and_case_are_seen_through() {
        for (written, route) in [
            ("/scim/v2//Users?filter=a+pr", "/Users?filter=a+pr"),
            ("/scim/v2/users/01J", "/Users/01J"),
            ("/scim/v2/Users/", "/Users"),
            ("/scim/v2/serviceproviderconfig", "/ServiceProviderConfig"),
            ("/scim/v2/USERS/.Search", "/Users/.search"),
            ("/scim/v2/aadOptscim062020/Users/01J", "/Users/01J"),
            ("/scim/v2/%3FaadOptscim062020/Groups?count=1", "/Groups?count=1"),
            ("/scim/v2/AzureAdScimPatch2017//groups/x?a=b", "/Groups/x?a=b"),
            ("/scim/v2/?aadOptscim062020/Users?filter=a+eq+%22/%22", "/Users?filter=a+eq+%22/%22"),
            ("/scim/v2?aadoptscim062020/Users/01J", "/Users/01J"),
            ("/scim/v2/?aadOptscim062020&AzureAdScimPatch062020/Users?count=1", "/Users?count=1"),
            (
                "/scim/v2/?x=1&aadOptscim062020=true/groups/01J?excludedAttributes=members",
                "/Groups/01J?excludedAttributes=members",
            ),
            ("/scim/v2/?aadOptscim062020?other//Users/01J/", "/Users/01J"),
            (
                "/scim/v2/?aadOptscim062020/Users&filter=a+eq+%22/%22&count=1",
                "/Users?filter=a+eq+%22/%22&count=1",
            ),
            ("/scim/v2/%3FaadOptscim062020%26other/Users", "/Users"),
            ("/scim/v2/%3faadOptscim062020%3Dtrue&other=1/Users/.search", "/Users/.search"),
            ("/scim/v2/&aadOptscim062020/AzureAdScimPatch2017/Users", "/Users"),
        ] {
            assert_eq!(meant_by(written).as_deref(), Some(route), "{written}");
            assert_eq!(meant_by(&format!("/scim/v2{route}")), None, "a route means itself");
        }
    }

    #[test]
    fn a_wrong_tenant_url_is_recognised() {
        let directory = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static("Bearer x"))]);
        for path in
            ["/Users", "/scim/users/01J", "/scim/v1/Groups", "/x/ServiceProviderConfig", "/api/scim/v2/Users"]
        {
            assert!(may_be_meant(path, &directory), "{path}");
            assert!(!may_be_meant(path, &HeaderMap::new()), "{path}");
        }
        for path in ["/", "/favicon.ico", "/v1/users", "/api/v1/groups", "/usersx"] {
            assert!(!may_be_meant(path, &directory), "{path}");
        }
    }

    #[test]
    fn the_root_is_meant_by_what_a_search_is_asked_with_alone() {
        let root = |text: &str| root(&text.parse().unwrap()).is_some();
        for written in [
            "/scim/v2",
            "/scim/v2/",
            "/scim/v2//?",
            "/scim/v2?filter=userName+eq+%22a/b%22&count=1",
            "/scim/v2/?aadOptscim062020",
            "/scim/v2/?AADoptscim062020=true&startIndex=1",
        ] {
            assert!(root(written), "{written}");
        }
        for written in [
            "/scim/v2/?x=1/Users?filter=userName+eq+%22a%22",
            "/scim/v2/?x=1",
            "/scim/v2/?code=abc/Users/01J",
            "/scim/v2/?aadOptscim062020/Nothing",
            "/scim/v2/?aadOptscim062020%2FUsers",
            "/scim/v2/?aadOptscim062020=/x",
            "/scim/v2/Users",
        ] {
            assert!(!root(written), "{written}");
        }
    }

    #[test]
    fn other_addresses_mean_what_they_say() {
        for written in [
            "/scim/v2/Nothing",
            "/scim/v2/x/Users",
            "/scim/v2?filter=a",
            "/scim/v2/?x=1/Users",
            "/scim/v2",
            "/scim/v2/?aadOptscim062020&filter=title+eq+%22a/Users%22",
            "/scim/v2/?aadOptscim062020/Nothing/Users",
            "/scim/v2/?aadOptscim062020&count=1",
            "/scim/v2/?aadOptscim062020&other",
            "/scim/v2/aadOptscim0620201/Users",
        ] {
            assert_eq!(meant_by(written).filter(|meant| meant != "/"), None, "{written}");
        }
    }
}
