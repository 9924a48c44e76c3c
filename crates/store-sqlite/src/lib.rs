//! The store in one SQLite file, inside the process.
//!
//! One thread writes: it takes what waits, runs each closure in a savepoint of its own, commits them together and
//! only then answers them. While the disk syncs, the next batch gathers; there is no timer. A few threads read, each
//! on a snapshot of its own, and never wait for the writer. Every commit is synced before it is answered.

mod cells;
mod failure;
mod files;
mod fold;
mod open;
mod reader;
mod rows;
mod schema;
mod store;
mod tx;
mod values;
mod writer;

pub use open::OpenError;
pub use store::SqliteStore;
