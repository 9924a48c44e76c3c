//! A certificate authority as its administrator runs it: the real program, in a folder of its own.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use sallyport_protocol::Fingerprint;

use crate::command::{self, Outcome};
use crate::{Process, bin, process};

/// Generous: the machine may be busy with everything else that is tested.
const PATIENCE: Duration = Duration::from_mins(1);

/// A CA made by `sallyport-ca init`, and its server when it runs. Dropped, the server is killed.
#[derive(Debug)]
pub struct Ca {
    environment: Vec<(String, String)>,
    fingerprint: Fingerprint,
    folder: PathBuf,
    logs: PathBuf,
    process: Option<Process>,
    url: String,
}

/// Whose logins a CA takes.
#[derive(Clone, Copy, Debug)]
pub struct Issuer<'a> {
    pub client_id: &'a str,
    pub tenant: &'a str,
    pub url: &'a str,
}

impl Ca {
    /// Makes a CA in `folder/ca` that will listen on a free port of 127.0.0.1. `arguments` go to `init`.
    ///
    /// # Errors
    /// `init` failed.
    pub fn init(folder: &Path, issuer: Issuer<'_>, arguments: &[&str]) -> Result<Self> {
        let directory = folder.join("ca");
        let mut command = command::limited(bin("sallyport-ca")?);
        command.arg("init").arg(&directory).args([
            "--tenant",
            issuer.tenant,
            "--client-id",
            issuer.client_id,
        ]);
        command.args(["--issuer", issuer.url, "--listen", "127.0.0.1:0"]).args(arguments);
        let fingerprint = command::run(&mut command)?.ok()?.parse().context("init prints a fingerprint")?;
        Ok(Self {
            environment: Vec::new(),
            fingerprint,
            folder: directory,
            logs: folder.to_owned(),
            process: None,
            url: String::new(),
        })
    }

    /// Overrides a setting for servers started from now on: `SALLYPORT_CA_LOGIN_DEVICE`, `on`.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts the server and waits until it answers.
    ///
    /// # Errors
    /// It does not come up; the error shows what it said.
    pub fn start(&mut self) -> Result<()> {
        let process = self.launch("sallyport-ca")?;
        self.run(process)
    }

    fn run(&mut self, mut process: Process) -> Result<()> {
        process.wait_for_line("ready: ", PATIENCE)?;
        let line = process.wait_for_line("listening on ", PATIENCE)?;
        let (_, url) = line.split_once("listening on ").context("no address")?;
        url.clone_into(&mut self.url);
        self.process = Some(process);
        Ok(())
    }

    /// Starts the server with its folder on a disk of its own of `size` (`16m`), which is gone with the server. The
    /// folder is then the one that the server sees.
    ///
    /// # Errors
    /// As [`Ca::start`].
    pub fn start_on_disk(&mut self, size: &str) -> Result<()> {
        const MOUNT: &str = "mount -t tmpfs -o size=$1,mode=700 tmpfs \"$2\" && cp -a \"$3/.\" \"$2\" && shift 3 && exec \"$@\"";
        let seed = self.folder.with_extension("seed");
        std::fs::rename(&self.folder, &seed)?;
        std::fs::create_dir(&self.folder)?;
        let mut command = process::command("unshare");
        command.args(["--mount", "--", "sh", "-c", MOUNT, "sh", size]).arg(&self.folder).arg(seed);
        command.arg(bin("sallyport-ca")?).arg("serve").arg("--config").arg(self.config());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let process = Process::start("sallyport-ca", command, &self.logs)?;
        let inside = PathBuf::from(format!("/proc/{}/root", process.id()?));
        self.run(process)?;
        self.folder = inside.join(self.folder.strip_prefix("/")?);
        Ok(())
    }

    /// Starts another server on the same folder, and waits for nothing. Its output goes by `name`.
    ///
    /// # Errors
    /// The process cannot be made.
    pub fn launch(&self, name: &str) -> Result<Process> {
        let mut command = process::command(bin("sallyport-ca")?);
        command.arg("serve").arg("--config").arg(self.config());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        Process::start(name, command, &self.logs)
    }

    /// The server ends on its own terms.
    ///
    /// # Errors
    /// It does not run, or does not end.
    pub fn stop(&mut self) -> Result<()> {
        self.process.take().context("the server does not run")?.terminate().map(drop)
    }

    /// SIGKILL.
    ///
    /// # Errors
    /// The server does not run.
    pub fn kill(&mut self) -> Result<()> {
        self.process.take().context("the server does not run")?.kill()
    }

    /// What the server has said on standard error so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.process.as_ref().map(Process::stderr).unwrap_or_default()
    }

    /// Runs `sallyport-ca` with `--config`: `["audit", "verify"]`.
    ///
    /// # Errors
    /// It cannot be started. A command that fails is an [`Outcome`].
    pub fn command<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<Outcome> {
        let mut command = command::limited(bin("sallyport-ca")?);
        command.args(arguments).arg("--config").arg(self.config());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command::run(&mut command)
    }

    /// What the running server has written to its log.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::stderr).unwrap_or_default()
    }

    /// What people and hosts pin.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Where keys, store and socket lie.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Scheme, host and port of the server that was started last.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    fn config(&self) -> PathBuf {
        self.folder.join("sallyport.toml")
    }
}
