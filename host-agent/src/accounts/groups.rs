//! Groups beside people's own: those that we make, and those of the host that we put people into.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use sallyport_domain::{PosixName, Uid, is_root_equivalent};
use serde::{Deserialize, Serialize};

use super::table::Table;
use super::view::field;
use super::{AccountFiles, Ledger, MARKER_GROUP};

/// Uids below are the system's; see `UID_MIN` in login.defs(5).
const FIRST_PERSON: u32 = 1_000;

/// One batch of changes to groups.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct GroupChanges {
    pub(crate) create: Vec<NewGroup>,
    pub(crate) join: Memberships,
    pub(crate) part: Memberships,
    pub(crate) remove: Vec<PosixName>,
}

impl GroupChanges {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct NewGroup {
    pub(crate) name: PosixName,
    pub(crate) gid: Uid,
}

/// Accounts by the group that they are in.
#[derive(Clone, Debug, Default, Eq, PartialEq, Deserialize, Serialize)]
#[serde(transparent)]
pub(crate) struct Memberships(BTreeMap<PosixName, BTreeSet<PosixName>>);

impl Memberships {
    pub(crate) fn add(&mut self, group: &PosixName, member: &PosixName) {
        self.0.entry(group.clone()).or_default().insert(member.clone());
    }

    pub(crate) fn remove(&mut self, group: &PosixName, member: &PosixName) {
        if let Some(members) = self.0.get_mut(group) {
            members.remove(member);
        }
        self.0.retain(|_, members| !members.is_empty());
    }

    pub(crate) fn of(&self, group: &PosixName) -> impl Iterator<Item = &PosixName> {
        self.0.get(group).into_iter().flatten()
    }

    pub(crate) fn has(&self, group: &PosixName, member: &PosixName) -> bool {
        self.0.get(group).is_some_and(|members| members.contains(member))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&PosixName, &BTreeSet<PosixName>)> {
        self.0.iter()
    }

    pub(crate) fn each(&self) -> impl Iterator<Item = (&PosixName, &PosixName)> {
        self.0.iter().flat_map(|(group, members)| members.iter().map(move |member| (group, member)))
    }
}

impl<'a> FromIterator<(&'a PosixName, &'a PosixName)> for Memberships {
    fn from_iter<T: IntoIterator<Item = (&'a PosixName, &'a PosixName)>>(pairs: T) -> Self {
        let mut memberships = Self::default();
        for (group, member) in pairs {
            memberships.add(group, member);
        }
        memberships
    }
}

/// What stands under the name of a group that we are to make.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum GroupStanding {
    Absent,
    /// Somebody else's name or number: why it cannot be ours.
    Foreign(String),
    /// Proved ours by the ledger and the gid.
    Ours,
}

/// The group file, indexed once.
#[derive(Debug)]
pub(crate) struct GroupView<'a> {
    ledger: &'a Ledger,
    groups: HashMap<&'a [u8], Vec<Group<'a>>>,
    /// Uids and gids of all rows, and whose they are.
    numbers: HashMap<u32, &'a [u8]>,
    users: HashSet<&'a [u8]>,
    /// Gids that are the first group of some account.
    primary: HashSet<u32>,
    /// Uids with their first groups.
    first: HashSet<(u32, u32)>,
    /// Names of people of the host with their first groups.
    personal: HashSet<(&'a [u8], u32)>,
    /// How many rows have a gid.
    holders: HashMap<u32, usize>,
    /// Members by the names in gshadow; `None` where there is no such file.
    shadowed: Option<HashMap<&'a [u8], HashSet<&'a [u8]>>>,
}

#[derive(Debug)]
struct Group<'a> {
    gid: Option<u32>,
    /// A row with a field missing is read by some tools and not by others.
    is_whole: bool,
    members: Vec<&'a [u8]>,
}

impl<'a> GroupView<'a> {
    pub(crate) fn new(files: &'a AccountFiles, ledger: &'a Ledger) -> Self {
        let mut view = Self {
            ledger,
            groups: HashMap::new(),
            numbers: HashMap::new(),
            users: HashSet::new(),
            primary: HashSet::new(),
            first: HashSet::new(),
            personal: HashSet::new(),
            holders: HashMap::new(),
            shadowed: files.gshadow.as_ref().map(shadowed),
        };
        for row in files.passwd.rows() {
            view.users.insert(row.name());
            view.primary.extend(row.number(field::GID));
            view.numbers.extend(row.number(field::UID).map(|uid| (uid, row.name())));
            if let (Some(uid), Some(gid)) = (row.number(field::UID), row.number(field::GID)) {
                view.first.insert((uid, gid));
                if uid >= FIRST_PERSON {
                    view.personal.insert((row.name(), gid));
                }
            }
        }
        for row in files.group.rows() {
            let gid = row.number(field::GROUP_GID);
            let members = members(row.field(field::GROUP_MEMBERS)).filter(|name| !name.is_empty()).collect();
            let is_whole = row.len() >= field::GROUP_LENGTH;
            view.groups.entry(row.name()).or_default().push(Group { gid, is_whole, members });
            if let Some(gid) = gid {
                view.numbers.entry(gid).or_insert(row.name());
                *view.holders.entry(gid).or_default() += 1;
            }
        }
        view
    }

