//! The Entra look-alike as a program of its own, as a person runs it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::command::{self, Outcome};
use crate::{PATIENCE, Process, bin, process};

/// A running `entra-sim serve`.
#[derive(Debug)]
pub struct EntraSim {
    issuer: String,
    process: Process,
    root: PathBuf,
}

impl EntraSim {
    /// Starts a tenant, given as its TOML file's text, on a free port of 127.0.0.1 without TLS.
    ///
    /// # Errors
    /// It does not come up; the error shows what it said.
    pub fn start(folder: &Path, tenant: &str) -> Result<Self> {
        Self::serve(folder, tenant, &["--listen", "127.0.0.1:0"])
    }

    /// Starts a tenant with further arguments of `entra-sim serve`: `--listen`, `--public-host`. With
    /// `--tls-self-signed FOLDER`, [`EntraSim::root`] is the root to trust.
    ///
    /// # Errors
    /// As [`EntraSim::start`].
    pub fn serve(folder: &Path, tenant: &str, arguments: &[&str]) -> Result<Self> {
        let file = folder.join("tenant.toml");
        fs::write(&file, tenant).with_context(|| format!("cannot write {}", file.display()))?;
        let mut command = process::command(bin("entra-sim")?);
        command.args(["serve", "--tenant"]).arg(&file).args(arguments);
        let mut process = Process::start("entra-sim", command, folder)?;
        let line = process.wait_for_line("issuer: ", PATIENCE)?;
        let issuer = line.strip_prefix("issuer: ").context("no issuer")?.to_owned();
        let tls = arguments.iter().skip_while(|argument| **argument != "--tls-self-signed").nth(1);
        let root = tls.map_or_else(|| folder.join("root.pem"), |folder| Path::new(folder).join("root.pem"));
        Ok(Self { issuer, process, root })
    }

    /// The issuer to configure.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Where the program listens: the issuer without its path. For `--sim`.
    ///
    /// # Errors
    /// The issuer is no address.
    pub fn url(&self) -> Result<String> {
        Ok(url::Url::parse(&self.issuer)?.origin().ascii_serialization())
    }

    /// The PEM file of the TLS root that it made, where it serves TLS.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The process, to end it in the middle of things.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Runs another `entra-sim` command on this tenant: `["user", "set", …]`, `["provision", …]`.
    ///
    /// # Errors
    /// It cannot be started. A command that fails is an [`Outcome`].
    pub fn command(&self, arguments: &[&str]) -> Result<Outcome> {
        let mut command = command::limited(bin("entra-sim")?);
        command.args(arguments).args(["--sim", &self.url()?]).env("SSL_CERT_FILE", self.root());
        if !self.root.exists() {
            command.env_remove("SSL_CERT_FILE");
        }
        command::run(&mut command)
    }
}
