use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::{Authority, Member, folder};
use crate::command::{self, Outcome};
use crate::{Agent, EntraSim, Host, Lab, Process, bin, process};

/// How long a person may take to sign in, and a busy machine to draw the pages.
const SIGN_IN: Duration = Duration::from_mins(1);

/// Somebody's own machine: a home directory, an ssh-agent, `sallyport` and plain `ssh`.
#[derive(Debug)]
pub struct Laptop {
    agent: Agent,
    ca: (String, String),
    home: PathBuf,
    /// Trusts the tenant's TLS.
    trust: PathBuf,
}

/// A login in progress: what was said before the person went to the browser.
#[derive(Debug)]
pub struct Login {
    pub process: Process,
    pub url: String,
}

impl Laptop {
    /// # Errors
    /// The home or the agent cannot be made.
    pub fn new(lab: &Lab, owner: &str, ca: &Authority, entra: &EntraSim) -> Result<Self> {
        let home = folder(lab, &format!("home-{owner}"))?;
        std::fs::create_dir_all(home.join(".ssh"))?;
        let ca = (ca.url().to_owned(), ca.fingerprint().to_owned());
        Ok(Self { agent: Agent::start(&home)?, ca, home, trust: entra.root().to_owned() })
    }

    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    #[must_use]
    pub fn agent(&self) -> &Agent {
        &self.agent
    }

    /// Starts `sallyport login ADDRESS` and waits for the address of the sign-in page.
    ///
    /// # Errors
    /// It ends before; the error shows what it said.
    pub fn begin_login(&self, address: &str, more: &[&str]) -> Result<Login> {
        let mut login = process::command(bin("sallyport")?);
        let (ca, fingerprint) = &self.ca;
        login
            .args(["login", address, "--no-browser", "--ca", ca, "--ca-fingerprint", fingerprint])
            .args(more);
        let mut process = Process::interactive("sallyport-login", self.at_home(login), &self.home)?;
        let line = process.wait_for_line("Open: ", SIGN_IN)?;
        let url = line.split_once("Open: ").context("no address to open")?.1.trim().to_owned();
        Ok(Login { process, url })
    }

    /// The whole login: the command, the browser, the certificate.
    ///
    /// # Errors
    /// The sign-in page refuses, or the command fails; the error shows what was said.
    pub fn login(&self, who: Member, more: &[&str]) -> Result<String> {
        let mut login = self.begin_login(&who.upn(), more)?;
        who.sign_in(&login.url, &self.trust)?;
        let ended = login.process.wait(SIGN_IN)?;
        let said = format!("{}{}", login.process.stdout(), login.process.stderr());
        anyhow::ensure!(ended.success(), "sallyport login ended with {ended}\n{said}");
        Ok(said)
    }

    /// Any command of `sallyport`.
    ///
    /// # Errors
    /// It cannot be started. A command that fails is an [`Outcome`].
    pub fn sallyport(&self, arguments: &[&str]) -> Result<Outcome> {
        let mut command = command::limited(bin("sallyport")?);
        command.args(arguments);
        command::run(&mut self.at_home(command))
    }

    /// Plain `ssh NAME@HOST COMMAND`, with the configuration that `sallyport config` wrote.
    ///
    /// # Errors
    /// ssh cannot be started. A refused login is an [`Outcome`] with exit code 255.
    pub fn ssh(&self, name: &str, host: &Host, remote: &str) -> Result<Outcome> {
        let mut ssh = command::limited("ssh");
        self.ssh_arguments(&mut ssh, name, host).arg("--").arg(remote);
        command::run(&mut self.at_home(ssh))
    }

    /// A session that stays open, with a terminal.
    ///
    /// # Errors
    /// ssh cannot be started.
    pub fn ssh_session(&self, name: &str, host: &Host, remote: &str) -> Result<Process> {
        let mut ssh = process::command("ssh");
        self.ssh_arguments(&mut ssh, name, host).arg("-tt").arg("--").arg(remote);
        Process::interactive("session", self.at_home(ssh), &self.home)
    }

    /// The lab has no name server and OpenSSH looks up homes itself, so both are said on the command line.
    fn ssh_arguments<'a>(&self, ssh: &'a mut Command, name: &str, host: &Host) -> &'a mut Command {
        ssh.arg("-F").arg(self.home.join(".ssh/config"));
        let (address, alias) =
            (format!("HostName={}", host.address()), format!("HostKeyAlias={}", host.fqdn()));
        ssh.args(["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=10"]);
        ssh.args([
            "-o",
            &address,
            "-o",
            &alias,
            "-o",
            "GlobalKnownHostsFile=/dev/null",
            "-l",
            name,
            &host.fqdn(),
        ])
    }

    fn at_home(&self, mut command: Command) -> Command {
        command
            .env("HOME", &self.home)
            .env("SSH_AUTH_SOCK", self.agent.socket())
            .env("SSL_CERT_FILE", &self.trust)
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_STATE_HOME")
            .current_dir(&self.home);
        command
    }
}
