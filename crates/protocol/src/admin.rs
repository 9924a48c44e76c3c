//! The administrators' routes as both ends see them. Each read gives a JSON array or object; each write its result.
use std::collections::BTreeSet;

use ipnet::IpNet;
use jiff::Timestamp;
use sallyport_domain::{
    ConnectionName, Generation, GrantId, GroupId, HostName, HostPatterns, PosixName, Tags, TenantId, Uid,
    UserState,
};
use serde::{Deserialize, Serialize};

use crate::{ReportProblem, Signed};

/// Relative to [`crate::path::ADMIN`].
pub mod route {
    pub const ADOPTIONS: &str = "/names/adoptions";
    pub const AUDIT: &str = "/audit";
    pub const AUDIT_VERIFY: &str = "/audit/verify";
    pub const CONNECTIONS: &str = "/connections";
    pub const DIRECTORY: &str = "/directory";
    pub const DOCTOR: &str = "/doctor";
    pub const ENROLL_TOKENS: &str = "/enroll-tokens";
    pub const GRANTS: &str = "/grants";
    pub const GROUPS: &str = "/groups";
    pub const HOSTS: &str = "/hosts";
    pub const PROVISIONING: &str = "/provisioning";
    pub const NAMES: &str = "/names";
    pub const NAMES_APPLY: &str = "/names/apply";
    pub const NAMES_APPROVE: &str = "/names/approve";
    pub const NAMES_ASSIGN: &str = "/names/assign";
    pub const NAMES_GROUPS: &str = "/names/groups";
    pub const NAMES_KEEP: &str = "/names/keep";
    pub const NAMES_PREVIEW: &str = "/names/preview";
    pub const NAMES_RELEASE: &str = "/names/release";
    pub const NAMES_RESERVED: &str = "/names/reserved";
    pub const SCIM_TOKENS: &str = "/scim-tokens";
    pub const USERS: &str = "/users";
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AddGrant {
    /// The group's id, its object id, or its display name when only one group bears it.
    pub group: String,
    /// A host must bear every one of them.
    pub tags: Tags,
    #[serde(default)]
    pub sudo: bool,
    /// Groups that every such host gets, with one gid for all.
    #[serde(default)]
    pub posix_groups: BTreeSet<PosixName>,
    /// Groups that the hosts have of their own.
    #[serde(default)]
    pub local_groups: BTreeSet<PosixName>,
    /// Whether a local group may be one that is as good as sudo, such as `docker`. With `sudo`, it may.
    #[serde(default)]
    pub root_equivalent: bool,
}

/// A POSIX group of the ledger. `sallyport-ca names groups`.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub struct PosixGroupView {
    pub name: PosixName,
    pub gid: Uid,
    /// The grants that give it now.
    pub grants: Vec<GrantId>,
    pub created_at: Timestamp,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct GrantView {
    pub id: GrantId,
    pub group: GroupId,
    pub group_name: String,
    pub tags: Tags,
    pub sudo: bool,
    #[serde(default)]
    pub posix_groups: BTreeSet<PosixName>,
    #[serde(default)]
    pub local_groups: BTreeSet<PosixName>,
    pub created_at: Timestamp,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CreateEnrollToken {
    pub uses: u32,
    pub ttl_seconds: u64,
    pub names: HostPatterns,
    #[serde(default)]
    pub tags: Tags,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CreateScimToken {
    pub name: String,
    pub ttl_seconds: u64,
    /// Whose directory it writes; absent: that of the CA's own tenant.
    #[serde(default)]
    pub connection: Option<ConnectionName>,
    #[serde(default)]
    pub kind: CredentialKind,
}

/// How a credential of the directory is shown.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CredentialKind {
    /// User and password.
    Basic,
    /// One secret token.
    #[default]
    Bearer,
    /// Client id and secret, for access tokens of the CA's own token endpoint.
    OAuth,
}

impl CredentialKind {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Bearer => "bearer",
            Self::OAuth => "oauth",
        }
    }
}

/// A later end for a credential, counted from now.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ExtendScimToken {
    pub ttl_seconds: u64,
}

