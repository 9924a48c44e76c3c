//! What sshd is told, and proof that it heard: `sshd -t` passes with a missing key file, a missing list and a wrong
//! host certificate, so we look at each ourselves and at what is effective afterwards.

mod drop_in;
mod effective;
mod install;
pub(crate) mod reload;
mod trust;

pub(crate) use drop_in::render;
pub(crate) use effective::shadows;
pub(crate) use install::{SshdError, install, uninstall};
pub(crate) use trust::{
    HostCertificate, TrustError, check_ca_keys, check_host_certificate, check_krl, read_host_certificate,
};
