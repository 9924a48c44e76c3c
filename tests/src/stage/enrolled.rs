use std::time::Duration;

use anyhow::{Context as _, Result};

use super::Authority;
use crate::{Host, Lab, Outcome, Process, wait_until};

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
    /// The command cannot be run. A refusal is an [`Outcome`].
    pub fn enroll(host: &Host, ca: &Authority, tag: &str) -> Result<Outcome> {
        let token = ca.command(&["enroll-token", "create", "--name", &host.fqdn(), "--tag", tag])?.ok()?;
        Self::enroll_with(host, ca, &token, &host.fqdn())
    }

    /// With a new token for `pattern`, asking for `name`.
    ///
    /// # Errors
    /// As [`Enrolled::enroll`].
    pub fn enroll_as(host: &Host, ca: &Authority, pattern: &str, name: &str) -> Result<Outcome> {
        let token = ca.command(&["enroll-token", "create", "--name", pattern])?.ok()?;
        Self::enroll_with(host, ca, &token, name)
    }

    /// With this token, asking for `name`.
    ///
    /// # Errors
    /// As [`Enrolled::enroll`].
    pub fn enroll_with(host: &Host, ca: &Authority, token: &str, name: &str) -> Result<Outcome> {
        host.write_file("/root/enroll-token", token)?;
        let arguments =
            ["--ca", ca.url(), "--ca-fingerprint", ca.fingerprint(), "--token", "@/root/enroll-token"];
        host.exec(&[&[AGENT, "enroll", "--principal", name], &arguments[..]].concat())
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
        let there = || self.host.exec(&["getent", "passwd", name]).ok().filter(Outcome::success).map(drop);
        wait_until(&what, within, there).with_context(|| self.agent.stderr())
    }
}