/// The only time that a token is seen.
#[derive(Clone, Deserialize, Serialize)]
pub struct CreatedToken {
    /// The user of a basic credential, the client id of an OAuth one.
    pub id: String,
    /// The secret: token, password or client secret.
    pub token: String,
    pub expires_at: Timestamp,
    /// Absent for enrolment tokens.
    #[serde(default)]
    pub kind: Option<CredentialKind>,
}

impl std::fmt::Debug for CreatedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreatedToken").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A tenant whose directory may write here.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AddConnection {
    pub name: ConnectionName,
    pub tenant: TenantId,
}

/// What is absent stays as it is.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SetConnection {
    pub link_by_upn: Option<bool>,
    /// Where requests may come from; an empty list: from anywhere.
    pub networks: Option<Vec<IpNet>>,
    /// Groups, by object id or by a name that one group bears: only their members become users. An empty list: everybody.
    pub scope: Option<Vec<String>>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ConnectionView {
    pub name: ConnectionName,
    pub tenant: TenantId,
    /// Whether it is that of the CA's own tenant.
    pub default: bool,
    pub link_by_upn: bool,
    /// Where requests may come from; empty: from anywhere.
    pub networks: Vec<IpNet>,
    /// Object ids of the groups whose members become users; empty: everybody does.
    pub scope: Vec<String>,
    pub users: usize,
    pub groups: usize,
    pub created_at: Timestamp,
    /// In steps of five minutes; absent: never spoke.
    pub last_request_at: Option<Timestamp>,
}

/// How something is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    Ok,
    /// Somebody should look soon.
    Warning,
    /// Something does not work, or is about to.
    Error,
}

/// One thing that `sallyport-ca doctor` looked at.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub struct Finding {
    /// Stable, for programs: `scim_silent`.
    pub check: String,
    pub health: Health,
    /// What was found, in a sentence.
    pub detail: String,
    /// What to do next; absent when all is well.
    pub remedy: Option<String>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct TokenView {
    pub id: String,
    pub name: String,
    /// Absent for enrolment tokens, like the connection.
    #[serde(default)]
    pub kind: Option<CredentialKind>,
    /// Whose directory it writes; absent for enrolment tokens.
    pub connection: Option<ConnectionName>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
    /// Enrolments left; absent for SCIM tokens.
    pub uses_left: Option<u32>,
    pub revoked: bool,
}

/// `sallyport-ca admin host ls --format json`: a contract that scripts parse.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct HostView {
    pub name: HostName,
    pub state: String,
    pub tags: Tags,
    pub generation: Generation,
    pub applied_generation: Generation,
    pub lease_until: Option<Timestamp>,
    pub problems: Vec<ReportProblem>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct UserView {
    pub id: String,
    pub user_name: String,
    pub display_name: String,
    pub state: String,
    /// Why a conflict is one.
    pub reason: Option<String>,
    pub posix_name: Option<String>,
    pub uid: Option<u32>,
    pub groups: Vec<String>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct GroupView {
    pub id: GroupId,
    pub object_id: Option<String>,
    pub name: String,
    pub members: usize,
}

/// Which part of the directory is asked for; all of it together.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DirectoryQuery {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<ConnectionName>,
    /// This person and their groups: `userName`, id, object id or the id of their resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// This group and its members: display name, id or object id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// People in this state, and no groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<UserState>,
    /// People whose state has a reason, and no groups.
    #[serde(default)]
    pub problems: bool,
    /// Of users and of groups, so many are left out,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skip: Option<usize>,
    /// and so many come at most: 1000 is the most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// A user's resource, and what goes with it when it is forgotten.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ForgetView {
    pub resource: String,
    pub connection: String,
    pub user_name: String,
    /// The person behind it. Who is gone keeps name and numbers.
    pub user: String,
    pub state: String,
    pub posix_name: Option<String>,
    pub uid: Option<u32>,
    /// Display names of the groups that they leave.
    pub groups: Vec<String>,
    /// So many of these groups' grants let them in until now.
    pub grants: usize,
    /// So many other resources claim the same object id. One that is left alone stays flagged until an administrator
    /// says that it is who the id names: [`LinkView`].
    pub other_claimants: usize,
}

