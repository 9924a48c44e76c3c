//! What sshd is told, and proof that it heard: `sshd -t` passes with a missing key file, a missing list and a wrong
//! host certificate, so we look at each ourselves and at what is effective afterwards.

mod again;
mod drop_in;
mod effective;
mod install;
pub(crate) mod reload;
pub(crate) mod shown;
mod trial;
mod trust;
pub(crate) mod watchman;

pub(crate) use again::{FailedTrials, Inputs};
pub(crate) use drop_in::render;
pub(crate) use effective::shadows;
pub(crate) use install::{SshdError, install, look_at_certificate, renew, uninstall};
pub(crate) use trial::{Place, Site, Trial, take_back};
pub(crate) use trust::{
    HostCertificate, TrustError, check_ca_keys, check_host_certificate, check_krl, read_host_certificate,
};

/// For the log of whoever finds an interrupted change.
pub(crate) const TAKEN_BACK: &str =
    "a change of sshd's configuration was interrupted before it was proved; what stood before is back";
