use rusqlite::params;
use sallyport_audit::{Event, Head, Record};
use sallyport_store::{AuditLog, AuditLogMut, StoreError};

use crate::cells::{Cells, FromRow};
use crate::tx::Tx;
use crate::values::{count, whole};

impl FromRow for Record {
    const TABLE: &'static str = "audit";
    fn from_row(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Self { seq: cells.take("seq")?, body: cells.take("body")?, hash: cells.take("hash")? })
    }
}

impl AuditLog for Tx<'_> {
    fn audit_head(&self) -> Result<Head, StoreError> {
        if let Some(head) = self.known.head.get() {
            return Ok(head);
        }
        let last = self.one::<Record>("SELECT seq, body, hash FROM audit ORDER BY seq DESC LIMIT 1", [])?;
        let head = last.map_or(Head::GENESIS, |record| record.head());
        self.known.head.set(Some(head));
        Ok(head)
    }

    fn audit_after(&self, seq: u64, limit: usize) -> Result<Vec<Record>, StoreError> {
        let Ok(seq) = whole(seq) else { return Ok(Vec::new()) };
        self.all(
            "SELECT seq, body, hash FROM audit WHERE seq > ?1 ORDER BY seq LIMIT ?2",
            params![seq, count(limit)],
        )
    }
}

impl AuditLogMut for Tx<'_> {
    fn append(&mut self, event: &Event) -> Result<Record, StoreError> {
        let record = Record::next(&self.audit_head()?, event);
        self.change(
            "INSERT INTO audit (seq, body, hash) VALUES (?1, ?2, ?3)",
            params![whole(record.seq)?, record.body, record.hash.as_bytes()],
            "audit record",
        )?;
        self.known.head.set(Some(record.head()));
        Ok(record)
    }
}
