use std::error::Error;

/// What can go wrong below the promise. Nothing of a failed write stays.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// More is waiting than the store takes on: the work was not begun. To be tried again.
    #[error("the store has more to do than it can take; try again in a moment")]
    Busy,
    #[error("the store is shutting down")]
    Closed,
    #[error("the database failed")]
    Database(#[source] Box<dyn Error + Send + Sync>),
    /// A row that this version cannot read: damaged, or written by a later one. Names the table, column and row.
    #[error("the row {row} of {table} has an unreadable {column}")]
    Inconsistent { table: &'static str, column: &'static str, row: String },
    /// The row, or one that it names, is not there.
    #[error("there is no such {0}")]
    Missing(&'static str),
    /// The closure panicked; its transaction was rolled back, and the store goes on.
    #[error("the work on the store panicked")]
    Panicked,
    /// The row has another value already, for ever: a person's object id, POSIX name or uid, the
    /// tenant of a row.
    #[error("the {0} is pinned and never changes")]
    Pinned(&'static str),
    /// The row would stand twice; names the constraint.
    #[error("{0} is taken")]
    Taken(&'static str),
}
