use std::collections::BTreeSet;

use sallyport_domain::{PosixName, Uid};
use sallyport_protocol::Account;

use super::{Judged, Person, Step};
use crate::accounts::{AccountFiles, Entry, Standing, View};
use crate::seen::Seen;

/// Expires the accounts of those who are not to be here and ends what they run.
pub(super) fn suspend(accounts: &[Account], seen: &Seen, judged: &Judged<'_>) -> Vec<Step> {
    match &seen.accounts {
        Ok(files) => by_files(files, accounts, seen, judged),
        Err(_) => by_ledger(accounts, seen),
    }
}

fn by_files(files: &AccountFiles, accounts: &[Account], seen: &Seen, judged: &Judged<'_>) -> Vec<Step> {
    let mut keep: BTreeSet<&PosixName> = judged.allowed.iter().map(|(account, _)| &account.name).collect();
    // The same account, about to have another name.
    keep.extend(judged.allowed.iter().filter_map(|(_, standing)| match standing {
        Standing::Renamed { from } => Some(from),
        _ => None,
    }));
    let view = View::new(files, &seen.ledger);
    let (mut newly, mut running) = (Vec::new(), Vec::new());
    for (name, entry) in seen.ledger.iter().filter(|(name, _)| !keep.contains(name)) {
        let Standing::Ours { suspended } = view.standing(name) else { continue };
        let person = Person { name: name.clone(), uid: entry.uid };
        if seen.running.contains_key(&entry.uid.value()) {
            running.push(person.clone());
        }
        if !suspended {
            newly.push(person);
        }
    }
    running.extend(running_strays(accounts, seen));
    // An adopted account is never expired: without principals and sudo, what is left of ours is what runs.
    let mut disowned = Vec::new();
    for (name, entry) in seen.ledger.adopted().filter(|(name, _)| !keep.contains(name)) {
        if seen.running.contains_key(&entry.uid.value()) {
            running.push(Person { name: name.clone(), uid: entry.uid });
        } else {
            disowned.push(name.clone());
        }
    }
    let disown = (!disowned.is_empty()).then_some(Step::Disown { names: disowned });
    let names: Vec<PosixName> = newly.iter().map(|person| person.name.clone()).collect();
    // The account files may be locked by others for a minute, which no session is to outlive. And until the expiry
    // stands, a new one can begin: hence again.
    let expire = (!names.is_empty()).then_some(Step::Suspend { names });
    end(running).into_iter().chain(disown).chain(expire).chain(end(newly)).collect()
}

fn end(people: Vec<Person>) -> Option<Step> {
    (!people.is_empty()).then_some(Step::EndSessions { people })
}

/// Account files that are not to be built upon can expire nobody. What runs under a uid that we gave is still ours to
/// end: the ledger alone says whose it is.
fn by_ledger(accounts: &[Account], seen: &Seen) -> Vec<Step> {
    let wanted = |name: &PosixName, entry: &Entry| {
        accounts.iter().any(|a| a.name == *name && a.uid == entry.uid && Some(a.user) == entry.user)
    };
    let gone = seen
        .ledger
        .iter()
        .chain(seen.ledger.adopted())
        .filter(|(name, entry)| seen.running.contains_key(&entry.uid.value()) && !wanted(name, entry));
    let people: Vec<Person> =
        gone.map(|(name, entry)| Person { name: name.clone(), uid: entry.uid }).collect();
    end(people.into_iter().chain(running_strays(accounts, seen)).collect()).into_iter().collect()
}

/// Of accounts that bear our marks and stand in no ledger: what they are is for an administrator to say, and until then
/// whom no snapshot names goes on with nothing.
fn running_strays(accounts: &[Account], seen: &Seen) -> Vec<Person> {
    let wanted = |name: &PosixName, uid: Uid| accounts.iter().any(|a| a.name == *name && a.uid == uid);
    let strays = seen.strays.iter().filter(|(name, uid)| !wanted(name, *uid));
    let running = strays.filter(|(_, uid)| seen.running.contains_key(&uid.value()));
    running.map(|(name, uid)| Person { name: name.clone(), uid: *uid }).collect()
}
