//! The directory of one tenant: people, groups and the app registration, as read from a TOML file.

use std::collections::{BTreeSet, HashSet};
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::Url;
use uuid::Uuid;

/// One tenant with its single app registration.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Tenant {
    /// The tenant id (`tid`).
    pub tenant: Uuid,
    /// The application (client) id: the audience of ID tokens.
    pub client_id: Uuid,
    #[serde(default)]
    pub app: App,
    #[serde(default, rename = "user")]
    pub users: Vec<User>,
    #[serde(default, rename = "group")]
    pub groups: Vec<Group>,
}

/// The app registration, all of it optional in the file.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct App {
    /// Shown on the sign-in and device pages.
    pub display_name: String,
    /// Redirect URIs of the platform "Mobile and desktop applications".
    pub redirect_uris: Vec<String>,
    /// "Allow public client flows": without it the device code grant is refused.
    pub allow_public_client: bool,
    /// Optional claims of the ID token, out of [`OPTIONAL_CLAIMS`].
    pub optional_claims: BTreeSet<String>,
}

/// What `optional_claims` may name.
pub const OPTIONAL_CLAIMS: [&str; 5] = ["acct", "auth_time", "email", "sid", "upn"];

/// A member or guest of the tenant.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The object id (`oid`).
    pub oid: Uuid,
    pub upn: String,
    #[serde(default, skip_serializing)]
    pub password: Password,
    #[serde(default)]
    pub given_name: String,
    #[serde(default)]
    pub family_name: String,
    #[serde(default = "yes")]
    pub enabled: bool,
    #[serde(default)]
    pub guest: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Defaults to the UPN, or to the address at home for a guest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<String>,
    /// Defaults to the part of the UPN before the `@`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail_nickname: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub department: Option<String>,
    /// The home identity provider of a guest; a security token service is made up when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idp: Option<String>,
    /// In the recycle bin: cannot sign in, is provisioned as inactive, can be restored.
    #[serde(default)]
    pub deleted: bool,
    /// Refresh tokens whose sign-in is older are revoked (password reset, "revoke sessions").
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions_valid_from: Option<Timestamp>,
}

/// A security group.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    pub oid: Uuid,
    pub name: String,
    /// Object ids of users, and of groups (which the provisioning service does not follow).
    #[serde(default)]
    pub members: BTreeSet<Uuid>,
}

/// A password that does not print.
#[derive(Clone, Default, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct Password(String);

/// Why a tenant, or a change to it, is refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TenantError {
    #[error("the tenant file does not parse: {0}")]
    Syntax(String),
    #[error("two objects have the oid {0}: give each user and group its own")]
    DuplicateOid(Uuid),
    #[error("two users have the upn {0}: give each user their own, or remove one first")]
    DuplicateUpn(String),
    #[error("upn {0:?} is not of the form name@domain")]
    BadUpn(String),
    #[error("user {0} has no password: set `password`")]
    NoPassword(String),
    #[error("group {group:?} lists the member {member}, which is neither a user nor a group of the tenant")]
    UnknownMember { group: String, member: Uuid },
    #[error("a group has an empty name: set `name` of {0}")]
    NoGroupName(Uuid),
    #[error("redirect URI {0:?} is not usable: https, or http on localhost or 127.0.0.1, without a fragment")]
    BadRedirectUri(String),
    #[error("optional claim {0:?} is not one of {OPTIONAL_CLAIMS:?}")]
    UnknownClaim(String),
    #[error("no user {0:?} in the tenant: give an oid or a upn")]
    NoSuchUser(String),
    #[error("no group {0:?} in the tenant: give an oid, or a name that one group alone bears")]
    NoSuchGroup(String),
}

impl Tenant {
    /// Reads and checks a tenant file.
    ///
    /// # Errors
    /// When the text is not TOML of the right shape, or contradicts itself.
    pub fn from_toml(text: &str) -> Result<Self, TenantError> {
        let tenant: Self = toml::from_str(text).map_err(|error| TenantError::Syntax(error.to_string()))?;
        tenant.check()?;
        Ok(tenant)
    }

    /// A user by object id or by UPN (letter case does not matter).
    #[must_use]
    pub fn user(&self, who: &str) -> Option<&User> {
        self.users.iter().find(|user| user.is(who))
    }

    /// # Errors
    /// When there is no such user.
    pub fn user_mut(&mut self, who: &str) -> Result<&mut User, TenantError> {
        let found = self.users.iter_mut().find(|user| user.is(who));
        found.ok_or_else(|| TenantError::NoSuchUser(who.to_owned()))
    }

    #[must_use]
    pub fn user_by_oid(&self, oid: Uuid) -> Option<&User> {
        self.users.iter().find(|user| user.oid == oid)
    }

