use jiff::Timestamp;
use sallyport_domain::{
    ConflictReason, GroupId, ObjectId, PosixName, ResourceId, Subject, TenantId, Uid, UserId, UserState,
};
use serde_json::{Map, Value};

use crate::StoreError;

/// A SCIM User resource, verbatim, with the columns that are looked up.
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceRow {
    pub id: ResourceId,
    pub tenant: TenantId,
    /// The person behind it.
    pub user: UserId,
    /// As sent; unique per tenant without regard to case (RFC 7643: `userName` is not case-exact).
    pub user_name: String,
    /// As sent.
    pub external_id: Option<String>,
    pub document: Map<String, Value>,
    pub created_at: Timestamp,
    pub modified_at: Timestamp,
}

/// A person: what stays when the directory forgets them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PersonRow {
    pub id: UserId,
    pub tenant: TenantId,
    /// Set once, when the first `externalId` that is an object id arrives; never changed.
    pub object: Option<ObjectId>,
    /// The object id came with a sign-in, by UPN, while the directory did not send it.
    pub linked_by_upn: bool,
    /// The `userName`, as last seen: a label.
    pub user_name: String,
    pub display_name: String,
    /// SCIM `emails`, lower-cased, for the comparison with what was typed.
    pub emails: Vec<String>,
    pub guest: bool,
    pub state: UserState,
    pub reason: Option<ConflictReason>,
    /// Pinned with the uid when a grant first reaches the person; theirs for ever.
    pub posix_name: Option<PosixName>,
    pub uid: Option<Uid>,
    /// Of the person's own group; the uid's number, unless the directory said another.
    pub gid: Option<Uid>,
}

impl PersonRow {
    /// Tenant and object id, once both are known.
    #[must_use]
    pub fn subject(&self) -> Option<Subject> {
        self.object.map(|object| Subject { tenant: self.tenant, object })
    }
}

/// What a membership needs of a resource: its document may be large, and a group has many members.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ResourceLabel {
    pub id: ResourceId,
    pub user: UserId,
    pub user_name: String,
}

/// A SCIM Group resource; its members are rows of their own.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupRow {
    pub id: GroupId,
    pub tenant: TenantId,
    pub external_id: Option<String>,
    /// The last object id that `external_id` was: it stays when that is taken away.
    pub object: Option<ObjectId>,
    pub display_name: String,
    pub document: Map<String, Value>,
    pub created_at: Timestamp,
    pub modified_at: Timestamp,
}

/// A slice of a long list, and how long the list is.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    pub total: usize,
    pub items: Vec<T>,
}

pub trait Directory {
    fn resource(&self, tenant: TenantId, id: ResourceId) -> Result<Option<ResourceRow>, StoreError>;
    fn resource_label(&self, tenant: TenantId, id: ResourceId) -> Result<Option<ResourceLabel>, StoreError>;
    /// Without regard to case.
    fn resource_by_user_name(
        &self,
        tenant: TenantId,
        user_name: &str,
    ) -> Result<Option<ResourceRow>, StoreError>;
    fn resources_by_external_id(
        &self,
        tenant: TenantId,
        external_id: &str,
    ) -> Result<Vec<ResourceRow>, StoreError>;
    /// Whose addresses hold this one, without regard to case: see [`DirectoryMut::set_emails`].
    fn resources_by_email(&self, tenant: TenantId, address: &str) -> Result<Vec<ResourceRow>, StoreError>;
    /// The resources whose `externalId` is this object id, however it is spelt.
    fn claimants(&self, tenant: TenantId, object: ObjectId) -> Result<Vec<ResourceId>, StoreError>;
    /// The latest, should there be several.
    fn resource_of_person(&self, user: UserId) -> Result<Option<ResourceRow>, StoreError>;
    /// `skip` from 0; `total` counts all of the tenant's.
    fn resources(&self, tenant: TenantId, skip: usize, limit: usize)
    -> Result<Page<ResourceRow>, StoreError>;

