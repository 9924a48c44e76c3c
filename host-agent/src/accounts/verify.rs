use std::collections::{HashMap, HashSet};

use super::group_verify::{made_groups, our_members, verify_groups, without_ours};
use super::table::Table;
use super::view::field;
use super::{AccountFiles, Ledger, MARKER_GROUP};

/// Why new account files are not written.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum VerifyError {
    #[error("{name} would stand in {file} more than once")]
    Duplicate { file: &'static str, name: String },
    #[error("{file} is empty or unreadable")]
    Empty { file: &'static str },
    #[error("{file} would lose or change a line that is not ours")]
    Foreign { file: &'static str },
    #[error("{name} would have no row in {file}")]
    Incomplete { file: &'static str, name: String },
    #[error("the group {MARKER_GROUP} would lose a member")]
    Members,
    #[error("/etc/passwd has no root with uid 0 in it")]
    NoRoot,
}

/// The files must be whole before anything is computed from them.
pub(crate) fn sound(files: &AccountFiles) -> Result<(), VerifyError> {
    for (file, table) in tables(files) {
        if table.rows().next().is_none() {
            return Err(VerifyError::Empty { file });
        }
    }
    let root = files.passwd.rows().any(|row| row.name() == b"root" && row.number(field::UID) == Some(0));
    if root { Ok(()) } else { Err(VerifyError::NoRoot) }
}

/// A second opinion on an edit, by other means than the edit's own: what is not ours is the same, line by line, and
/// what is ours is complete and unique.
pub(crate) fn verify(old: &AccountFiles, new: &AccountFiles, ledger: &Ledger) -> Result<(), VerifyError> {
    sound(new)?;
    let ours = our_names(old, ledger);
    let (made, people) = (made_groups(old, ledger), our_members(ledger));
    let new_tables = tables(new);
    for (file, table) in tables(old) {
        let Some((_, after)) = new_tables.iter().find(|(name, _)| *name == file) else {
            return Err(VerifyError::Foreign { file });
        };
        let (before, now) = (foreign(table, &ours), foreign(after, &ours));
        let is_same = if matches!(file, "/etc/group" | "/etc/gshadow") {
            let strangers = |lines: Vec<&[u8]>| -> Vec<Vec<u8>> {
                let others = lines.into_iter().filter(|line| !made.contains(name_of(line)));
                others.map(|line| without_ours(line, &people)).collect()
            };
            strangers(before) == strangers(now)
        } else {
            before == now
        };
        if !is_same {
            return Err(VerifyError::Foreign { file });
        }
        unique(file, after, &ours)?;
    }
    members_kept(&old.group, &new.group)?;
    verify_groups(old, new, ledger)?;
    complete(old, new, &ours)
}

fn tables(files: &AccountFiles) -> Vec<(&'static str, &Table)> {
    let mut tables =
        vec![("/etc/passwd", &files.passwd), ("/etc/group", &files.group), ("/etc/shadow", &files.shadow)];
    tables.extend(files.gshadow.as_ref().map(|table| ("/etc/gshadow", table)));
    tables
}

/// Names of the ledger under which no account with another uid stands.
fn our_names(old: &AccountFiles, ledger: &Ledger) -> HashSet<Vec<u8>> {
    let mut ours: HashSet<Vec<u8>> =
        ledger.iter().map(|(name, _)| name.as_str().as_bytes().to_vec()).collect();
    for row in old.passwd.rows() {
        let same = ledger.entry_of(row.name()).is_some_and(|e| row.number(field::UID) == Some(e.uid.value()));
        if !same {
            ours.remove(row.name());
        }
    }
    ours
}

fn name_of(line: &[u8]) -> &[u8] {
    line.split(|&byte| byte == b':').next().unwrap_or_default().trim_ascii_start()
}

fn foreign<'a>(table: &'a Table, ours: &HashSet<Vec<u8>>) -> Vec<&'a [u8]> {
    let is_foreign = |line: &&[u8]| {
        let name = name_of(line);
        name != MARKER_GROUP.as_bytes() && !ours.contains(name)
    };
    table.lines().iter().map(Vec::as_slice).filter(is_foreign).collect()
}

fn unique(file: &'static str, table: &Table, ours: &HashSet<Vec<u8>>) -> Result<(), VerifyError> {
    let mut seen: HashSet<&[u8]> = HashSet::new();
    let mut numbers: HashMap<u32, &[u8]> = HashMap::new();
    let numbered = matches!(file, "/etc/passwd" | "/etc/group");
    for row in table.rows() {
        let duplicate =
            || VerifyError::Duplicate { file, name: String::from_utf8_lossy(row.name()).into_owned() };
        let is_ours = ours.contains(row.name());
        if !seen.insert(row.name()) && is_ours {
            return Err(duplicate());
        }
        if let (true, Some(number)) = (numbered, row.number(field::UID)) {
            let holder = numbers.insert(number, row.name());
            if holder.is_some_and(|other| is_ours || ours.contains(other)) {
                return Err(duplicate());
            }
        }
    }
    Ok(())
}

fn members(group: &Table) -> HashSet<&[u8]> {
    let marker = group.rows().find(|row| row.name() == MARKER_GROUP.as_bytes());
    let list = marker.map(|row| row.field(field::GROUP_MEMBERS)).unwrap_or_default();
    list.split(|&byte| byte == b',').filter(|name| !name.is_empty()).collect()
}

fn members_kept(old: &Table, new: &Table) -> Result<(), VerifyError> {
    if members(old).is_subset(&members(new)) { Ok(()) } else { Err(VerifyError::Members) }
}

/// Whoever is new in passwd must be whole: a login sees all of an account or nothing.
fn complete(old: &AccountFiles, new: &AccountFiles, ours: &HashSet<Vec<u8>>) -> Result<(), VerifyError> {
    let before: HashSet<&[u8]> = old.passwd.rows().map(|row| row.name()).collect();
    let shadowed: HashSet<&[u8]> = new.shadow.rows().map(|row| row.name()).collect();
    let grouped: HashSet<&[u8]> = new.group.rows().map(|row| row.name()).collect();
    let marked = members(&new.group);
    for row in new.passwd.rows().filter(|row| !before.contains(row.name())) {
        let name = row.name();
        let missing =
            |file| VerifyError::Incomplete { file, name: String::from_utf8_lossy(name).into_owned() };
        if !ours.contains(name) || row.len() != field::PASSWD_LENGTH {
            return Err(VerifyError::Foreign { file: "/etc/passwd" });
        }
        if !shadowed.contains(name) {
            return Err(missing("/etc/shadow"));
        }
        if !grouped.contains(name) || !marked.contains(name) {
            return Err(missing("/etc/group"));
        }
    }
    Ok(())
}
