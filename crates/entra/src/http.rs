use std::pin::Pin;
use std::time::Duration;

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse, http};
use url::Url;

use crate::provider::acceptable_url;

/// The largest body that is read from an issuer, in bytes. Entra's key set is about 20 KiB.
const LARGEST_BODY: usize = 256 * 1024;

/// How we talk to an issuer: over TLS (plain HTTP on loopback only), without redirects, with a limit on everything.
#[derive(Clone, Debug)]
pub struct HttpClient(reqwest::Client);

impl HttpClient {
    /// `limit` is for one whole request, connecting and reading included.
    ///
    /// # Errors
    /// When the TLS configuration does not suit the HTTP library.
    pub fn new(tls: rustls::ClientConfig, limit: Duration) -> Result<Self, HttpError> {
        reqwest::Client::builder()
            .use_preconfigured_tls(tls)
            .timeout(limit)
            // A redirect would take a token request, or our trust in a key set, to another place.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("sallyport/", env!("CARGO_PKG_VERSION")))
            .build()
            .map(Self)
            .map_err(HttpError::Setup)
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let request = reqwest::Request::try_from(request).map_err(HttpError::Request)?;
        if !acceptable_url(request.url()) {
            return Err(HttpError::Insecure { url: request.url().clone() });
        }
        let mut reply = self.0.execute(request).await.map_err(HttpError::Transport)?;
        let mut body = Vec::new();
        while let Some(chunk) = reply.chunk().await.map_err(HttpError::Transport)? {
            if body.len() + chunk.len() > LARGEST_BODY {
                return Err(HttpError::TooLarge { url: reply.url().clone() });
            }
            body.extend_from_slice(&chunk);
        }
        let mut answer = http::Response::new(body);
        *answer.status_mut() = reply.status();
        *answer.headers_mut() = reply.headers().clone();
        Ok(answer)
    }
}

impl<'c> AsyncHttpClient<'c> for HttpClient {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

/// Why there was no answer. No body is repeated here: it may hold a token.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    #[error("{url} is plain HTTP; outside of this machine only https:// is used")]
    Insecure { url: Url },
    #[error("the request cannot be built")]
    Request(#[source] reqwest::Error),
    #[error("the HTTP client cannot be set up")]
    Setup(#[source] reqwest::Error),
    #[error("{url} answered more than {LARGEST_BODY} bytes")]
    TooLarge { url: Url },
    #[error("no answer")]
    Transport(#[source] reqwest::Error),
}
