//! What waits for a decision of the administrators.

use std::collections::{BTreeMap, BTreeSet};

use sallyport_domain::{ConflictReason, PosixName, UserId, UserState};
use sallyport_protocol::names::{NameIssue, NameIssueKind};
use sallyport_store::{LedgerRow, PersonRow, ReadTx, StoreError};

use super::decide::{is_open, subject, subject_of};
use super::review::{Obstacle, obstacle};
use crate::app::{App, AppError};

impl App {
    /// Proposals, conflicts, coming collisions and numbers that differ, in the order in which people came.
    pub async fn name_issues(&self) -> Result<Vec<NameIssue>, AppError> {
        self.store().read(|tx| Ok(issues(tx)?)).await
    }

    /// Names that nobody uses and that stay reserved for whoever had them.
    pub async fn reserved_names(&self) -> Result<Vec<NameIssue>, AppError> {
        self.store().read(|tx| Ok(reserved(tx)?)).await
    }
}

fn issues(tx: &dyn ReadTx) -> Result<Vec<NameIssue>, StoreError> {
    let people = tx.people()?;
    let ledgers: BTreeMap<UserId, LedgerRow> = tx.ledgers()?.into_iter().map(|row| (row.user, row)).collect();
    let proposals = Proposals::new(&people, &ledgers);
    let mut issues = Vec::new();
    for person in people.iter().filter(|person| person.state != UserState::Gone) {
        let Some(row) = ledgers.get(&person.id) else { continue };
        issues.extend(rename(tx, person, row)?);
        issues.extend(number(tx, person, row)?);
        issues.extend(conflict(tx, person, row)?);
        issues.extend(proposals.collision(person, row));
    }
    Ok(issues)
}

/// Who without a name yet would get which.
struct Proposals<'a>(BTreeMap<&'a PosixName, Vec<&'a PersonRow>>);

impl<'a> Proposals<'a> {
    fn new(people: &'a [PersonRow], ledgers: &'a BTreeMap<UserId, LedgerRow>) -> Self {
        let mut proposals: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for person in people.iter().filter(|person| is_unnamed(person)) {
            if let Some(name) = ledgers.get(&person.id).and_then(wanted) {
                proposals.entry(name).or_default().push(person);
            }
        }
        Self(proposals)
    }

    fn collision(&self, person: &PersonRow, row: &LedgerRow) -> Option<NameIssue> {
        let claimants = self.0.get(wanted(row).filter(|_| is_unnamed(person))?)?;
        let others = claimants.iter().filter(|other| other.id != person.id);
        let with: Vec<String> = others.take(MOST_NAMED).map(|other| subject(other)).collect();
        if with.is_empty() || person.state == UserState::Conflict {
            return None;
        }
        let detail =
            "others would get the same name; whom a grant reaches first gets it, the others are refused";
        Some(NameIssue { with, ..issue(person, row, NameIssueKind::Collision, detail) })
    }
}

fn is_unnamed(person: &PersonRow) -> bool {
    person.posix_name.is_none() && person.state != UserState::Gone
}

fn wanted(row: &LedgerRow) -> Option<&PosixName> {
    row.assigned.as_ref().or(row.proposed.as_ref())
}

fn rename(tx: &dyn ReadTx, person: &PersonRow, row: &LedgerRow) -> Result<Option<NameIssue>, StoreError> {
    let Some(proposed) = row.proposed.as_ref().filter(|_| is_open(person, row)) else { return Ok(None) };
    let (detail, with) = match obstacle(tx, person.id, proposed)? {
        None => {
            let user = person.id;
            let approve = format!("sallyport-ca names approve {user} --name {proposed}");
            (format!("the directory implies another name; {approve}, or keep, or assign one"), Vec::new())
        }
        Some(Obstacle::Group) => {
            (format!("{proposed} is a POSIX group's name; keep the name, or assign another"), Vec::new())
        }
        Some(Obstacle::Holder(holder)) => (
            format!("{proposed} is or was somebody else's; keep the name, or assign another"),
            vec![subject_of(tx, holder)?],
        ),
        Some(Obstacle::Adopted(row)) => (
            format!(
                "the local account {proposed} was given to somebody else on hosts {}; keep the name, or assign another",
                row.hosts
            ),
            vec![subject_of(tx, row.user)?],
        ),
        Some(Obstacle::Hosts(hosts)) => {
            (format!("{proposed} is local on hosts; keep the name, or assign another"), hosts)
        }
    };
    Ok(Some(NameIssue { with, ..issue(person, row, NameIssueKind::Rename, &detail) }))
}

fn number(tx: &dyn ReadTx, person: &PersonRow, row: &LedgerRow) -> Result<Option<NameIssue>, StoreError> {
    let others = |wanted| others_with(tx, person.id, wanted);
    let differs = differing(person, [row.wanted_uid, row.wanted_gid], others)?;
    Ok(differs.map(|(detail, with)| NameIssue { with, ..issue(person, row, NameIssueKind::Number, &detail) }))
}

/// What the directory sends otherwise than it was pinned, or for others too, and for whom: of both numbers the first.
pub(super) fn differing(
    person: &PersonRow,
    wants: [Option<i64>; 2],
    others_with: impl Fn(i64) -> Result<Vec<String>, StoreError>,
) -> Result<Option<(String, Vec<String>)>, StoreError> {
    for ((what, has), wanted) in [("uidNumber", person.uid), ("gidNumber", person.gid)].into_iter().zip(wants)
    {
        let (Some(has), Some(wanted)) = (has, wanted) else { continue };
        let others = others_with(wanted)?;
        if wanted != i64::from(has.value()) {
            let detail = format!("the directory sends {what} {wanted}; {has} was pinned and stays");
            return Ok(Some((detail, others)));
        }
        if !others.is_empty() {
            let detail =
                format!("the directory sends {what} {wanted} for others too; here it is this person's");
            return Ok(Some((detail, others)));
        }
    }
    Ok(None)
}

