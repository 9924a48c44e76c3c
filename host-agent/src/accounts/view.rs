use std::collections::{BTreeSet, HashMap, HashSet};

use sallyport_domain::{PosixName, Uid, UserId};

use super::table::Table;
use super::{AccountFiles, Entry, Ledger, MARKER_GROUP};

/// Field numbers of the rows; see passwd(5), group(5), shadow(5), gshadow(5).
pub(super) mod field {
    pub(in crate::accounts) const UID: usize = 2;
    pub(in crate::accounts) const GID: usize = 3;
    pub(in crate::accounts) const HOME: usize = 5;
    pub(in crate::accounts) const GROUP_GID: usize = 2;
    pub(in crate::accounts) const GROUP_MEMBERS: usize = 3;
    pub(in crate::accounts) const GSHADOW_ADMINISTRATORS: usize = 2;
    /// Of group and of gshadow.
    pub(in crate::accounts) const GROUP_LENGTH: usize = 4;
    pub(in crate::accounts) const PASSWD_LENGTH: usize = 7;
    pub(in crate::accounts) const SHADOW_EXPIRE: usize = 7;
    pub(in crate::accounts) const SHADOW_LENGTH: usize = 9;
}

/// The value of shadow's expiry that keeps a person out: one day after 1970 began.
pub(super) const EXPIRED: &[u8] = b"1";

/// What stands under a name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Standing {
    Absent,
    /// A local account that an administrator of the CA gave to this person: never changed by us.
    Adopted,
    /// Somebody else's: why it cannot be ours.
    Foreign(String),
    /// Proved ours by the ledger, the uid and the marker group.
    Ours {
        suspended: bool,
    },
    /// Ours, under the name that the person had before.
    Renamed {
        from: PosixName,
    },
}

/// The account files, indexed once.
#[derive(Debug)]
pub(crate) struct View<'a> {
    ledger: &'a Ledger,
    /// Name to uid (`None`: not a number) of every passwd row; a name can stand twice.
    users: HashMap<&'a [u8], Vec<Option<u32>>>,
    uids: HashMap<u32, &'a [u8]>,
    /// Name to gid of every group row.
    groups: HashMap<&'a [u8], Vec<Option<u32>>>,
    gids: HashMap<u32, &'a [u8]>,
    expiry: HashMap<&'a [u8], &'a [u8]>,
    homes: HashMap<&'a [u8], &'a [u8]>,
    marked: HashSet<&'a [u8]>,
    /// Names by the groups in whose lists they stand, in group or gshadow.
    listed: HashMap<&'a [u8], Vec<&'a [u8]>>,
    marker_gid: Option<u32>,
}

impl<'a> View<'a> {
    pub(crate) fn new(files: &'a AccountFiles, ledger: &'a Ledger) -> Self {
        let mut view = Self {
            ledger,
            users: HashMap::new(),
            uids: HashMap::new(),
            groups: HashMap::new(),
            gids: HashMap::new(),
            expiry: HashMap::new(),
            homes: HashMap::new(),
            marked: HashSet::new(),
            listed: HashMap::new(),
            marker_gid: None,
        };
        for row in files.passwd.rows() {
            let uid = row.number(field::UID);
            view.users.entry(row.name()).or_default().push(uid);
            view.homes.entry(row.name()).or_insert(row.field(field::HOME));
            if let Some(uid) = uid {
                view.uids.entry(uid).or_insert(row.name());
            }
        }
        for row in files.group.rows() {
            let gid = row.number(field::GROUP_GID);
            view.groups.entry(row.name()).or_default().push(gid);
            if let Some(gid) = gid {
                view.gids.entry(gid).or_insert(row.name());
            }
            if row.name() == MARKER_GROUP.as_bytes() {
                view.marker_gid = view.marker_gid.or(gid);
                view.marked.extend(row.field(field::GROUP_MEMBERS).split(|&byte| byte == b','));
            }
        }
        for row in files.shadow.rows() {
            view.expiry.entry(row.name()).or_insert(row.field(field::SHADOW_EXPIRE));
        }
        let lists = [(Some(&files.group), &[field::GROUP_MEMBERS][..])]
            .into_iter()
            .chain([(files.gshadow.as_ref(), &[field::GSHADOW_ADMINISTRATORS, field::GROUP_MEMBERS][..])]);
        for (table, fields) in lists {
            for row in table.into_iter().flat_map(Table::rows) {
                let names = fields.iter().flat_map(|list| row.field(*list).split(|&byte| byte == b','));
                // glibc skips white space before a name (grp/fgetgrent_r.c).
                for name in names.map(<[u8]>::trim_ascii).filter(|name| !name.is_empty()) {
                    view.listed.entry(name).or_default().push(row.name());
                }
            }
        }
        view
    }

    /// All three marks must hold before a row is ours: the ledger's entry, its uid, the marker group.
    pub(crate) fn standing(&self, name: &PosixName) -> Standing {
        let key = name.as_str().as_bytes();
        let entry = self.ledger.entry(name);
        match (self.users.get(key).map(Vec::as_slice), entry) {
            (None, None) => self.standing_of_group_alone(key),
            (None, Some(entry)) => self.standing_of_remains(key, entry.gid().value()),
            (Some([Some(uid)]), Some(entry)) if *uid == entry.uid.value() => self.standing_of_marked(key),
            (Some([_]), Some(entry)) => Standing::Foreign(format!(
                "the account has another uid than the {} that we gave it",
                entry.uid
            )),
            (Some([_]), None) => {
                Standing::Foreign("an account of that name is here that we did not make".into())
            }
            (Some(_), _) => Standing::Foreign("the name stands in /etc/passwd more than once".into()),
        }
    }

