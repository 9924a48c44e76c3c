//! Who may have what: [`decide`] for a certificate, [`host_access`] for a host, [`Throttle`] for how often. Values in, values
//! out.

mod access;
mod decide;
mod denial;
mod grant;
mod limits;
mod throttle;

pub use access::{Access, Resident, host_access};
pub use decide::{Ask, Entitlement, Login, Person, decide};
pub use denial::Denial;
pub use grant::Grant;
pub use limits::{DevicePolicy, Limits};
pub use throttle::{Rate, Throttle};
