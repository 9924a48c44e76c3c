//! Who may have what: [`decide`] for a certificate, [`host_access`] for a host. Values in, values out.

mod access;
mod decide;
mod denial;
mod grant;
mod limits;

pub use access::{Access, Resident, host_access};
pub use decide::{Ask, Entitlement, Login, Person, decide};
pub use denial::Denial;
pub use grant::Grant;
pub use limits::{DevicePolicy, Limits};
