//! From nothing to a host that runs: namespaces, first process, network.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::process;

const INIT: &str = include_str!("init.sh");
/// Ample for accounts, logs and state; small enough that a host cannot eat the machine.
const DISK: &str = "256m";
pub(super) const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A host's first process. Its end is the host's end: processes, mounts and network are the kernel's to clear.
#[derive(Debug)]
pub(super) struct Machine {
    /// As seen from outside.
    pub(super) init: Pid,
    unshare: Child,
}

impl Machine {
    pub(super) fn start(name: &str, fqdn: &str, lab: &Path, bin: &Path) -> Result<Self> {
        let log = lab.join(format!("{name}.boot"));
        let mut command = process::command("env");
        command
            .args([
                "-i",
                PATH,
                "unshare",
                "--mount",
                "--net",
                "--uts",
                "--ipc",
                "--pid",
                "--fork",
                "--kill-child",
            ])
            .args(["sh", "-c", INIT, "init"])
            .arg(lab)
            .args([name, fqdn])
            .arg(bin)
            .arg(DISK)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).with_context(|| format!("cannot make {}", log.display()))?);
        let mut unshare = process::spawn(command).with_context(|| format!("cannot boot {name}"))?;
        let mut line = String::new();
        BufReader::new(unshare.stdout.take().context("no output")?).read_line(&mut line)?;
        let Some(init) = line.trim().strip_prefix("ready ").and_then(|pid| pid.parse().ok()) else {
            // With --kill-child, what there is of the host goes with it.
            unshare.kill()?;
            unshare.wait()?;
            bail!("{name} does not boot: {}", fs::read_to_string(&log).unwrap_or_default().trim());
        };
        Ok(Self { init: Pid::from_raw(init), unshare })
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // The kernel ends a process namespace completely before it lets its first process be waited for, and
        // unshare waits for that one.
        let _ = kill(self.init, Signal::SIGKILL);
        drop(self.unshare.wait());
    }
}
