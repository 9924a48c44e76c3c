//! What each fuzz target does with its bytes. A file here uses the room that it is about, serde_json and the
//! standard library, no more: the tests of that room include it.

pub mod mapping;
pub mod scim;
