//! What was ever seen of names and numbers, in maps: from the record, the rows, and what hosts are told. It knows
//! none of the code that names people, and takes nobody's word that a name was free.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use sallyport_audit::{Event, EventName};
use sallyport_domain::{Generation, HostName, Uid, UserId, UserState};
use sallyport_protocol::{Content, SnapshotReply};
use sallyport_store::{HostRow, PersonRow, StoreError};
use serde_json::Value;

use crate::app::{App, AuthenticatedHost};

/// Records read at a time.
const STEP: usize = 20_000;
/// So many proposals are remembered.
const LATELY: usize = 40;
/// Nobody's, whatever a directory says: some of the long list, and nothing that the list is made from.
const NEVER: [&str; 8] = ["root", "ubuntu", "admin", "daemon", "postgres", "nobody", "sshd", "jenkins"];

#[derive(Default)]
pub(super) struct Model {
    /// Whose a name is, until it is freed.
    pub(super) names: HashMap<String, UserId>,
    /// Who had a name before it was freed.
    before: HashMap<String, UserId>,
    /// Whose a number is, for ever.
    pub(super) ids: HashMap<u32, UserId>,
    /// Managed POSIX groups and their gids, for ever.
    groups: HashMap<String, u32>,
    gids: HashMap<u32, String>,
    calls: HashMap<UserId, String>,
    pinned: HashMap<UserId, (u32, u32)>,
    gone: HashSet<UserId>,
    /// A person is one subject, and a subject one person.
    subjects: HashMap<UserId, String>,
    people: HashMap<String, UserId>,
    asked: HashMap<String, Timestamp>,
    /// What each host said last of its own names and numbers.
    reports: HashMap<HostName, (BTreeSet<String>, BTreeSet<u32>)>,
    /// Person, local account, and on which hosts: a name, or all that end so.
    pub(super) adoptions: BTreeSet<(UserId, String, String)>,
    /// Who was given which number lately.
    pub(super) numbered: Vec<(UserId, u32)>,
    /// Which gids groups were given lately.
    pub(super) grouped: Vec<u32>,
    /// Names that were left, for whoever wants to free them.
    pub(super) left: Vec<String>,
    /// And those of people who are gone.
    pub(super) orphaned: Vec<String>,
    /// To whom another name was proposed lately.
    pub(super) proposed: Vec<UserId>,
    pub(super) tally: BTreeMap<&'static str, usize>,
    next_record: u64,
}

impl Model {
    pub(super) fn count(&mut self, what: &'static str) {
        *self.tally.entry(what).or_default() += 1;
    }

    /// What a host says from now on. Everything before it has been followed.
    pub(super) fn reported(&mut self, host: &HostName, names: BTreeSet<String>, ids: BTreeSet<u32>) {
        self.reports.insert(host.clone(), (names, ids));
    }

    pub(super) fn retired(&mut self, host: &HostName) {
        self.reports.remove(host);
        self.count("retired");
    }

    pub(super) fn local_names(&self, host: &HostName) -> Option<&BTreeSet<String>> {
        self.reports.get(host).map(|(names, _)| names)
    }

    /// To whom the local account was given.
    pub(super) fn adopter(&self, local: &str, hosts: &str) -> Option<UserId> {
        let same = |row: &&(UserId, String, String)| row.1 == local && row.2 == hosts;
        self.adoptions.iter().find(same).map(|(user, _, _)| *user)
    }

    /// Reads the records since the last time.
    pub(super) async fn follow(&mut self, app: &App) {
        loop {
            let after = self.next_record;
            let read = app.store().read(move |tx| tx.audit_after(after, STEP)).await;
            let records = read.unwrap_or_else(|error: StoreError| panic!("{error}"));
            let Some(last) = records.last() else { return };
            self.next_record = last.seq;
            for record in &records {
                self.hear(&record.event().unwrap());
            }
        }
    }

    fn hear(&mut self, event: &Event) {
        let text = |key: &str| event.detail.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let number = |key: &str| u32::try_from(event.detail[key].as_u64().unwrap()).unwrap();
        if event.name == EventName::PosixGroupPinned {
            self.makes(&text("name"), number("gid"));
        }
        let Some(user) = event.user else { return };
        match event.name {
            EventName::NamePinned => {
                self.pins(user, &text("name"), number("uid"), number("gid"));
            }
            EventName::NameRenamed => {
                let (from, to) = (text("from"), text("to"));
                assert_eq!(self.calls.get(&user), Some(&from), "{user} was renamed from another's name");
                self.takes(user, &to);
                self.calls.insert(user, to);
                self.left.push(from);
                self.count("renamed");
            }
            EventName::NameAssigned => {
                self.takes(user, &text("name"));
                self.count("assigned before a grant");
            }
            EventName::NameReleaseAsked => {
                assert_eq!(self.names.get(&text("name")), Some(&user), "{}", text("name"));
                self.asked.insert(text("name"), event.at);
            }
            EventName::NameFreed => self.frees(user, &text("name"), event.at),
            EventName::AccountAdopted => {
                self.adoptions.insert((user, text("account"), text("hosts")));
                self.count("adopted");
            }
            EventName::AccountDisowned => {
                self.adoptions.remove(&(user, text("account"), text("hosts")));
                self.count("disowned");
            }
            EventName::NameKept => self.count("kept"),
            EventName::NameProposed => {
                self.proposed.push(user);
                self.proposed.drain(..self.proposed.len().saturating_sub(LATELY));
            }
            EventName::DirectoryUserDeleted => {
                self.gone.insert(user);
                self.left.extend(self.calls.get(&user).cloned());
                self.orphaned.extend(self.calls.get(&user).cloned());
            }
            EventName::DirectoryUserResumed
            | EventName::DirectoryUserSuspended
            | EventName::DirectoryUserFlagged
            | EventName::DirectoryConflict => {
                if self.gone.remove(&user) && self.calls.contains_key(&user) {
                    self.count("returned");
                }
                self.tally_state(event);
            }
            _ => {}
        }
    }

