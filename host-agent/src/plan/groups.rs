//! Groups beside people's own: which there are to be, and who is in them.

use std::collections::{BTreeMap, BTreeSet};

use sallyport_domain::{PosixName, Uid};
use sallyport_protocol::{Account, PosixGroup};

use super::{Judged, Person, Step, Wanted};
use crate::accounts::{
    AccountFiles, GroupChanges, GroupStanding, GroupView, Ledger, Memberships, NewGroup, Standing,
};
use crate::problem::{Code, Problem};
use crate::seen::Seen;
use crate::tools::Elsewhere;

/// What is wanted of groups, judged by what stands on the host.
struct Groups<'a> {
    ledger: &'a Ledger,
    view: GroupView<'a>,
    /// That are here or can be made; with the gid, and whether they are here.
    managed: BTreeMap<&'a PosixName, (Uid, bool)>,
    /// By the CA's word, withheld here or not.
    named: BTreeMap<&'a PosixName, Uid>,
    problems: Vec<Problem>,
}

impl<'a> Groups<'a> {
    fn new(wanted: &'a Wanted, seen: &'a Seen, files: &'a AccountFiles) -> Self {
        let view = GroupView::new(files, &seen.ledger);
        let all = wanted.posix_groups.as_deref().unwrap_or_default();
        let named = all.iter().map(|group| (&group.name, group.gid)).collect();
        let (managed, problems) = (BTreeMap::new(), Vec::new());
        let mut groups = Self { ledger: &seen.ledger, view, managed, named, problems };
        for group in all {
            let why = if is_twice(group, all, &wanted.accounts) {
                "its name or gid stands in the snapshot more than once".to_owned()
            } else {
                match groups.standing(group, seen) {
                    GroupStanding::Foreign(why) => why,
                    standing => {
                        groups.managed.insert(&group.name, (group.gid, standing == GroupStanding::Ours));
                        continue;
                    }
                }
            };
            groups.withhold(&group.name, &why);
        }
        groups
    }

    fn standing(&self, group: &PosixGroup, seen: &Seen) -> GroupStanding {
        match self.view.standing(&group.name, group.gid) {
            GroupStanding::Absent if group.name.is_reserved() => {
                GroupStanding::Foreign("the name is reserved for the system".into())
            }
            GroupStanding::Absent if seen.system_names.contains(group.name.as_str()) => {
                GroupStanding::Foreign("this distribution has the name for the system".into())
            }
            standing => standing,
        }
    }

    fn withhold(&mut self, group: &PosixName, why: &str) {
        let detail = format!("the group {group} is withheld, and nobody is in it: {why}");
        self.problems.push(Problem::new(Code::GroupConflict, detail));
    }

    /// The groups in which an account is to be, as far as they can be had.
    fn of<'b>(&'b self, account: &'b Account) -> impl Iterator<Item = &'b PosixName> {
        let managed = account.groups.managed.iter().filter(|name| self.managed.contains_key(name));
        managed.chain(self.local(account))
    }

    fn local<'b>(&'b self, account: &'b Account) -> impl Iterator<Item = &'b PosixName> {
        account.groups.local.iter().filter(|name| self.view.local_refusal(name).is_none())
    }

    /// The numbers with which the account may run. A managed group that is withheld here is nevertheless theirs, and
    /// another name service may give it to them.
    fn gids_of(&self, account: &Account) -> BTreeSet<u32> {
        let managed = account.groups.managed.iter().filter_map(|name| self.named.get(name));
        let local = self.local(account).flat_map(|name| self.view.gids(name));
        managed.map(|gid| gid.value()).chain(local).collect()
    }

    /// The numbers of a group that is here or was.
    fn gids(&self, group: &PosixName) -> impl Iterator<Item = u32> {
        self.view.gids(group).chain(self.ledger.group(group).map(Uid::value))
    }

    /// Whoever is in a group by our doing, or in one that we made.
    fn present(&self) -> Memberships {
        let mut present = self.ledger.memberships().clone();
        for (group, _) in self.ledger.groups().filter(|(name, _)| self.view.is_ours(name)) {
            for member in self.view.made_members(group) {
                present.add(group, &member);
            }
        }
        present
    }
}

/// Uids and gids are one space, as are names of accounts and groups.
fn is_twice(group: &PosixGroup, all: &[PosixGroup], accounts: &[Account]) -> bool {
    let same = |other: &&PosixGroup| other.name == group.name || other.gid == group.gid;
    all.iter().filter(same).count() > 1
        || accounts.iter().any(|a| a.name == group.name || a.uid == group.gid || a.gid() == group.gid)
}

/// Who is to be in what: by name, and by number for what runs.
#[derive(Default)]
struct Entitled {
    names: Memberships,
    numbers: BTreeSet<(u32, u32)>,
}

