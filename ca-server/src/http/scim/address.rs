//! Addresses as directories write them. What an administrator pasted as Tenant URL comes before `/Users`, flags and
//! spare slashes included, and not every client minds the case of an endpoint.

use axum::extract::{OriginalUri, Request, State};
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use sallyport_protocol::path;
use tower::ServiceExt;

use super::{failure, table};
use crate::app::App;

/// What chooses a dialect of Entra's. The request looks the same to us either way: both dialects are understood.
const FLAGS: [&str; 3] = ["aadOptscim062020", "AzureAdScimPatch062020", "AzureAdScimPatch2017"];
const ENDPOINTS: [&str; 8] =
    ["Bulk", "Groups", "Me", "ResourceTypes", "Schemas", "ServiceProviderConfig", "Users", SEARCH];
const SEARCH: &str = ".search";

/// Answers a request whose address is no route, but means one.
pub(super) async fn elsewhere(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    mut request: Request,
) -> Response {
    let Some(meant) = meant(&uri) else { return failure::not_found().await.into_response() };
    *request.uri_mut() = meant;
    // It has no such handler as this, so this happens once.
    let Ok(response) = table().with_state(app).oneshot(request).await;
    response
}

/// The route that an address means, below the root of SCIM; `None` when the address means what it says.
fn meant(uri: &Uri) -> Option<Uri> {
    let below = uri.path().strip_prefix(path::SCIM)?;
    let (below, query) = match uri.query() {
        // `https://…/scim/v2/?flag` with `/Users?filter=…` put behind it.
        Some(query) if below.trim_matches('/').is_empty() => {
            let (flag, rest) = query.split_once('/')?;
            let (below, query) =
                rest.split_once('?').map_or((rest, None), |(below, query)| (below, Some(query)));
            (is_flag(flag).then_some(below)?, query)
        }
        query => (below, query),
    };
    let mut segments: Vec<&str> = below
        .split('/')
        .filter(|segment| !segment.is_empty())
        .skip_while(|segment| is_flag(segment))
        .collect();
    for segment in &mut segments {
        *segment = ENDPOINTS.into_iter().find(|known| known.eq_ignore_ascii_case(segment)).unwrap_or(segment);
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

fn is_flag(segment: &str) -> bool {
    let bare = segment.trim_start_matches("%3F").trim_start_matches("%3f").trim_start_matches(['?', '&']);
    FLAGS.iter().any(|flag| flag.eq_ignore_ascii_case(bare))
}

#[cfg(test)]
mod tests {
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
        ] {
            assert_eq!(meant_by(written).as_deref(), Some(route), "{written}");
            assert_eq!(meant_by(&format!("/scim/v2{route}")), None, "a route means itself");
        }
    }

    #[test]
    fn other_addresses_mean_what_they_say() {
        for written in
            ["/scim/v2/Nothing", "/scim/v2/x/Users", "/scim/v2?filter=a", "/scim/v2/?x=1/Users", "/scim/v2"]
        {
            assert_eq!(meant_by(written).filter(|meant| meant != "/"), None, "{written}");
        }
    }
}