    /// Both marks must hold before a row is ours: the ledger's entry and its gid.
    pub(crate) fn standing(&self, name: &PosixName, gid: Uid) -> GroupStanding {
        let known = self.ledger.group(name);
        if let Some(known) = known.filter(|known| *known != gid) {
            return GroupStanding::Foreign(format!("it was made with gid {known} here"));
        }
        let rows = self.groups.get(name.as_str().as_bytes()).map(Vec::as_slice).unwrap_or_default();
        match rows {
            _ if self.ledger.entry(name).is_some() => {
                GroupStanding::Foreign("an account that we made has or had that name".into())
            }
            _ if self.users.contains(name.as_str().as_bytes()) => {
                GroupStanding::Foreign("an account of that name is here".into())
            }
            [] => self.taken(name, gid).map_or(GroupStanding::Absent, GroupStanding::Foreign),
            [group] if !group.is_whole => GroupStanding::Foreign("its row in /etc/group is incomplete".into()),
            [group] if group.gid == Some(gid.value()) && known.is_some() => GroupStanding::Ours,
            [group] if group.gid == Some(gid.value()) => GroupStanding::Foreign(
                "a group of that name and gid is here that we did not make; if we did, run: sallyport-host recover".into(),
            ),
            [_] if known.is_some() => {
                GroupStanding::Foreign(format!("the group has another gid than the {gid} that we gave it"))
            }
            [_] => GroupStanding::Foreign("a group of that name is here that we did not make".into()),
            _ => GroupStanding::Foreign("the name stands in /etc/group more than once".into()),
        }
    }

    fn taken(&self, name: &PosixName, gid: Uid) -> Option<String> {
        if let Some(holder) = self.numbers.get(&gid.value()) {
            return Some(format!("its gid {gid} belongs to {}", String::from_utf8_lossy(holder)));
        }
        if self.primary.contains(&gid.value()) && self.ledger.group(name).is_none() {
            return Some(format!("its gid {gid} is the group of an account here"));
        }
        let account = self.ledger.iter().find(|(_, entry)| entry.has(gid)).map(|(other, _)| other);
        let group = self.ledger.group_of_gid(gid).filter(|other| *other != name);
        account.or(group).map(|other| format!("its gid {gid} was given to {other}"))
    }

    /// Whether the row is a group that we made.
    pub(crate) fn is_ours(&self, name: &PosixName) -> bool {
        self.ledger.group(name).is_some_and(|gid| self.standing(name, gid) == GroupStanding::Ours)
    }

    /// Why nobody is put into this group of the host; `None` when people can be.
    pub(crate) fn local_refusal(&self, name: &PosixName) -> Option<String> {
        match self.groups.get(name.as_str().as_bytes()).map(Vec::as_slice) {
            _ if name.as_str() == MARKER_GROUP => Some("it is where our accounts are kept".into()),
            _ if self.ledger.entry(name).is_some() => {
                Some("it is the own group of an account that we made".into())
            }
            _ if self.is_ours(name) => Some("it is a group that we made, and not the host's".into()),
            None => Some("the host has no such group".into()),
            Some([Group { gid: Some(gid), is_whole: true, .. }]) => self.unsafe_gid(name, *gid),
            Some([_]) => Some("its row in /etc/group is incomplete".into()),
            Some(_) => Some("its name stands in /etc/group more than once".into()),
        }
    }

    /// What a member of a group gets is what its number gives.
    fn unsafe_gid(&self, name: &PosixName, gid: u32) -> Option<String> {
        if gid == 0 {
            return Some("its gid is 0, which is root's".into());
        }
        if self.personal.contains(&(name.as_str().as_bytes(), gid)) {
            return Some("it is the own group of an account of this host".into());
        }
        let is_shared = self.holders.get(&gid).is_some_and(|rows| *rows > 1);
        is_shared.then(|| format!("another group has its gid {gid} too"))
    }

    pub(crate) fn gid(&self, name: &PosixName) -> Option<u32> {
        self.only(name)?.gid
    }

