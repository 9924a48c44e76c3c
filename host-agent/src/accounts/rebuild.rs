use std::collections::BTreeMap;

use jiff::Timestamp;
use sallyport_domain::{PosixName, Uid, UserId};

use super::{Entry, Ledger};

/// For whom an account was made, as far as something on the host still tells: by name, and the uid where it is told.
pub(crate) type Witness = BTreeMap<PosixName, (Option<Uid>, UserId)>;

/// Takes these accounts into the ledger, and gives entries without a person theirs. `gid` tells an account's own group. Each witness is heard in turn; who
/// knows the name under another uid is no witness.
///
/// What changed, for people to read.
pub(crate) fn rebuild(
    ledger: &mut Ledger,
    strays: &[(PosixName, Uid)],
    gid: impl Fn(&PosixName) -> Option<Uid>,
    witnesses: &[Witness],
    now: Timestamp,
) -> Vec<String> {
    let person = |name: &PosixName, uid: Uid| {
        let tells = |witness: &Witness| {
            let (told, user) = *witness.get(name)?;
            told.is_none_or(|told| told == uid).then_some(user)
        };
        witnesses.iter().find_map(tells)
    };
    let mut said = Vec::new();
    for (name, uid) in strays {
        let user = person(name, *uid);
        let gid = gid(name).filter(|gid| gid != uid);
        ledger.intend(name, Entry { uid: *uid, gid, user, created_at: now });
        said.push(match user {
            Some(user) => format!("{name} with uid {uid} is ours, made for u:{user}"),
            None => format!("{name} with uid {uid} is ours; for whom it was made, nothing here tells"),
        });
    }
    let nobodys = ledger.iter().filter(|(_, entry)| entry.user.is_none());
    let nobodys: Vec<(PosixName, Uid)> = nobodys.map(|(name, entry)| (name.clone(), entry.uid)).collect();
    for (name, uid) in nobodys {
        if let Some(user) = person(&name, uid) {
            ledger.identify(&name, user);
            said.push(format!("{name} with uid {uid} was made for u:{user}"));
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{NOW, at, user};

    fn name(text: &str) -> PosixName {
        text.parse().unwrap()
    }

    fn uid(number: u32) -> Uid {
        number.try_into().unwrap()
    }

    #[test]
    fn the_first_who_knows_name_and_number_is_heard() {
        let signed: Witness =
            [(name("ada"), (Some(uid(70_001)), user(1))), (name("bob"), (Some(uid(70_099)), user(99)))]
                .into();
        let written: Witness = [(name("ada"), (None, user(9))), (name("bob"), (None, user(2)))].into();
        let mut ledger = Ledger::default();
        let strays = [(name("ada"), uid(70_001)), (name("bob"), uid(70_002)), (name("cyd"), uid(70_003))];
        let gid = |of: &PosixName| (*of == name("ada")).then(|| uid(80_001));
        let said = rebuild(&mut ledger, &strays, gid, &[signed, written], at(NOW));
        assert_eq!(said.len(), 3);
        assert_eq!(ledger.entry(&name("ada")).unwrap().gid(), uid(80_001));
        assert_eq!(ledger.entry(&name("bob")).unwrap().gid(), uid(70_002));
        let person = |ledger: &Ledger, of: &str| ledger.entry(&name(of)).unwrap().user;
        assert_eq!(person(&ledger, "ada"), Some(user(1)));
        assert_eq!(person(&ledger, "bob"), Some(user(2)));
        assert_eq!(person(&ledger, "cyd"), None);
        // A later word tells whose it is, and takes nobody's away.
        let later: Witness = ["ada", "bob", "cyd"].map(|of| (name(of), (None, user(7)))).into();
        assert_eq!(rebuild(&mut ledger, &[], gid, &[later], at(NOW)).len(), 1);
        assert_eq!(person(&ledger, "cyd"), Some(user(7)));
        assert_eq!(person(&ledger, "ada"), Some(user(1)));
    }
}
