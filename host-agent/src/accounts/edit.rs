use std::collections::{BTreeMap, BTreeSet, HashSet};

use sallyport_domain::{PosixName, Uid};

use super::group_edit::edit_groups;
use super::table::Table;
use super::view::{EXPIRED, field};
use super::{AccountFiles, GroupChanges, Ledger, MARKER_GROUP, Standing, View, Withheld};

/// One batch of changes to the account files.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Changes {
    pub(crate) create: Vec<NewAccount>,
    pub(crate) rename: Vec<Rename>,
    pub(crate) reactivate: Vec<PosixName>,
    pub(crate) suspend: Vec<PosixName>,
    /// Beside people's own.
    pub(crate) groups: GroupChanges,
    /// Finish or clear what a killed run left without a passwd row, and groups with one row of two.
    pub(crate) repair: bool,
}

impl Changes {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Another name for an account of ours. Its numbers, its home and its files stay as they are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Rename {
    pub(crate) from: PosixName,
    pub(crate) to: PosixName,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct NewAccount {
    pub(crate) name: PosixName,
    pub(crate) uid: Uid,
    /// Of the account's own group.
    pub(crate) gid: Uid,
    pub(crate) label: String,
    pub(crate) shell: String,
}

/// What came of a batch.
#[derive(Debug)]
pub(crate) struct Edited {
    pub(crate) files: AccountFiles,
    pub(crate) withheld: Withheld,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum EditError {
    #[error("no gid from 101 to 999 is free for the group {MARKER_GROUP}")]
    NoMarkerGid,
}

/// Gids that distributions give to system groups; the marker owns no files, so any free one does.
const MARKER_GIDS: std::ops::RangeInclusive<u32> = 101..=999;

/// Longest label in passwd: a label is for reading, not for keeping.
const LONGEST_LABEL: usize = 80;

/// Computes the new files. Whatever `changes` asks, only rows that are ours by all three marks are changed.
///
/// `today` is in days since 1970; `gid_is_free` speaks for name services beyond the files.
pub(crate) fn edit(
    files: &AccountFiles,
    ledger: &Ledger,
    changes: &Changes,
    today: i64,
    gid_is_free: impl Fn(u32) -> bool,
) -> Result<Edited, EditError> {
    let view = View::new(files, ledger);
    let mut withheld = Vec::new();
    let mut expiry: BTreeMap<&PosixName, &[u8]> = BTreeMap::new();
    for (names, value) in [(&changes.suspend, EXPIRED), (&changes.reactivate, &b""[..])] {
        for name in names {
            match view.standing(name) {
                Standing::Ours { .. } => {
                    expiry.insert(name, value);
                }
                Standing::Absent => withheld.push((name.clone(), "the account is gone".into())),
                Standing::Foreign(why) => withheld.push((name.clone(), why)),
                Standing::Adopted | Standing::Renamed { .. } => {
                    withheld.push((name.clone(), "the account is not one that we made".into()));
                }
            }
        }
    }
    let mut create = Vec::new();
    for account in &changes.create {
        match refusal(&view, ledger, account) {
            None => create.push(account),
            Some(why) => withheld.push((account.name.clone(), why)),
        }
    }
    let mut rename = Vec::new();
    for wish in &changes.rename {
        match refused_rename(&view, ledger, wish) {
            None => rename.push(wish),
            Some(why) => withheld.push((wish.to.clone(), why)),
        }
    }
    let mut edited = files.clone();
    let orphans =
        if changes.repair || !create.is_empty() || !rename.is_empty() { view.orphans() } else { Vec::new() };
    clear_orphans(&mut edited, &orphans);
    set_expiry(&mut edited.shadow, &expiry);
    for wish in rename {
        rename_rows(&mut edited, wish, today);
    }
    if !create.is_empty() {
        let marker = marker_gid(&view, gid_is_free)?;
        add_accounts(&mut edited, &create, today);
        add_members(&mut edited, &create, marker);
    }
    let groups = edit_groups(&mut edited, ledger, &changes.groups, changes.repair);
    Ok(Edited { files: edited, withheld: Withheld { accounts: withheld, groups } })
}

fn refusal(view: &View<'_>, ledger: &Ledger, account: &NewAccount) -> Option<String> {
    match (view.standing(&account.name), ledger.entry(&account.name)) {
        (Standing::Foreign(why), _) => Some(why),
        (Standing::Adopted | Standing::Ours { .. } | Standing::Renamed { .. }, _) => {
            Some("the account is there already".into())
        }
        (Standing::Absent, Some(entry)) if entry.uid == account.uid && entry.gid() == account.gid => {
            let holder = |number: Uid| view.holder(number.value(), &account.name);
            let holder = holder(account.uid).or_else(|| holder(account.gid));
            let taken = holder.map(|holder| format!("its number belongs to {holder}"));
            taken.or_else(|| view.listed(&account.name))
        }
        (Standing::Absent, _) => Some("the account is not in our ledger".into()),
    }
}

/// The person's own account under the old name, nobody's row under the new one, and one entry for both.
fn refused_rename(view: &View<'_>, ledger: &Ledger, wish: &Rename) -> Option<String> {
    let (Some(from), Some(to)) = (ledger.entry(&wish.from), ledger.entry(&wish.to)) else {
        return Some("the account is not in our ledger".into());
    };
    if from.uid != to.uid || from.user != to.user || from.user.is_none() {
        return Some(format!("{} was made for another person", wish.from));
    }
    match (view.standing(&wish.from), view.standing(&wish.to)) {
        (Standing::Ours { .. }, Standing::Absent) => view.listed(&wish.to),
        (Standing::Ours { .. }, _) => Some("somebody else has the name".into()),
        _ => Some(format!("{} is not an account of ours any more", wish.from)),
    }
}

/// The row and the private group get the new name, the expiry goes, and the new name joins the marker group. The old
/// one stays in there: a member without an account is nobody, and a killed run still finds all marks of the old row.
fn rename_rows(files: &mut AccountFiles, wish: &Rename, today: i64) {
    let (from, to) = (wish.from.as_str().as_bytes(), wish.to.as_str().as_bytes());
    let Some(gid) = files.passwd.rows().find(|row| row.name() == from).and_then(|row| row.number(field::GID))
    else {
        return;
    };
    let group_row = format!("{}:x:{gid}:", wish.to).into_bytes();
    let tables = [
        (&mut files.passwd, Vec::new(), field::PASSWD_LENGTH),
        (&mut files.group, group_row, 4),
        (&mut files.shadow, shadow_row(to, b"", today), field::SHADOW_LENGTH),
    ];
    let gshadow = files.gshadow.as_mut().map(|table| (table, format!("{}:*::", wish.to).into_bytes(), 4));
    for (table, fresh, length) in tables.into_iter().chain(gshadow) {
        let renamed =
            table.rows().find(|row| row.name() == from).map(|row| (row.line, row.with(0, to, length)));
        match renamed {
            Some((line, bytes)) => table.replace(line, bytes),
            // A killed run renamed it already, and it was cleared as a remainder.
            None => table.insert(vec![fresh]),
        }
    }
    set_expiry(&mut files.shadow, &BTreeMap::from([(&wish.to, &b""[..])]));
    join(&mut files.group, &[&wish.to], 4);
    if let Some(gshadow) = &mut files.gshadow {
        join(gshadow, &[&wish.to], 4);
    }
}

/// A group of that name that is there already serves: membership alone proves nothing, see [`View::standing`].
fn marker_gid(view: &View<'_>, gid_is_free: impl Fn(u32) -> bool) -> Result<Option<u32>, EditError> {
    if view.marker_gid().is_some() {
        return Ok(None);
    }
    let free = |gid: &u32| !view.has_gid(*gid) && gid_is_free(*gid);
    MARKER_GIDS.rev().find(free).map(Some).ok_or(EditError::NoMarkerGid)
}

fn clear_orphans(files: &mut AccountFiles, orphans: &[PosixName]) {
    let names: HashSet<&[u8]> = orphans.iter().map(|name| name.as_str().as_bytes()).collect();
    if names.is_empty() {
        return;
    }
    for table in
        [Some(&mut files.group), Some(&mut files.shadow), files.gshadow.as_mut()].into_iter().flatten()
    {
        let gone: Vec<usize> =
            table.rows().filter(|row| names.contains(row.name())).map(|row| row.line).collect();
        table.remove(&gone);
    }
}

fn set_expiry(shadow: &mut Table, expiry: &BTreeMap<&PosixName, &[u8]>) {
    let wanted: std::collections::HashMap<&[u8], &[u8]> =
        expiry.iter().map(|(name, value)| (name.as_str().as_bytes(), *value)).collect();
    let mut missing: BTreeSet<&[u8]> = wanted.keys().copied().collect();
    let mut changed = Vec::new();
    for row in shadow.rows() {
        if let Some(value) = wanted.get(row.name()) {
            missing.remove(row.name());
            if row.field(field::SHADOW_EXPIRE) != *value || row.len() < field::SHADOW_LENGTH {
                changed.push((row.line, row.with(field::SHADOW_EXPIRE, value, field::SHADOW_LENGTH)));
            }
        }
    }
    let added = missing.iter().map(|name| shadow_row(name, wanted.get(name).copied().unwrap_or_default(), 0));
    let added = added.collect();
    for (line, bytes) in changed {
        shadow.replace(line, bytes);
    }
    shadow.insert(added);
}

/// `*`, never `!`: without PAM, sshd takes `!` for a locked account and refuses the certificate too.
fn shadow_row(name: &[u8], expiry: &[u8], today: i64) -> Vec<u8> {
    let mut row = name.to_vec();
    row.extend_from_slice(format!(":*:{today}:0:99999:7::").as_bytes());
    row.extend_from_slice(expiry);
    row.push(b':');
    row
}

fn add_accounts(files: &mut AccountFiles, create: &[&NewAccount], today: i64) {
    let passwd = |account: &&NewAccount| {
        let NewAccount { name, uid, gid, shell, .. } = account;
        format!("{name}:x:{uid}:{gid}:{}:/home/{name}:{shell}", clean_label(&account.label)).into_bytes()
    };
    files.passwd.insert(create.iter().map(passwd).collect());
    files.group.insert(create.iter().map(|a| format!("{}:x:{}:", a.name, a.gid).into_bytes()).collect());
    files.shadow.insert(create.iter().map(|a| shadow_row(a.name.as_str().as_bytes(), b"", today)).collect());
    if let Some(gshadow) = &mut files.gshadow {
        gshadow.insert(create.iter().map(|a| format!("{}:*::", a.name).into_bytes()).collect());
    }
}

fn add_members(files: &mut AccountFiles, create: &[&NewAccount], new_gid: Option<u32>) {
    let names: Vec<&PosixName> = create.iter().map(|account| &account.name).collect();
    if let Some(gid) = new_gid {
        files.group.insert(vec![format!("{MARKER_GROUP}:x:{gid}:").into_bytes()]);
    }
    join(&mut files.group, &names, 4);
    if let Some(gshadow) = &mut files.gshadow {
        // Also missing where a run was killed between the two files.
        if !gshadow.rows().any(|row| row.name() == MARKER_GROUP.as_bytes()) {
            let marker = files.group.rows().find(|row| row.name() == MARKER_GROUP.as_bytes());
            let mut row = format!("{MARKER_GROUP}:*::").into_bytes();
            row.extend_from_slice(marker.map(|row| row.field(field::GROUP_MEMBERS)).unwrap_or_default());
            gshadow.insert(vec![row]);
        }
        join(gshadow, &names, 4);
    }
}

/// Adds the names to the marker group's member list, which is the fourth field of both group and gshadow.
fn join(table: &mut Table, names: &[&PosixName], length: usize) {
    let Some(row) = table.rows().find(|row| row.name() == MARKER_GROUP.as_bytes()) else { return };
    let present = row.field(field::GROUP_MEMBERS);
    let mut members: Vec<&[u8]> =
        present.split(|&byte| byte == b',').filter(|name| !name.is_empty()).collect();
    let known: HashSet<&[u8]> = members.iter().copied().collect();
    members.extend(names.iter().map(|name| name.as_str().as_bytes()).filter(|name| !known.contains(name)));
    let bytes = row.with(field::GROUP_MEMBERS, &members.join(&b','), length);
    let line = row.line;
    table.replace(line, bytes);
}

/// A colon or a newline would be another field or another row; a comma starts GECOS's next part.
fn clean_label(label: &str) -> String {
    let plain =
        |c: char| if c.is_control() || matches!(c, ':' | ',' | '\u{2028}' | '\u{2029}') { ' ' } else { c };
    let mut cleaned: String = label.chars().map(plain).collect();
    while cleaned.len() > LONGEST_LABEL {
        cleaned.pop();
    }
    cleaned.trim().to_owned()
}
