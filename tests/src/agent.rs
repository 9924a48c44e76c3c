//! A private ssh-agent.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::command::{self, Outcome};
use crate::process;

/// An ssh-agent of its own socket. Dropped, it is killed.
#[derive(Debug)]
pub struct Agent {
    id: Pid,
    /// ssh-agent ends with the command that it was started with: `cat`, which ends with our end of its input.
    keeper: Child,
    socket: PathBuf,
}

impl Agent {
    /// Starts an agent whose socket is `folder/agent.sock`.
    ///
    /// # Errors
    /// ssh-agent cannot be started.
    pub fn start(folder: &Path) -> Result<Self> {
        let socket = folder.join("agent.sock");
        let mut command = Command::new("ssh-agent");
        command.arg("-a").arg(&socket).args(["sh", "-c", "echo $SSH_AGENT_PID; exec cat"]);
        let mut keeper = process::spawn({
            command.stdin(Stdio::piped()).stdout(Stdio::piped());
            command
        })
        .context("cannot start ssh-agent")?;
        let mut line = String::new();
        BufReader::new(keeper.stdout.take().context("no output")?).read_line(&mut line)?;
        let id = line.trim().parse().context("ssh-agent did not say its process id")?;
        Ok(Self { id: Pid::from_raw(id), keeper, socket })
    }

    /// The value for `SSH_AUTH_SOCK`.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Runs `ssh-add` with this agent.
    ///
    /// # Errors
    /// ssh-add cannot be started.
    pub fn ssh_add(&self, arguments: &[&str]) -> Result<Outcome> {
        command::run(command::limited("ssh-add").args(arguments).env("SSH_AUTH_SOCK", &self.socket))
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = kill(self.id, Signal::SIGKILL);
        drop(self.keeper.kill());
        drop(self.keeper.wait());
    }
}
