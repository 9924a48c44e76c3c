//! Groups of hosts that a grant gives.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::PosixName;

/// Groups whose members can become root by it: they start containers, read or write disks and memory, or have a sudo
/// rule on some distribution. `aad_admins` is from Azure's login extension; `ssh_keys` reads the host's private keys.
const AS_GOOD_AS_ROOT: [&str; 24] = [
    "aad_admins",
    "admin",
    "daemon",
    "disk",
    "docker",
    "dockerroot",
    "google-sudoers",
    "incus",
    "incus-admin",
    "kmem",
    "libvirt",
    "libvirt-qemu",
    "lxd",
    "microk8s",
    "operator",
    "podman",
    "root",
    "shadow",
    "snap_microk8s",
    "ssh_keys",
    "staff",
    "sudo",
    "sys",
    "wheel",
];

/// The POSIX groups that somebody is in on a host beside their own.
#[derive(Clone, Debug, Default, Eq, PartialEq, Deserialize, Serialize)]
pub struct PosixGroups {
    /// Sallyport makes them: one name and one gid everywhere, for ever.
    #[serde(default)]
    pub managed: BTreeSet<PosixName>,
    /// The host has them, each with a gid of its own; only who is in them is managed.
    #[serde(default)]
    pub local: BTreeSet<PosixName>,
}

impl PosixGroups {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.managed.is_empty() && self.local.is_empty()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.managed.len() + self.local.len()
    }

    pub fn extend(&mut self, others: &Self) {
        self.managed.extend(others.managed.iter().cloned());
        self.local.extend(others.local.iter().cloned());
    }

    /// The local ones that are as good as sudo; see [`is_root_equivalent`].
    pub fn root_equivalent(&self) -> impl Iterator<Item = &PosixName> {
        self.local.iter().filter(|name| is_root_equivalent(name))
    }
}

/// Whether members of a group of that name are as good as root on a usual host. A site can give any group such power
/// by a rule of its own; no list knows that.
#[must_use]
pub fn is_root_equivalent(name: &PosixName) -> bool {
    AS_GOOD_AS_ROOT.contains(&name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(texts: &[&str]) -> BTreeSet<PosixName> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn what_makes_root_is_told() {
        let groups = PosixGroups {
            managed: names(&["research"]),
            local: names(&["adm", "docker", "systemd-journal"]),
        };
        assert_eq!(groups.root_equivalent().map(PosixName::as_str).collect::<Vec<_>>(), ["docker"]);
        assert_eq!(groups.len(), 4);
        for name in ["aad_admins", "dockerroot", "microk8s", "snap_microk8s", "ssh_keys"] {
            let name: PosixName = name.parse().unwrap();
            assert!(is_root_equivalent(&name) && name.is_reserved(), "{name}");
        }
        let mut more = PosixGroups::default();
        assert!(more.is_empty());
        more.extend(&groups);
        more.extend(&groups);
        assert_eq!(more, groups);
    }

    #[test]
    fn the_list_is_of_names_and_each_stands_once() {
        assert_eq!(names(&AS_GOOD_AS_ROOT).len(), AS_GOOD_AS_ROOT.len());
    }
}
