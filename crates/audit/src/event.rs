use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use sallyport_domain::{HostId, RequestId, Serial, UserId};
use serde_json::{Map, Value};

/// Something that happened, before it has a place in the chain.
///
/// Nothing secret goes in: no token, no key that signs. What is in here is kept for ever and exported.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Event {
    pub at: Timestamp,
    pub name: EventName,
    /// What a person can quote to an administrator.
    pub request: Option<RequestId>,
    pub user: Option<UserId>,
    pub serial: Option<Serial>,
    pub host: Option<HostId>,
    pub detail: Map<String, Value>,
}

impl Event {
    #[must_use]
    pub fn new(name: EventName, at: Timestamp) -> Self {
        Self { at, name, request: None, user: None, serial: None, host: None, detail: Map::new() }
    }

    #[must_use]
    pub fn of_request(self, request: RequestId) -> Self {
        Self { request: Some(request), ..self }
    }

    #[must_use]
    pub fn of_user(self, user: UserId) -> Self {
        Self { user: Some(user), ..self }
    }

    #[must_use]
    pub fn of_serial(self, serial: Serial) -> Self {
        Self { serial: Some(serial), ..self }
    }

    #[must_use]
    pub fn of_host(self, host: HostId) -> Self {
        Self { host: Some(host), ..self }
    }

    /// Adds to the detail; a key that is there already is replaced.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.detail.insert(key.into(), value.into());
        self
    }
}

/// Text that names no event: a record of a later version, or a damaged one.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("unknown event")]
pub struct UnknownEvent;

macro_rules! names {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// What kind of thing happened. The dotted text is stable: programs outside search for it.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        pub enum EventName {
            $($(#[$doc])* $variant,)*
        }

        impl EventName {
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }

        impl FromStr for EventName {
            type Err = UnknownEvent;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text { $($text => Ok(Self::$variant),)* _ => Err(UnknownEvent) }
            }
        }
    };
}

names! {
    AccountAdopted = "account.adopted",
    AccountDisowned = "account.disowned",
    AdminAction = "admin.action",
    CaInitialized = "ca.initialized",
    CaStarted = "ca.started",
    /// The whole to-be-signed content; a certificate of it may exist from here on.
    CertificateIntended = "certificate.intended",
    CertificateIssued = "certificate.issued",
    CertificateRefused = "certificate.refused",
    /// All that a person had and that was still valid.
    CertificatesRevoked = "certificate.revoked",
    ConnectionAdded = "connection.added",
    ConnectionChanged = "connection.changed",
    ConnectionRemoved = "connection.removed",
    DirectoryConflict = "directory.conflict",
    DirectoryGroupChanged = "directory.group_changed",
    DirectoryGroupCreated = "directory.group_created",
    DirectoryGroupDeleted = "directory.group_deleted",
    /// From here on the chain tells of every link to an object id, also of those from before it told of each.
    DirectoryLinksTold = "directory.links_told",
    DirectoryMemberAdded = "directory.member_added",
    DirectoryMemberRemoved = "directory.member_removed",
    /// Added to a group that a sudo grant names: worth an alarm of its own.
    DirectorySudoMemberAdded = "directory.sudo_member_added",
    DirectoryUserChanged = "directory.user_changed",
    DirectoryUserCreated = "directory.user_created",
    DirectoryUserDeleted = "directory.user_deleted",
    /// The resource claims another object id than the person's: suspended until somebody looks.
    DirectoryUserFlagged = "directory.user_flagged",
    /// By an administrator, as a DELETE of the directory's would; what follows has events of its own.
    DirectoryUserForgotten = "directory.user_forgotten",
    /// To an object id, where no event of their state says so: at a sign-in by UPN, by an administrator, or long ago.
    DirectoryUserLinked = "directory.user_linked",
    DirectoryUserResumed = "directory.user_resumed",
    DirectoryUserSuspended = "directory.user_suspended",
    EnrollTokenCreated = "enroll_token.created",
    EnrollTokenRevoked = "enroll_token.revoked",
    GrantAdded = "grant.added",
    GrantRemoved = "grant.removed",
    HostCertified = "host.certified",
    HostEnrolled = "host.enrolled",
    HostEnrollmentRefused = "host.enrollment_refused",
    HostReported = "host.reported",
    HostRetired = "host.retired",
    LoginSucceeded = "login.succeeded",
    /// Given by hand, before the pin.
    NameAssigned = "name.assigned",
    /// The second step: somebody else may have it.
    NameFreed = "name.freed",
    /// A proposal was turned down.
    NameKept = "name.kept",
    /// Name, uid and gid are the person's for ever.
    NamePinned = "name.pinned",
    NameProposed = "name.proposed",
    NameReleaseAsked = "name.release_asked",
    NameRenamed = "name.renamed",
    /// Another mapping expression.
    NamesApplied = "names.applied",
    /// A managed POSIX group got its gid, for ever.
    PosixGroupPinned = "posix_group.pinned",
    ScimTokenCreated = "scim_token.created",
    ScimTokenExtended = "scim_token.extended",
    ScimTokenRevoked = "scim_token.revoked",
}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_parses_back() {
        for name in EventName::ALL {
            assert_eq!(name.as_str().parse(), Ok(*name));
        }
        assert_eq!("certificate.forged".parse::<EventName>(), Err(UnknownEvent));
    }
}
