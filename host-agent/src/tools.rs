//! The programs and services of the host that we ask or tell something. Tests have a host of their own.

mod real;
mod run;

#[cfg(test)]
pub(crate) mod fake;

use std::io;
use std::path::Path;

use sallyport_domain::PosixName;

use crate::accounts::{Owner, Place};
use crate::paths::Paths;
use crate::principals::ExpiryNotation;
use crate::sessions::SessionsLeft;
use crate::sshd::shown::Shown;
use crate::sshd::watchman::Watchman;

pub(crate) use real::RealTools;
pub(crate) use run::{Output, PATH, run};

/// Texts in errors are what the program said, one line.
pub(crate) trait Tools {
    /// Who answers to the name or the number beyond the local files (LDAP, sssd, systemd).
    fn user_elsewhere(&self, name: &PosixName, uid: u32, gid: u32) -> Option<Elsewhere>;
    fn gid_is_free(&self, gid: u32) -> bool;
    /// As [`Tools::user_elsewhere`], for a group.
    fn group_elsewhere(&self, name: &PosixName, gid: u32) -> Option<Elsewhere>;

    fn has_visudo(&self) -> bool;
    /// `visudo -c` on this file and all that it includes.
    fn check_sudoers(&self, main: &Path) -> Result<(), String>;
    /// Whether this host's sudo ends a rule at a time.
    fn sudo_takes_notafter(&self) -> bool;
    /// Whether sudo would let the account do everything without a password.
    fn sudo_grants_all(&self, name: &PosixName) -> bool;

    fn expiry_notation(&self) -> ExpiryNotation;
    /// `sshd -t`, of the host's configuration or of another file.
    fn check_sshd(&self, config: Option<&Path>) -> Result<(), String>;
    /// `sshd -T -C user=…`: the effective configuration for this user, a lower-case keyword and its value a line.
    fn effective_sshd(&self, user: &str) -> Result<String, String>;
    /// Has a running sshd read its configuration again, and waits until it answers. One that does not run will read
    /// it when it starts.
    fn reload_sshd(&self) -> Result<(), String>;
    /// As [`Tools::reload_sshd`]; a service that failed is started.
    fn revive_sshd(&self) -> Result<(), String>;
    /// What sshd shows to somebody who connects, for a kind of host key (`ed25519`, `ecdsa`, `rsa`).
    fn shown_host_certificate(&self, kind: &str) -> Shown;
    /// Has somebody wait for our death while sshd's files are on trial.
    fn post_watchman(&self) -> Result<Watchman, String>;

    fn end_sessions(&self, name: &PosixName, uid: u32) -> Result<(), SessionsLeft>;
    /// Tells caches of the account databases to forget.
    fn accounts_changed(&self);
    fn shell(&self) -> String;
    /// What stands where the account's home is to be, see [`crate::accounts::look`].
    fn look_at_home(&self, paths: &Paths, name: &PosixName, uid: u32) -> Place;
    /// `lchown(2)`.
    fn give(&self, path: &Path, owner: Owner) -> io::Result<()>;
}

/// A holder that the local files do not show.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Elsewhere {
    Name(String),
    /// The uid or the gid.
    Number {
        number: u32,
        who: String,
    },
}
