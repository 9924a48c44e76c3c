use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::failure::ScimFailure;
use super::watch::Observed;
use crate::app::{App, Presented, ScimConnection};
use crate::http::client_address::ClientAddress;

/// Longest Authorization header looked at.
const LONGEST: usize = 4096;

impl FromRequestParts<App> for ScimConnection {
    type Rejection = ScimFailure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ScimFailure> {
        let from = parts.extensions.get::<ClientAddress>().map(|client| client.0);
        let admitted = app.admit(shown(parts).as_ref(), from).await?;
        let (connection, name) = admitted.map_err(ScimFailure::Turned)?;
        if let Some(observed) = parts.extensions.get::<Observed>() {
            observed.belongs_to(connection.tenant, name);
        }
        Ok(connection)
    }
}

fn shown(parts: &Parts) -> Option<Presented> {
    let header = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    if header.len() > LONGEST {
        return None;
    }
    // RFC 9110, section 11.1: the scheme has no case.
    let (scheme, rest) = header.split_once(' ')?;
    match scheme.to_ascii_lowercase().as_str() {
        "basic" => basic(rest.trim()).map(|(user, password)| Presented::Basic { user, password }),
        "bearer" => Some(Presented::Bearer(rest.trim().to_owned())),
        _ => None,
    }
}

/// RFC 7617: user and password around the first colon.
pub(super) fn basic(encoded: &str) -> Option<(String, String)> {
    let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}
