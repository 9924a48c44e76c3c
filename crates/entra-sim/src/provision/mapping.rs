//! Which value goes to which SCIM attribute: the default mapping of a non-gallery application.

use serde_json::{Value, json};

use super::job::Attributes;
use super::path::{ENTERPRISE, WORK_EMAIL};
use crate::tenant::{Group, User};

/// What is mapped to `externalId`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExternalId {
    /// The object id, as administrators must configure it for tokens and SCIM to meet.
    #[default]
    ObjectId,
    /// The mail nickname: Entra's default, neither unique nor stable.
    MailNickname,
}

/// The attribute by which an object is looked for before it is created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Matching {
    /// `userName`, and `displayName` of groups: Entra's default.
    #[default]
    Name,
    ExternalId,
}

/// The mapping's choices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    pub external_id: ExternalId,
    pub matching: Matching,
}

/// Users or groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    User,
    Group,
}

/// `Switch([IsSoftDeleted], , "False", "True", "True", "False")`.
pub(super) fn active(user: &User) -> bool {
    user.enabled && !user.deleted
}

impl Mapping {
    pub(super) fn user(self, user: &User) -> Attributes {
        let external_id = match self.external_id {
            ExternalId::ObjectId => user.oid.to_string(),
            ExternalId::MailNickname => user.mail_nickname(),
        };
        let formatted = format!("{} {}", user.given_name, user.family_name);
        let enterprise = |name: &str| format!("{ENTERPRISE}:{name}");
        let text = |path: &str, value: &str| (path.to_owned(), json!(value));
        let mut attributes = Attributes::from([
            ("active".to_owned(), json!(active(user))),
            text("displayName", &user.display_name()),
            text(WORK_EMAIL, &user.mail()),
            text("externalId", &external_id),
            text("name.familyName", &user.family_name),
            text("name.formatted", formatted.trim()),
            text("name.givenName", &user.given_name),
            text("title", user.job_title.as_deref().unwrap_or_default()),
            text("userName", &user.sign_in_name()),
            text(&enterprise("department"), user.department.as_deref().unwrap_or_default()),
        ]);
        // Empty attributes cannot be provisioned: Entra leaves them out, and never clears one.
        attributes.retain(|_, value| value.as_str() != Some(""));
        attributes
    }

    pub(super) fn group(group: &Group) -> Attributes {
        Attributes::from([
            ("displayName".to_owned(), json!(group.name)),
            ("externalId".to_owned(), json!(group.oid)),
        ])
    }

    /// The attribute to match on, with the wanted value.
    pub(super) fn matching(self, kind: Kind, wanted: &Attributes) -> (&'static str, String) {
        let name = match (self.matching, kind) {
            (Matching::Name, Kind::User) => "userName",
            (Matching::Name, Kind::Group) => "displayName",
            (Matching::ExternalId, _) => "externalId",
        };
        let value = wanted.get(name).and_then(Value::as_str).unwrap_or_default();
        (name, value.to_owned())
    }
}

impl Kind {
    pub(super) fn endpoint(self) -> &'static str {
        match self {
            Self::User => "Users",
            Self::Group => "Groups",
        }
    }
}
