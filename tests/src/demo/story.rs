//! What is told, in order.

use anyhow::Result;

use super::Narrator;
use crate::{Host, Lab};

/// All that was set up. Dropped, it is gone: the fields in this order.
#[derive(Debug)]
pub(super) struct Stage {
    hosts: [Host; 2],
    _lab: Lab,
}

impl Stage {
    /// What a person may try when the story is over and all of it still up.
    pub(super) fn by_hand(&self) -> Vec<String> {
        let hosts = self.hosts.iter();
        hosts.map(|host| format!("ping -c 1 {}        # {}", host.address(), host.fqdn())).collect()
    }
}

pub(super) fn tell(narrator: &mut Narrator) -> Result<Stage> {
    let lab = narrator.step("A private network comes up on this machine", || {
        let lab = Lab::new()?;
        Narrator::tell(format!("this side is {}", lab.gateway()));
        Ok(lab)
    })?;
    let hosts = narrator.step("Two Linux hosts boot, each with its own sshd", || {
        let mut hosts = [lab.host("web-1")?, lab.host("db-1")?];
        for host in &mut hosts {
            host.start_sshd()?;
            Narrator::tell(format!("{} at {}", host.fqdn(), host.address()));
        }
        Ok(hosts)
    })?;
    Ok(Stage { hosts, _lab: lab })
}