    /// A group by object id, or by a name that only one group bears.
    ///
    /// # Errors
    /// When there is no such group, or the name is borne by several.
    pub fn group_mut(&mut self, which: &str) -> Result<&mut Group, TenantError> {
        let named =
            |group: &&mut Group| group.name == which || group.oid.to_string().eq_ignore_ascii_case(which);
        let mut found: Vec<&mut Group> = self.groups.iter_mut().filter(|group| named(group)).collect();
        match (found.pop(), found.is_empty()) {
            (Some(group), true) => Ok(group),
            _ => Err(TenantError::NoSuchGroup(which.to_owned())),
        }
    }

    /// Puts a user into the recycle bin, or removes them for ever and from every group.
    ///
    /// # Errors
    /// When there is no such user.
    pub fn remove_user(&mut self, who: &str, hard: bool) -> Result<(), TenantError> {
        let user = self.user_mut(who)?;
        user.deleted = true;
        let oid = user.oid;
        if hard {
            self.users.retain(|user| user.oid != oid);
            self.forget_member(oid);
        }
        Ok(())
    }

    /// # Errors
    /// When there is no such group.
    pub fn remove_group(&mut self, which: &str) -> Result<(), TenantError> {
        let oid = self.group_mut(which)?.oid;
        self.groups.retain(|group| group.oid != oid);
        self.forget_member(oid);
        Ok(())
    }

    fn forget_member(&mut self, oid: Uuid) {
        for group in &mut self.groups {
            group.members.remove(&oid);
        }
    }

    /// Refuses what a real directory could not hold.
    ///
    /// # Errors
    /// The first contradiction found.
    pub fn check(&self) -> Result<(), TenantError> {
        let mut oids = HashSet::new();
        for oid in self.users.iter().map(|user| user.oid).chain(self.groups.iter().map(|group| group.oid)) {
            if !oids.insert(oid) {
                return Err(TenantError::DuplicateOid(oid));
            }
        }
        self.check_users()?;
        for group in &self.groups {
            group.check(&oids)?;
        }
        self.app.check()
    }

    fn check_users(&self) -> Result<(), TenantError> {
        let mut upns = HashSet::new();
        for user in &self.users {
            user.check()?;
            if !user.deleted && !upns.insert(user.upn.to_lowercase()) {
                return Err(TenantError::DuplicateUpn(user.upn.clone()));
            }
        }
        Ok(())
    }
}

// === impl App ===

impl Default for App {
    fn default() -> Self {
        Self {
            display_name: "Sallyport".to_owned(),
            redirect_uris: vec!["http://localhost".to_owned()],
            allow_public_client: true,
            optional_claims: BTreeSet::new(),
        }
    }
}

impl App {
    fn check(&self) -> Result<(), TenantError> {
        if let Some(claim) =
            self.optional_claims.iter().find(|claim| !OPTIONAL_CLAIMS.contains(&claim.as_str()))
        {
            return Err(TenantError::UnknownClaim(claim.clone()));
        }
        match self.redirect_uris.iter().find(|uri| !registrable(uri)) {
            Some(uri) => Err(TenantError::BadRedirectUri(uri.clone())),
            None => Ok(()),
        }
    }
}

fn registrable(uri: &str) -> bool {
    let Ok(url) = Url::parse(uri) else { return false };
    let local = matches!(url.host_str(), Some("localhost" | "127.0.0.1"));
    url.fragment().is_none() && (url.scheme() == "https" || (url.scheme() == "http" && local))
}

// === impl User ===

impl User {
    /// Is this the person meant by an object id or a UPN?
    #[must_use]
    pub fn is(&self, who: &str) -> bool {
        self.upn.to_lowercase() == who.to_lowercase() || self.oid.to_string().eq_ignore_ascii_case(who)
    }

    #[must_use]
    pub fn display_name(&self) -> String {
        if let Some(name) = &self.display_name {
            return name.clone();
        }
        let joined = format!("{} {}", self.given_name, self.family_name);
        let joined = joined.trim();
        if joined.is_empty() { self.mail_nickname() } else { joined.to_owned() }
    }

    #[must_use]
    pub fn mail(&self) -> String {
        self.mail.clone().unwrap_or_else(|| self.sign_in_name())
    }

    #[must_use]
    pub fn mail_nickname(&self) -> String {
        let local = self.upn.split('@').next().unwrap_or_default();
        self.mail_nickname.clone().unwrap_or_else(|| local.to_owned())
    }

    /// What the person types and sees: the UPN, or for a guest the address at home, taken out of
    /// `alias_homedomain#EXT#@tenant`. It is also what is provisioned as `userPrincipalName`.
    #[must_use]
    pub fn sign_in_name(&self) -> String {
        let external = self.upn.split_once("#EXT#").and_then(|(local, _)| local.rsplit_once('_'));
        match external {
            Some((alias, domain)) => format!("{alias}@{domain}"),
            None => self.upn.clone(),
        }
    }

