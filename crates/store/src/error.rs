use std::error::Error;

/// What can go wrong below the promise. Nothing of a failed write stays.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A row that this version cannot read: damaged, or written by a later one. Names the table, column and row.
    #[error("the row {row} of {table} has an unreadable {column}")]
    Inconsistent { table: &'static str, column: &'static str, row: String },
    #[error("the database failed")]
    Database(#[source] Box<dyn Error + Send + Sync>),
    /// The row would stand twice; names the constraint.
    #[error("{0} is taken")]
    Taken(&'static str),
    #[error("the store is shutting down")]
    Closed,
}
