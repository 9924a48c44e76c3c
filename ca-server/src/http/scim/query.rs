use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use axum::http::header;
use axum::http::request::Parts;
use percent_encoding::percent_decode_str;
use sallyport_scim::{Parameters, ScimError};
use url::form_urlencoded;

use super::failure::ScimFailure;
use super::reply::versions;
use crate::app::Wanted;

/// The query of a request.
#[derive(Clone, Debug, Default)]
pub(super) struct Query(pub(super) Parameters);

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = ScimFailure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ScimFailure> {
        let query = parts.uri.query().unwrap_or_default();
        are_text(query)?;
        Ok(Self(Parameters::from_query(form_urlencoded::parse(query.as_bytes()))?))
    }
}

/// Reading on with replacement characters would look for what nobody asked for, and find it with `ne`.
fn are_text(query: &str) -> Result<(), ScimError> {
    let broken = query.split('&').find(|pair| percent_decode_str(pair).decode_utf8().is_err());
    let why = || "the query has bytes that are not UTF-8".to_owned();
    match broken {
        Some(pair) if pair.starts_with("filter=") => Err(ScimError::InvalidFilter(why())),
        Some(_) => Err(ScimError::InvalidValue(why())),
        None => Ok(()),
    }
}

/// The id in a path. What is no id of ours, or not even text, is not found.
pub(super) struct Id<T>(pub(super) T);

impl<S: Send + Sync, T: FromStr> FromRequestParts<S> for Id<T> {
    type Rejection = ScimFailure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ScimFailure> {
        let text = Path::<String>::from_request_parts(parts, state).await.ok();
        let id = text.and_then(|Path(text)| text.parse().ok());
        id.map(Self).ok_or_else(|| ScimError::NotFound("the resource".to_owned()).into())
    }
}

/// The id in a path, and what `If-Match` says that the resource must be.
impl<S: Send + Sync, T: FromStr> FromRequestParts<S> for Wanted<T> {
    type Rejection = ScimFailure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ScimFailure> {
        let Id(id) = Id::from_request_parts(parts, state).await?;
        Ok(Self { id, version: versions(parts, &header::IF_MATCH) })
    }
}
