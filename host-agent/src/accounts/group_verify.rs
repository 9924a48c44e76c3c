//! A second opinion on what an edit did to groups.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use sallyport_domain::{PosixName, Uid};

use super::groups::members;
use super::table::Table;
use super::verify::VerifyError;
use super::view::field;
use super::{AccountFiles, Ledger};

/// The groups that we made, by the gid that they have in these files: names that stand there for anything else are
/// not in here.
pub(super) fn made_groups(files: &AccountFiles, ledger: &Ledger) -> BTreeSet<Vec<u8>> {
    let mut made: BTreeMap<Vec<u8>, Uid> =
        ledger.groups().map(|(name, gid)| (name.as_str().as_bytes().to_vec(), gid)).collect();
    for row in files.group.rows() {
        if made.get(row.name()).is_some_and(|gid| row.number(field::GROUP_GID) != Some(gid.value())) {
            made.remove(row.name());
        }
    }
    for row in files.passwd.rows() {
        made.remove(row.name());
    }
    made.into_keys().collect()
}

/// Names that may come into member lists and go out of them: accounts that we made or that were adopted, and whoever
/// the ledger still notes as put somewhere.
pub(super) fn our_members(ledger: &Ledger) -> HashSet<Vec<u8>> {
    let accounts = ledger.iter().chain(ledger.adopted()).map(|(name, _)| name);
    let noted = ledger.memberships().each().map(|(_, member)| member);
    accounts.chain(noted).map(|name| name.as_str().as_bytes().to_vec()).collect()
}

/// A line of group or gshadow without our members: what an edit may not change.
pub(super) fn without_ours(line: &[u8], ours: &HashSet<Vec<u8>>) -> Vec<u8> {
    let table = Table::parse(line);
    let Some(row) = table.rows().next() else { return line.to_vec() };
    let list = row.field(field::GROUP_MEMBERS);
    if !members(list).any(|member| ours.contains(member)) {
        return line.to_vec();
    }
    let others: Vec<&[u8]> = members(list).filter(|member| !ours.contains(*member)).collect();
    row.with(field::GROUP_MEMBERS, &others.join(&b','), 0)
}

/// Accounts of ours come into groups and go out of them as the ledger notes it; out of groups that we made, in any case.
/// Groups that are new are ours, with our number; those that are gone were ours and held nobody.
pub(super) fn verify_groups(
    old: &AccountFiles,
    new: &AccountFiles,
    ledger: &Ledger,
) -> Result<(), VerifyError> {
    let (made, ours) = (made_groups(old, ledger), our_members(ledger));
    let pairs = [(Some(&old.group), Some(&new.group)), (old.gshadow.as_ref(), new.gshadow.as_ref())];
    for (file, (before, after)) in ["/etc/group", "/etc/gshadow"].into_iter().zip(pairs) {
        if let (Some(before), Some(after)) = (before, after) {
            members_as_noted(file, [before, after], ledger, (&made, &ours))?;
        }
    }
    let rows = |files: &'_ AccountFiles, name: &[u8]| -> Option<Vec<u8>> {
        let mut rows = files.group.rows();
        rows.find(|row| row.name() == name).map(|row| without_ours(&row.with(0, row.name(), 0), &ours))
    };
    for name in &made {
        let stranger = |row: &[u8]| {
            let list = row.rsplit(|&byte| byte == b':').next().unwrap_or_default();
            members(list).any(|member| !member.is_empty())
        };
        let is_kept = match (rows(old, name), rows(new, name)) {
            (Some(before), None) => !stranger(&before),
            (Some(before), Some(after)) => before == after,
            (None, Some(after)) => !stranger(&after) && is_new_and_free(old, new, name, ledger),
            (None, None) => true,
        };
        if !is_kept {
            return Err(VerifyError::Foreign { file: "/etc/group" });
        }
    }
    Ok(())
}

/// The number of a new group is ours by the ledger, and nobody has it.
fn is_new_and_free(old: &AccountFiles, new: &AccountFiles, name: &[u8], ledger: &Ledger) -> bool {
    let parsed = std::str::from_utf8(name).ok().and_then(|name| name.parse::<PosixName>().ok());
    let Some(gid) = parsed.and_then(|name| ledger.group(&name)).map(Uid::value) else { return false };
    let holders = new.group.rows().filter(|row| row.number(field::GROUP_GID) == Some(gid)).count();
    let of_user = old.passwd.rows().chain(new.passwd.rows()).any(|row| row.number(field::UID) == Some(gid));
    holders == 1 && !of_user
}

fn members_as_noted(
    file: &'static str,
    [before, after]: [&Table; 2],
    ledger: &Ledger,
    (made, ours): (&BTreeSet<Vec<u8>>, &HashSet<Vec<u8>>),
) -> Result<(), VerifyError> {
    let (before, after) = (ours_by_group(before, ours), ours_by_group(after, ours));
    let none = BTreeSet::new();
    // Whose own group has others in it, and is renamed with its account, concerns nobody here.
    let own = |name: &[u8]| name == super::MARKER_GROUP.as_bytes() || ledger.entry_of(name).is_some();
    for name in before.keys().chain(after.keys()).filter(|name| !own(name)) {
        let (had, has) = (before.get(name).unwrap_or(&none), after.get(name).unwrap_or(&none));
        let group = std::str::from_utf8(name).ok().and_then(|name| name.parse::<PosixName>().ok());
        let notes: HashSet<&[u8]> = group
            .iter()
            .flat_map(|group| ledger.memberships().of(group))
            .map(|member| member.as_str().as_bytes())
            .collect();
        // The row that a killed run left out of gshadow comes back with who is in it.
        let mended = file == "/etc/gshadow" && made.contains(*name) && !before.contains_key(name);
        let joined = mended || has.difference(had).all(|member| notes.contains(member));
        let parted = had.difference(has).all(|member| made.contains(*name) || notes.contains(member));
        if !joined || !parted {
            return Err(VerifyError::Foreign { file });
        }
    }
    Ok(())
}

fn ours_by_group<'a>(table: &'a Table, ours: &HashSet<Vec<u8>>) -> BTreeMap<&'a [u8], BTreeSet<&'a [u8]>> {
    let mut groups: BTreeMap<&[u8], BTreeSet<&[u8]>> = BTreeMap::new();
    for row in table.rows() {
        let list = members(row.field(field::GROUP_MEMBERS)).filter(|member| ours.contains(*member));
        groups.entry(row.name()).or_default().extend(list);
    }
    groups
}
