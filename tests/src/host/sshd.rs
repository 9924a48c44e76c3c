//! The host's OpenSSH server, as Debian ships it.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use nix::sys::signal::Signal;

use super::Host;
use crate::{PATIENCE, wait_until};

/// Where the server logs, inside.
const LOG: &str = "/var/log/sshd.log";

impl Host {
    /// Makes a host key and starts sshd with Debian's configuration (PAM, `sshd_config.d`); returns when it
    /// answers. The host key goes into the lab's `known_hosts`, which [`crate::Ssh`] uses.
    ///
    /// # Errors
    /// It does not come up.
    pub fn start_sshd(&mut self) -> Result<()> {
        let key = "/etc/ssh/ssh_host_ed25519_key";
        if !self.exists(key) {
            self.exec_ok(&["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", &self.fqdn(), "-f", key])?;
            self.make_known()?;
        }
        self.sshd = Some(self.spawn("sshd", &["/usr/sbin/sshd", "-D", "-E", LOG])?);
        self.wait_for_sshd()
    }

    /// Makes sshd read its configuration again, as `systemctl reload ssh` does; returns when it has, and answers.
    ///
    /// # Errors
    /// It does not run, or does not answer afterwards.
    pub fn reload_sshd(&mut self) -> Result<()> {
        let sshd = self.sshd.as_mut().context("sshd was not started")?;
        let process = sshd.id()?;
        let before = sockets(process);
        sshd.signal(Signal::SIGHUP)?;
        // It keeps its number, and answers as it did until it has closed its sockets and opened others.
        let what = format!("another sshd on {}", self.name);
        wait_until(&what, PATIENCE, || {
            let now = sockets(process);
            (!now.is_empty() && now.is_disjoint(&before)).then_some(())
        })
        .map_err(|error| anyhow!("{error}\n--- sshd's log\n{}", self.sshd_log()))?;
        self.wait_for_sshd()
    }

    /// Ends the server; sessions go on.
    ///
    /// # Errors
    /// It does not run.
    pub fn stop_sshd(&mut self) -> Result<()> {
        self.sshd.take().context("sshd was not started")?.kill()
    }

    /// All that sshd logged so far.
    #[must_use]
    pub fn sshd_log(&self) -> String {
        self.read_file(LOG).unwrap_or_default()
    }

    /// The public host key, as one OpenSSH line.
    ///
    /// # Errors
    /// sshd was never started.
    pub fn host_key(&self) -> Result<String> {
        Ok(self.read_file("/etc/ssh/ssh_host_ed25519_key.pub")?.trim_end().to_owned())
    }

    fn make_known(&self) -> Result<()> {
        let path = self.folder.join("known_hosts");
        let mut known = OpenOptions::new().create(true).append(true).open(path)?;
        writeln!(known, "{},{},{} {}", self.fqdn(), self.name, self.address, self.host_key()?)?;
        Ok(())
    }

    fn wait_for_sshd(&self) -> Result<()> {
        let address = SocketAddr::from((self.address, 22));
        let what = format!("sshd on {} to answer", self.name);
        wait_until(&what, PATIENCE, || {
            let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok()?;
            stream.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
            let mut greeting = [0; 4];
            stream.read_exact(&mut greeting).ok()?;
            (&greeting == b"SSH-").then_some(())
        })
        .map_err(|error| anyhow!("{error}\n--- sshd's log\n{}", self.sshd_log()))
    }
}

/// The kernel's numbers of the sockets that a process has open.
fn sockets(process: u32) -> BTreeSet<PathBuf> {
    let files = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
    let targets = files.filter_map(|file| fs::read_link(file.path()).ok());
    targets.filter(|target| target.to_string_lossy().starts_with("socket:")).collect()
}