    /// The `idp` claim: only guests have one.
    #[must_use]
    pub fn identity_provider(&self) -> Option<String> {
        let made_up = || {
            let name = self.sign_in_name();
            let domain = name.rsplit('@').next().unwrap_or_default();
            format!("https://sts.windows.net/{}/", uuid_from(domain.as_bytes()))
        };
        self.guest.then(|| self.idp.clone().unwrap_or_else(made_up))
    }

    fn check(&self) -> Result<(), TenantError> {
        let parts: Vec<&str> = self.upn.split('@').collect();
        if parts.len() != 2
            || parts.iter().any(|part| part.is_empty())
            || self.upn.contains(char::is_whitespace)
        {
            return Err(TenantError::BadUpn(self.upn.clone()));
        }
        if self.password.0.is_empty() {
            return Err(TenantError::NoPassword(self.upn.clone()));
        }
        Ok(())
    }
}

/// A stable GUID for anything that Entra would have given one.
fn uuid_from(seed: &[u8]) -> Uuid {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&Sha256::digest(seed)[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

// === impl Group ===

impl Group {
    fn check(&self, known: &HashSet<Uuid>) -> Result<(), TenantError> {
        if self.name.is_empty() {
            return Err(TenantError::NoGroupName(self.oid));
        }
        match self.members.iter().find(|member| !known.contains(member)) {
            Some(member) => Err(TenantError::UnknownMember { group: self.name.clone(), member: *member }),
            None => Ok(()),
        }
    }
}

// === impl Password ===

impl Password {
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    #[must_use]
    pub fn matches(&self, typed: &str) -> bool {
        self.0 == typed
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        tenant = "7b1e4c52-0d3a-4f6e-9a41-5c2f8e90d311"
        client_id = "c11e0001-5a5a-4b4b-8c8c-0000000000c1"
        [[user]]
        oid = "0a0a0a0a-1111-4222-8333-444455556666"
        upn = "mara.lind@contoso.test"
        password = "canary-password"
        given_name = "Mara"
        family_name = "Lind"
        [[user]]
        oid = "0b0b0b0b-1111-4222-8333-444455556666"
        upn = "kim_fabrikam.test#EXT#@contoso.onmicrosoft.test"
        password = "x"
        guest = true
        [[group]]
        oid = "3c3c3c3c-2222-4333-8444-555566667777"
        name = "ssh-prod-admins"
        members = ["0a0a0a0a-1111-4222-8333-444455556666"]
    "#;

    #[test]
    fn the_contract_file_needs_no_more_than_the_contract_fields() {
        let tenant = Tenant::from_toml(FILE).unwrap();
        let mara = tenant.user("MARA.LIND@contoso.test").unwrap();
        assert!(mara.enabled && !mara.guest);
        assert_eq!(mara.display_name(), "Mara Lind");
        assert_eq!(mara.mail(), "mara.lind@contoso.test");
        assert_eq!(mara.identity_provider(), None);
        assert_eq!(tenant.app.redirect_uris, ["http://localhost"]);
    }

    #[test]
    fn a_guest_is_known_by_the_address_at_home_and_has_a_home_provider() {
        let tenant = Tenant::from_toml(FILE).unwrap();
        let kim = &tenant.users[1];
        assert_eq!(kim.sign_in_name(), "kim@fabrikam.test");
        assert!(kim.identity_provider().unwrap().starts_with("https://sts.windows.net/"));
    }

    #[test]
    fn contradictions_are_named() {
        let broken = |from: &str, to: &str| Tenant::from_toml(&FILE.replace(from, to)).unwrap_err();
        assert!(matches!(broken("0b0b0b0b", "0a0a0a0a"), TenantError::DuplicateOid(_)));
        assert!(matches!(broken("mara.lind@contoso.test", "mara"), TenantError::BadUpn(_)));
        assert!(matches!(broken("members = [\"0a", "members = [\"ff"), TenantError::UnknownMember { .. }));
        assert!(broken("given_name", "first_name").to_string().contains("first_name"));
        let uri = "[app]\nredirect_uris = [\"http://example.test\"]\n[[group]]";
        assert!(matches!(broken("[[group]]", uri), TenantError::BadRedirectUri(_)));
    }

    #[test]
    fn passwords_do_not_print_and_do_not_leave() {
        let tenant = Tenant::from_toml(FILE).unwrap();
        assert!(!format!("{tenant:?}").contains("canary"));
        assert!(!serde_json::to_string(&tenant).unwrap().contains("canary"));
    }

    #[test]
    fn a_hard_delete_leaves_no_membership_behind() {
        let mut tenant = Tenant::from_toml(FILE).unwrap();
        tenant.remove_user("mara.lind@contoso.test", false).unwrap();
        assert_eq!(tenant.groups[0].members.len(), 1);
        tenant.remove_user("mara.lind@contoso.test", true).unwrap();
        assert!(tenant.groups[0].members.is_empty());
        tenant.check().unwrap();
    }
}
