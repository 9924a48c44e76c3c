use std::fmt;
use std::time::Duration;

use openidconnect::DeviceAuthorizationResponse;
use openidconnect::Scope;
use openidconnect::core::CoreDeviceAuthorizationResponse;

use super::{Login, LoginError, SCOPES, Tokens};
use crate::acceptable_url;

/// Longest user code that is shown to a person.
const LONGEST_CODE: usize = 64;

/// Nobody takes longer to type a code, whatever the issuer says.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// Longest pause between two questions.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Device authorization grant (RFC 8628): a person enters a code on another machine.
///
/// Nothing binds it to this machine, so whoever is talked into entering a code signs somebody else in: say so
/// wherever the code is shown.
pub struct DeviceLogin {
    login: Login,
    reply: CoreDeviceAuthorizationResponse,
}

impl DeviceLogin {
    /// Asks the issuer for a code.
    ///
    /// # Errors
    /// When the issuer has no device login, refuses, or cannot be reached.
    pub async fn start(login: &Login) -> Result<Self, LoginError> {
        let endpoint = login.0.provider.additional_metadata().device_authorization_endpoint.clone();
        let endpoint = endpoint.ok_or(LoginError::NotOffered("a login by device code"))?;
        let client = login.client().set_device_authorization_url(endpoint);
        let request =
            client.exchange_device_code().add_scopes(SCOPES.map(|scope| Scope::new(scope.to_owned())));
        let reply: Result<CoreDeviceAuthorizationResponse, _> = request.request_async(&login.0.http).await;
        let reply = reply.map_err(LoginError::from_token_request)?;
        check(&reply)?;
        Ok(Self { login: login.clone(), reply })
    }

    /// What the person types in.
    #[must_use]
    pub fn user_code(&self) -> &str {
        self.reply.user_code().secret()
    }

    /// Where the person types it in.
    #[must_use]
    pub fn verification_uri(&self) -> &str {
        self.reply.verification_uri()
    }

    #[must_use]
    pub fn expires_in(&self) -> Duration {
        self.reply.expires_in().min(LONGEST_WAIT)
    }

    /// Waits until the person has signed in.
    ///
    /// # Errors
    /// [`LoginError::Declined`], [`LoginError::Expired`], or what the issuer says.
    pub async fn poll(&self) -> Result<Tokens, LoginError> {
        self.poll_with(tokio::time::sleep).await
    }

    /// [`DeviceLogin::poll`] with the caller's way to wait. The issuer's interval is kept to (five seconds when it
    /// names none), `slow_down` adds five; questions that get lost are asked again until the code expires.
    ///
    /// # Errors
    /// As [`DeviceLogin::poll`].
    pub async fn poll_with<F>(&self, sleep: impl Fn(Duration) -> F) -> Result<Tokens, LoginError>
    where
        F: Future<Output = ()>,
    {
        let client = self.login.client();
        let request = client
            .exchange_device_access_token(&self.reply)
            .map_err(|_| LoginError::NotOffered("a token endpoint"))?;
        let pause = |span: Duration| sleep(span.min(LONGEST_PAUSE));
        let reply = request.request_async(&self.login.0.http, pause, Some(self.expires_in())).await;
        Tokens::from_reply(&reply.map_err(LoginError::from_token_request)?)
    }
}

impl fmt::Debug for DeviceLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceLogin").field("issuer", &self.login.issuer()).finish_non_exhaustive()
    }
}

/// Both texts are shown to a person, who then acts on them.
fn check<E>(reply: &DeviceAuthorizationResponse<E>) -> Result<(), LoginError>
where
    E: openidconnect::ExtraDeviceAuthorizationFields,
{
    let code = reply.user_code().secret();
    if code.is_empty() || code.len() > LONGEST_CODE || !code.chars().all(|c| c == ' ' || c.is_ascii_graphic())
    {
        return Err(LoginError::BadReply("its user code cannot be shown"));
    }
    if acceptable_url(reply.verification_uri().url()) {
        Ok(())
    } else {
        Err(LoginError::BadReply("its page for the code is not https"))
    }
}
