//! The HTTP side of the provisioning service.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Client, Method};
use serde_json::Value;
use url::Url;

use super::credential::{Credential, Purse};
use super::dialect::{Dialect, Request};

/// Entra gives a server a minute.
const TIMEOUT: Duration = Duration::from_mins(1);
const CONTENT: &str = "application/scim+json; charset=utf-8";
/// The query flag of a tenant URL that asks for the compliant dialect.
const FLAG: &str = "aadOptscim062020";

/// A SCIM server's address and what it is shown.
pub(super) struct ScimClient {
    client: Client,
    base: Url,
    purse: Purse,
}

/// An answer of any status.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl ScimClient {
    pub(super) fn new(client: Client, base: Url, credential: Credential) -> Self {
        Self { client, base, purse: Purse::new(credential) }
    }

    /// A flag in the tenant URL chooses the dialect.
    pub(super) fn flagged_dialect(base: &Url) -> Option<Dialect> {
        base.query().is_some_and(|query| query.contains(FLAG)).then_some(Dialect::Compliant)
    }

    /// A token that was fetched and is refused is fetched once more.
    pub(super) async fn send(&self, request: &Request) -> Result<Answer, reqwest::Error> {
        let answer = self.send_once(request).await?;
        if answer.status == 401 && self.purse.forget() { self.send_once(request).await } else { Ok(answer) }
    }

    /// The headers are Entra's: a content type with a charset on bodies, and no `User-Agent`.
    async fn send_once(&self, request: &Request) -> Result<Answer, reqwest::Error> {
        let authorization = match self.purse.header(&self.client).await? {
            Ok(header) => header,
            Err(refused) => return Ok(refused),
        };
        let method = Method::from_bytes(request.method.as_bytes()).unwrap_or_default();
        let mut builder = self.client.request(method, address(&self.base, request)).timeout(TIMEOUT);
        builder = builder.header(AUTHORIZATION, authorization);
        if let Some(body) = &request.body {
            builder = builder.header(CONTENT_TYPE, CONTENT).body(body.to_string());
        }
        let response = builder.send().await?;
        let status = response.status().as_u16();
        let body = serde_json::from_slice(&response.bytes().await?).unwrap_or_default();
        Ok(Answer { status, body })
    }
}

/// The base's own path and query (with its flags) stay; the endpoint is appended.
fn address(base: &Url, request: &Request) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}{}", base.path().trim_end_matches('/'), request.path));
    let parts = [base.query().unwrap_or_default(), &request.query];
    let query = parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("&");
    url.set_query((!query.is_empty()).then_some(&query));
    url
}

impl Answer {
    /// Why a request failed, as far as the server says.
    pub(super) fn detail(&self) -> String {
        let text = |name: &str| self.body.get(name).and_then(Value::as_str);
        match (text("scimType"), text("detail")) {
            (Some(kind), Some(detail)) => format!("{kind}: {detail}"),
            (_, Some(detail)) => detail.to_owned(),
            _ => "the answer has no SCIM error".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provision::mapping::Kind;

    #[test]
    fn the_tenant_urls_path_and_flag_stay() {
        let request = Request::find(Kind::User, "userName", "a@b.test");
        let of = |base: &str| address(&Url::parse(base).unwrap(), &request).to_string();
        let filter = "filter=userName+eq+%22a%40b.test%22";
        assert_eq!(of("https://ca.test/scim/v2"), format!("https://ca.test/scim/v2/Users?{filter}"));
        let flagged = "https://ca.test/scim/v2/?aadOptscim062020";
        assert_eq!(of(flagged), format!("https://ca.test/scim/v2/Users?aadOptscim062020&{filter}"));
        assert_eq!(ScimClient::flagged_dialect(&Url::parse(flagged).unwrap()), Some(Dialect::Compliant));
    }
}
