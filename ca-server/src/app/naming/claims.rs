//! Who would get which name, by the order in which names are given: those who have one, then people whom a grant
//! reaches, then those who wait for one, and last of all proposals to people who have a name already.

mod numbers;

use std::collections::HashMap;

use sallyport_domain::{PosixName, UidRange, UserId};
use sallyport_protocol::names::{
    NamesPreview, PreviewOutcome, PreviewProblem, PreviewSummary, PreviewedPerson,
};
use sallyport_store::{AdoptionRow, LedgerRow, PersonRow, ReadTx, StoreError};
use serde_json::{Map, Value};

use self::numbers::Numbers;
use super::Unnamed;
use super::review::{Obstacle, obstacle};
use super::settings::Proposal;

/// Whom a name is for. Object ids do not say it alone: two tenants may have the same.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) enum Who {
    Person(UserId),
    /// Somebody who is not here yet: a row of a file, by the line on which it begins.
    Row(usize),
}

impl Who {
    const fn person(self) -> Option<UserId> {
        match self {
            Self::Person(user) => Some(user),
            Self::Row(_) => None,
        }
    }
}

/// When somebody's turn is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Turn {
    /// Without a name, and a grant reaches them.
    Reached,
    /// Without a name, and nothing gives them one yet.
    Waiting,
    /// Has a name. Another one is only proposed.
    Named,
}

/// Somebody, and what the expression makes of them.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) who: Who,
    pub(super) turn: Turn,
    pub(super) subject: String,
    pub(super) attributes: Map<String, Value>,
    pub(super) proposal: Proposal,
    /// `uidNumber` and `gidNumber`, as the directory sends them; possible or not.
    pub(super) wants: [Option<i64>; 2],
    /// Of a row that cannot be judged.
    pub(super) problem: Option<PreviewProblem>,
    /// Counts for others, and is not shown.
    pub(super) hidden: bool,
}

/// What is on record of everybody.
#[derive(Default)]
pub(super) struct Known {
    pub(super) people: HashMap<UserId, PersonRow>,
    pub(super) ledgers: HashMap<UserId, LedgerRow>,
}

/// Whose a name is, was, or would be.
pub(super) struct Claims<'a> {
    tx: Option<&'a dyn ReadTx>,
    known: &'a Known,
    held: HashMap<PosixName, Who>,
    /// Local accounts that were given to people.
    adopted: HashMap<PosixName, Vec<AdoptionRow>>,
    /// What others call who is not on record.
    rows: HashMap<Who, String>,
    numbers: Numbers,
}

impl<'a> Claims<'a> {
    /// Names that are or were somebody's are taken before anybody is looked at. Without a store, none are.
    pub(super) fn new(
        tx: Option<&'a dyn ReadTx>,
        known: &'a Known,
        ranges: &[UidRange],
        people: &[Candidate],
    ) -> Result<Self, StoreError> {
        let names = tx.map(sallyport_store::Ledger::names).transpose()?.unwrap_or_default();
        let held = names.into_iter().filter(|row| row.freed_at.is_none());
        let held = held.map(|row| (row.name, Who::Person(row.user))).collect();
        let mut adopted: HashMap<_, Vec<_>> = HashMap::new();
        for row in tx.map(sallyport_store::Ledger::adoptions).transpose()?.unwrap_or_default() {
            adopted.entry(row.local.clone()).or_default().push(row);
        }
        let rows = people.iter().filter(|one| matches!(one.who, Who::Row(_)));
        let rows = rows.map(|one| (one.who, one.subject.clone())).collect();
        Ok(Self { tx, known, held, adopted, rows, numbers: Numbers::new(tx, known, ranges, people)? })
    }

    pub(super) fn judge(
        mut self,
        expression: &str,
        mut people: Vec<Candidate>,
    ) -> Result<NamesPreview, StoreError> {
        let mut order: Vec<(Turn, Who, usize)> =
            people.iter().enumerate().map(|(index, one)| (one.turn, one.who, index)).collect();
        order.sort_unstable();
        for (_, _, index) in order {
            if let Some(one) = people.get_mut(index)
                && one.problem.is_none()
            {
                one.problem = self.problem(one)?;
            }
        }
        let mut preview = NamesPreview {
            summary: PreviewSummary { expression: expression.to_owned(), ..PreviewSummary::default() },
            people: Vec::with_capacity(people.len()),
        };
        for one in people.into_iter().filter(|one| !one.hidden) {
            let current = self.current(one.who).map(ToString::to_string);
            let person = PreviewedPerson {
                subject: one.subject,
                attributes: one.attributes,
                current,
                proposed: one.proposal.ok().map(String::from),
                problem: one.problem,
            };
            count(&mut preview.summary, &person);
            preview.people.push(person);
        }
        Ok(preview)
    }

