use rusqlite::params;
use sallyport_domain::{PosixName, Uid};
use sallyport_store::{Ledger, PosixGroupLedger, PosixGroupLedgerMut, PosixGroupRow, StoreError};

use crate::cells::{Cells, FromRow};
use crate::tx::Tx;
use crate::values::micros;

macro_rules! posix_groups {
    ($which:literal) => {
        concat!("SELECT name, gid, created_at FROM posix_groups ", $which)
    };
}

impl FromRow for PosixGroupRow {
    const TABLE: &'static str = "posix_groups";
    fn from_row(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Self { name: cells.take("name")?, gid: cells.take("gid")?, created_at: cells.take("created_at")? })
    }
}

impl PosixGroupLedger for Tx<'_> {
    fn posix_group(&self, name: &PosixName) -> Result<Option<PosixGroupRow>, StoreError> {
        self.one(posix_groups!("WHERE name = ?1"), [name.as_str()])
    }

    fn posix_groups(&self) -> Result<Vec<PosixGroupRow>, StoreError> {
        self.all(posix_groups!("ORDER BY position"), [])
    }

    fn posix_group_of_id(&self, number: Uid) -> Result<Option<PosixGroupRow>, StoreError> {
        self.one(posix_groups!("WHERE gid = ?1"), [number.value()])
    }

    fn is_wanted_id(&self, number: Uid) -> Result<bool, StoreError> {
        let wanted = self.one_of(
            "ledger",
            "SELECT 1 AS wanted FROM ledger WHERE wanted_uid = ?1 UNION ALL \
             SELECT 1 AS wanted FROM ledger WHERE wanted_gid = ?1 LIMIT 1",
            [number.value()],
            |cells| cells.take::<bool>("wanted"),
        )?;
        Ok(wanted.is_some())
    }
}

impl PosixGroupLedgerMut for Tx<'_> {
    fn put_posix_group(&mut self, row: &PosixGroupRow) -> Result<(), StoreError> {
        match self.posix_group(&row.name)? {
            Some(known) if known.gid == row.gid => return Ok(()),
            Some(_) => return Err(StoreError::Pinned("gid")),
            None => {}
        }
        if Ledger::name(self, &row.name)?.is_some() {
            return Err(StoreError::Taken("POSIX name"));
        }
        if self.holder_of_id(row.gid)?.is_some() || self.posix_group_of_id(row.gid)?.is_some() {
            return Err(StoreError::Taken("gid"));
        }
        self.change(
            "INSERT INTO posix_groups (name, gid, created_at) VALUES (?1, ?2, ?3)",
            params![row.name.as_str(), row.gid.value(), micros(row.created_at)],
            "",
        )?;
        Ok(())
    }
}

impl Tx<'_> {
    /// No person gets the name of a group: their own group bears their name.
    pub(super) fn no_group_has_name(&self, name: &PosixName) -> Result<(), StoreError> {
        if self.posix_group(name)?.is_some() { Err(StoreError::Taken("POSIX name")) } else { Ok(()) }
    }

    pub(super) fn no_group_has_id(&self, number: Uid, what: &'static str) -> Result<(), StoreError> {
        if self.posix_group_of_id(number)?.is_some() { Err(StoreError::Taken(what)) } else { Ok(()) }
    }
}
