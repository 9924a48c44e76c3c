//! The token endpoint: RFC 6749, client credentials. A client shows id and secret in the form, as Entra does, or as
//! Basic authentication; its errors are those of section 5.2, not SCIM's.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::auth::basic;
use super::watch::Refused as Observed;
use crate::app::{AccessGrant, App, AppError, Turned};
use crate::http::Failure;
use crate::http::client_address::ClientAddress;
use crate::log::Chain;

/// More than any honest request has.
const LARGEST: usize = 8 * 1024;

pub(super) async fn issue(
    State(app): State<App>,
    from: Option<Extension<ClientAddress>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refused> {
    let form = Form::read(&body)?;
    let client = form.client(&headers)?;
    match form.one("grant_type")? {
        None if client.is_some() => return Err(Refused::Invalid("grant_type is missing")),
        Some(kind) if client.is_some() && kind != "client_credentials" => {
            return Err(Refused::UnsupportedGrant);
        }
        // Whoever shows nothing is told that first.
        _ => {}
    }
    let from = from.map(|Extension(ClientAddress(address))| address);
    let shown = client.as_ref().map(|(id, secret)| (id.as_str(), secret.as_str()));
    let AccessGrant { token, seconds } = app.grant_access(shown, from).await??;
    let body = json!({ "access_token": token, "token_type": "Bearer", "expires_in": seconds });
    Ok(answer(StatusCode::OK, body))
}

/// `application/x-www-form-urlencoded`, whatever the Content-Type says.
struct Form(Vec<(String, String)>);

impl Form {
    fn read(body: &Bytes) -> Result<Self, Refused> {
        if body.len() > LARGEST {
            return Err(Refused::Invalid("the form is too large"));
        }
        Ok(Self(url::form_urlencoded::parse(body).into_owned().collect()))
    }

    /// Section 3.1: no parameter stands twice.
    fn one(&self, name: &str) -> Result<Option<&str>, Refused> {
        let mut found = self.0.iter().filter(|(key, _)| key == name);
        match (found.next(), found.next()) {
            (_, Some(_)) => Err(Refused::Invalid("a parameter stands twice")),
            (found, None) => Ok(found.map(|(_, value)| value.as_str())),
        }
    }

    /// Section 2.3.1: in the header or in the form; both at once only where they agree.
    fn client(&self, headers: &HeaderMap) -> Result<Option<(String, String)>, Refused> {
        let in_form = self.one("client_id")?.zip(self.one("client_secret")?);
        let in_form = in_form.map(|(id, secret)| (id.to_owned(), secret.to_owned()));
        match (in_header(headers), in_form) {
            (Some(header), Some(form)) if header != form => {
                Err(Refused::Invalid("the header names one client and the form another"))
            }
            (header, form) => Ok(header.or(form)),
        }
    }
}

fn in_header(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = value.split_once(' ')?;
    let (client, secret) = basic(rest.trim()).filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    Some((form_decoded(&client), form_decoded(&secret)))
}

/// Both are form-encoded before they are base64 (section 2.3.1); ours read the same without.
fn form_decoded(text: &str) -> String {
    let pair = format!("x={text}");
    let decoded = url::form_urlencoded::parse(pair.as_bytes()).next();
    decoded.map(|(_, value)| value.into_owned()).unwrap_or_default()
}

#[derive(Debug)]
pub(super) enum Refused {
    Client(Turned),
    Internal,
    Invalid(&'static str),
    /// A refusal from outside of OAuth.
    Other(Failure),
    UnsupportedGrant,
}

impl From<Turned> for Refused {
    fn from(turned: Turned) -> Self {
        Self::Client(turned)
    }
}

impl From<AppError> for Refused {
    fn from(error: AppError) -> Self {
        tracing::error!(error = %Chain(&error), "a token request failed inside");
        Self::Internal
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let error = |code: &str, text: &str| json!({ "error": code, "error_description": text });
        let (status, body, why) = match self {
            Self::Client(turned @ Turned::TooMany { seconds }) => {
                let mut response =
                    answer(StatusCode::TOO_MANY_REQUESTS, error("temporarily_unavailable", turned.as_str()));
                response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
                return because(response, turned.as_str());
            }
            Self::Other(failure) => return other(&failure),
            Self::Client(Turned::Network) => {
                let text = "this client may not be used from this address";
                (StatusCode::FORBIDDEN, error("unauthorized_client", text), Turned::Network.as_str())
            }
            Self::Client(turned) => {
                let text = "the client is unknown, or its secret is wrong, expired or revoked";
                (StatusCode::UNAUTHORIZED, error("invalid_client", text), turned.as_str())
            }
            Self::Internal => {
                let text = "something failed inside; try again";
                (StatusCode::INTERNAL_SERVER_ERROR, error("server_error", text), "internal")
            }
            Self::Invalid(text) => (StatusCode::BAD_REQUEST, error("invalid_request", text), text),
            Self::UnsupportedGrant => {
                let text = "only client_credentials";
                (StatusCode::BAD_REQUEST, error("unsupported_grant_type", text), "grant type")
            }
        };
        let mut response = answer(status, body);
        if status == StatusCode::UNAUTHORIZED {
            let basic = HeaderValue::from_static("Basic realm=\"Sallyport\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, basic);
        }
        because(response, why)
    }
}

/// RFC 6749 has no errors for a server in trouble but this, which it has elsewhere (section 4.1.2.1).
fn other(failure: &Failure) -> Response {
    let status = StatusCode::from_u16(failure.code().status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let ours = status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
    let code = if ours { "temporarily_unavailable" } else { "invalid_request" };
    let mut response = answer(status, json!({ "error": code, "error_description": failure.detail() }));
    let retry_after = failure.retry_after().map(|seconds| (header::RETRY_AFTER, seconds.into()));
    response.headers_mut().extend(retry_after);
    because(response, failure.code().as_str())
}

/// For the log; no operation of a directory was refused.
fn because(mut response: Response, why: &'static str) -> Response {
    response.extensions_mut().insert(Observed { why, untold: None });
    response
}

/// Section 5.1: nobody keeps a copy.
fn answer(status: StatusCode, body: Value) -> Response {
    let no_store = [(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")];
    (status, no_store, axum::Json(body)).into_response()
}
