use jiff::Timestamp;
use sallyport_store::{ConnectionRow, HostRow, ReadTx, ScimTokenRow, StoreError};

/// What the checks judge: read at once, so that they judge one state.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) now: Timestamp,
    pub(super) connections: Vec<ConnectionRow>,
    pub(super) tokens: Vec<ScimTokenRow>,
    pub(super) hosts: Vec<HostRow>,
}

impl Facts {
    pub(super) fn read(tx: &dyn ReadTx, now: Timestamp) -> Result<Self, StoreError> {
        Ok(Self { now, connections: tx.connections()?, tokens: tx.scim_tokens()?, hosts: tx.hosts()? })
    }
}
