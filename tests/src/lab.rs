//! A private network with fake hosts on it.

mod slot;
pub(crate) mod switch;

use std::fmt::Write as _;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, bail};

use self::slot::Slot;
use self::switch::Switch;
use crate::host::{self, Host};
use crate::{command, process};

/// The domain of all hosts of all labs.
pub const DOMAIN: &str = "contoso.test";
/// Hosts are numbered from here in the lab's network; this side is 1.
const FIRST_HOST: u8 = 11;

/// A network of its own, `10.77.N.0/24`, which this side is on, too. Drop the hosts and then the lab (or
/// all in any order): everything is gone, whichever way the test ended.
#[derive(Debug)]
pub struct Lab {
    inner: Arc<Inner>,
}

/// What a host holds on to as well, so that it never outlives its network.
#[derive(Debug)]
pub(crate) struct Inner {
    names: Mutex<Names>,
    pub(crate) switch: Switch,
    // The last field, dropped last: the sweeper finds everything already at its end.
    slot: Slot,
}

#[derive(Debug, Default)]
struct Names {
    hosts: Vec<PathBuf>,
    lines: String,
    plugged: u8,
}

impl Lab {
    /// A new, empty lab.
    ///
    /// # Errors
    /// This process may not make network namespaces and mounts. A test must fail then, not skip.
    pub fn new() -> Result<Self> {
        may_we()?;
        let slot = Slot::claim()?;
        let switch = Switch::start(slot.number(), gateway(&slot))?;
        let names = Names { lines: "127.0.0.1 localhost\n".to_owned(), ..Names::default() };
        let lab = Self { inner: Arc::new(Inner { names: Mutex::new(names), switch, slot }) };
        lab.name("gateway", lab.gateway())?;
        Ok(lab)
    }

    /// A private folder on this side, readable by all, gone with the lab: for keys, logs, a CA's folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.inner.slot.folder()
    }

    /// The address of this side, where hosts reach servers that the test runs.
    #[must_use]
    pub fn gateway(&self) -> Ipv4Addr {
        gateway(&self.inner.slot)
    }

    /// Lets all hosts, booted and to be booted, know `name` and `name.contoso.test` as `address`.
    ///
    /// # Errors
    /// A host's /etc/hosts cannot be written.
    pub fn name(&self, name: &str, address: Ipv4Addr) -> Result<()> {
        let mut names = self.inner.names.lock().unwrap_or_else(PoisonError::into_inner);
        // The qualified name first: it is what `hostname --fqdn` and sudo take as canonical.
        writeln!(names.lines, "{address} {name}.{DOMAIN} {name}")?;
        for hosts in &names.hosts {
            // A host that has ended by now has no /etc/hosts, and needs none.
            if hosts.exists() {
                fs::write(hosts, &names.lines)?;
            }
        }
        Ok(())
    }

    /// Boots a host of that name.
    ///
    /// # Errors
    /// It does not come up; the error says what its first process said.
    pub fn host(&self, name: &str) -> Result<Host> {
        let number = {
            let mut names = self.inner.names.lock().unwrap_or_else(PoisonError::into_inner);
            names.plugged += 1;
            names.plugged
        };
        let [a, b, c, _] = self.gateway().octets();
        let address = Ipv4Addr::new(a, b, c, FIRST_HOST + number - 1);
        let bin = process::bin_dir()?;
        let host = host::boot(&self.inner, name, address, &format!("p{number}"), self.folder(), bin)?;
        {
            let mut names = self.inner.names.lock().unwrap_or_else(PoisonError::into_inner);
            names.hosts.push(host.outside("/etc/hosts"));
        }
        self.name(name, address)?;
        Ok(host)
    }
}

fn gateway(slot: &Slot) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, slot.number(), 1)
}

/// Asks the kernel for what every host needs, once, so that the answer is one plain sentence.
fn may_we() -> Result<()> {
    let outcome =
        command::run(command::limited("unshare").args(["--mount", "--net", "--pid", "--fork", "true"]))?;
    if !outcome.success() {
        bail!(
            "fake hosts need root with CAP_SYS_ADMIN, for namespaces and mounts: \
             run `cargo xtask test` as root or with passwordless sudo ({})",
            outcome.stderr.trim()
        );
    }
    Ok(())
}
