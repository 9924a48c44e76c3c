use rusqlite::params;
use sallyport_domain::{ConnectionName, TenantId};
use sallyport_store::{ConnectionRow, Connections, ConnectionsMut, StoreError};

use crate::cells::{Cells, FromRow};
use crate::tx::Tx;
use crate::values::{json, micros};

macro_rules! connections {
    ($which:literal) => {
        concat!(
            "SELECT name, tenant, networks, scope, link_by_upn, unsettled, created_at, ",
            "last_request_at FROM connections ",
            $which
        )
    };
}

impl FromRow for ConnectionRow {
    const TABLE: &'static str = "connections";
    fn from_row(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            name: cells.take("name")?,
            tenant: cells.take("tenant")?,
            networks: cells.take("networks")?,
            scope: cells.take("scope")?,
            link_by_upn: cells.take("link_by_upn")?,
            unsettled: cells.take("unsettled")?,
            created_at: cells.take("created_at")?,
            last_request_at: cells.take("last_request_at")?,
        })
    }
}

impl Connections for Tx<'_> {
    fn connection(&self, name: &ConnectionName) -> Result<Option<ConnectionRow>, StoreError> {
        self.one(connections!("WHERE name = ?1"), [name.as_str()])
    }

    fn connection_of(&self, tenant: TenantId) -> Result<Option<ConnectionRow>, StoreError> {
        self.one(connections!("WHERE tenant = ?1"), [tenant.to_string()])
    }

    fn connections(&self) -> Result<Vec<ConnectionRow>, StoreError> {
        self.all(connections!("ORDER BY position"), [])
    }
}

impl ConnectionsMut for Tx<'_> {
    fn put_connection(&mut self, connection: &ConnectionRow) -> Result<(), StoreError> {
        let put = self.change(
            "INSERT INTO connections (name, tenant, networks, scope, link_by_upn, unsettled, created_at, \
             last_request_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
             ON CONFLICT (name) DO UPDATE SET networks = excluded.networks, scope = excluded.scope, \
             link_by_upn = excluded.link_by_upn, unsettled = excluded.unsettled, created_at = excluded.created_at, \
             last_request_at = excluded.last_request_at WHERE tenant = excluded.tenant",
            params![
                connection.name.as_str(),
                connection.tenant.to_string(),
                json(&connection.networks)?,
                json(&connection.scope)?,
                connection.link_by_upn,
                connection.unsettled,
                micros(connection.created_at),
                connection.last_request_at.map(micros),
            ],
            "",
        )?;
        if put == 1 { Ok(()) } else { Err(StoreError::Pinned("tenant")) }
    }

    fn remove_connection(&mut self, name: &ConnectionName) -> Result<bool, StoreError> {
        Ok(self.change("DELETE FROM connections WHERE name = ?1", [name.as_str()], "")? == 1)
    }
}