    fn standing_of_group_alone(&self, key: &[u8]) -> Standing {
        if self.groups.contains_key(key) {
            Standing::Foreign("a group of that name is here that we did not make".into())
        } else if self.expiry.contains_key(key) {
            Standing::Foreign("/etc/shadow has a row of that name that we did not make".into())
        } else {
            Standing::Absent
        }
    }

    /// No passwd row, but we have known the name: what is left in group and shadow is ours when the gid is.
    fn standing_of_remains(&self, key: &[u8], ours: u32) -> Standing {
        match self.groups.get(key).map(Vec::as_slice) {
            None => Standing::Absent,
            Some([Some(gid)]) if *gid == ours => Standing::Absent,
            Some(_) => Standing::Foreign("a group of that name is here with another gid".into()),
        }
    }

    fn standing_of_marked(&self, key: &[u8]) -> Standing {
        if self.marked.contains(key) {
            let suspended = self.expiry.get(key).is_some_and(|expiry| *expiry == EXPIRED);
            Standing::Ours { suspended }
        } else {
            Standing::Foreign(format!("the account was taken out of the group {MARKER_GROUP}"))
        }
    }

    /// Why nobody can get the name though it is free: it stands in the list of a group, and not by our doing. A new
    /// account would be in there, and nobody would know by whom.
    pub(crate) fn listed(&self, name: &PosixName) -> Option<String> {
        let group = self.listed_in(name).next()?;
        Some(format!(
            "the name stands in the group {group}; if it is nobody's there: gpasswd -d {name} {group}"
        ))
    }

    /// Groups in whose lists the name stands, and not by our doing.
    pub(crate) fn listed_in(&self, name: &PosixName) -> impl Iterator<Item = String> {
        let key = name.as_str().as_bytes();
        let groups = self.listed.get(key).into_iter().flatten().copied();
        let strangers = groups.filter(|group| *group != key && !self.explains(group, name));
        let names: BTreeSet<String> =
            strangers.map(|group| String::from_utf8_lossy(group).into_owned()).collect();
        names.into_iter()
    }

    /// Whether it is by our doing that the name stands in the list, and ours to take out of it.
    fn explains(&self, group: &[u8], name: &PosixName) -> bool {
        if group == MARKER_GROUP.as_bytes() {
            return true;
        }
        let rows = self.groups.get(group).map(Vec::as_slice);
        let Some(group) = std::str::from_utf8(group).ok().and_then(|group| group.parse::<PosixName>().ok())
        else {
            return false;
        };
        let is_made = self.ledger.group(&group).is_some_and(|gid| rows == Some(&[Some(gid.value())]));
        self.ledger.memberships().has(&group, name) || (is_made && self.ledger.entry(name).is_some())
    }

    /// Who else has this number, as uid or as gid.
    pub(crate) fn holder(&self, number: u32, name: &PosixName) -> Option<String> {
        let other = |holder: &&&[u8]| **holder != name.as_str().as_bytes();
        let text = |holder: &&[u8]| String::from_utf8_lossy(holder).into_owned();
        self.uids
            .get(&number)
            .filter(other)
            .map(text)
            .or_else(|| self.gids.get(&number).filter(other).map(|holder| format!("group {}", text(holder))))
    }

    /// The uid of an account that stands once in passwd, ours or not.
    pub(crate) fn uid_of(&self, name: &PosixName) -> Option<u32> {
        match self.users.get(name.as_str().as_bytes()).map(Vec::as_slice) {
            Some([uid]) => *uid,
            _ => None,
        }
    }

    /// Whether the account has the home that we make for its name; a renamed one keeps the old.
    pub(crate) fn has_own_home(&self, name: &PosixName) -> bool {
        let own = format!("/home/{name}");
        self.homes.get(name.as_str().as_bytes()).is_none_or(|home| *home == own.as_bytes())
    }

    /// The account of ours that the person has under another name, where the new one is free.
    pub(crate) fn renamed(&self, name: &PosixName, uid: Uid, user: UserId) -> Option<PosixName> {
        if self.standing(name) != Standing::Absent {
            return None;
        }
        let same = |(other, entry): &(&PosixName, &Entry)| {
            *other != name && entry.uid == uid && entry.user == Some(user)
        };
        let ours = |(other, _): &(&PosixName, &Entry)| matches!(self.standing(other), Standing::Ours { .. });
        self.ledger.iter().filter(same).find(ours).map(|(other, _)| other.clone())
    }

    pub(crate) fn marker_gid(&self) -> Option<u32> {
        self.marker_gid
    }

    pub(crate) fn has_gid(&self, gid: u32) -> bool {
        self.gids.contains_key(&gid)
    }

    /// Names of the ledger whose passwd row is missing while group or shadow still have one: what a killed run left.
    pub(crate) fn orphans(&self) -> Vec<PosixName> {
        let orphaned = |name: &&PosixName| {
            let key = name.as_str().as_bytes();
            !self.users.contains_key(key)
                && self.standing(name) == Standing::Absent
                && (self.groups.contains_key(key) || self.expiry.contains_key(key))
        };
        self.ledger.iter().map(|(name, _)| name).filter(orphaned).cloned().collect()
    }
}
