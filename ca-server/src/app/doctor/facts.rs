use jiff::Timestamp;
use sallyport_domain::{ConflictReason, ConnectionName};
use sallyport_store::{ConnectionRow, HostRow, ReadTx, ScimTokenRow, StoreError};

/// What the checks judge: read at once, so that they judge one state.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) now: Timestamp,
    pub(super) connections: Vec<ConnectionRow>,
    pub(super) tokens: Vec<ScimTokenRow>,
    pub(super) hosts: Vec<HostRow>,
    pub(super) troubled: Vec<Troubled>,
}

/// How many of a connection's people are not joined with their tokens.
#[derive(Clone, Debug)]
pub(super) struct Troubled {
    pub(super) connection: ConnectionName,
    pub(super) link_by_upn: bool,
    /// No object id came.
    pub(super) unlinked: usize,
    /// Another object id came than theirs.
    pub(super) flagged: usize,
}

impl Troubled {
    fn read(tx: &dyn ReadTx, connection: &ConnectionRow) -> Result<Self, StoreError> {
        Ok(Self {
            connection: connection.name.clone(),
            link_by_upn: connection.link_by_upn,
            unlinked: tx.count_people(connection.tenant, ConflictReason::NoObjectId)?,
            flagged: tx.count_people(connection.tenant, ConflictReason::Link)?,
        })
    }
}

impl Facts {
    pub(super) fn read(tx: &dyn ReadTx, now: Timestamp) -> Result<Self, StoreError> {
        let connections = tx.connections()?;
        let troubled =
            connections.iter().map(|connection| Troubled::read(tx, connection)).collect::<Result<_, _>>()?;
        Ok(Self { now, connections, tokens: tx.scim_tokens()?, hosts: tx.hosts()?, troubled })
    }
}
