use std::collections::BTreeMap;

use sallyport_domain::{GroupId, PosixGroups, PosixName, Tags, Uid, UserId, UserState};

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
    /// Beside their own.
    pub posix_groups: PosixGroups,
}

/// What the grants of one group, or of several, give on a host.
#[derive(Default)]
struct Given {
    sudo: bool,
    posix_groups: PosixGroups,
}

impl Given {
    fn add(&mut self, sudo: bool, posix_groups: &PosixGroups) {
        self.sudo |= sudo;
        self.posix_groups.extend(posix_groups);
    }
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
    let mut given: BTreeMap<GroupId, Given> = BTreeMap::new();
    for grant in grants.iter().filter(|grant| grant.reaches(tags)) {
        given.entry(grant.group).or_default().add(grant.sudo, &grant.posix_groups);
    }
    let mut people: BTreeMap<(&PosixName, UserId), (&Resident, Given)> = BTreeMap::new();
    for (group, resident) in memberships {
        let Some(given) = given.get(&group) else { continue };
        if resident.state == UserState::Active && !resident.name.is_reserved() {
            let person =
                people.entry((&resident.name, resident.user)).or_insert_with(|| (resident, Given::default()));
            person.1.add(given.sudo, &given.posix_groups);
        }
    }
    people.into_values().map(|(resident, given)| access(resident, given)).collect()
}

fn access(resident: &Resident, given: Given) -> Access {
    let Resident { user, name, uid, gid, label, .. } = resident.clone();
    Access { user, name, uid, gid, label, sudo: given.sudo, posix_groups: given.posix_groups }
}
