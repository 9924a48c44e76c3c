use std::collections::HashSet;

use sallyport_domain::{PosixName, Uid, UidRange};

use super::view::field;
use super::{AccountFiles, Ledger, MARKER_GROUP};

/// The gid of the group that bears the account's name.
pub(crate) fn own_gid(files: &AccountFiles, name: &PosixName) -> Option<Uid> {
    let row = files.group.rows().find(|row| row.name() == name.as_str().as_bytes())?;
    Uid::try_from(row.number(field::GROUP_GID)?).ok()
}

/// Accounts with our marks in the account files that the ledger does not know: it was lost, or an older one stands in
/// its place. They are not ours to change, and somebody has to be told.
pub(crate) fn strays(files: &AccountFiles, ledger: &Ledger, ranges: &[UidRange]) -> Vec<(PosixName, Uid)> {
    let ranges = if ranges.is_empty() { &[UidRange::DEFAULT] } else { ranges };
    let group = files.group.rows().find(|row| row.name() == MARKER_GROUP.as_bytes());
    let members = group.map(|row| row.field(field::GROUP_MEMBERS)).unwrap_or_default();
    let marked: HashSet<&[u8]> = members.split(|&byte| byte == b',').collect();
    let stray = |row: super::table::Row<'_>| {
        let number = row.number(field::UID)?;
        let in_range = ranges.iter().any(|range| range.contains(number));
        let unknown = marked.contains(row.name()) && ledger.entry_of(row.name()).is_none();
        let name: PosixName = std::str::from_utf8(row.name()).ok()?.parse().ok()?;
        (in_range && unknown && !name.is_reserved()).then_some((name, Uid::try_from(number).ok()?))
    };
    files.passwd.rows().filter_map(stray).collect()
}
