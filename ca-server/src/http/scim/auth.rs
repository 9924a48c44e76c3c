use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;

use super::reply::ScimFailure;
use crate::app::{App, ScimConnection};

/// Longest Authorization header looked at.
const LONGEST: usize = 4096;

impl FromRequestParts<App> for ScimConnection {
    type Rejection = ScimFailure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ScimFailure> {
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let header = header.filter(|header| header.len() <= LONGEST).ok_or(ScimFailure::Unauthorized)?;
        // RFC 9110, section 11.1: the scheme has no case.
        let (scheme, secret) = header.split_once(' ').ok_or(ScimFailure::Unauthorized)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(ScimFailure::Unauthorized);
        }
        app.scim_connection(secret.trim()).await?.ok_or(ScimFailure::Unauthorized)
    }
}