    fn group(&self, tenant: TenantId, id: GroupId) -> Result<Option<GroupRow>, StoreError>;
    fn group_by_id(&self, id: GroupId) -> Result<Option<GroupRow>, StoreError>;
    /// Without regard to case.
    fn groups_by_name(&self, tenant: TenantId, display_name: &str) -> Result<Vec<GroupRow>, StoreError>;
    fn groups_by_external_id(&self, tenant: TenantId, external_id: &str)
    -> Result<Vec<GroupRow>, StoreError>;
    fn groups(&self, tenant: TenantId, skip: usize, limit: usize) -> Result<Page<GroupRow>, StoreError>;
    /// A group of which [`DirectoryMut::dissolve_group`] left the members: found by nothing else.
    fn dissolved_group(&self, id: GroupId) -> Result<Option<GroupRow>, StoreError>;
    /// Of every tenant.
    fn all_groups(&self) -> Result<Vec<GroupRow>, StoreError>;

    /// In the order of their ids, as are [`Directory::groups_of`].
    fn members(&self, group: GroupId) -> Result<Vec<ResourceId>, StoreError>;
    /// As [`Directory::members`], `None` when there are more than `most`; what that costs depends on `most` alone.
    fn members_if_few(&self, group: GroupId, most: usize) -> Result<Option<Vec<ResourceId>>, StoreError>;
    fn count_members(&self, group: GroupId) -> Result<usize, StoreError>;
    fn is_member(&self, group: GroupId, resource: ResourceId) -> Result<bool, StoreError>;
    fn groups_of(&self, resource: ResourceId) -> Result<Vec<GroupId>, StoreError>;
    /// The groups of [`Directory::resource_of_person`]; none where there is no resource.
    fn groups_of_person(&self, user: UserId) -> Result<Vec<GroupId>, StoreError>;

    fn person(&self, id: UserId) -> Result<Option<PersonRow>, StoreError>;
    fn person_by_subject(&self, subject: Subject) -> Result<Option<PersonRow>, StoreError>;
    fn people(&self) -> Result<Vec<PersonRow>, StoreError>;
    /// How many of the tenant's people have this reason.
    fn count_people(&self, tenant: TenantId, reason: ConflictReason) -> Result<usize, StoreError>;
    /// The people behind a group's members, each once.
    fn people_in(&self, group: GroupId) -> Result<Vec<PersonRow>, StoreError>;
    /// Whose the name is or was, whatever became of them, while it is not freed.
    fn holder_of_name(&self, name: &PosixName) -> Result<Option<UserId>, StoreError>;
}

pub trait DirectoryMut {
    /// A resource never moves to another tenant; it may move to another person.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when the tenant has a resource of that `userName`; [`StoreError::Missing`] when the
    /// person is not there.
    fn put_resource(&mut self, resource: &ResourceRow) -> Result<(), StoreError>;
    /// The addresses under which the resource is found, instead of those before; none where it is not there.
    fn set_emails(&mut self, id: ResourceId, addresses: &[String]) -> Result<(), StoreError>;
    /// With its memberships; the person stays. Whether it was there.
    fn remove_resource(&mut self, tenant: TenantId, id: ResourceId) -> Result<bool, StoreError>;
    /// A group never moves to another tenant.
    fn put_group(&mut self, group: &GroupRow) -> Result<(), StoreError>;
    /// That its members changed. Whether it is there.
    fn touch_group(&mut self, id: GroupId, at: Timestamp) -> Result<bool, StoreError>;
    /// The group is gone for every look-up, and its members are not its members any more. They are still walked through
    /// by [`UnsettledGroups::members_after`](crate::UnsettledGroups::members_after), and taken away one by one, until
    /// [`Self::remove_group`]. Whether it was there.
    fn dissolve_group(&mut self, tenant: TenantId, id: GroupId) -> Result<bool, StoreError>;
    /// With its memberships and grants. Whether it was there, or was dissolved.
    fn remove_group(&mut self, tenant: TenantId, id: GroupId) -> Result<bool, StoreError>;
    /// Whether it is new.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when the group or the resource is not there.
    fn add_member(&mut self, group: GroupId, resource: ResourceId) -> Result<bool, StoreError>;
    /// Whether it was there.
    fn remove_member(&mut self, group: GroupId, resource: ResourceId) -> Result<bool, StoreError>;
    /// # Errors
    /// [`StoreError::Taken`] when the subject, the name or the uid is another person's; [`StoreError::Pinned`] when
    /// the person has another tenant, object id, name, uid or gid already, or would lose it. People are never removed, so
    /// none of these is ever free again.
    fn put_person(&mut self, person: &PersonRow) -> Result<(), StoreError>;
}
