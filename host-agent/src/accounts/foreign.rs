//! What the CA has to know before it names somebody: local accounts and groups that are not ours.

use std::collections::BTreeSet;

use sallyport_domain::{PosixName, Uid, UidRange};
use sallyport_protocol::LocalNames;

use super::view::field;
use super::{AccountFiles, Entry, GroupView, Ledger};
use crate::problem::{Code, Problem};

/// What of them the CA takes, and how many of either that leaves untold.
#[derive(Debug)]
pub(crate) struct Foreign {
    pub(crate) told: LocalNames,
    pub(crate) untold_names: usize,
    pub(crate) untold_ids: usize,
}

/// Names and numbers of rows that we did not make. Reserved names are nobody's anyway and are left out.
pub(crate) fn foreign(files: &AccountFiles, ledger: &Ledger, ranges: &[UidRange]) -> Foreign {
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
    let mut names: Vec<PosixName> = names.into_iter().collect();
    let mut ids: Vec<Uid> = ids.into_iter().filter_map(|number| Uid::try_from(number).ok()).collect();
    let untold_names = names.len().saturating_sub(LocalNames::MOST);
    let untold_ids = ids.len().saturating_sub(LocalNames::MOST);
    names.truncate(LocalNames::MOST);
    ids.truncate(LocalNames::MOST);
    Foreign { told: LocalNames { names, ids }, untold_names, untold_ids }
}

impl Foreign {
    /// Why the CA may give somebody a name or a number that is taken here.
    pub(crate) fn problem(&self) -> Option<Problem> {
        if self.untold_names == 0 && self.untold_ids == 0 {
            return None;
        }
        let detail = format!(
            "this host has more local accounts and groups than the CA takes of one host ({} of either): {} names and {} numbers are not told, so somebody can be given one of them, and is withheld here then",
            LocalNames::MOST,
            self.untold_names,
            self.untold_ids
        );
        Some(Problem::new(Code::LocalNamesCut, detail))
    }
}

fn posix_name(bytes: &[u8]) -> Option<PosixName> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}
