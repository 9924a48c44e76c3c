//! The provisioning service: writes the tenant's users and groups to a SCIM server as Entra does.
//!
//! `mapping` says what is sent, `dialect` how it is written, `plan` what a cycle has to do (all pure);
//! `client` speaks HTTP, and `cycle` does the plan step by step.

mod client;
mod credential;
mod cycle;
mod dialect;
mod job;
mod mapping;
mod path;
mod plan;
mod report;

pub use credential::{Credential, Token};
pub use cycle::{ProvisionError, Provisioner};
pub use dialect::Dialect;
pub use job::{Attributes, Job, Linked};
pub use mapping::{ExternalId, Mapping, Matching};
pub use plan::Cycle;
pub use report::{Counts, Exchange, Failure, Members, Report};
