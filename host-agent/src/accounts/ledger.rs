use std::collections::BTreeMap;

use jiff::Timestamp;
use sallyport_domain::{PosixName, Uid, UserId};
use sallyport_protocol::Account;
use serde::{Deserialize, Serialize};

use super::Memberships;

/// Which accounts we made, and for whom. An entry is written before its account and never taken out: a name and a
/// uid never move to another person, and an account whose entry is lost is nobody's to change.
#[derive(Clone, Debug, Default, Eq, PartialEq, Deserialize, Serialize)]
pub(crate) struct Ledger {
    #[serde(default)]
    accounts: BTreeMap<PosixName, Entry>,
    /// Local accounts that people have here because an administrator of the CA said so. An entry stands as long as
    /// something of ours lets them in: it tells whose sessions to end.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    adopted: BTreeMap<PosixName, Entry>,
    /// Groups that we made, as accounts: noted before, never taken out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    groups: BTreeMap<PosixName, Uid>,
    /// Whom we put into which group, noted before. It stands until they are out of it, and nothing of theirs runs that
    /// still has it: who was in a group without us stays in it.
    #[serde(default, skip_serializing_if = "Memberships::is_empty")]
    memberships: Memberships,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub(crate) struct Entry {
    pub(crate) uid: Uid,
    /// Of the account's own group, where it is another number than the uid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) gid: Option<Uid>,
    /// `None`: the ledger was built anew from the account files, and nothing told for whom the account was made. Then
    /// it is nobody's until something does.
    pub(crate) user: Option<UserId>,
    pub(crate) created_at: Timestamp,
}

impl Entry {
    pub(crate) fn gid(&self) -> Uid {
        self.gid.unwrap_or(self.uid)
    }

    /// Whether the number is the account's, as uid or as gid.
    pub(crate) fn has(&self, number: Uid) -> bool {
        self.uid == number || self.gid() == number
    }
}

impl Ledger {
    pub(crate) fn entry(&self, name: &PosixName) -> Option<&Entry> {
        self.accounts.get(name)
    }

    /// By the bytes of a row; a name that is no POSIX name is not ours.
    pub(crate) fn entry_of(&self, name: &[u8]) -> Option<&Entry> {
        let name: PosixName = std::str::from_utf8(name).ok()?.parse().ok()?;
        self.accounts.get(&name)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&PosixName, &Entry)> {
        self.accounts.iter()
    }

    /// The gid that the account's own group has or is to get: one that was made keeps the number that it was made with.
    pub(crate) fn gid_of(&self, account: &Account) -> Uid {
        self.entry(&account.name).map_or_else(|| account.gid(), Entry::gid)
    }

    /// Notes an account that is about to be made. An existing entry stays.
    pub(crate) fn intend(&mut self, name: &PosixName, entry: Entry) {
        self.accounts.entry(name.clone()).or_insert(entry);
    }

    pub(crate) fn adopted(&self) -> impl Iterator<Item = (&PosixName, &Entry)> {
        self.adopted.iter()
    }

    pub(crate) fn adopted_entry(&self, name: &PosixName) -> Option<&Entry> {
        self.adopted.get(name)
    }

    pub(crate) fn adopt(&mut self, name: &PosixName, entry: Entry) {
        self.adopted.insert(name.clone(), entry);
    }

    pub(crate) fn disown(&mut self, name: &PosixName) {
        self.adopted.remove(name);
    }

    /// The gid of a group that we made.
    pub(crate) fn group(&self, name: &PosixName) -> Option<Uid> {
        self.groups.get(name).copied()
    }

    pub(crate) fn groups(&self) -> impl Iterator<Item = (&PosixName, Uid)> {
        self.groups.iter().map(|(name, gid)| (name, *gid))
    }

    pub(crate) fn group_of_gid(&self, gid: Uid) -> Option<&PosixName> {
        self.groups.iter().find(|(_, known)| **known == gid).map(|(name, _)| name)
    }

    /// Notes a group that is about to be made. An existing entry stays.
    pub(crate) fn intend_group(&mut self, name: &PosixName, gid: Uid) {
        self.groups.entry(name.clone()).or_insert(gid);
    }

    pub(crate) fn memberships(&self) -> &Memberships {
        &self.memberships
    }

    pub(crate) fn memberships_mut(&mut self) -> &mut Memberships {
        &mut self.memberships
    }

    /// Says whose an account is that was nobody's. Otherwise it stays whose it was.
    pub(crate) fn identify(&mut self, name: &PosixName, user: UserId) {
        if let Some(entry) = self.accounts.get_mut(name) {
            entry.user = entry.user.or(Some(user));
        }
    }
}
