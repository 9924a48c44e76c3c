use jiff::Timestamp;
use sallyport_domain::{EnrollTokenId, Generation, HostId, HostName, HostPatterns, HostState, Tags};

use crate::{SecretHash, StoreError};

/// An enrolled machine.
#[derive(Clone, Debug, PartialEq)]
pub struct HostRow {
    pub id: HostId,
    pub name: HostName,
    /// All names that its certificate carries, `name` first. A name belongs to one host that is not retired; a retired
    /// host keeps them as history only.
    pub names: Vec<HostName>,
    pub tags: Tags,
    pub state: HostState,
    /// OpenSSH line of the key that signs its requests, and the key's fingerprint (`SHA256:…`), unique among all
    /// hosts, the retired too.
    pub machine_key: String,
    pub machine_fingerprint: String,
    pub generation: Generation,
    pub enrolled_at: Timestamp,
    pub report: ReportRow,
}

/// What the host last said of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReportRow {
    pub applied: Generation,
    pub lease_until: Option<Timestamp>,
    pub seen_at: Option<Timestamp>,
    /// JSON array of problems, as reported.
    pub problems: Vec<serde_json::Value>,
}

/// What lets a machine enrol.
#[derive(Clone, Debug, PartialEq)]
pub struct EnrollTokenRow {
    pub id: EnrollTokenId,
    pub hash: SecretHash,
    pub names: HostPatterns,
    pub tags: Tags,
    pub uses_left: u32,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
}

pub trait Hosts {
    fn host(&self, id: HostId) -> Result<Option<HostRow>, StoreError>;
    fn host_by_machine(&self, fingerprint: &str) -> Result<Option<HostRow>, StoreError>;
    /// The host that is not retired and holds the name.
    fn host_by_name(&self, name: &HostName) -> Result<Option<HostRow>, StoreError>;
    fn hosts(&self) -> Result<Vec<HostRow>, StoreError>;
    fn enroll_token(&self, hash: &SecretHash) -> Result<Option<EnrollTokenRow>, StoreError>;
    fn enroll_tokens(&self) -> Result<Vec<EnrollTokenRow>, StoreError>;
}

pub trait HostsMut {
    /// # Errors
    /// [`StoreError::Taken`] when a name or the machine key is another host's.
    fn put_host(&mut self, host: &HostRow) -> Result<(), StoreError>;
    /// # Errors
    /// [`StoreError::Missing`] when there is no such host.
    fn set_generation(&mut self, id: HostId, generation: Generation) -> Result<(), StoreError>;
    /// # Errors
    /// [`StoreError::Missing`] when there is no such host.
    fn put_report(&mut self, id: HostId, report: &ReportRow) -> Result<(), StoreError>;
    /// # Errors
    /// [`StoreError::Taken`] when the hash is another token's.
    fn put_enroll_token(&mut self, token: &EnrollTokenRow) -> Result<(), StoreError>;
}