    /// What stands between somebody and the name; where nothing does, it is theirs from here on.
    fn problem(&mut self, one: &Candidate) -> Result<Option<PreviewProblem>, StoreError> {
        let name = match &one.proposal {
            Ok(name) => name,
            Err(why) => return Ok(Some(refused(why))),
        };
        if self.current(one.who) == Some(name) {
            return self.differing(one);
        }
        if self.is_kept(one.who, name) {
            let detail = format!("{name} was turned down before; it is not proposed again");
            return Ok(Some(problem("kept", detail, Vec::new())));
        }
        if let Some(holder) = self.held.get(name).filter(|holder| **holder != one.who) {
            let detail =
                format!("{name} is or would be somebody else's, who comes first; assign another name");
            return Ok(Some(problem("name_taken", detail, vec![self.subject(*holder)])));
        }
        if self.tx.map(|tx| tx.posix_group(name)).transpose()?.flatten().is_some() {
            let detail = format!("{name} is a POSIX group that hosts get from here; assign another name");
            return Ok(Some(problem("name_taken", detail, vec![format!("group {name}")])));
        }
        if let Some(problem) = self.adopted(one.who, name).or(self.foreign(one.who, name)?) {
            return Ok(Some(problem));
        }
        if let Some(problem) = self.number(one)?.or_else(|| self.exhausted(one)) {
            return Ok(Some(problem));
        }
        self.held.insert(name.clone(), one.who);
        self.differing(one)
    }

    fn person(&self, who: Who) -> Option<&'a PersonRow> {
        self.known.people.get(&who.person()?)
    }

    fn current(&self, who: Who) -> Option<&'a PosixName> {
        self.person(who)?.posix_name.as_ref()
    }

    fn is_kept(&self, who: Who, name: &PosixName) -> bool {
        let person = self.person(who).filter(|person| person.posix_name.is_some());
        let row = person.and_then(|person| self.known.ledgers.get(&person.id));
        row.is_some_and(|row| row.kept.as_ref() == Some(name))
    }

    fn subject(&self, who: Who) -> String {
        self.person(who)
            .map(super::decide::subject)
            .or_else(|| self.rows.get(&who).cloned())
            .unwrap_or_default()
    }

    /// A local account that is somebody's: their name nobody else gets, wherever it stands.
    fn adopted(&self, who: Who, name: &PosixName) -> Option<PreviewProblem> {
        let row = self.adopted.get(name)?.iter().find(|row| Who::Person(row.user) != who)?;
        let detail = format!(
            "the local account {name} was given to somebody else on hosts {}; assign another name, or take it back",
            row.hosts
        );
        Some(problem("name_adopted", detail, vec![self.subject(Who::Person(row.user))]))
    }

    /// Names that are local on hosts are nobody's, unless they were given to the person there.
    fn foreign(&self, who: Who, name: &PosixName) -> Result<Option<PreviewProblem>, StoreError> {
        let Some(tx) = self.tx else { return Ok(None) };
        let hosts = match who {
            Who::Person(user) => match obstacle(tx, user, name)? {
                Some(Obstacle::Hosts(hosts)) => hosts,
                _ => return Ok(None),
            },
            Who::Row(_) => hosts_with(tx, name)?,
        };
        let detail = format!("{name} is a local account or group on hosts; assign another name, or adopt it");
        Ok((!hosts.is_empty()).then(|| problem("name_foreign", detail, hosts)))
    }
}

pub(super) fn problem(code: &str, detail: String, with: Vec<String>) -> PreviewProblem {
    PreviewProblem { code: code.to_owned(), detail, with }
}

fn count(summary: &mut PreviewSummary, person: &PreviewedPerson) {
    summary.people += 1;
    let counter = match person.outcome() {
        PreviewOutcome::Collision => &mut summary.collisions,
        PreviewOutcome::Kept => &mut summary.kept,
        PreviewOutcome::Named => &mut summary.named,
        PreviewOutcome::NoUid => &mut summary.without_uid,
        PreviewOutcome::Refused => &mut summary.refused,
        PreviewOutcome::Renamed => &mut summary.renamed,
        PreviewOutcome::Unchanged => &mut summary.unchanged,
    };
    *counter += 1;
}

fn hosts_with(tx: &dyn ReadTx, name: &PosixName) -> Result<Vec<String>, StoreError> {
    let mut hosts = Vec::new();
    for host in tx.hosts_with_name(name)? {
        hosts.extend(tx.host(host)?.map(|host| host.name.to_string()));
    }
    Ok(hosts)
}

fn refused(why: &Unnamed) -> PreviewProblem {
    let code = match why {
        Unnamed::Failed(_) => "expression_failed",
        _ if why.is_reserved() => "name_reserved",
        _ => "name_impossible",
    };
    problem(code, why.to_string(), Vec::new())
}
