//! The stock OpenSSH client, from this side of the lab.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::command::{self, Outcome};
use crate::{Agent, Host, Process, process};

/// A call of `ssh`, with nothing of the caller's own configuration and no questions asked.
#[derive(Clone, Debug)]
pub struct Ssh {
    agent: Option<PathBuf>,
    config: PathBuf,
    folder: PathBuf,
    known_hosts: PathBuf,
    options: Vec<OsString>,
    user: String,
    host: (String, String),
}

impl Ssh {
    /// `ssh user@host`, which must show the host key that [`Host::start_sshd`] made.
    #[must_use]
    pub fn to(host: &Host, user: &str) -> Self {
        Self {
            agent: None,
            config: "none".into(),
            folder: host.folder().to_owned(),
            known_hosts: host.folder().join("known_hosts"),
            options: Vec::new(),
            user: user.to_owned(),
            host: (host.address().to_string(), host.fqdn()),
        }
    }

    /// Offers the keys of this agent.
    #[must_use]
    pub fn agent(mut self, agent: &Agent) -> Self {
        self.agent = Some(agent.socket().to_owned());
        self
    }

    /// Offers a private key, and the certificate `FILE-cert.pub` beside it, if there is one.
    #[must_use]
    pub fn identity(mut self, file: &Path) -> Self {
        self.options.extend(["-i".into(), file.as_os_str().to_owned()]);
        self
    }

    /// Uses a configuration file instead of none.
    #[must_use]
    pub fn config(mut self, file: &Path) -> Self {
        file.clone_into(&mut self.config);
        self
    }

    /// Trusts what this file says instead of the lab's own list of host keys.
    #[must_use]
    pub fn known_hosts(mut self, file: &Path) -> Self {
        file.clone_into(&mut self.known_hosts);
        self
    }

    /// Any option, as in `-o Keyword=value`.
    #[must_use]
    pub fn option(mut self, option: &str) -> Self {
        self.options.extend(["-o".into(), option.into()]);
        self
    }

    /// Runs a command on the host to its end.
    ///
    /// # Errors
    /// ssh cannot be started. A refused login is an [`Outcome`] with exit code 255.
    pub fn run(&self, command: &str) -> Result<Outcome> {
        command::run(self.arguments(&mut command::limited("ssh")).arg("--").arg(command))
    }

    /// Starts a command on the host with a terminal and an open input, as a person's session has.
    ///
    /// # Errors
    /// ssh cannot be started.
    pub fn session(&self, name: &str, command: &str) -> Result<Process> {
        let mut ssh = process::command("ssh");
        self.arguments(&mut ssh).arg("-tt").arg("--").arg(command);
        Process::interactive(name, ssh, &self.folder)
    }

    fn arguments<'command>(&self, ssh: &'command mut Command) -> &'command mut Command {
        let (address, alias) = &self.host;
        let known_hosts = format!("UserKnownHostsFile={}", self.known_hosts.display());
        let user = format!("User={}", self.user);
        let defaults = [
            "BatchMode=yes",
            "ConnectTimeout=10",
            "GlobalKnownHostsFile=/dev/null",
            "StrictHostKeyChecking=yes",
            &format!("HostKeyAlias={alias}"),
            &known_hosts,
            &user,
        ];
        ssh.env_remove("SSH_AUTH_SOCK").arg("-F").arg(&self.config);
        // ssh takes the first value that it meets, so what the test asked for stands first.
        ssh.args(&self.options);
        for option in defaults {
            ssh.arg("-o").arg(option);
        }
        if let Some(socket) = &self.agent {
            ssh.env("SSH_AUTH_SOCK", socket);
        }
        ssh.arg(address)
    }
}
