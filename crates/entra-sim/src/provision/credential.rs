//! What the service shows to a SCIM server: a token, a user with a password, or a token that it fetches as an OAuth
//! client.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Client;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use super::client::Answer;

/// Before its end, a token is fetched anew.
const MARGIN: Duration = Duration::from_mins(1);
/// Of a token whose end is not told.
const UNTOLD: Duration = Duration::from_mins(5);

/// A bearer token that does not print.
#[derive(Clone)]
pub struct Token(HeaderValue);

/// What the service shows.
#[derive(Clone, Debug)]
pub struct Credential(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// The same with every request.
    Fixed(Token),
    Client(OAuthClient),
}

#[derive(Clone)]
struct OAuthClient {
    id: String,
    secret: String,
    token_url: Url,
}

impl Token {
    /// White space around the text does not count. `None` when it is empty or cannot stand in a header.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() { None } else { Self::with_scheme("Bearer", text) }
    }

    fn with_scheme(scheme: &str, text: &str) -> Option<Self> {
        let mut value = HeaderValue::from_str(&format!("{scheme} {text}")).ok()?;
        value.set_sensitive(true);
        Some(Self(value))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl fmt::Debug for OAuthClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuthClient").field("id", &self.id).finish_non_exhaustive()
    }
}

impl From<Token> for Credential {
    fn from(token: Token) -> Self {
        Self(Kind::Fixed(token))
    }
}

impl Credential {
    /// A user with a password, in the header of each request (RFC 7617). `None` when the user has a colon.
    #[must_use]
    pub fn basic(user: &str, password: &str) -> Option<Self> {
        let encoded = STANDARD.encode(format!("{user}:{password}"));
        let token = Token::with_scheme("Basic", &encoded).filter(|_| !user.contains(':'))?;
        Some(token.into())
    }

    /// A client that fetches its tokens at `token_url` with a secret in the form (RFC 6749 section 4.4).
    #[must_use]
    pub fn client(id: &str, secret: &str, token_url: Url) -> Self {
        Self(Kind::Client(OAuthClient { id: id.to_owned(), secret: secret.to_owned(), token_url }))
    }
}

/// A credential at work: with the token that was fetched last.
#[derive(Debug)]
pub(super) struct Purse {
    credential: Credential,
    fetched: Mutex<Option<(Token, Instant)>>,
}

impl Purse {
    pub(super) fn new(credential: Credential) -> Self {
        Self { credential, fetched: Mutex::new(None) }
    }

    /// The header for a request; or what the token endpoint said instead.
    pub(super) async fn header(
        &self,
        client: &Client,
    ) -> Result<Result<HeaderValue, Answer>, reqwest::Error> {
        let oauth = match &self.credential.0 {
            Kind::Fixed(token) => return Ok(Ok(token.0.clone())),
            Kind::Client(oauth) => oauth,
        };
        let held = self.fetched.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((token, _)) = held.filter(|(_, until)| Instant::now() < *until) {
            return Ok(Ok(token.0));
        }
        let (status, body) = oauth.ask(client).await?;
        let token = body.get("access_token").and_then(Value::as_str).and_then(Token::new);
        let Some(token) = token.filter(|_| status == 200) else {
            let said = |name| body.get(name).and_then(Value::as_str).unwrap_or("nothing");
            let detail = format!(
                "the token endpoint gives no token: {}, {}",
                said("error"),
                said("error_description")
            );
            return Ok(Err(Answer { status, body: json!({ "detail": detail }) }));
        };
        let seconds = body.get("expires_in").and_then(Value::as_u64);
        let life = seconds.map_or(UNTOLD, Duration::from_secs).saturating_sub(MARGIN);
        let until = Instant::now() + life;
        *self.fetched.lock().unwrap_or_else(PoisonError::into_inner) = Some((token.clone(), until));
        Ok(Ok(token.0))
    }

    /// After a refusal: whether another token is worth a try.
    pub(super) fn forget(&self) -> bool {
        self.fetched.lock().unwrap_or_else(PoisonError::into_inner).take().is_some()
    }
}

impl OAuthClient {
    async fn ask(&self, client: &Client) -> Result<(u16, Value), reqwest::Error> {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_id", &self.id)
            .append_pair("client_secret", &self.secret)
            .finish();
        let request = client.post(self.token_url.clone()).body(form);
        let response = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").send().await?;
        let status = response.status().as_u16();
        Ok((status, serde_json::from_slice(&response.bytes().await?).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_print() {
        let token = Token::new(" canary\n").unwrap();
        assert!(!format!("{token:?} {:?}", token.0).contains("canary"));
        let basic = Credential::basic("u", "canary").unwrap();
        let client = Credential::client("c", "canary", "https://ca.test/scim/token".parse().unwrap());
        let shown = format!("{basic:?} {client:?} {:?}", Purse::new(client.clone()));
        assert!(!shown.contains("canary") && !shown.contains(&STANDARD.encode("u:canary")), "{shown}");
    }

    #[test]
    fn what_is_no_credential_is_none() {
        assert!(Token::new(" \n").is_none());
        assert!(Credential::basic("a:b", "c").is_none());
    }
}
