//! A fake host: real kernel, real Debian userland, its own accounts, files, processes, name and network.

mod boot;
mod sshd;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context as _, Result};

use self::boot::Machine;
use crate::command::{self, Outcome};
use crate::lab::{DOMAIN, Inner};
use crate::process::{self, Process};

/// A booted host. Dropped, it is gone with all that runs in it.
#[derive(Debug)]
pub struct Host {
    address: Ipv4Addr,
    // Before the machine, so that it ends before it.
    sshd: Option<Process>,
    machine: Machine,
    folder: PathBuf,
    lab: Arc<Inner>,
    name: String,
    port: String,
}

pub(crate) fn boot(
    lab: &Arc<Inner>,
    name: &str,
    address: Ipv4Addr,
    port: &str,
    folder: &Path,
    bin: &Path,
) -> Result<Host> {
    let machine = Machine::start(name, &format!("{name}.{DOMAIN}"), folder, bin)?;
    lab.switch.plug(port, machine.init.as_raw(), address)?;
    Ok(Host {
        address,
        sshd: None,
        machine,
        folder: folder.to_owned(),
        lab: Arc::clone(lab),
        name: name.to_owned(),
        port: port.to_owned(),
    })
}

impl Host {
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// The name it was booted with, without the domain.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name with the domain.
    #[must_use]
    pub fn fqdn(&self) -> String {
        format!("{}.{DOMAIN}", self.name)
    }

    /// Runs a command as root inside, for at most a minute.
    ///
    /// # Errors
    /// The host is down. A command that fails is an [`Outcome`].
    pub fn exec(&self, argv: &[&str]) -> Result<Outcome> {
        command::run(&mut self.inside(argv))
    }

    /// Runs a command inside that must succeed, and gives its standard output.
    ///
    /// # Errors
    /// It failed.
    pub fn exec_ok(&self, argv: &[&str]) -> Result<String> {
        self.exec(argv)?.ok()
    }

    /// Runs a shell script inside that must succeed, and gives its standard output.
    ///
    /// # Errors
    /// It failed.
    pub fn sh(&self, script: &str) -> Result<String> {
        self.exec_ok(&["sh", "-ec", script])
    }

    /// Starts a program as root inside that runs on; its output is in the lab's folder, as `host-NAME`.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn spawn(&self, name: &str, argv: &[&str]) -> Result<Process> {
        let mut command = process::command("nsenter");
        // Killing nsenter from outside takes the program with it.
        command.args(self.entrance()).args(["setpriv", "--pdeathsig", "KILL", "--"]).args(argv);
        command.stdin(std::process::Stdio::null());
        Process::spawn(&format!("{}-{name}", self.name), command, &self.folder, true)
    }

    /// Writes a file of root's, mode 0644 where it is new, and the folders above it.
    ///
    /// # Errors
    /// It cannot be written: the disk is full, say.
    pub fn write_file(&self, path: &str, content: impl AsRef<[u8]>) -> Result<()> {
        let script = "mkdir -p \"$(dirname \"$1\")\" && cat >\"$1\"";
        let mut command = self.inside(&["sh", "-c", script, "write", path]);
        command::run_with_input(&mut command, content.as_ref())?.ok().map(drop)
    }

    /// Reads a file of text.
    ///
    /// # Errors
    /// There is none.
    pub fn read_file(&self, path: &str) -> Result<String> {
        let outcome = self.exec(&["cat", "--", path])?;
        let content = outcome.stdout.clone();
        outcome.ok().map(|_| content)
    }

    #[must_use]
    pub fn exists(&self, path: &str) -> bool {
        self.exec(&["test", "-e", path]).is_ok_and(|outcome| outcome.success())
    }

    /// From now on the network swallows what this host sends and what is sent to it.
    ///
    /// # Errors
    /// The switch refuses.
    pub fn partition(&self) -> Result<()> {
        self.lab.switch.forward(&self.port, false)
    }

    /// Ends a [`Host::partition`].
    ///
    /// # Errors
    /// The switch refuses.
    pub fn heal(&self) -> Result<()> {
        self.lab.switch.forward(&self.port, true)
    }

    /// Fills the disk to its last byte: /etc and /var, but not /run, /tmp and homes, which have their own.
    ///
    /// # Errors
    /// The disk is not full after all.
    pub fn fill_disk(&self) -> Result<()> {
        self.exec(&["dd", "if=/dev/zero", "of=/var/filler", "bs=1M"])?.refused()?;
        self.exec(&["sh", "-c", "echo 1 >/var/filler2"])?.refused().context("the disk is not full")?;
        Ok(())
    }

    /// Ends a [`Host::fill_disk`].
    ///
    /// # Errors
    /// The host is down.
    pub fn free_disk(&self) -> Result<()> {
        self.exec_ok(&["rm", "-f", "/var/filler", "/var/filler2"]).map(drop)
    }

    /// The lab's folder, see [`crate::Lab::folder`].
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path of one of the host's files as seen from outside. Symbolic links in it lead astray.
    #[must_use]
    pub fn outside(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{path}", self.machine.init))
    }

    fn inside(&self, argv: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        // The limit is inside, where it can end the command itself.
        command.args(self.entrance()).args(command::LIMIT).args(argv).stdin(std::process::Stdio::null());
        command
    }

    /// nsenter's arguments up to the program: into all of the host's namespaces, with a clean environment.
    fn entrance(&self) -> Vec<String> {
        let init = self.machine.init.to_string();
        ["--target", &init, "--mount", "--uts", "--ipc", "--net", "--pid", "--", "env", "-i"]
            .into_iter()
            .chain([boot::PATH, "HOME=/root", "LANG=C.UTF-8", "USER=root"])
            .map(str::to_owned)
            .collect()
    }
}
