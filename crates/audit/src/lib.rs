//! What happened, as a chain that cannot be rewritten unseen.
//!
//! An [`Event`] becomes a [`Record`]: its canonical JSON, which names the hash of the record before it, and the
//! SHA-256 over both. [`verify`] folds a run of records and says where it is broken. What folding alone cannot see is
//! a chain that was cut at its end or computed anew: for that, compare its [`Head`] with one kept elsewhere.

mod chain;
mod event;
mod hash;
mod record;

pub use chain::{Broken, Fault, verify};
pub use event::{Event, EventName, UnknownEvent};
pub use hash::{Hash, HashError};
pub use record::{Head, Record, RecordError};
