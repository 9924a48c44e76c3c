use std::collections::BTreeMap;

use sallyport_domain::{GroupId, PosixName, Tags, Uid, UserId, UserState};

use crate::Grant;

/// A person with a pinned name and uid, as far as a host needs them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Resident {
    pub user: UserId,
    pub state: UserState,
    pub name: PosixName,
    pub uid: Uid,
    pub gid: Uid,
    /// What `getent passwd` shows; without meaning.
    pub label: String,
}

/// One person whom a host lets in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Access {
    pub user: UserId,
    pub name: PosixName,
    pub uid: Uid,
    pub gid: Uid,
    pub label: String,
    pub sudo: bool,
}

/// Whom a host with `tags` lets in: the active members of every group that a grant leads to it, sorted by name.
///
/// `memberships` may name groups and people that have nothing to do with the host; a person in several groups has
/// what any of them gives. Nobody enters a reserved account.
#[must_use]
pub fn host_access<'a>(
    tags: &Tags,
    grants: &[Grant],
    memberships: impl IntoIterator<Item = (GroupId, &'a Resident)>,
) -> Vec<Access> {
    let mut sudo_of: BTreeMap<GroupId, bool> = BTreeMap::new();
    for grant in grants.iter().filter(|grant| grant.reaches(tags)) {
        *sudo_of.entry(grant.group).or_default() |= grant.sudo;
    }
    let mut people: BTreeMap<(&PosixName, UserId), (&Resident, bool)> = BTreeMap::new();
    for (group, resident) in memberships {
        let Some(sudo) = sudo_of.get(&group) else { continue };
        if resident.state == UserState::Active && !resident.name.is_reserved() {
            people.entry((&resident.name, resident.user)).or_insert((resident, false)).1 |= sudo;
        }
    }
    people.into_values().map(|(resident, sudo)| access(resident, sudo)).collect()
}

fn access(resident: &Resident, sudo: bool) -> Access {
    let Resident { user, name, uid, gid, label, .. } = resident.clone();
    Access { user, name, uid, gid, label, sudo }
}