    fn tally_state(&mut self, event: &Event) {
        self.count(match (event.name, event.detail.get("reason").and_then(Value::as_str)) {
            (EventName::DirectoryUserSuspended, _) => "suspended",
            (EventName::DirectoryUserResumed, _) => "resumed",
            (_, Some("name_foreign")) => "refused a host's name",
            (_, Some("name_taken")) => "refused another's name",
            (_, Some("name_reserved" | "name_impossible")) => "refused by the rule",
            (_, Some("uid_taken")) => "refused a number",
            (_, Some("uid_impossible")) => "refused an impossible number",
            _ => "flagged",
        });
    }

    fn pins(&mut self, user: UserId, name: &str, uid: u32, gid: u32) {
        self.count("pinned");
        self.takes(user, name);
        let called = self.calls.insert(user, name.to_owned());
        assert!(called.is_none_or(|called| called == name), "{user} was called otherwise, and {name} pinned");
        if let Some(before) = self.pinned.get(&user) {
            assert_eq!(*before, (uid, gid), "{user} was renumbered");
            self.count("named again");
            return;
        }
        for number in [uid, gid] {
            assert!(number >= 1000, "{number} is the system's");
            let holder = *self.ids.entry(number).or_insert(user);
            assert_eq!(holder, user, "{number} changed hands");
            self.numbered.push((user, number));
            self.is_no_hosts(number);
            assert!(!self.gids.contains_key(&number), "{number} is a group's, and was given to {user}");
        }
        self.pinned.insert(user, (uid, gid));
    }

    /// A group that hosts get: its name is no person's and no host's, and neither is its number.
    fn makes(&mut self, name: &str, gid: u32) {
        self.count("group made");
        let (holder, other) = (self.names.get(name), self.ids.get(&gid));
        assert!(holder.is_none() && other.is_none(), "{name} ({gid}) is {holder:?}'s or {other:?}'s");
        let local = self.reports.iter().find(|(_, (names, _))| names.contains(name));
        assert!(local.is_none(), "{name} became a group and is local: {local:?}");
        self.is_no_hosts(gid);
        assert!(gid >= 1000 && !NEVER.contains(&name), "{name} {gid}");
        assert_eq!(self.groups.insert(name.to_owned(), gid), None, "{name} was made twice");
        assert_eq!(self.gids.insert(gid, name.to_owned()), None, "{gid} is of two groups");
        self.grouped.push(gid);
    }

    fn is_no_hosts(&self, number: u32) {
        let local = self.reports.iter().find(|(_, (_, ids))| ids.contains(&number));
        assert!(local.is_none(), "{number} was given away and is local: {local:?}");
    }

    /// A name becomes somebody's: nobody else's, no host's, and such a one as people may have.
    fn takes(&mut self, user: UserId, name: &str) {
        let holder = *self.names.entry(name.to_owned()).or_insert(user);
        assert_eq!(holder, user, "{name} changed hands");
        assert!(!self.groups.contains_key(name), "{name} is a group's, and became {user}'s");
        if self.before.get(name).is_some_and(|before| *before != user) {
            self.before.remove(name);
            self.count("passed on after a release");
        }
        self.asked.remove(name);
        for (host, _) in self.reports.iter().filter(|(_, (names, _))| names.contains(name)) {
            assert!(self.adopted(user, name, host), "{name} was given to {user} and is local on {host}");
        }
        let shape = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.-".contains(c);
        let first = name.chars().next().unwrap();
        assert!(name.len() <= 32 && name.chars().all(shape) && (first.is_ascii_lowercase() || first == '_'));
        assert!(!name.ends_with('.') && !name.contains("..") && !NEVER.contains(&name), "{name}");
    }

    fn adopted(&self, user: UserId, local: &str, host: &HostName) -> bool {
        self.adoptions.iter().any(|(who, account, hosts)| {
            let covers =
                hosts.strip_prefix('*').map_or(hosts == host.as_str(), |end| host.as_str().ends_with(end));
            *who == user && account == local && covers
        })
    }

