use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use sallyport_domain::{ConnectionName, GrantId, HostName, ResourceId};
use sallyport_protocol::admin::{
    AddConnection, AddGrant, AuditVerdict, ConnectionView, CreateEnrollToken, CreateScimToken, CreatedToken,
    DirectoryQuery, DirectoryView, ExtendScimToken, Finding, ForgetView, GrantView, GroupView, HostView,
    LinkView, PosixGroupView, ProvisioningEvent, ProvisioningQuery, SetConnection, TokenView, UserView,
    route,
};
use sallyport_protocol::names::{
    AdoptAccount, AdoptionView, ApplyExpression, ApproveNames, AssignName, NameChange, NameIssue, NameOf,
    NamesPreview, PreviewNames, PreviewSummary, ReleaseName, ReleasedName,
};
use sallyport_protocol::path;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::transport::{REPLY_LIMIT, Reply, Transport, send};
use crate::{CaUrl, ClientError};

/// A preview of a hundred thousand people.
const LARGE_REPLY: usize = 512 * 1024 * 1024;

/// A chain of years takes its time to fold.
const FOLDING: Duration = Duration::from_mins(15);

/// The administrators' routes over `DIR/admin.sock`: who asks is known from the socket's peer credentials.
#[derive(Clone, Debug)]
pub struct AdminClient {
    transport: Transport,
    socket: PathBuf,
}

impl AdminClient {
    /// # Errors
    /// When no client can be made; the socket itself is opened by the first request.
    pub fn over_socket(path: &Path) -> Result<Self, ClientError> {
        let base: CaUrl = "http://localhost".parse().map_err(|_| ClientError::Protocol {
            url: "http://localhost".into(),
            found: "an address that does not parse".into(),
        })?;
        Ok(Self { transport: Transport::over_socket(base, path)?, socket: path.to_owned() })
    }
}

/// One method per route; all have [`ClientError`]'s reasons to fail.
#[expect(clippy::missing_errors_doc, reason = "said once, above")]
impl AdminClient {
    pub async fn grants(&self) -> Result<Vec<GrantView>, ClientError> {
        self.get(route::GRANTS).await
    }

    pub async fn add_grant(&self, grant: &AddGrant) -> Result<GrantView, ClientError> {
        // Of a large group everybody is looked at before the answer.
        self.send(self.request(Method::POST, route::GRANTS).json(grant).timeout(FOLDING)).await?.json()
    }

    pub async fn remove_grant(&self, grant: GrantId) -> Result<(), ClientError> {
        let request = self.request(Method::DELETE, &format!("{}/{grant}", route::GRANTS)).timeout(FOLDING);
        self.send(request).await.map(|_| ())
    }

    pub async fn groups(&self) -> Result<Vec<GroupView>, ClientError> {
        self.get(route::GROUPS).await
    }

    pub async fn hosts(&self) -> Result<Vec<HostView>, ClientError> {
        self.get(route::HOSTS).await
    }

    /// By any of the host's names.
    pub async fn retire_host(&self, name: &HostName) -> Result<(), ClientError> {
        self.delete(&format!("{}/{name}", route::HOSTS)).await
    }

    pub async fn users(&self) -> Result<Vec<UserView>, ClientError> {
        self.get(route::USERS).await
    }

    pub async fn connections(&self) -> Result<Vec<ConnectionView>, ClientError> {
        self.get(route::CONNECTIONS).await
    }

    pub async fn add_connection(&self, connection: &AddConnection) -> Result<ConnectionView, ClientError> {
        self.post(route::CONNECTIONS, connection).await
    }

    pub async fn set_connection(
        &self,
        name: &ConnectionName,
        changes: &SetConnection,
    ) -> Result<ConnectionView, ClientError> {
        self.send(self.request(Method::PATCH, &one_connection(name)).json(changes)).await?.json()
    }

    pub async fn remove_connection(&self, name: &ConnectionName) -> Result<(), ClientError> {
        self.delete(&one_connection(name)).await
    }

    /// Everything that was looked at, good or bad.
    pub async fn doctor(&self) -> Result<Vec<Finding>, ClientError> {
        self.get(route::DOCTOR).await
    }

    /// What waits for a decision about names.
    pub async fn name_issues(&self) -> Result<Vec<NameIssue>, ClientError> {
        self.get(route::NAMES).await
    }

    /// Names that nobody uses and that stay reserved.
    pub async fn reserved_names(&self) -> Result<Vec<NameIssue>, ClientError> {
        self.get(route::NAMES_RESERVED).await
    }

