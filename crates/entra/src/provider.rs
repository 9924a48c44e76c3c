use std::net::IpAddr;

use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType,
    CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreResponseMode, CoreResponseType,
    CoreSubjectIdentifierType,
};
use openidconnect::{AdditionalProviderMetadata, DeviceAuthorizationUrl, IssuerUrl, ProviderMetadata};
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::keys::SigningKey;
use crate::{HttpClient, HttpError};

/// What the issuer says of itself, with its keys.
pub(crate) type Provider = ProviderMetadata<
    DeviceEndpoint,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    SigningKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// RFC 8628, section 4.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct DeviceEndpoint {
    pub(crate) device_authorization_endpoint: Option<DeviceAuthorizationUrl>,
}

impl AdditionalProviderMetadata for DeviceEndpoint {}

/// `https:` anywhere; `http:` only for this machine itself.
#[must_use]
pub fn acceptable_url(url: &Url) -> bool {
    match (url.scheme(), url.host()) {
        ("https", Some(_)) => true,
        ("http", Some(Host::Domain(name))) => name == "localhost",
        ("http", Some(Host::Ipv4(ip))) => IpAddr::V4(ip).is_loopback(),
        ("http", Some(Host::Ipv6(ip))) => IpAddr::V6(ip).is_loopback(),
        _ => false,
    }
}

/// Fetches the discovery document and the keys it points to.
///
/// The document must name exactly the issuer that was asked (OpenID Connect Discovery, section 4.3). The other
/// addresses are taken from the document: Entra's lie outside of the issuer's path.
pub(crate) async fn discover(issuer: &str, http: &HttpClient) -> Result<Provider, DiscoveryError> {
    let url = IssuerUrl::new(issuer.to_owned()).map_err(|_| DiscoveryError::BadAddress)?;
    if !acceptable_url(url.url()) {
        return Err(HttpError::Insecure { url: url.url().clone() }.into());
    }
    let failed = |error| DiscoveryError::from_library(error, issuer);
    Provider::discover_async(url, http).await.map_err(failed)
}

/// Why nothing is known of the issuer.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    #[error("the issuer is no URL; it looks like https://login.microsoftonline.com/TENANT/v2.0")]
    BadAddress,
    #[error("{issuer} sent something that is not a discovery document or key set: {reason}")]
    Document { issuer: String, reason: String },
    #[error("{issuer} cannot be reached; check the address, the network and the trusted root certificates")]
    Http {
        issuer: String,
        #[source]
        source: HttpError,
    },
    #[error(transparent)]
    Insecure(#[from] HttpError),
    #[error("{issuer} publishes no key for RS256 signatures")]
    NoUsableKey { issuer: String },
    #[error("{issuer} does not offer {what}")]
    NotOffered { issuer: String, what: &'static str },
}

impl DiscoveryError {
    fn from_library(error: openidconnect::DiscoveryError<HttpError>, issuer: &str) -> Self {
        use openidconnect::DiscoveryError as Library;
        let issuer = issuer.to_owned();
        let reason = match error {
            Library::Request(source) => return Self::Http { issuer, source },
            Library::Parse(error) => error.to_string(),
            // The body that comes along may be anything: it is not repeated.
            Library::Response(status, _, _) => format!("HTTP status {status}"),
            Library::Validation(reason) => reason,
            _ => "unexpected answer".to_owned(),
        };
        Self::Document { issuer, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_stays_on_this_machine() {
        let acceptable = |text: &str| acceptable_url(&Url::parse(text).unwrap());
        for good in
            ["https://login.test/v2.0", "http://localhost:8080", "http://127.0.0.1:1/x", "http://[::1]:9/"]
        {
            assert!(acceptable(good), "{good}");
        }
        for bad in [
            "http://login.test/",
            "http://localhost.evil.test/",
            "http://127.0.0.1.evil.test/",
            "http://10.0.0.1/",
            "http://[2001:db8::1]/",
            "file:///etc/passwd",
            "javascript:alert(1)",
        ] {
            assert!(!acceptable(bad), "{bad}");
        }
    }
}