/// A flagged resource of a user, and the person whom it stands for once an administrator says so.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct LinkView {
    pub resource: String,
    pub connection: String,
    /// As the resource has it.
    pub user_name: String,
    pub object_id: String,
    /// The person of that object id.
    pub user: String,
    /// What they were called in the directory last.
    pub was_called: String,
    pub posix_name: Option<String>,
    pub uid: Option<u32>,
    /// Display names of the groups that the resource is in.
    pub groups: Vec<String>,
    /// So many of these groups' grants let the person in then.
    pub grants: usize,
}

/// Users and groups as synced.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct DirectoryView {
    pub connections: Vec<DirectoryConnection>,
    pub users: Vec<DirectoryUser>,
    pub groups: Vec<DirectoryGroup>,
    /// There are more than the limit of one or the other.
    pub more: bool,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct DirectoryConnection {
    pub name: String,
    pub tenant: String,
    pub last_request_at: Option<Timestamp>,
    pub users: usize,
    pub groups: usize,
    /// What is wrong with all of it, and what to change.
    pub problem: Option<String>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct DirectoryUser {
    /// The person's.
    pub id: String,
    /// SCIM's; absent when the directory has deleted them.
    pub resource_id: Option<String>,
    pub user_name: String,
    pub display_name: String,
    /// As sent.
    pub external_id: Option<String>,
    /// As linked.
    pub object_id: Option<String>,
    /// The link was made at a sign-in.
    pub linked_by_upn: bool,
    /// The connection's name.
    pub source: String,
    pub state: String,
    pub reason: Option<String>,
    /// What the state means and what to do, for whoever is not active.
    pub advice: Option<String>,
    pub posix_name: Option<String>,
    pub created_at: Option<Timestamp>,
    pub changed_at: Option<Timestamp>,
    pub last_change: Option<LastChange>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct DirectoryGroup {
    pub id: String,
    pub name: String,
    pub external_id: Option<String>,
    /// The connection's name.
    pub source: String,
    pub members: usize,
    /// How many grants name it: without one it opens nothing.
    pub grants: usize,
    pub created_at: Timestamp,
    pub changed_at: Timestamp,
    pub last_change: Option<LastChange>,
}

/// The latest event of the provisioning log that concerns somebody.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct LastChange {
    pub number: u64,
    pub at: Timestamp,
    pub operation: String,
    pub resource: String,
    pub outcome: String,
    pub attributes: Vec<String>,
}

/// What every event of the provisioning log is called.
pub const PROVISIONING_CATEGORY: &str = "SCIM-SYNC";

/// Which events of the provisioning log are asked for; all of it together.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ProvisioningQuery {
    /// After this number, oldest first. Without it: the newest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// Before this number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// As many at most; 1000 is the most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// About this person: `userName`, id, object id or the id of their resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// About this group: display name, id or object id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Only what was refused.
    #[serde(default)]
    pub failed: bool,
}

/// One operation that a directory asked for, and what came of it.
///
/// `detail` has `operation` (create, replace, update, delete, read; connect, of a Connection, for requests whose credential
/// was no good), `resource` (User, Group, Connection), `status` and `outcome`
/// (success, failure), and where there is something to say: `resource_id`, `name`, `external_id`, `changes`
/// (`[{attribute, old?, new?}]`), `members`, `person`, `scim_type`, `detail`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ProvisioningEvent {
    pub seq: u64,
    pub at: Timestamp,
    /// [`PROVISIONING_CATEGORY`].
    pub category: String,
    pub request: String,
    pub connection: String,
    #[serde(flatten)]
    pub detail: serde_json::Map<String, serde_json::Value>,
}

/// How far the chain had come at a time.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub struct AuditHead {
    pub seq: u64,
    /// Lower-case hex.
    pub hash: String,
    pub at: Timestamp,
}

/// `sallyport-ca audit verify`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct AuditVerdict {
    pub events: u64,
    /// Lower-case hex of the chain's head.
    pub head: String,
    /// Empty when the chain folds and agrees with the tables.
    pub problems: Vec<String>,
    /// An [`AuditHead`] in namespace `sallyport-audit-v1`: kept elsewhere, it shows a chain that was rewritten later.
    pub signed_head: Signed,
}
