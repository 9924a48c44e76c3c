use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use sallyport_protocol::Fingerprint;
use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// The address of a CA: `https://`, or `http://` on loopback; no path, no user, no query.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct CaUrl(Url);

/// Text that is not the address of a CA.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CaUrlError {
    #[error("the CA's address is not a URL: {0}; write it as https://ca.example.com")]
    NotUrl(#[source] url::ParseError),
    #[error("the CA's address is a scheme, a host and a port only, as in https://ca.example.com:8443")]
    NotOrigin,
    #[error("plain http:// is for loopback only; use https://{host}")]
    PlainHttp { host: String },
}

impl CaUrl {
    /// # Errors
    /// [`CaUrlError`] when it has more than an origin, or would send logins in the clear over a network.
    pub fn new(url: Url) -> Result<Self, CaUrlError> {
        let host = url.host().ok_or(CaUrlError::NotOrigin)?.to_owned();
        let bare = url.username().is_empty()
            && url.password().is_none()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none();
        match url.scheme() {
            _ if !bare => Err(CaUrlError::NotOrigin),
            "https" => Ok(Self(url)),
            "http" if is_loopback(&host) => Ok(Self(url)),
            "http" => Err(CaUrlError::PlainHttp { host: host.to_string() }),
            _ => Err(CaUrlError::NotOrigin),
        }
    }

    #[must_use]
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    /// The address of one of the CA's routes; `path_and_query` begins with `/` and is ours, never the user's.
    pub(crate) fn join(&self, path_and_query: &str) -> Url {
        let mut url = self.0.clone();
        let (path, query) = match path_and_query.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path_and_query, None),
        };
        url.set_path(path);
        url.set_query(query);
        url
    }

    /// On loopback nothing may be between us and the CA, a configured proxy included.
    pub(crate) fn is_loopback(&self) -> bool {
        self.0.host().is_some_and(|host| is_loopback(&host.to_owned()))
    }
}

fn is_loopback(host: &Host) -> bool {
    match host {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => IpAddr::from(*address).is_loopback(),
        Host::Ipv6(address) => IpAddr::from(*address).is_loopback(),
    }
}

impl FromStr for CaUrl {
    type Err = CaUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text.parse().map_err(CaUrlError::NotUrl)?)
    }
}

impl TryFrom<String> for CaUrl {
    type Error = CaUrlError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<CaUrl> for String {
    fn from(url: CaUrl) -> Self {
        url.to_string()
    }
}

impl fmt::Display for CaUrl {
    /// Without the `/` that a bare origin is given.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0.as_str().trim_end_matches('/'))
    }
}

/// A CA as this machine knows it after [`crate::bootstrap`]: what a configuration file keeps.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub struct Ca {
    url: CaUrl,
    fingerprint: Fingerprint,
    /// PEM; empty when the system's roots vouch for the address.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tls_roots: Vec<String>,
}

impl Ca {
    #[must_use]
    pub fn new(url: CaUrl, fingerprint: Fingerprint, tls_roots: Vec<String>) -> Self {
        Self { url, fingerprint, tls_roots }
    }

    #[must_use]
    pub fn url(&self) -> &CaUrl {
        &self.url
    }

    /// Of the identity key, which signs everything that is to be believed.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// PEM certificates; empty means the system's roots and the file named by `SSL_CERT_FILE`.
    #[must_use]
    pub fn tls_roots(&self) -> &[String] {
        &self.tls_roots
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_loopback_only() {
        for good in ["https://ca.contoso.test", "https://10.0.0.1:8443", "http://127.0.0.1:8080"] {
            assert_eq!(good.parse::<CaUrl>().unwrap().to_string(), good);
        }
        for good in ["http://localhost:1/", "http://[::1]:8080", "http://127.8.8.8"] {
            assert!(good.parse::<CaUrl>().is_ok(), "{good}");
        }
        for bad in ["http://ca.contoso.test", "http://localhost.evil.test", "http://127.0.0.1.evil.test"] {
            assert!(matches!(bad.parse::<CaUrl>(), Err(CaUrlError::PlainHttp { .. })), "{bad}");
        }
    }

    #[test]
    fn anything_but_an_origin_is_refused() {
        for bad in [
            "https://user@ca.contoso.test",
            "https://:secret@ca.contoso.test",
            "https://ca.contoso.test/path",
            "https://ca.contoso.test/?x=1",
            "https://ca.contoso.test/#x",
            "ftp://ca.contoso.test",
            "file:///etc/passwd",
            "unix:/run/x",
        ] {
            assert_eq!(bad.parse::<CaUrl>(), Err(CaUrlError::NotOrigin), "{bad}");
        }
        assert!(matches!("ca.contoso.test".parse::<CaUrl>(), Err(CaUrlError::NotUrl(_))));
    }

    #[test]
    fn routes_are_joined_with_their_query() {
        let ca: CaUrl = "https://ca.contoso.test:8443".parse().unwrap();
        assert_eq!(ca.join("/v1/x?after=1").as_str(), "https://ca.contoso.test:8443/v1/x?after=1");
    }
}
