use std::collections::HashMap;

use sallyport_domain::{PosixName, Uid};
use sallyport_protocol::Account;

use crate::accounts::{Standing, View};
use crate::problem::{Code, Problem};
use crate::seen::Seen;

/// Which of the wanted accounts may be on this host, with what stands under their names.
#[derive(Debug)]
pub(crate) struct Judged<'a> {
    pub(crate) allowed: Vec<(&'a Account, Standing)>,
    pub(crate) problems: Vec<Problem>,
}

/// A wanted account is withheld when its name, uid or gid is somebody else's here; the others proceed. Without sound
/// account files whoever has access keeps it and nobody new gets it: what is unknown neither wipes nor grants.
pub(crate) fn judge<'a>(accounts: &'a [Account], seen: &Seen) -> Judged<'a> {
    let mut judged = Judged { allowed: Vec::new(), problems: Vec::new() };
    let files = match &seen.accounts {
        Ok(files) => files,
        Err(why) => {
            judged.problems.push(why.clone());
            let known = accounts.iter().filter(|account| seen.principals.contains_key(account.name.as_str()));
            judged.allowed = known.map(|account| (account, Standing::Ours { suspended: false })).collect();
            return judged;
        }
    };
    judged.problems.extend(seen.stray_problem());
    let view = View::new(files, &seen.ledger);
    let twice = Twice::new(accounts);
    for account in accounts {
        match refusal(account, seen, &view, &twice) {
            Ok(standing) => judged.allowed.push((account, standing)),
            Err(problem) => judged.problems.push(problem),
        }
    }
    judged
}

/// How often each name and number stands in the snapshot. Uids and gids are one space, as for the CA.
struct Twice<'a> {
    names: HashMap<&'a PosixName, usize>,
    numbers: HashMap<Uid, usize>,
}

impl<'a> Twice<'a> {
    fn new(accounts: &'a [Account]) -> Self {
        let mut twice = Self { names: HashMap::new(), numbers: HashMap::new() };
        for account in accounts {
            *twice.names.entry(&account.name).or_default() += 1;
            for (number, _) in numbers(account.uid, account.gid()) {
                *twice.numbers.entry(number).or_default() += 1;
            }
        }
        twice
    }

    fn is_twice(&self, account: &Account) -> bool {
        self.names.get(&account.name) != Some(&1)
            || numbers(account.uid, account.gid()).any(|(number, _)| self.numbers.get(&number) != Some(&1))
    }
}

/// The numbers of an account, each once, and what it is called.
fn numbers(uid: Uid, gid: Uid) -> impl Iterator<Item = (Uid, &'static str)> {
    let group = (gid != uid).then_some((gid, "gid"));
    std::iter::once((uid, "uid")).chain(group)
}

fn refusal(account: &Account, seen: &Seen, view: &View<'_>, twice: &Twice<'_>) -> Result<Standing, Problem> {
    let Account { name, uid, user, .. } = account;
    let withheld = |code, why: &str| Err(Problem::new(code, format!("{name} is withheld: {why}")));
    if account.adopt.is_some() {
        return adopted(account, seen, view, twice);
    }
    if name.is_reserved() {
        return withheld(Code::NameReserved, "the name is reserved for the system");
    }
    if twice.is_twice(account) {
        return withheld(Code::NameTaken, "its name, uid or gid stands in the snapshot more than once");
    }
    if let Some(entry) = seen.ledger.entry(name) {
        match entry.user {
            Some(person) if person == *user => {}
            Some(_) => return withheld(Code::NameTaken, "the account was made for another person"),
            None => {
                let why = "the list of our accounts was lost, and nothing told for whom this one was made; if it is theirs, run: sallyport-host recover";
                return withheld(Code::NameTaken, why);
            }
        }
        if entry.uid != *uid {
            return withheld(Code::UidConflict, &format!("the account was made with uid {}", entry.uid));
        }
    } else if seen.ledger.group(name).is_some() {
        return withheld(Code::NameTaken, "a group that we made here has or had that name");
    } else if let Some((other, number, kind)) = given(account, seen) {
        return withheld(Code::UidConflict, &format!("its {kind} {number} was given to {other}"));
    }
    let gid = seen.ledger.gid_of(account);
    match view.standing(name) {
        Standing::Foreign(why) => withheld(Code::NameTaken, &why),
        Standing::Absent if seen.system_names.contains(name.as_str()) => {
            withheld(Code::NameReserved, "this distribution has the name for a system account")
        }
        Standing::Absent if view.listed(name).is_some() => {
            withheld(Code::NameTaken, &view.listed(name).unwrap_or_default())
        }
        Standing::Absent => match view.holder(uid.value(), name) {
            Some(_) if let Some(from) = view.renamed(name, *uid, *user) => Ok(Standing::Renamed { from }),
            Some(holder) => withheld(Code::UidConflict, &format!("its uid {uid} belongs to {holder}")),
            None => match view.holder(gid.value(), name) {
                Some(holder) => withheld(Code::UidConflict, &format!("its gid {gid} belongs to {holder}")),
                None => Ok(Standing::Absent),
            },
        },
        ours => Ok(ours),
    }
}

/// Which number of the account another person's entry has, or a group's.
fn given<'a>(account: &Account, seen: &'a Seen) -> Option<(&'a PosixName, Uid, &'static str)> {
    let of_group = numbers(account.uid, account.gid())
        .find_map(|(number, kind)| Some((seen.ledger.group_of_gid(number)?, number, kind)));
    if of_group.is_some() {
        return of_group;
    }
    seen.ledger.iter().filter(|(_, entry)| entry.user != Some(account.user)).find_map(|(other, entry)| {
        let taken = numbers(account.uid, account.gid()).find(|(number, _)| entry.has(*number));
        taken.map(|(number, kind)| (other, number, kind))
    })
}

/// An account that stands here and was given to the person: theirs, unless it is the system's or another person's.
fn adopted(account: &Account, seen: &Seen, view: &View<'_>, twice: &Twice<'_>) -> Result<Standing, Problem> {
    let Account { name, uid, user, .. } = account;
    let withheld = |why: &str| {
        Err(Problem::new(Code::AdoptionRefused, format!("the local account {name} is not given away: {why}")))
    };
    if twice.is_twice(account) {
        return withheld("its name, uid or gid stands in the snapshot more than once");
    }
    if view.uid_of(name) != Some(uid.value()) {
        return withheld("it is the system's, or stands in /etc/passwd more than once");
    }
    if let Some(holder) = view.holder(uid.value(), name).filter(|holder| !holder.starts_with("group ")) {
        return withheld(&format!("{holder} has the same uid"));
    }
    if seen.ledger.entry(name).is_some_and(|entry| entry.user != Some(*user)) {
        return withheld("it was made for another person");
    }
    match seen.ledger.adopted_entry(name) {
        Some(entry) if entry.user != Some(*user) => {
            withheld("it is another person's until their sessions have ended")
        }
        Some(entry) if entry.uid != *uid => withheld("its uid changed since it was given"),
        _ => Ok(Standing::Adopted),
    }
}
