use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use openidconnect::core::{CoreAuthenticationFlow, CoreResponseType};
use openidconnect::{CsrfToken, LoginHint, Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use url::Url;

use super::callback::Expected;
use super::{Callback, Login, LoginError, OidcClient, SCOPES, Tokens, visit};

/// Open connections at one time; more wait in the kernel.
const MOST_VISITS: usize = 32;

/// Authorization code with PKCE (RFC 7636, S256) to `http://localhost` on a port of our own (RFC 8252).
///
/// One sign-in: made by [`BrowserLogin::start`], answered by [`BrowserLogin::wait`] or, where the browser runs on
/// another machine, by [`BrowserLogin::accept_pasted`], ended by [`BrowserLogin::exchange`].
pub struct BrowserLogin {
    login: Login,
    client: OidcClient,
    /// 127.0.0.1, and `::1` where that can be had: browsers may take `localhost` for either.
    listeners: (TcpListener, Option<TcpListener>),
    expected: Arc<Expected>,
    authorize_url: Url,
    verifier: PkceCodeVerifier,
}

impl BrowserLogin {
    /// Opens a port and makes the address to send the browser to.
    ///
    /// `nonce` comes back inside the ID token; `login_hint` is an address that the issuer may fill in.
    ///
    /// # Errors
    /// When no port can be opened.
    pub async fn start(login: &Login, nonce: &str, login_hint: Option<&str>) -> Result<Self, LoginError> {
        let listeners = listen().await.map_err(LoginError::Listen)?;
        let port = listeners.0.local_addr().map_err(LoginError::Listen)?.port();
        // No path and no slash: Entra compares what stands in the app registration, the port aside.
        let redirect = RedirectUrl::new(format!("http://localhost:{port}"))
            .map_err(|_| LoginError::BadReply("the redirect address does not parse"))?;
        let client = login.client().set_redirect_uri(redirect);

        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let nonce = Nonce::new(nonce.to_owned());
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let mut request = client
            .authorize_url::<_, CoreResponseType, _>(flow, CsrfToken::new_random, move || nonce)
            .add_scopes(SCOPES.map(|scope| Scope::new(scope.to_owned())))
            .set_pkce_challenge(challenge);
        if let Some(hint) = login_hint {
            request = request.set_login_hint(LoginHint::new(hint.to_owned()));
        }
        let (authorize_url, state, _nonce) = request.url();

        let issuer = login.issuer().to_owned();
        let expected = Arc::new(Expected { state: state.into_secret(), issuer, port });
        Ok(Self { login: login.clone(), client, listeners, expected, authorize_url, verifier })
    }

    /// Where the browser must go. Holds no secret, but is good for this sign-in only.
    #[must_use]
    pub fn authorize_url(&self) -> &Url {
        &self.authorize_url
    }

    /// The port of `http://localhost` that the browser comes back to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.expected.port
    }

    /// Waits for the browser. Requests that do not bear this sign-in's `state` get an error page and change
    /// nothing: anything on this machine can send them.
    ///
    /// Dropping the future drops the visits under way: beside a prompt for a pasted address, poll one and the same.
    ///
    /// # Errors
    /// When the issuer refused, or `limit` has passed.
    pub async fn wait(&self, limit: Duration) -> Result<Callback, LoginError> {
        timeout(limit, self.serve()).await.unwrap_or(Err(LoginError::TimedOut))
    }

    /// The address that the browser ended on, as a person copied it.
    ///
    /// # Errors
    /// When it is another address, belongs to another sign-in, or says that the issuer refused. The first two leave
    /// the sign-in open: ask again.
    pub fn accept_pasted(&self, text: &str) -> Result<Callback, LoginError> {
        self.expected.read_pasted(text)
    }

    /// Trades the code for tokens. A code counts once.
    ///
    /// # Errors
    /// When the issuer refuses or cannot be reached.
    pub async fn exchange(self, callback: Callback) -> Result<Tokens, LoginError> {
        let request =
            self.client.exchange_code(callback.0).map_err(|_| LoginError::NotOffered("a token endpoint"))?;
        let request = request.set_pkce_verifier(self.verifier);
        let reply = request.request_async(&self.login.0.http).await;
        Tokens::from_reply(&reply.map_err(LoginError::from_token_request)?)
    }

    async fn serve(&self) -> Result<Callback, LoginError> {
        let mut visits = JoinSet::new();
        loop {
            tokio::select! {
                stream = self.accept(), if visits.len() < MOST_VISITS => {
                    let (stream, expected) = (stream.map_err(LoginError::Listen)?, self.expected.clone());
                    visits.spawn(async move { visit::receive(stream, &expected).await });
                }
                Some(done) = visits.join_next() => {
                    if let Ok(Some(outcome)) = done {
                        return outcome;
                    }
                }
            }
        }
    }

    async fn accept(&self) -> io::Result<TcpStream> {
        let (first, second) = &self.listeners;
        let accepted = match second {
            None => first.accept().await,
            Some(second) => tokio::select! {
                accepted = first.accept() => accepted,
                accepted = second.accept() => accepted,
            },
        };
        accepted.map(|(stream, _)| stream)
    }
}

impl fmt::Debug for BrowserLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrowserLogin").field("port", &self.port()).finish_non_exhaustive()
    }
}

/// Without IPv6, or with the port taken there, IPv4 alone has to do.
async fn listen() -> io::Result<(TcpListener, Option<TcpListener>)> {
    let first = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let port = first.local_addr()?.port();
    let second = TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await.ok();
    Ok((first, second))
}
