use jiff::Timestamp;
use sallyport_domain::{GrantId, GroupId, ObjectId, PosixGroups, ResourceId, Tags, TenantId, UserId};

use crate::StoreError;

/// Members of the group may enter hosts that bear all the tags.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GrantRow {
    pub id: GrantId,
    pub group: GroupId,
    pub tags: Tags,
    pub sudo: bool,
    /// What its people are in on those hosts. The managed ones stand in the ledger: [`crate::PosixGroupRow`].
    pub posix_groups: PosixGroups,
    pub created_at: Timestamp,
}

impl GrantRow {
    /// Whether its people can become root by it.
    #[must_use]
    pub fn makes_root(&self) -> bool {
        self.sudo || self.posix_groups.root_equivalent().next().is_some()
    }
}

/// A grant that ended because the directory took its group away, which may come back as another row.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LostGrantRow {
    pub grant: GrantRow,
    pub tenant: TenantId,
    /// What the directory calls the group.
    pub object: ObjectId,
    pub lost_at: Timestamp,
}

pub trait Grants {
    fn grant(&self, id: GrantId) -> Result<Option<GrantRow>, StoreError>;
    fn grants(&self) -> Result<Vec<GrantRow>, StoreError>;
    fn grants_of(&self, group: GroupId) -> Result<Vec<GrantRow>, StoreError>;
    /// Those of all the groups that the resource is a member of, at the cost of its groups.
    fn grants_reaching(&self, resource: ResourceId) -> Result<Vec<GrantRow>, StoreError>;
    /// The same for the person's latest resource.
    fn grants_reaching_person(&self, user: UserId) -> Result<Vec<GrantRow>, StoreError>;
    /// Those lost at `since` or later: the newest first, up to `most`.
    fn lost_grants(&self, since: Timestamp, most: usize) -> Result<Vec<LostGrantRow>, StoreError>;
}

pub trait GrantsMut {
    /// # Errors
    /// [`StoreError::Missing`] when the group is not there, or a managed POSIX group is not in the ledger.
    fn put_grant(&mut self, grant: &GrantRow) -> Result<(), StoreError>;
    /// Whether it was there.
    fn remove_grant(&mut self, id: GrantId) -> Result<bool, StoreError>;
    /// A grant is lost once.
    fn put_lost_grant(&mut self, lost: &LostGrantRow) -> Result<(), StoreError>;
    /// Those lost before that.
    fn forget_lost_grants(&mut self, before: Timestamp) -> Result<usize, StoreError>;
}