    pub async fn preview_names(&self, ask: &PreviewNames) -> Result<NamesPreview, ClientError> {
        let request = self.request(Method::POST, route::NAMES_PREVIEW).json(ask).timeout(FOLDING);
        self.send_large(request).await?.json()
    }

    pub async fn apply_expression(&self, ask: &ApplyExpression) -> Result<PreviewSummary, ClientError> {
        let request = self.request(Method::POST, route::NAMES_APPLY).json(ask).timeout(FOLDING);
        self.send(request).await?.json()
    }

    pub async fn approve_names(&self, ask: &ApproveNames) -> Result<Vec<NameChange>, ClientError> {
        let request = self.request(Method::POST, route::NAMES_APPROVE).json(ask).timeout(FOLDING);
        self.send(request).await?.json()
    }

    pub async fn keep_name(&self, ask: &NameOf) -> Result<NameChange, ClientError> {
        self.post(route::NAMES_KEEP, ask).await
    }

    pub async fn assign_name(&self, ask: &AssignName) -> Result<NameChange, ClientError> {
        self.post(route::NAMES_ASSIGN, ask).await
    }

    pub async fn release_name(&self, ask: &ReleaseName) -> Result<ReleasedName, ClientError> {
        self.post(route::NAMES_RELEASE, ask).await
    }

    pub async fn posix_groups(&self) -> Result<Vec<PosixGroupView>, ClientError> {
        self.get(route::NAMES_GROUPS).await
    }

    pub async fn adoptions(&self) -> Result<Vec<AdoptionView>, ClientError> {
        self.get(route::ADOPTIONS).await
    }

    pub async fn adopt_account(&self, ask: &AdoptAccount) -> Result<AdoptionView, ClientError> {
        self.post(route::ADOPTIONS, ask).await
    }

    pub async fn disown_account(&self, ask: &AdoptAccount) -> Result<(), ClientError> {
        self.send(self.request(Method::DELETE, route::ADOPTIONS).json(ask)).await.map(|_| ())
    }

    pub async fn enroll_tokens(&self) -> Result<Vec<TokenView>, ClientError> {
        self.get(route::ENROLL_TOKENS).await
    }

    pub async fn create_enroll_token(&self, token: &CreateEnrollToken) -> Result<CreatedToken, ClientError> {
        self.post(route::ENROLL_TOKENS, token).await
    }

    /// `id` as the list gives it.
    pub async fn revoke_enroll_token(&self, id: &str) -> Result<(), ClientError> {
        self.delete(&format!("{}/{}", route::ENROLL_TOKENS, plain_id(id)?)).await
    }

    pub async fn scim_tokens(&self) -> Result<Vec<TokenView>, ClientError> {
        self.get(route::SCIM_TOKENS).await
    }

    pub async fn create_scim_token(&self, token: &CreateScimToken) -> Result<CreatedToken, ClientError> {
        self.post(route::SCIM_TOKENS, token).await
    }

    /// `id` as the list gives it.
    pub async fn extend_scim_token(&self, id: &str, ask: ExtendScimToken) -> Result<TokenView, ClientError> {
        let route = format!("{}/{}", route::SCIM_TOKENS, plain_id(id)?);
        self.send(self.request(Method::PATCH, &route).json(&ask)).await?.json()
    }

    /// `id` as the list gives it.
    pub async fn revoke_scim_token(&self, id: &str) -> Result<(), ClientError> {
        self.delete(&format!("{}/{}", route::SCIM_TOKENS, plain_id(id)?)).await
    }

    /// Some of the events after this sequence number, oldest first; none when there are no more.
    pub async fn audit(&self, after: u64) -> Result<Vec<serde_json::Value>, ClientError> {
        self.get(&format!("{}?after={after}", route::AUDIT)).await
    }

    pub async fn directory(&self, query: &DirectoryQuery) -> Result<DirectoryView, ClientError> {
        self.send(self.request(Method::GET, route::DIRECTORY).query(query)).await?.json()
    }

    /// What would be lost with a user's resource.
    pub async fn forgettable(&self, resource: ResourceId) -> Result<ForgetView, ClientError> {
        self.get(&format!("{}/{resource}", route::DIRECTORY)).await
    }

    /// Takes a user's resource away; what was lost with it.
    pub async fn forget(&self, resource: ResourceId) -> Result<ForgetView, ClientError> {
        let path = format!("{}/{resource}", route::DIRECTORY);
        self.send(self.request(Method::DELETE, &path)).await?.json()
    }