    /// The groups of the host whose members are as good as root.
    pub(crate) fn root_equivalent(&self) -> impl Iterator<Item = PosixName> + '_ {
        let names = self.groups.keys().filter_map(|name| std::str::from_utf8(name).ok()?.parse().ok());
        names.filter(is_root_equivalent)
    }

    /// The gids of all rows of that name.
    pub(crate) fn gids(&self, name: &PosixName) -> impl Iterator<Item = u32> + '_ {
        self.rows(name).iter().filter_map(|group| group.gid)
    }

    pub(crate) fn has_member(&self, group: &PosixName, member: &PosixName) -> bool {
        self.only(group).is_some_and(|group| group.members.contains(&member.as_str().as_bytes()))
    }

    /// What gshadow says; `None` where it has no such row.
    fn has_shadow_member(&self, group: &PosixName, member: &PosixName) -> Option<bool> {
        let members = self.shadowed.as_ref()?.get(group.as_str().as_bytes())?;
        Some(members.contains(member.as_str().as_bytes()))
    }

    /// Whether the account stands in any row of the name in one of the two files at least: a killed run leaves it in one.
    pub(crate) fn has_trace(&self, group: &PosixName, member: &PosixName) -> bool {
        let member_of = |row: &Group<'_>| row.members.contains(&member.as_str().as_bytes());
        self.rows(group).iter().any(member_of) || self.has_shadow_member(group, member) == Some(true)
    }

    /// Whether the account is to be put into the group: it is not in it, or only half, by our doing.
    pub(crate) fn is_outside(&self, group: &PosixName, member: &PosixName) -> bool {
        if !self.has_member(group, member) {
            return true;
        }
        self.ledger.memberships().has(group, member) && self.has_shadow_member(group, member) == Some(false)
    }

    /// Accounts that we made, as far as they are in the group, in either file.
    pub(crate) fn made_members(&self, group: &PosixName) -> BTreeSet<PosixName> {
        let shadowed = self.shadowed.as_ref().and_then(|groups| groups.get(group.as_str().as_bytes()));
        let members = self.members(group).chain(shadowed.into_iter().flatten().copied());
        let made = |member: &[u8]| {
            let name: PosixName = std::str::from_utf8(member).ok()?.parse().ok()?;
            self.ledger.entry(&name).is_some().then_some(name)
        };
        members.filter_map(made).collect()
    }

    pub(crate) fn members(&self, group: &PosixName) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.only(group).into_iter().flat_map(|group| group.members.iter().copied())
    }

    /// Whether some account has the gid as its first group.
    pub(crate) fn is_primary(&self, gid: Uid) -> bool {
        self.primary.contains(&gid.value())
    }

    /// Whether the gid is the first group of an account with that uid: whatever runs of it has it.
    pub(crate) fn is_first(&self, uid: u32, gid: u32) -> bool {
        self.first.contains(&(uid, gid))
    }

    fn rows(&self, name: &PosixName) -> &[Group<'a>] {
        self.groups.get(name.as_str().as_bytes()).map(Vec::as_slice).unwrap_or_default()
    }

    fn only(&self, name: &PosixName) -> Option<&Group<'a>> {
        match self.rows(name) {
            [group] => Some(group),
            _ => None,
        }
    }

    /// Groups of ours of which a killed run wrote, or took away, only one of the two rows.
    pub(crate) fn halves(&self) -> Vec<PosixName> {
        let Some(shadowed) = &self.shadowed else { return Vec::new() };
        let half = |name: &&PosixName| {
            let key = name.as_str().as_bytes();
            let has_row = self.groups.contains_key(key);
            has_row != shadowed.contains_key(key) && (!has_row || self.is_ours(name))
        };
        let of_account = |name: &&PosixName| self.ledger.entry(name).is_some();
        self.ledger
            .groups()
            .map(|(name, _)| name)
            .filter(|name| !of_account(name))
            .filter(half)
            .cloned()
            .collect()
    }
}

/// Members by group; libc takes those of all rows of one name.
fn shadowed(table: &Table) -> HashMap<&[u8], HashSet<&[u8]>> {
    let mut groups: HashMap<&[u8], HashSet<&[u8]>> = HashMap::new();
    for row in table.rows() {
        groups.entry(row.name()).or_default().extend(members(row.field(field::GROUP_MEMBERS)));
    }
    groups
}

/// The groups with which an account's login runs, first and others; `None` where no row has the uid.
pub(crate) fn gids_of(files: &AccountFiles, uid: u32) -> Option<BTreeSet<u32>> {
    let rows: Vec<_> = files.passwd.rows().filter(|row| row.number(field::UID) == Some(uid)).collect();
    let names: Vec<&[u8]> = rows.iter().map(super::table::Row::name).collect();
    let first = rows.iter().filter_map(|row| row.number(field::GID));
    let is_in = |list: &[u8]| members(list).any(|name| names.contains(&name));
    let others = files.group.rows().filter(|row| is_in(row.field(field::GROUP_MEMBERS)));
    let others = others.filter_map(|row| row.number(field::GROUP_GID));
    (!rows.is_empty()).then(|| first.chain(others).collect())
}

/// The names in a member list, with the empty ones that somebody's hand may have left.
pub(super) fn members(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|&byte| byte == b',')
}
