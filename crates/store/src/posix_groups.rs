use jiff::Timestamp;
use sallyport_domain::{PosixName, Uid};

use crate::StoreError;

/// A POSIX group that hosts get from here. Name and gid belong together for ever, also once no grant gives it any more.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PosixGroupRow {
    pub name: PosixName,
    pub gid: Uid,
    pub created_at: Timestamp,
}

/// The ledger of groups. Its names and numbers are of one space with people's: see [`crate::Ledger`].
pub trait PosixGroupLedger {
    fn posix_group(&self, name: &PosixName) -> Result<Option<PosixGroupRow>, StoreError>;
    fn posix_groups(&self) -> Result<Vec<PosixGroupRow>, StoreError>;
    /// The group whose gid the number is.
    fn posix_group_of_id(&self, number: Uid) -> Result<Option<PosixGroupRow>, StoreError>;
    /// Whether the directory wants the number for somebody, as uid or gid.
    fn is_wanted_id(&self, number: Uid) -> Result<bool, StoreError>;
}

pub trait PosixGroupLedgerMut {
    /// The same again is no change.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when the name is or was a person's and is not freed, or the number is or was somebody's,
    /// or another group's; [`StoreError::Pinned`] when the group has another gid.
    fn put_posix_group(&mut self, row: &PosixGroupRow) -> Result<(), StoreError>;
}