impl Entitled {
    fn new(groups: &Groups<'_>, judged: &Judged<'_>) -> Self {
        let mut entitled = Self::default();
        for (account, standing) in &judged.allowed {
            for group in groups.of(account) {
                entitled.names.add(group, &account.name);
                // Until the account has its new name, the old one stands for it.
                if let Standing::Renamed { from } = standing {
                    entitled.names.add(group, from);
                }
            }
            let gids = groups.gids_of(account).into_iter();
            entitled.numbers.extend(gids.map(|gid| (account.uid.value(), gid)));
        }
        entitled
    }
}

/// Takes people out of groups that they are not to be in, and groups away that the host is not to have: of these, only
/// where the CA's word is known. A shell keeps the groups of its login, so what runs with a lost one is ended.
pub(super) fn leave(wanted: &Wanted, seen: &Seen, judged: &Judged<'_>) -> Vec<Step> {
    let Ok(files) = &seen.accounts else { return Vec::new() };
    let groups = Groups::new(wanted, seen, files);
    let entitled = Entitled::new(&groups, judged);
    let present = groups.present();
    let part: Memberships = present
        .each()
        .filter(|(group, member)| !entitled.names.has(group, member) && groups.view.has_trace(group, member))
        .collect();
    let remove = match &wanted.posix_groups {
        Some(kept) => unwanted(&groups, kept, &part),
        None => Vec::new(),
    };
    let changes = GroupChanges { part, remove, ..GroupChanges::default() };
    let people = bearing(&groups, seen, judged, &entitled);
    let forget: Memberships = groups
        .ledger
        .memberships()
        .each()
        .filter(|(group, member)| {
            !entitled.names.has(group, member)
                && !groups.view.has_trace(group, member)
                && !bears(&groups, seen, &entitled, group, member)
        })
        .collect();
    let mut steps = Vec::new();
    if !changes.is_empty() {
        steps.push(Step::LeaveGroups { changes });
    }
    if !people.is_empty() {
        steps.push(Step::EndSessions { people });
    }
    if !forget.is_empty() {
        steps.push(Step::ForgetMemberships { memberships: forget });
    }
    steps
}

/// Groups that we made, that are not to be here, and that nobody else is in.
fn unwanted(groups: &Groups<'_>, kept: &[PosixGroup], part: &Memberships) -> Vec<PosixName> {
    let leaves =
        |group: &PosixName, member: &[u8]| part.of(group).any(|name| name.as_str().as_bytes() == member);
    let goes = |(name, gid): &(&PosixName, Uid)| {
        groups.view.is_ours(name)
            && !kept.iter().any(|group| group.name == **name)
            && !groups.view.is_primary(*gid)
            && groups.view.members(name).all(|member| leaves(name, member))
    };
    groups.ledger.groups().filter(goes).map(|(name, _)| name.clone()).collect()
}

/// People who keep their access, and of whom something runs with a group that they lost.
fn bearing(groups: &Groups<'_>, seen: &Seen, judged: &Judged<'_>, entitled: &Entitled) -> Vec<Person> {
    let made: BTreeSet<u32> = groups.ledger.groups().map(|(_, gid)| gid.value()).collect();
    let mut noted: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
    for (group, member) in groups.ledger.memberships().each() {
        if let Some(uid) = uid_of(groups.ledger, member) {
            noted.entry(uid).or_default().extend(groups.gids(group));
        }
    }
    let has_lost = |account: &Account, standing: &Standing| {
        let uid = account.uid.value();
        let running = seen.running.get(&uid)?;
        let noted = noted.get(&uid).into_iter().flatten();
        let made = made.iter().filter(|_| *standing != Standing::Adopted);
        let is_lost = |gid: u32| !entitled.numbers.contains(&(uid, gid)) && !groups.view.is_first(uid, gid);
        noted.chain(made).find(|gid| running.contains(gid) && is_lost(**gid))
    };
    let lost = judged.allowed.iter().filter(|(account, standing)| has_lost(account, standing).is_some());
    lost.map(|(account, _)| Person { name: account.name.clone(), uid: account.uid }).collect()
}

/// Whether something still runs with the group that the account is not to have.
fn bears(
    groups: &Groups<'_>,
    seen: &Seen,
    entitled: &Entitled,
    group: &PosixName,
    member: &PosixName,
) -> bool {
    let Some(uid) = uid_of(groups.ledger, member) else { return false };
    let Some(running) = seen.running.get(&uid) else { return false };
    let is_lost = |gid: u32| !entitled.numbers.contains(&(uid, gid)) && !groups.view.is_first(uid, gid);
    groups.gids(group).any(|gid| running.contains(&gid) && is_lost(gid))
}

fn uid_of(ledger: &Ledger, name: &PosixName) -> Option<u32> {
    let entry = ledger.entry(name).or_else(|| ledger.adopted_entry(name));
    entry.map(|entry| entry.uid.value())
}

