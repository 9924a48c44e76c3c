use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use sallyport_scim::Parameters;
use url::form_urlencoded;

use super::reply::ScimFailure;

/// The query of a request.
#[derive(Clone, Debug, Default)]
pub(super) struct Query(pub(super) Parameters);

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = ScimFailure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ScimFailure> {
        let query = parts.uri.query().unwrap_or_default();
        Ok(Self(Parameters::from_query(form_urlencoded::parse(query.as_bytes()))?))
    }
}
