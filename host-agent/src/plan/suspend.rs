use std::collections::BTreeSet;

use sallyport_domain::PosixName;
use sallyport_protocol::Account;

use super::{Judged, Person, Step};
use crate::accounts::{AccountFiles, Entry, Standing, View};
use crate::seen::Seen;

/// Expires the accounts of those who are not to be here and ends what they run.
pub(super) fn suspend(accounts: &[Account], seen: &Seen, judged: &Judged<'_>) -> Vec<Step> {
    match &seen.accounts {
        Ok(files) => by_files(files, seen, judged),
        Err(_) => by_ledger(accounts, seen),
    }
}

fn by_files(files: &AccountFiles, seen: &Seen, judged: &Judged<'_>) -> Vec<Step> {
    let keep: BTreeSet<&PosixName> = judged.allowed.iter().map(|(account, _)| &account.name).collect();
    let view = View::new(files, &seen.ledger);
    let (mut newly, mut people) = (Vec::new(), Vec::new());
    for (name, entry) in seen.ledger.iter().filter(|(name, _)| !keep.contains(name)) {
        let Standing::Ours { suspended } = view.standing(name) else { continue };
        if !suspended {
            newly.push(name.clone());
        }
        if !suspended || seen.running.contains(&entry.uid.value()) {
            people.push(Person { name: name.clone(), uid: entry.uid });
        }
    }
    let suspend = (!newly.is_empty()).then_some(Step::Suspend { names: newly });
    let end = (!people.is_empty()).then_some(Step::EndSessions { people });
    suspend.into_iter().chain(end).collect()
}

/// Account files that are not to be built upon can expire nobody. What runs under a uid that we gave is still ours to
/// end: the ledger alone says whose it is.
fn by_ledger(accounts: &[Account], seen: &Seen) -> Vec<Step> {
    let wanted = |name: &PosixName, entry: &Entry| {
        accounts.iter().any(|a| a.name == *name && a.uid == entry.uid && a.user == entry.user)
    };
    let gone = seen
        .ledger
        .iter()
        .filter(|(name, entry)| seen.running.contains(&entry.uid.value()) && !wanted(name, entry));
    let people: Vec<Person> =
        gone.map(|(name, entry)| Person { name: name.clone(), uid: entry.uid }).collect();
    (!people.is_empty()).then_some(Step::EndSessions { people }).into_iter().collect()
}