    /// Whom a flagged resource would stand for.
    pub async fn linkable(&self, resource: ResourceId) -> Result<LinkView, ClientError> {
        self.get(&format!("{}/{resource}/link", route::DIRECTORY)).await
    }

    /// Says that a flagged resource is who its object id names.
    pub async fn link(&self, resource: ResourceId) -> Result<LinkView, ClientError> {
        self.post(&format!("{}/{resource}/link", route::DIRECTORY), &()).await
    }

    /// Oldest first.
    pub async fn provisioning(
        &self,
        query: &ProvisioningQuery,
    ) -> Result<Vec<ProvisioningEvent>, ClientError> {
        self.send(self.request(Method::GET, route::PROVISIONING).query(query)).await?.json()
    }

    pub async fn audit_verify(&self) -> Result<AuditVerdict, ClientError> {
        self.send(self.request(Method::GET, route::AUDIT_VERIFY).timeout(FOLDING)).await?.json()
    }
}

impl AdminClient {
    async fn get<T: DeserializeOwned>(&self, route: &str) -> Result<T, ClientError> {
        self.send(self.request(Method::GET, route)).await?.json()
    }

    async fn post<T: DeserializeOwned>(&self, route: &str, body: &impl Serialize) -> Result<T, ClientError> {
        self.send(self.request(Method::POST, route).json(body)).await?.json()
    }

    async fn delete(&self, route: &str) -> Result<(), ClientError> {
        self.send(self.request(Method::DELETE, route)).await.map(|_| ())
    }

    fn request(&self, method: Method, route: &str) -> RequestBuilder {
        self.transport.request(method, &format!("{}{route}", path::ADMIN))
    }

    /// Whoever runs this sees a path, not the address that stands in for it.
    async fn send(&self, request: RequestBuilder) -> Result<Reply, ClientError> {
        self.send_up_to(request, REPLY_LIMIT).await
    }

    /// For replies that grow with the directory.
    async fn send_large(&self, request: RequestBuilder) -> Result<Reply, ClientError> {
        self.send_up_to(request, LARGE_REPLY).await
    }

    async fn send_up_to(&self, request: RequestBuilder, limit: usize) -> Result<Reply, ClientError> {
        send(request, limit).await.map_err(|error| match error {
            ClientError::Unreachable { source, .. } => {
                ClientError::AdminSocket { path: self.socket.clone(), source }
            }
            other => other,
        })
    }
}

/// A connection's name is plain enough for a path.
fn one_connection(name: &ConnectionName) -> String {
    format!("{}/{name}", route::CONNECTIONS)
}

/// An id becomes part of a path: letters and digits only.
fn plain_id(id: &str) -> Result<&str, ClientError> {
    if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(id);
    }
    Err(ClientError::NotAnId { id: id.to_owned() })
}

#[cfg(test)]
mod tests {
    use sallyport_protocol::{Problem, ProblemCode};
    use serde_json::json;

    use super::*;
    use crate::test_server::{Answer, TestServer};

    #[tokio::test]
    async fn speaks_over_the_socket() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        let server = TestServer::on_socket(&path, |seen| match seen.method {
            Method::GET => Answer::json(&json!([])),
            Method::DELETE => Answer::new(204, "", ""),
            _ => Answer::problem(&Problem::new(ProblemCode::Conflict, "two groups bear the name")),
        });
        let client = AdminClient::over_socket(&path).unwrap();
        assert!(client.hosts().await.unwrap().is_empty());
        client.revoke_scim_token("01ABC").await.unwrap();
        let grant = AddGrant { group: "ops".into(), sudo: true, ..AddGrant::default() };
        let refused = client.add_grant(&grant).await.unwrap_err();
        assert_eq!(refused.problem().unwrap().code, ProblemCode::Conflict);
        let paths: Vec<_> = server.seen().iter().map(|seen| seen.uri.to_string()).collect();
        assert_eq!(paths, ["/api/v1/hosts", "/api/v1/scim-tokens/01ABC", "/api/v1/grants"]);
    }

    #[tokio::test]
    async fn a_socket_that_nobody_serves_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        let error = AdminClient::over_socket(&path).unwrap().hosts().await.unwrap_err();
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }

    #[tokio::test]
    async fn an_id_cannot_name_another_route() {
        let client = AdminClient::over_socket(Path::new("/nowhere")).unwrap();
        for id in ["", "../users", "a/b", "a?b", "%2e"] {
            assert!(matches!(client.revoke_scim_token(id).await, Err(ClientError::NotAnId { .. })), "{id}");
        }
    }
}
