use sallyport_audit::{Event, Head, Record};

use crate::StoreError;

/// The hash-chained log.
pub trait AuditLog {
    /// The last record, or [`Head::GENESIS`].
    fn audit_head(&self) -> Result<Head, StoreError>;
    /// Up to `limit` records after `seq`, oldest first.
    fn audit_after(&self, seq: u64, limit: usize) -> Result<Vec<Record>, StoreError>;
}

pub trait AuditLogMut {
    /// Appends to the chain; the caller's other changes and this stand or fall together.
    fn append(&mut self, event: &Event) -> Result<Record, StoreError>;
}
