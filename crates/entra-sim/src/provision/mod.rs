//! The provisioning service: writes the tenant's users and groups to a SCIM server as Entra does.

mod job;

pub use job::{Attributes, Job, Linked};
