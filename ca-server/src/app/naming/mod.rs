//! Which account name and numbers a person gets, and that nobody else ever gets them.

mod allocate;

pub use allocate::next_uid;
