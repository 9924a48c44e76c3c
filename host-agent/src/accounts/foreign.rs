//! What the CA has to know before it names somebody: local accounts and groups that are not ours.

use std::collections::BTreeSet;

use sallyport_domain::{PosixName, Uid, UidRange};
use sallyport_protocol::LocalNames;

use super::view::field;
use super::{AccountFiles, Entry, GroupView, Ledger};

/// Names and numbers of rows that we did not make. Reserved names are nobody's anyway and are left out.
pub(crate) fn foreign(files: &AccountFiles, ledger: &Ledger, ranges: &[UidRange]) -> LocalNames {
    let (mut names, mut ids) = (BTreeSet::new(), BTreeSet::new());
    let of_account: fn(&Entry) -> Uid = |entry| entry.uid;
    let view = GroupView::new(files, ledger);
    for (table, field, made) in
        [(&files.passwd, field::UID, of_account), (&files.group, field::GROUP_GID, Entry::gid)]
    {
        for row in table.rows() {
            let number = row.number(field);
            let name = posix_name(row.name());
            let group = name.as_ref().filter(|name| view.is_ours(name)).and_then(|name| ledger.group(name));
            let ours = ledger.entry_of(row.name()).map(made).or(group);
            if ours.is_none() {
                names.extend(name.filter(|name| !name.is_reserved()));
            }
            if ours.is_none_or(|ours| number != Some(ours.value())) {
                ids.extend(number.filter(|number| ranges.iter().any(|range| range.contains(*number))));
            }
        }
    }
    LocalNames {
        names: names.into_iter().take(LocalNames::MOST).collect(),
        ids: ids.into_iter().filter_map(|number| Uid::try_from(number).ok()).take(LocalNames::MOST).collect(),
    }
}

fn posix_name(bytes: &[u8]) -> Option<PosixName> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}
