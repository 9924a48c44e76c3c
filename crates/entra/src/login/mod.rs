//! How a person gets an ID token at the command line: in a browser, with a device code, or by refreshing.

mod advice;
mod browser;
mod callback;
mod device;
mod error;
mod page;
mod visit;

use std::fmt;
use std::sync::Arc;

use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreErrorResponseType, CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreRevocableToken,
    CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    Client, ClientId, EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, IdTokenFields,
    OAuth2TokenResponse, RefreshToken, Scope, StandardErrorResponse, StandardTokenResponse, TokenResponse,
};
use secrecy::{ExposeSecret, SecretString};

use crate::claims::EntraClaims;
use crate::keys::SigningKey;
use crate::provider::{Provider, discover};
use crate::{DiscoveryError, HttpClient, HttpError, acceptable_url};

pub use browser::BrowserLogin;
pub use callback::Callback;
pub use device::DeviceLogin;
pub use error::{LoginError, ProviderError};

/// What we ask for: an identity with `oid` and `tid`, and a way to renew without a human. `openid` comes by itself.
const SCOPES: [&str; 2] = ["profile", "offline_access"];

type TokenReply = StandardTokenResponse<
    IdTokenFields<
        EntraClaims,
        EmptyExtraTokenFields,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    >,
    CoreTokenType,
>;

type OidcClient = Client<
    EntraClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    SigningKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    TokenReply,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// An issuer that was asked for its addresses, and who we are to it. Cheap to clone.
#[derive(Clone)]
pub struct Login(Arc<Parts>);

struct Parts {
    provider: Provider,
    client_id: ClientId,
    http: HttpClient,
}

/// What a sign-in yields. Neither prints.
#[derive(Debug)]
pub struct Tokens {
    /// For the CA alone.
    pub id_token: SecretString,
    /// Absent when the issuer does not give any.
    pub refresh_token: Option<SecretString>,
}

impl Login {
    /// Asks `issuer` for its addresses. We are a public client: there is no secret.
    ///
    /// # Errors
    /// When the issuer cannot be reached or says something that is not to be believed.
    pub async fn discover(issuer: &str, client_id: &str, http: HttpClient) -> Result<Self, DiscoveryError> {
        let provider = discover(issuer, &http).await?;
        // A browser is sent there, past our own HTTP client and its rules.
        let authorize = provider.authorization_endpoint().url();
        if !acceptable_url(authorize) {
            return Err(HttpError::Insecure { url: authorize.clone() }.into());
        }
        if provider.token_endpoint().is_none() {
            return Err(DiscoveryError::NotOffered { issuer: issuer.to_owned(), what: "a token endpoint" });
        }
        Ok(Self(Arc::new(Parts { provider, client_id: ClientId::new(client_id.to_owned()), http })))
    }

    #[must_use]
    pub fn issuer(&self) -> &str {
        self.0.provider.issuer().as_str()
    }

    /// Whether the issuer has a device authorization endpoint at all.
    #[must_use]
    pub fn offers_device_login(&self) -> bool {
        self.0.provider.additional_metadata().device_authorization_endpoint.is_some()
    }

    /// A new ID token without a human. Entra gives a new refresh token each time, other issuers may not: then keep
    /// the old one.
    ///
    /// # Errors
    /// [`LoginError::Refused`] mostly means that a person has to sign in again.
    pub async fn refresh(&self, refresh_token: &SecretString) -> Result<Tokens, LoginError> {
        let token = RefreshToken::new(refresh_token.expose_secret().to_owned());
        // Entra wants to hear the scopes, `offline_access` included. An issuer that left one out at the sign-in
        // refuses them all; without any, the earlier ones are meant (RFC 6749, section 6).
        match self.refresh_with(&token, &["openid", "profile", "offline_access"]).await {
            Err(LoginError::Refused(error)) if error.error() == "invalid_scope" => {
                self.refresh_with(&token, &[]).await
            }
            outcome => outcome,
        }
    }

    async fn refresh_with(&self, token: &RefreshToken, scopes: &[&str]) -> Result<Tokens, LoginError> {
        let client = self.client();
        let request =
            client.exchange_refresh_token(token).map_err(|_| LoginError::NotOffered("a token endpoint"))?;
        let request = request.add_scopes(scopes.iter().map(|scope| Scope::new((*scope).to_owned())));
        let reply = request.request_async(&self.0.http).await;
        Tokens::from_reply(&reply.map_err(LoginError::from_token_request)?)
    }

    fn client(&self) -> OidcClient {
        OidcClient::from_provider_metadata(self.0.provider.clone(), self.0.client_id.clone(), None)
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("issuer", &self.issuer()).finish_non_exhaustive()
    }
}

impl Tokens {
    fn from_reply(reply: &TokenReply) -> Result<Self, LoginError> {
        let id_token = reply.id_token().ok_or(LoginError::BadReply("it has no id_token"))?;
        Ok(Self {
            id_token: id_token.to_string().into(),
            refresh_token: reply.refresh_token().map(|token| token.secret().clone().into()),
        })
    }
}

#[cfg(test)]
mod tests;
