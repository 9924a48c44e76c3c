//! Who would get which name, by the order in which names are given: those who have one, then people whom a grant
//! reaches, then those who wait for one, and last of all proposals to people who have a name already.

use std::collections::HashMap;

use sallyport_domain::{ConflictReason, PosixName, UidRange, UserId};
use sallyport_protocol::names::{NamesPreview, PreviewProblem, PreviewSummary, PreviewedPerson};
use sallyport_store::{AdoptionRow, LedgerRow, PersonRow, ReadTx, StoreError};
use serde_json::{Map, Value};

use super::Unnamed;
use super::list::others_with;
use super::review::{Obstacle, numbers, obstacle};
use super::settings::Proposal;

/// Whom a name is for. Object ids do not say it alone: two tenants may have the same.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) enum Who {
    Person(UserId),
    /// Somebody who is not here yet: a row of a file, by the line on which it begins.
    Row(usize),
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
    /// Numbers of the ranges that a search still finds.
    free: u64,
}

impl<'a> Claims<'a> {
    /// Names that are or were somebody's are taken before anybody is looked at. Without a store, none are.
    pub(super) fn new(
        tx: Option<&'a dyn ReadTx>,
        known: &'a Known,
        ranges: &[UidRange],
    ) -> Result<Self, StoreError> {
        let names = tx.map(sallyport_store::Ledger::names).transpose()?.unwrap_or_default();
        let held = names.into_iter().filter(|row| row.freed_at.is_none());
        let held = held.map(|row| (row.name, Who::Person(row.user))).collect();
        let mut adopted: HashMap<_, Vec<_>> = HashMap::new();
        for row in tx.map(sallyport_store::Ledger::adoptions).transpose()?.unwrap_or_default() {
            adopted.entry(row.local.clone()).or_default().push(row);
        }
        Ok(Self { tx, known, held, adopted, rows: HashMap::new(), free: free(tx, ranges)? })
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
            return Ok(None);
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
        if let Some(problem) = self.number(one.who)? {
            return Ok(Some(problem));
        }
        if let Some(problem) = self.exhausted(one.who) {
            return Ok(Some(problem));
        }
        self.held.insert(name.clone(), one.who);
        if matches!(one.who, Who::Row(_)) {
            self.rows.insert(one.who, one.subject.clone());
        }
        Ok(None)
    }

    fn person(&self, who: Who) -> Option<&'a PersonRow> {
        match who {
            Who::Person(user) => self.known.people.get(&user),
            Who::Row(_) => None,
        }
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

    /// Whoever has no number, and is sent with none, takes one of the ranges.
    fn exhausted(&mut self, who: Who) -> Option<PreviewProblem> {
        let person = self.person(who);
        let wants = person.and_then(|person| self.known.ledgers.get(&person.id)?.wanted_uid);
        if wants.is_some() || person.is_some_and(|person| person.uid.is_some()) {
            return None;
        }
        if let Some(less) = self.free.checked_sub(1) {
            self.free = less;
            return None;
        }
        let detail = "every uid of names.uid_ranges would be handed out before; add a range".to_owned();
        Some(problem(ConflictReason::NoUid.as_str(), detail, Vec::new()))
    }

    /// Numbers that the directory sends and that cannot be had keep the name away too.
    fn number(&self, who: Who) -> Result<Option<PreviewProblem>, StoreError> {
        let (Some(tx), Some(person)) = (self.tx, self.person(who)) else { return Ok(None) };
        let Some(row) = self.known.ledgers.get(&person.id).filter(|_| person.posix_name.is_none()) else {
            return Ok(None);
        };
        let Err(reason) = numbers(tx, person, row)? else { return Ok(None) };
        let mut with = Vec::new();
        if reason == ConflictReason::UidTaken {
            for wanted in [row.wanted_uid, row.wanted_gid].into_iter().flatten() {
                with.extend(others_with(tx, person.id, wanted)?);
            }
            with.dedup();
        }
        let detail = "the number that the directory sends cannot be this person's; correct it there";
        Ok(Some(problem(reason.as_str(), detail.to_owned(), with)))
    }
}

pub(super) fn problem(code: &str, detail: String, with: Vec<String>) -> PreviewProblem {
    PreviewProblem { code: code.to_owned(), detail, with }
}

fn count(summary: &mut PreviewSummary, person: &PreviewedPerson) {
    summary.people += 1;
    let counter = match person.problem.as_ref().map(|problem| problem.code.as_str()) {
        Some("name_taken" | "name_adopted" | "name_foreign") => &mut summary.collisions,
        Some("kept") => &mut summary.kept,
        Some("no_uid") => &mut summary.without_uid,
        Some(_) => &mut summary.refused,
        None if person.current.is_none() => &mut summary.named,
        None if person.current == person.proposed => &mut summary.unchanged,
        None => &mut summary.renamed,
    };
    *counter += 1;
}

/// As [`super::next_uid`] would find them. Where there is no store, all of them.
fn free(tx: Option<&dyn ReadTx>, ranges: &[UidRange]) -> Result<u64, StoreError> {
    let mut free = 0;
    for range in ranges {
        let next = tx.map(|tx| tx.next_id(*range)).transpose()?.unwrap_or(range.first());
        let left = (u64::from(range.last()) + 1).saturating_sub(next.into());
        let used = tx.map(|tx| tx.used_ids(*range, next)).transpose()?.unwrap_or_default();
        free += left.saturating_sub(u64::try_from(used.len()).unwrap_or(u64::MAX));
    }
    Ok(free)
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
