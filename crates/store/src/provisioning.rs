use jiff::Timestamp;
use sallyport_domain::{GroupId, RequestId, TenantId, UserId};
use serde_json::{Map, Value};

use crate::StoreError;

/// One operation that a directory asked for, and what came of it. Kept for a while, unlike the chain.
#[derive(Clone, Debug, PartialEq)]
pub struct ProvisioningRow {
    /// Counts up; the store gives it.
    pub seq: u64,
    pub at: Timestamp,
    pub tenant: TenantId,
    pub request: RequestId,
    /// The group that it was about, also after that group is gone.
    pub group: Option<GroupId>,
    pub body: Map<String, Value>,
}

/// Which events are asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Concerning {
    Anything,
    Group(GroupId),
    Person(UserId),
}

pub trait ProvisioningLog {
    /// Up to `limit` events after `seq`, oldest first.
    fn provisioning_after(
        &self,
        seq: u64,
        of: Concerning,
        limit: usize,
    ) -> Result<Vec<ProvisioningRow>, StoreError>;
    /// Up to `limit` events before `seq`, newest first.
    fn provisioning_before(
        &self,
        seq: u64,
        of: Concerning,
        limit: usize,
    ) -> Result<Vec<ProvisioningRow>, StoreError>;
}

pub trait ProvisioningLogMut {
    /// Adds an event and gives its number; `event.seq` is not looked at. Found again under its group and each of the
    /// `people`; who is not known is left out.
    fn note_provisioning(&mut self, event: &ProvisioningRow, people: &[UserId]) -> Result<u64, StoreError>;
    /// Has an event be found under these people as well. Nothing when it is forgotten.
    fn note_concerned(&mut self, seq: u64, people: &[UserId]) -> Result<(), StoreError>;
    /// Forgets up to `most` of the oldest events that are from before `before`, or more than `keep` behind the newest.
    /// The newest stays, so that numbers go on counting up. How many went.
    fn forget_provisioning(&mut self, before: Timestamp, keep: u64, most: usize)
    -> Result<usize, StoreError>;
}
