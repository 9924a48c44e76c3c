use std::time::Duration;

use anyhow::{Context as _, Result};

use super::Authority;
use crate::{Host, Lab, Process, wait_until};

/// Where a lab's hosts have our programs.
const AGENT: &str = "/usr/local/bin/sallyport-host";

/// A host that has sshd and the agent, and belongs to the CA.
#[derive(Debug)]
pub struct Enrolled {
    // The agent ends before its host does.
    pub agent: Process,
    pub host: Host,
}

impl Enrolled {
    /// Boots a host, starts its sshd, enrols it with a token that carries `tag`, and runs the agent.
    ///
    /// # Errors
    /// A step fails; the error shows what was said.
    pub fn start(lab: &Lab, ca: &Authority, name: &str, tag: &str) -> Result<Self> {
        let mut host = lab.host(name)?;
        host.start_sshd()?;
        Self::enroll(&host, ca, tag)?.ok()?;
        let agent = Self::run_agent(&host)?;
        Ok(Self { agent, host })
    }

    /// `sallyport-host enroll`, with a new token for this host's own name.
    ///
    /// # Errors
    /// The command cannot be run. A refusal is an [`crate::Outcome`].
    pub fn enroll(host: &Host, ca: &Authority, tag: &str) -> Result<crate::Outcome> {
        let token = ca.command(&["enroll-token", "create", "--name", &host.fqdn(), "--tag", tag])?.ok()?;
        host.write_file("/root/enroll-token", token)?;
        let arguments =
            ["--ca", ca.url(), "--ca-fingerprint", ca.fingerprint(), "--token", "@/root/enroll-token"];
        let fqdn = host.fqdn();
        host.exec(&[&[AGENT, "enroll", "--principal", &fqdn], &arguments[..]].concat())
    }

    /// `sallyport-host run`, until the process is dropped.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn run_agent(host: &Host) -> Result<Process> {
        host.spawn("sallyport-host", &[AGENT, "run"])
    }

    /// Waits until the host has an account of that name.
    ///
    /// # Errors
    /// It has not in time; the error shows what the agent said.
    pub fn wait_for_account(&self, name: &str, within: Duration) -> Result<()> {
        let what = format!("{} to have the account {name}", self.host.name());
        let there =
            || self.host.exec(&["getent", "passwd", name]).ok().filter(crate::Outcome::success).map(drop);
        wait_until(&what, within, there).with_context(|| self.agent.stderr())
    }
}
