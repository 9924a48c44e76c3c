use std::collections::BTreeSet;

use sallyport_domain::PosixName;

use super::groups::members;
use super::table::Table;
use super::view::field;
use super::{AccountFiles, GroupChanges, GroupStanding, GroupView, Ledger, Memberships, NewGroup};

/// Carries the changes out on files whose accounts are edited already. Whatever is asked, only rows that are ours are
/// made or taken away, and in others' rows only names of ours come and go.
///
/// What turned out not to be ours to do, for people to read.
pub(super) fn edit_groups(
    files: &mut AccountFiles,
    ledger: &Ledger,
    changes: &GroupChanges,
    repair: bool,
) -> Vec<String> {
    let mut withheld = Vec::new();
    if changes.is_empty() && !repair {
        return withheld;
    }
    if repair || !changes.create.is_empty() {
        mend(files, ledger);
    }
    create(files, ledger, &changes.create, &mut withheld);
    let join = joining(files, ledger, &changes.join, &mut withheld);
    let part = parting(files, ledger, &changes.part);
    change_members(&mut files.group, &join, &part);
    if let Some(gshadow) = &mut files.gshadow {
        change_members(gshadow, &join, &part);
    }
    remove(files, ledger, &changes.remove);
    withheld
}

fn create(files: &mut AccountFiles, ledger: &Ledger, groups: &[NewGroup], withheld: &mut Vec<String>) {
    let view = GroupView::new(files, ledger);
    let (mut rows, mut shadow_rows) = (Vec::new(), Vec::new());
    for NewGroup { name, gid } in groups {
        match view.standing(name, *gid) {
            GroupStanding::Absent if ledger.group(name) == Some(*gid) => {
                rows.push(format!("{name}:x:{gid}:").into_bytes());
                shadow_rows.push(format!("{name}:*::").into_bytes());
            }
            GroupStanding::Absent => withheld.push(format!("{name} is not in our ledger")),
            GroupStanding::Ours => {}
            GroupStanding::Foreign(why) => withheld.push(format!("the group {name} is withheld: {why}")),
        }
    }
    files.group.insert(rows);
    if let Some(gshadow) = &mut files.gshadow {
        gshadow.insert(shadow_rows);
    }
}

/// Who can join: an account that is there, into a group that we made or that the host has, as the ledger notes it.
fn joining(
    files: &AccountFiles,
    ledger: &Ledger,
    join: &Memberships,
    withheld: &mut Vec<String>,
) -> Memberships {
    let view = GroupView::new(files, ledger);
    let accounts: BTreeSet<&[u8]> = files.passwd.rows().map(|row| row.name()).collect();
    let mut joining = Memberships::default();
    for (group, names) in join.iter() {
        if let Some(why) = view.local_refusal(group).filter(|_| !view.is_ours(group)) {
            withheld.push(format!("nobody is put into the group {group}: {why}"));
            continue;
        }
        for name in names {
            let is_there = accounts.contains(name.as_str().as_bytes());
            if is_there && ledger.memberships().has(group, name) {
                joining.add(group, name);
            }
        }
    }
    joining
}

/// Whom we put there, and whom somebody else put into a group that we made.
fn parting(files: &AccountFiles, ledger: &Ledger, part: &Memberships) -> Memberships {
    let view = GroupView::new(files, ledger);
    let may = |(group, member): &(&PosixName, &PosixName)| {
        ledger.memberships().has(group, member) || (ledger.entry(member).is_some() && view.is_ours(group))
    };
    part.each().filter(may).collect()
}

fn change_members(table: &mut Table, join: &Memberships, part: &Memberships) {
    let mut changed = Vec::new();
    for row in table.rows().filter(|row| row.len() >= field::GROUP_LENGTH) {
        let Some(group) = std::str::from_utf8(row.name()).ok().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let list = row.field(field::GROUP_MEMBERS);
        let leaves: BTreeSet<&[u8]> = part.of(&group).map(|name| name.as_str().as_bytes()).collect();
        let mut after: Vec<&[u8]> = members(list).filter(|member| !leaves.contains(member)).collect();
        if list.is_empty() {
            after.clear();
        }
        let present: BTreeSet<&[u8]> = after.iter().copied().collect();
        let joining = join.of(&group).map(|name| name.as_str().as_bytes());
        after.extend(joining.filter(|name| !present.contains(name)));
        let after = after.join(&b',');
        if after != list {
            changed.push((row.line, row.with(field::GROUP_MEMBERS, &after, field::GROUP_LENGTH)));
        }
    }
    for (line, bytes) in changed {
        table.replace(line, bytes);
    }
}

/// A group of ours goes when nobody is left in it, nor has it as a first group. Its number stays in the ledger.
fn remove(files: &mut AccountFiles, ledger: &Ledger, names: &[PosixName]) {
    let view = GroupView::new(files, ledger);
    let goes = |name: &&PosixName| {
        let gid = ledger.group(name).filter(|_| view.is_ours(name));
        gid.is_some_and(|gid| !view.is_primary(gid)) && view.members(name).next().is_none()
    };
    let gone: BTreeSet<Vec<u8>> =
        names.iter().filter(goes).map(|name| name.as_str().as_bytes().to_vec()).collect();
    for table in [Some(&mut files.group), files.gshadow.as_mut()].into_iter().flatten() {
        take_out(table, &gone);
    }
}

fn take_out(table: &mut Table, names: &BTreeSet<Vec<u8>>) {
    let lines: Vec<usize> =
        table.rows().filter(|row| names.contains(row.name())).map(|row| row.line).collect();
    table.remove(&lines);
}

/// The second row of a group of ours that a killed run left with one.
fn mend(files: &mut AccountFiles, ledger: &Ledger) {
    let view = GroupView::new(files, ledger);
    let (mut fresh, mut gone) = (Vec::new(), BTreeSet::new());
    for name in view.halves() {
        if view.is_ours(&name) {
            let mut row = format!("{name}:*::").into_bytes();
            row.extend_from_slice(&view.members(&name).collect::<Vec<_>>().join(&b','));
            fresh.push(row);
        } else {
            gone.insert(name.as_str().as_bytes().to_vec());
        }
    }
    if let Some(gshadow) = &mut files.gshadow {
        take_out(gshadow, &gone);
        gshadow.insert(fresh);
    }
}
