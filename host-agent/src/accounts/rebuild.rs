use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sallyport_domain::{PosixName, Uid, UserId};

use sallyport_protocol::{Content, PosixGroup};

use super::{AccountFiles, Entry, GroupView, Ledger, Memberships, View};

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

/// What was lost of the ledger: only of that can a membership that nobody noted be ours.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lost {
    pub(crate) everything: bool,
    /// Accounts that were unknown, or nobody's, until just now.
    pub(crate) accounts: BTreeSet<PosixName>,
}

/// Takes the groups of the CA's last word into the ledger where they stand here by name and gid, and notes who of its
/// people is in their groups, as far as that note was lost: who was put into a local one by somebody else's hand cannot
/// be told apart. Where else the accounts stand that were lost is said and left as it is.
pub(crate) fn rebuild_groups(
    ledger: &mut Ledger,
    files: &AccountFiles,
    word: &Content,
    lost: &Lost,
) -> Vec<String> {
    let mut said = Vec::new();
    let mut taken_in: BTreeSet<&PosixName> = BTreeSet::new();
    for PosixGroup { name, gid } in &word.posix_groups {
        let view = GroupView::new(files, ledger);
        let is_known = ledger.group(name).is_some();
        if !is_known && view.gid(name) == Some(gid.value()) && ledger.entry(name).is_none() {
            ledger.intend_group(name, *gid);
            taken_in.insert(name);
            said.push(format!("the group {name} with gid {gid} is ours"));
        }
    }
    let view = GroupView::new(files, ledger);
    let mut found = Memberships::default();
    for account in &word.accounts {
        let name = account.adopt.as_ref().unwrap_or(&account.name);
        let is_theirs = |entry: Option<&Entry>| entry.is_some_and(|entry| entry.user == Some(account.user));
        if !is_theirs(ledger.entry(name)) && !is_theirs(ledger.adopted_entry(name)) {
            continue;
        }
        let managed = account.groups.managed.iter().filter(|group| taken_in.contains(group));
        let is_lost = lost.everything || lost.accounts.contains(name);
        let local = account.groups.local.iter().filter(|_| is_lost);
        for group in managed.chain(local).filter(|group| view.has_member(group, name)) {
            if !ledger.memberships().has(group, name) {
                found.add(group, name);
            }
        }
    }
    for (group, name) in found.each() {
        ledger.memberships_mut().add(group, name);
        said.push(format!("{name} is in the group {group} by the CA's word"));
    }
    said.extend(lost.accounts.iter().flat_map(|name| unexplained(ledger, files, name)));
    said
}

/// Groups of the host in which the account stands by nobody's word. It may be ours or not, and stays until somebody
/// who knows says so.
fn unexplained(ledger: &Ledger, files: &AccountFiles, name: &PosixName) -> Vec<String> {
    let view = View::new(files, ledger);
    let sentence = |group| {
        format!(
            "{name} is in the group {group}, and nothing here tells by whom; if it is not to be: gpasswd -d {name} {group}"
        )
    };
    view.listed_in(name).map(sentence).collect()
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
    fn groups_come_back_by_the_cas_word_and_what_stands_here() {
        use crate::testing::{TestHost, account, content, in_groups, with_groups};
        let host = TestHost::new();
        let row = "research:x:70050:ada,bob\nprint:x:9:ada\nadm:x:4:ada\n";
        let path = host.paths.group();
        std::fs::write(&path, std::fs::read_to_string(&path).unwrap() + row).unwrap();
        let files = AccountFiles::read(&host.paths).unwrap();
        let ada = in_groups(&["research", "print"], &["adm", "lp"], account("ada", 70_001, false));
        let word =
            with_groups(&[("gone", 70_052), ("print", 70_051), ("research", 70_050)], content(vec![ada]));
        let mut ledger = Ledger::default();
        let entry = Entry { uid: uid(70_001), gid: None, user: Some(user(1)), created_at: at(NOW) };
        ledger.intend(&name("ada"), entry);
        // Of a ledger that is whole, only the group that it lacks.
        let mut whole = ledger.clone();
        let said = rebuild_groups(&mut whole, &files, &word, &Lost::default());
        let noted = |ledger: &Ledger| -> Vec<String> {
            ledger.memberships().each().map(|(group, _)| group.to_string()).collect()
        };
        assert_eq!((noted(&whole), said.len()), (vec!["research".to_owned()], 2), "{said:?}");
        assert!(rebuild_groups(&mut whole, &files, &word, &Lost::default()).is_empty());

        let lost = Lost { everything: false, accounts: [name("ada")].into() };
        let said = rebuild_groups(&mut ledger, &files, &word, &lost);
        assert_eq!(ledger.groups().collect::<Vec<_>>(), [(&name("research"), uid(70_050))]);
        assert_eq!(noted(&ledger), ["adm", "research"]);
        // What the word does not name is told, again and again, and left.
        let print = "ada is in the group print, and nothing here tells by whom; if it is not to be: gpasswd -d ada print";
        assert_eq!((said.len(), said.last().map(String::as_str)), (4, Some(print)), "{said:?}");
        assert_eq!(rebuild_groups(&mut ledger, &files, &word, &lost), [print]);
    }

    #[test]
    fn memberships_come_back_to_the_person_of_the_word_only() {
        use crate::testing::{TestHost, account, content, in_groups};
        let host = TestHost::new();
        let path = host.paths.group();
        std::fs::write(&path, std::fs::read_to_string(&path).unwrap() + "adm:x:4:frank\n").unwrap();
        let files = AccountFiles::read(&host.paths).unwrap();
        let frank = in_groups(&[], &["adm"], account("fr", 70_003, false));
        let person = frank.user;
        let word = content(vec![sallyport_protocol::Account { adopt: Some(name("frank")), ..frank }]);
        let lost = Lost { everything: true, accounts: BTreeSet::new() };
        for (user, count) in [(user(99), 0), (person, 1)] {
            let mut ledger = Ledger::default();
            let entry = Entry { uid: uid(1_000), gid: None, user: Some(user), created_at: at(NOW) };
            ledger.adopt(&name("frank"), entry);
            rebuild_groups(&mut ledger, &files, &word, &lost);
            assert_eq!(ledger.memberships().each().count(), count);
        }
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
