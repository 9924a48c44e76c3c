use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, LOCATION};
use reqwest::{Client, Method, RequestBuilder, Response, redirect};
use rustls::{ClientConfig, RootCertStore};
use sallyport_protocol::Problem;
use sallyport_trust_roots::TrustError;
use serde::de::DeserializeOwned;

use crate::{CaUrl, ClientError};

/// Largest answer that is read.
pub(crate) const REPLY_LIMIT: usize = 16 * 1024 * 1024;
/// Largest body of a refusal: one sentence and a few fields.
const PROBLEM_LIMIT: usize = 64 * 1024;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// From the first byte sent to the last byte read, unless the request says otherwise.
pub(crate) const TOTAL_TIMEOUT: Duration = Duration::from_secs(30);

/// One configured connection pool to one place.
#[derive(Clone, Debug)]
pub(crate) struct Transport {
    http: Client,
    base: CaUrl,
}

/// A whole answer with a status of success.
#[derive(Debug)]
pub(crate) struct Reply {
    url: String,
    media_type: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Transport {
    pub(crate) fn new(base: CaUrl, tls: ClientConfig) -> Result<Self, ClientError> {
        let mut builder = builder().use_preconfigured_tls(tls);
        if base.is_loopback() {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|source| unreachable(base.to_string(), source))?;
        Ok(Self { http, base })
    }

    /// Over a Unix socket; `base` only names the server to itself.
    pub(crate) fn over_socket(base: CaUrl, path: &Path) -> Result<Self, ClientError> {
        let http = builder()
            .use_preconfigured_tls(nobody()?)
            .no_proxy()
            .unix_socket(path)
            .build()
            .map_err(|source| ClientError::AdminSocket { path: path.to_owned(), source })?;
        Ok(Self { http, base })
    }

    pub(crate) fn request(&self, method: Method, path_and_query: &str) -> RequestBuilder {
        self.http.request(method, self.base.join(path_and_query)).timeout(TOTAL_TIMEOUT)
    }
}

/// No redirects: a signed request belongs to the address that it was made for. No Referer, no cookies, no guessing.
fn builder() -> reqwest::ClientBuilder {
    Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TOTAL_TIMEOUT)
        .redirect(redirect::Policy::none())
        .referer(false)
        .user_agent(concat!("sallyport/", env!("CARGO_PKG_VERSION")))
}

/// Sends and reads the whole answer, `limit` bytes at most.
///
/// # Errors
/// [`ClientError::Problem`] for a refusal in the CA's own words; the rest of [`ClientError`] for everything else.
pub(crate) async fn send(request: RequestBuilder, limit: usize) -> Result<Reply, ClientError> {
    let (http, request) = request.build_split();
    let request = request.map_err(|source| unreachable("the CA".into(), source))?;
    let url = request.url().to_string();
    let response = http.execute(request).await.map_err(|source| unreachable(url.clone(), source))?;
    let status = response.status();
    let media_type = media_type(&response);
    if status.is_success() {
        let headers = response.headers().clone();
        let body = read(response, &url, limit).await?;
        return Ok(Reply { url, media_type, headers, body });
    }
    if status.is_redirection() {
        let to = response.headers().get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or("nowhere");
        return Err(ClientError::Protocol { url, found: format!("a redirect to {to:?}") });
    }
    if media_type != Problem::MEDIA_TYPE {
        return Err(ClientError::Protocol { url, found: format!("status {status} and no reason") });
    }
    let body = read(response, &url, PROBLEM_LIMIT).await?;
    let problem: Problem = serde_json::from_slice(&body).map_err(|_| ClientError::Protocol {
        url,
        found: format!("status {status} and no readable reason"),
    })?;
    Err(ClientError::Problem(Box::new(problem)))
}

impl Reply {
    /// # Errors
    /// [`ClientError::Protocol`] when it is not the JSON that was asked for.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        self.expect("application/json")?;
        serde_json::from_slice(&self.body)
            .map_err(|error| self.protocol(format!("unexpected JSON ({error})")))
    }

    /// # Errors
    /// [`ClientError::Protocol`] when it is of another media type.
    pub(crate) fn expect(&self, media_type: &str) -> Result<(), ClientError> {
        if self.media_type == media_type {
            return Ok(());
        }
        Err(self.protocol(format!("{:?} where {media_type} was expected", self.media_type)))
    }

    pub(crate) fn protocol(&self, found: impl Into<String>) -> ClientError {
        ClientError::Protocol { url: self.url.clone(), found: found.into() }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

/// Without parameters, lower case; empty when there is none.
fn media_type(response: &Response) -> String {
    let header =
        response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    header.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The announced length saves the work; the counted one is the limit.
async fn read(mut response: Response, url: &str, limit: usize) -> Result<Vec<u8>, ClientError> {
    let too_large = || ClientError::TooLarge { url: url.to_owned(), limit };
    let announced =
        response.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| usize::try_from(length).map_or(true, |length| length > limit)) {
        return Err(too_large());
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|source| unreachable(url.to_owned(), source))? {
        if body.len() + chunk.len() > limit {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The address is told once, by us.
fn unreachable(url: String, source: reqwest::Error) -> ClientError {
    ClientError::Unreachable { url, source: source.without_url() }
}

/// TLS that trusts the roots which the bootstrap named or, when it named none, the system's.
pub(crate) fn tls(base: &CaUrl, roots: &[String]) -> Result<ClientConfig, ClientError> {
    if base.as_url().scheme() == "http" {
        return nobody();
    }
    let extra = sallyport_trust_roots::extra_roots_from_environment();
    Ok(match roots {
        [] => sallyport_trust_roots::system(extra.as_deref())?,
        roots => sallyport_trust_roots::pinned(roots)?,
    })
}

/// For where no TLS is spoken: should it be after all, nobody is trusted.
pub(crate) fn nobody() -> Result<ClientConfig, ClientError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TrustError::Protocols)?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth())
}