/// Wanted groups that are yet to be made: somebody else on this host may answer to them.
pub(crate) fn absent_groups(wanted: &Wanted, seen: &Seen) -> Vec<PosixGroup> {
    let Ok(files) = &seen.accounts else { return Vec::new() };
    let groups = Groups::new(wanted, seen, files);
    let absent = groups.managed.iter().filter(|(_, (_, is_here))| !is_here);
    absent.map(|(name, (gid, _))| PosixGroup { name: (*name).clone(), gid: *gid }).collect()
}

/// Makes the groups that are to be here, and puts people into theirs.
pub(super) fn join(
    wanted: &Wanted,
    seen: &Seen,
    granted: &[&(&Account, Standing)],
    elsewhere: &BTreeMap<PosixName, Elsewhere>,
) -> (GroupChanges, Vec<Problem>) {
    let Ok(files) = &seen.accounts else { return Default::default() };
    let mut groups = Groups::new(wanted, seen, files);
    for (name, holder) in elsewhere {
        if groups.managed.remove(name).is_some() {
            let why = match holder {
                Elsewhere::Name(what) => format!("{what} has that name"),
                Elsewhere::Number { number, who } => format!("its gid {number} belongs to {who}"),
            };
            groups.withhold(name, &why);
        }
    }
    let mut changes = GroupChanges::default();
    for (name, (gid, _)) in groups.managed.iter().filter(|(_, (_, is_here))| !is_here) {
        changes.create.push(NewGroup { name: (*name).clone(), gid: *gid });
    }
    for (account, standing) in granted {
        for group in groups.of(account).filter(|group| groups.view.is_outside(group, &account.name)) {
            changes.join.add(group, &account.name);
        }
        if let Standing::Renamed { from } = standing {
            let old = groups.present();
            for (group, _) in
                old.each().filter(|(group, member)| *member == from && groups.view.has_trace(group, from))
            {
                changes.part.add(group, from);
            }
        }
    }
    let mut problems = missing(&groups, granted);
    problems.extend(staying(&groups, granted));
    problems.append(&mut groups.problems);
    (changes, problems)
}

/// How many people one sentence names.
const MOST_NAMED: usize = 10;

/// Groups of the host that people are to be in and cannot be.
fn missing(groups: &Groups<'_>, granted: &[&(&Account, Standing)]) -> Vec<Problem> {
    let mut refused: BTreeMap<&PosixName, (String, Vec<&str>)> = BTreeMap::new();
    for (account, _) in granted {
        for group in &account.groups.local {
            if let Some(why) = groups.view.local_refusal(group) {
                refused.entry(group).or_insert_with(|| (why, Vec::new())).1.push(account.name.as_str());
            }
        }
    }
    let sentence = |(group, (why, names)): (&PosixName, (String, Vec<&str>))| {
        let detail = format!("{} cannot be put into the group {group}: {why}", some(names));
        Problem::new(Code::GroupMissing, detail)
    };
    refused.into_iter().map(sentence).collect()
}

fn some(mut names: Vec<&str>) -> String {
    let more = if names.len() > MOST_NAMED { " and others" } else { "" };
    names.truncate(MOST_NAMED);
    format!("{}{more}", names.join(", "))
}

/// Who is in a group that is as good as root, and not by what we noted: no grant's end will take them out. So it is too
/// where the note was lost with an older list of ours.
fn staying(groups: &Groups<'_>, granted: &[&(&Account, Standing)]) -> Vec<Problem> {
    let memberships = groups.ledger.memberships();
    let mut problems = Vec::new();
    for group in groups.view.root_equivalent() {
        let stays = |account: &Account| {
            groups.view.has_member(&group, &account.name) && !memberships.has(&group, &account.name)
        };
        let mut ungranted = Vec::new();
        for (account, standing) in granted.iter().filter(|(account, _)| stays(account)) {
            let name = &account.name;
            if account.groups.local.contains(&group) {
                let detail = format!(
                    "{name} is in the group {group} by others' hands and will stay in it after the grant; to have it end with the grant: gpasswd -d {name} {group}"
                );
                problems.push(Problem::new(Code::GroupStays, detail));
            } else if *standing != Standing::Adopted {
                ungranted.push(name.as_str());
            }
        }
        if !ungranted.is_empty() {
            let detail = format!(
                "in the group {group}, which is as good as root, and by no grant: {}; nothing here will take them out; for whom is not to be there: gpasswd -d NAME {group}",
                some(ungranted)
            );
            problems.push(Problem::new(Code::GroupStays, detail));
        }
    }
    problems
}

/// Everything of ours in groups, for when Sallyport leaves the host: who we put there, and the groups that we made.
pub(crate) fn leave_all(files: &AccountFiles, ledger: &Ledger) -> GroupChanges {
    let view = GroupView::new(files, ledger);
    let (managed, named) = (BTreeMap::new(), BTreeMap::new());
    let groups = Groups { ledger, view, managed, named, problems: Vec::new() };
    let part: Memberships =
        groups.present().each().filter(|(group, member)| groups.view.has_trace(group, member)).collect();
    let remove = unwanted(&groups, &[], &part);
    GroupChanges { part, remove, ..GroupChanges::default() }
}