    /// Freed in two steps within a day, and used by nobody who is here.
    fn frees(&mut self, user: UserId, name: &str, at: Timestamp) {
        let asked = self.asked.remove(name).unwrap_or_else(|| panic!("{name} was freed in one step"));
        assert!(at.duration_since(asked) < SignedDuration::from_hours(24), "{name} was freed too late");
        assert_eq!(self.names.remove(name), Some(user), "{name} was freed of somebody else");
        if self.calls.get(&user).is_some_and(|called| called == name) {
            assert!(self.gone.contains(&user), "{name} was freed while {user} used it");
            self.calls.remove(&user);
        }
        self.before.insert(name.to_owned(), user);
        self.count("freed");
    }

    /// Compares what was heard with every row that says the same.
    pub(super) async fn look(&mut self, app: &App, thoroughly: bool) -> Vec<PersonRow> {
        self.follow(app).await;
        let numbers: Vec<u32> = if thoroughly { self.ids.keys().copied().collect() } else { Vec::new() };
        let read = app.store().read(move |tx| {
            let holders: Result<Vec<_>, StoreError> =
                numbers.into_iter().map(|n| Ok((n, tx.holder_of_id(Uid::try_from(n).unwrap())?))).collect();
            Ok::<_, StoreError>((tx.people()?, tx.names()?, holders?, tx.posix_groups()?))
        });
        let (people, names, holders, groups) = read.await.unwrap();
        let groups: HashMap<String, u32> =
            groups.into_iter().map(|row| (row.name.to_string(), row.gid.value())).collect();
        assert!(groups == self.groups, "the ledger of groups says otherwise than the record");
        for person in &people {
            self.meet(person);
        }
        let held = names.into_iter().filter(|row| row.freed_at.is_none());
        let held: HashMap<String, UserId> = held.map(|row| (row.name.to_string(), row.user)).collect();
        assert!(held == self.names, "the ledger says otherwise than the record");
        for (number, holder) in holders {
            assert_eq!(holder.as_ref(), self.ids.get(&number), "{number} is another's in the ledger");
        }
        people
    }

    fn meet(&mut self, person: &PersonRow) {
        if let Some(object) = person.object {
            let subject = format!("{}/{object}", person.tenant);
            let known = self.subjects.entry(person.id).or_insert_with(|| subject.clone());
            assert_eq!(*known, subject, "a person became another");
            let known = *self.people.entry(subject).or_insert(person.id);
            assert_eq!(known, person.id, "a subject became two people");
        }
        let name = person.posix_name.as_ref().map(ToString::to_string);
        assert_eq!(name.as_ref(), self.calls.get(&person.id), "{person:?}");
        let numbers = person.uid.map(u32::from).zip(person.gid.map(u32::from));
        assert_eq!(numbers, self.pinned.get(&person.id).copied(), "{person:?}");
        assert_eq!(self.gone.contains(&person.id), person.state == UserState::Gone, "{person:?}");
    }

    /// What a host is told: exactly those who are to enter, by the names and numbers that are theirs.
    pub(super) async fn look_at(&mut self, app: &App, host: HostRow, entering: &HashSet<UserId>) {
        let name = host.name.clone();
        let from = AuthenticatedHost { host, nonce: "storm".to_owned() };
        let reply = app.snapshot(from, Generation::ZERO, 0).await.unwrap();
        let SnapshotReply::New { content, .. } = reply else { panic!("{name} was told nothing") };
        let content: Content = serde_json::from_str(&content).unwrap();
        let told: HashSet<UserId> = content.accounts.iter().map(|account| account.user).collect();
        assert_eq!(told.len(), content.accounts.len(), "somebody is told twice");
        let strangers: Vec<_> = told.symmetric_difference(entering).collect();
        assert!(strangers.is_empty(), "{name} was told otherwise of {strangers:?}");
        for group in &content.posix_groups {
            assert_eq!(self.groups.get(group.name.as_str()), Some(&group.gid.value()), "{group:?}");
            self.count("group in a snapshot");
        }
        let (mut names, mut ids) = (HashSet::new(), HashSet::new());
        for account in &content.accounts {
            assert_eq!(self.calls.get(&account.user).map(String::as_str), Some(account.name.as_str()));
            let numbers = (account.uid.value(), account.gid().value());
            assert_eq!(self.pinned.get(&account.user), Some(&numbers));
            assert!(names.insert(account.name.clone()) && ids.insert(numbers.0), "twice: {account:?}");
            for group in &account.groups.managed {
                let told = content.posix_groups.iter().any(|told| told.name == *group);
                assert!(told, "{account:?} is in a group that {name} is not told of");
                self.count("member in a snapshot");
            }
            if let Some(local) = &account.adopt {
                assert!(self.adopted(account.user, local.as_str(), &name), "{account:?} on {name}");
                self.count("adopted in a snapshot");
            }
        }
        self.count("snapshots");
    }
}
