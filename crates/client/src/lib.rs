//! Typed HTTP client of the CA: what `sallyport`, `sallyport-host` and the administrators' commands talk through.
//!
//! Trust begins with [`bootstrap`]: the document is fetched from anybody and believed only because the pinned
//! identity key signed it; from then on TLS is verified against the roots that it names. Everything read has a limit,
//! everything waited for has an end, and no redirect is followed.

mod admin;
mod bootstrap;
mod ca;
mod clock;
mod error;
mod host;
mod signing;
mod transport;
mod user;

#[cfg(test)]
mod test_server;
#[cfg(test)]
mod tls_tests;

pub use admin::AdminClient;
pub use bootstrap::bootstrap;
pub use ca::{Ca, CaUrl, CaUrlError};
pub use clock::SystemClock;
pub use error::ClientError;
pub use host::HostClient;
pub use user::UserClient;
