use std::collections::BTreeSet;
use std::fmt;

use sallyport_domain::{PosixName, Uid, UserId};

use crate::accounts::{Changes, GroupChanges, Memberships, NewAccount};
use crate::sudo::Rule;

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Person {
    pub(crate) name: PosixName,
    pub(crate) uid: Uid,
}

/// A local account that is a person's from now on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Adopted {
    pub(crate) name: PosixName,
    pub(crate) uid: Uid,
    pub(crate) user: UserId,
}

/// One thing for the hands to do. Printed, it is a line of `--dry-run`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    Adopt {
        accounts: Vec<Adopted>,
    },
    Disown {
        names: Vec<PosixName>,
    },
    EditAccounts {
        changes: Changes,
    },
    EndSessions {
        people: Vec<Person>,
    },
    ForgetMemberships {
        memberships: Memberships,
    },
    InstallDropIn {
        bytes: Vec<u8>,
    },
    LeaveGroups {
        changes: GroupChanges,
    },
    /// `for_new`: the account is to be made, and is not without it.
    MakeHome {
        name: PosixName,
        uid: Uid,
        gid: Uid,
        for_new: bool,
    },
    NarrowSudo {
        bytes: Vec<u8>,
        rules: Vec<Rule>,
    },
    RemovePrincipals {
        name: String,
    },
    RemoveSudo,
    RenewHostCertificate {
        bytes: Vec<u8>,
    },
    Suspend {
        names: Vec<PosixName>,
    },
    WriteCaKeys {
        bytes: Vec<u8>,
    },
    WriteHostCertificate {
        bytes: Vec<u8>,
    },
    WriteKrl {
        bytes: Vec<u8>,
    },
    WritePrincipals {
        files: Vec<(PosixName, Vec<u8>)>,
    },
    WriteSudo {
        bytes: Vec<u8>,
        rules: Vec<Rule>,
    },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Adopt { accounts } => {
                write!(f, "note the adopted accounts {}", list(accounts.iter().map(|account| &account.name)))
            }
            Self::Disown { names } => write!(f, "forget the adopted accounts {}", list(names)),
            Self::EditAccounts { changes } => edit(f, changes),
            Self::EndSessions { people } => {
                write!(f, "end what runs of {}", list(people.iter().map(|person| &person.name)))
            }
            Self::ForgetMemberships { memberships } => {
                let forget = |(group, names): (&PosixName, &BTreeSet<PosixName>)| {
                    format!("forget that {} came into the group {group}", list(names))
                };
                f.write_str(&memberships.iter().map(forget).collect::<Vec<_>>().join("; "))
            }
            Self::LeaveGroups { changes } => f.write_str(&group_parts(changes).join("; ")),
            Self::InstallDropIn { .. } => f.write_str("install the sshd drop-in, check it, reload sshd"),
            Self::MakeHome { name, uid, .. } => write!(f, "make /home/{name} for uid {uid}"),
            Self::NarrowSudo { rules, .. } => {
                write!(f, "take sudo away from all but {}", list(rules.iter().map(|rule| &rule.name)))
            }
            Self::RemovePrincipals { name } => write!(f, "remove the principals of {name}"),
            Self::RemoveSudo => f.write_str("remove the sudoers file"),
            Self::RenewHostCertificate { .. } => {
                f.write_str("renew the host certificate, reload sshd, look at what it shows")
            }
            Self::Suspend { names } => write!(f, "expire the accounts of {}", list(names)),
            Self::WriteCaKeys { .. } => f.write_str("write the CA keys for user certificates"),
            Self::WriteHostCertificate { .. } => f.write_str("write the host certificate"),
            Self::WriteKrl { .. } => f.write_str("write the revocation list"),
            Self::WritePrincipals { files } => {
                write!(f, "write the principals of {}", list(files.iter().map(|(name, _)| name)))
            }
            Self::WriteSudo { rules, .. } => {
                write!(f, "write sudo rules for {}", list(rules.iter().map(|rule| &rule.name)))
            }
        }
    }
}

fn edit(f: &mut fmt::Formatter<'_>, changes: &Changes) -> fmt::Result {
    let mut parts = Vec::new();
    for account in &changes.create {
        let NewAccount { name, uid, gid, .. } = account;
        let group = if gid == uid { String::new() } else { format!(" and gid {gid}") };
        parts.push(format!("create the account {name} with uid {uid}{group}"));
    }
    for rename in &changes.rename {
        parts.push(format!("rename the account {} to {}", rename.from, rename.to));
    }
    if !changes.reactivate.is_empty() {
        parts.push(format!("reactivate {}", list(&changes.reactivate)));
    }
    parts.extend(group_parts(&changes.groups));
    if changes.repair {
        parts.push("clear what an interrupted run left in group and shadow".into());
    }
    f.write_str(&parts.join("; "))
}

fn group_parts(changes: &GroupChanges) -> Vec<String> {
    let GroupChanges { create, join, part, remove } = changes;
    let create = create.iter().map(|group| format!("create the group {} with gid {}", group.name, group.gid));
    let join = join.iter().map(|(group, names)| format!("put {} into the group {group}", list(names)));
    let part = part.iter().map(|(group, names)| format!("take {} out of the group {group}", list(names)));
    let remove = remove.iter().map(|name| format!("remove the group {name}"));
    create.chain(join).chain(part).chain(remove).collect()
}

fn list<'a>(names: impl IntoIterator<Item = &'a PosixName>) -> String {
    names.into_iter().map(PosixName::as_str).collect::<Vec<_>>().join(", ")
}