/// Who else has a number, or is sent with it.
pub(super) fn others_with(tx: &dyn ReadTx, user: UserId, number: i64) -> Result<Vec<String>, StoreError> {
    let mut others = tx.wanting_id(number, user, MOST_NAMED)?;
    let mut subjects: Vec<String> =
        others.iter().map(|other| subject_of(tx, *other)).collect::<Result<_, _>>()?;
    others.push(user);
    subjects.extend(holding(tx, &others, number)?);
    Ok(subjects)
}

/// Who has a number, unless it is one of these: a person, a group, hosts.
pub(super) fn holding(tx: &dyn ReadTx, but: &[UserId], number: i64) -> Result<Vec<String>, StoreError> {
    let uid = u32::try_from(number).ok().and_then(|number| sallyport_domain::Uid::try_from(number).ok());
    let Some(uid) = uid else { return Ok(Vec::new()) };
    let mut subjects = Vec::new();
    if let Some(holder) = tx.holder_of_id(uid)?.filter(|holder| !but.contains(holder)) {
        subjects.push(subject_of(tx, holder)?);
    }
    subjects.extend(tx.posix_group_of_id(uid)?.map(|group| format!("group {}", group.name)));
    for host in tx.hosts_with_id(uid)? {
        subjects.extend(tx.host(host)?.map(|host| host.name.to_string()));
    }
    Ok(subjects)
}

/// As many are named in one line; more are a mistake of the directory that the first ones show.
pub(super) const MOST_NAMED: usize = 20;

fn conflict(tx: &dyn ReadTx, person: &PersonRow, row: &LedgerRow) -> Result<Option<NameIssue>, StoreError> {
    let Some(reason) = person.reason else { return Ok(None) };
    let (detail, with) = match reason {
        ConflictReason::NameImpossible | ConflictReason::NameReserved => {
            (row.refusal.clone().unwrap_or_else(|| reason.to_string()), Vec::new())
        }
        ConflictReason::NameAdopted | ConflictReason::NameForeign | ConflictReason::NameTaken => {
            let obstacle = wanted(row).map(|name| obstacle(tx, person.id, name)).transpose()?.flatten();
            match obstacle {
                Some(Obstacle::Group) => {
                    ("a POSIX group of the hosts has the name; assign another".to_owned(), Vec::new())
                }
                Some(Obstacle::Holder(holder)) => (
                    "the name is or was somebody else's; assign another".to_owned(),
                    vec![subject_of(tx, holder)?],
                ),
                Some(Obstacle::Adopted(row)) => (
                    format!(
                        "a local account of that name was given to somebody else on hosts {}; assign another name, or \
                         take the account back: sallyport-ca names adopt {} --remove --user {} --host '{}'",
                        row.hosts, row.local, row.user, row.hosts
                    ),
                    vec![subject_of(tx, row.user)?],
                ),
                Some(Obstacle::Hosts(hosts)) => {
                    ("the name is local on hosts; assign another, or adopt the account".to_owned(), hosts)
                }
                None => ("what was in the way is gone; assign the name".to_owned(), Vec::new()),
            }
        }
        ConflictReason::NoUid => {
            ("every uid of names.uid_ranges was handed out; add a range".to_owned(), Vec::new())
        }
        ConflictReason::UidImpossible | ConflictReason::UidTaken => {
            let mut with = BTreeSet::new();
            for wanted in [row.wanted_uid, row.wanted_gid].into_iter().flatten() {
                with.extend(others_with(tx, person.id, wanted)?);
            }
            let detail = "the number that the directory sends cannot be this person's; correct it there";
            (detail.to_owned(), with.into_iter().collect())
        }
        // Not about names.
        ConflictReason::Link | ConflictReason::NoObjectId | ConflictReason::OutOfScope => return Ok(None),
    };
    let detail = format!("{reason}: {detail}");
    Ok(Some(NameIssue { with, ..issue(person, row, NameIssueKind::Conflict, &detail) }))
}

fn reserved(tx: &dyn ReadTx) -> Result<Vec<NameIssue>, StoreError> {
    let mut reserved = Vec::new();
    for name in tx.names()?.into_iter().filter(|name| name.freed_at.is_none()) {
        let Some(person) = tx.person(name.user)? else { continue };
        let in_use = person.posix_name.as_ref() == Some(&name.name) && person.state != UserState::Gone;
        if in_use {
            continue;
        }
        let detail = match (person.state, name.release_asked_at) {
            (_, Some(at)) => format!("its release was asked for at {at}"),
            (UserState::Gone, None) => "its holder is gone".to_owned(),
            _ => "its holder has another name, or waits for a grant".to_owned(),
        };
        let row = LedgerRow { proposed: Some(name.name.clone()), ..LedgerRow::new(person.id) };
        reserved.push(issue(&person, &row, NameIssueKind::Reserved, &detail));
    }
    Ok(reserved)
}

fn issue(person: &PersonRow, row: &LedgerRow, kind: NameIssueKind, detail: &str) -> NameIssue {
    NameIssue {
        user: person.id.to_string(),
        subject: subject(person),
        user_name: person.user_name.clone(),
        current: person.posix_name.as_ref().map(ToString::to_string),
        proposed: wanted(row).map(ToString::to_string),
        uid: person.uid.map(u32::from),
        kind,
        detail: detail.to_owned(),
        with: Vec::new(),
    }
}
