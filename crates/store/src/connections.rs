use ipnet::IpNet;
use jiff::Timestamp;
use sallyport_domain::{ConnectionName, TenantId};

use crate::StoreError;

/// A tenant whose directory writes here, and what was settled about it. Its users and groups are the rows of its
/// tenant.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConnectionRow {
    pub name: ConnectionName,
    pub tenant: TenantId,
    /// Where requests may come from; empty: from anywhere.
    pub networks: Vec<IpNet>,
    /// Groups by `externalId`, or by our id where they have none: only their members become users. Empty: everybody.
    pub scope: Vec<String>,
    /// Whether a person without an object id may be linked once, at the first sign-in, by their UPN.
    pub link_by_upn: bool,
    /// How often the scope changed since everybody was judged by it; 0: all is settled.
    pub unsettled: u32,
    pub created_at: Timestamp,
    /// The last request with a good credential, in coarse steps; `None`: never spoke.
    pub last_request_at: Option<Timestamp>,
}

pub trait Connections {
    fn connection(&self, name: &ConnectionName) -> Result<Option<ConnectionRow>, StoreError>;
    fn connection_of(&self, tenant: TenantId) -> Result<Option<ConnectionRow>, StoreError>;
    fn connections(&self) -> Result<Vec<ConnectionRow>, StoreError>;
}

pub trait ConnectionsMut {
    /// The name is the row's identity.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when the tenant has a connection of another name; [`StoreError::Pinned`] when the name is
    /// another tenant's.
    fn put_connection(&mut self, connection: &ConnectionRow) -> Result<(), StoreError>;
    /// Whether it was there. Users, groups and credentials of its tenant stay as they are.
    fn remove_connection(&mut self, name: &ConnectionName) -> Result<bool, StoreError>;
}
