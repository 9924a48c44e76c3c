//! Root, or sudo without a password, or neither.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use anyhow::{Result, anyhow};

use crate::paths;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Privilege {
    None,
    Root,
    Sudo,
}

impl Privilege {
    pub(crate) fn of_caller() -> Self {
        if is_root() {
            Self::Root
        } else if sudo_asks_nothing() {
            Self::Sudo
        } else {
            Self::None
        }
    }
}

/// A command that runs as root; `None` where the caller may not.
pub(crate) fn root_command(program: impl AsRef<OsStr>) -> Option<Command> {
    match Privilege::of_caller() {
        Privilege::None => None,
        Privilege::Root => Some(Command::new(program)),
        Privilege::Sudo => {
            let mut command = Command::new("sudo");
            command.args(["-n", "--"]).arg(program);
            Some(command)
        }
    }
}

/// Becomes `command` as root, with the caller's environment: cargo hands test binaries their settings in it.
pub(crate) fn exec_as_root(command: &[OsString]) -> Result<()> {
    let mut sudo = Command::new("sudo");
    // sudo replaces PATH even under --preserve-env, so env sets it once more on the other side.
    sudo.args(["-n", "--preserve-env", "--", "env"]);
    if let Some(path) = std::env::var_os("PATH") {
        let mut setting = OsString::from("PATH=");
        setting.push(path);
        sudo.arg(setting);
    }
    Err(anyhow!(sudo.args(command).exec()).context("cannot run sudo"))
}

fn is_root() -> bool {
    // /proc/self belongs to the effective user.
    std::os::unix::fs::MetadataExt::uid(&match std::fs::metadata("/proc/self") {
        Ok(metadata) => metadata,
        Err(_) => return false,
    }) == 0
}

fn sudo_asks_nothing() -> bool {
    paths::program("sudo").is_some()
        && Command::new("sudo")
            .args(["-n", "true"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
}
