use jiff::Timestamp;
use sallyport_domain::{GroupId, ResourceId, Serial};

use crate::{ResourceLabel, StoreError};

/// What the members of a group are looked at for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Unsettled {
    /// A grant came: whom it reaches first gets name and numbers.
    Grant,
    /// A grant went: whom none reaches any more loses what was certified.
    Withdrawal,
}

impl Unsettled {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Withdrawal => "withdrawal",
        }
    }
}

/// A group whose members are being looked at, some at a time. Gone with the group, dissolved or not.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnsettledRow {
    pub group: GroupId,
    pub what: Unsettled,
    /// The place of the last member who was looked at, 0 before the first.
    pub after: u64,
}

pub trait UnsettledGroups {
    fn unsettled(&self) -> Result<Vec<UnsettledRow>, StoreError>;
    fn unsettled_group(&self, group: GroupId, what: Unsettled) -> Result<Option<UnsettledRow>, StoreError>;
    /// Members with their places, which go up: up to `most` after a place, in the order in which they came here.
    fn members_after(
        &self,
        group: GroupId,
        after: u64,
        most: usize,
    ) -> Result<Vec<(u64, ResourceLabel)>, StoreError>;
    /// Serials that a withdrawal will revoke when it comes to their people: of members after its place whom no grant
    /// reaches, not ended at `now`.
    fn withdrawn_serials(&self, now: Timestamp) -> Result<Vec<Serial>, StoreError>;
    /// Whether a withdrawal has yet to come to the resource.
    fn awaits_withdrawal(&self, resource: ResourceId) -> Result<bool, StoreError>;
    /// The dissolved groups that it has yet to leave.
    fn dissolved_groups_of(&self, resource: ResourceId) -> Result<Vec<GroupId>, StoreError>;
}

pub trait UnsettledGroupsMut {
    /// One for each group and kind.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when the group is not there.
    fn put_unsettled(&mut self, row: &UnsettledRow) -> Result<(), StoreError>;
    /// Whether it was there.
    fn remove_unsettled(&mut self, group: GroupId, what: Unsettled) -> Result<bool, StoreError>;
}
