//! Which numbers people would be pinned with, or why they cannot be.

use std::collections::{BTreeSet, HashMap};

use sallyport_domain::{ConflictReason, Uid, UidRange};
use sallyport_protocol::names::PreviewProblem;
use sallyport_store::{ReadTx, StoreError};

use super::super::list::{MOST_NAMED, differing, holding};
use super::{Candidate, Claims, Known, Who, problem};

/// The numbers that directories want, and how many are left for everybody else.
#[derive(Default)]
pub(super) struct Numbers {
    /// Each of them once.
    wanting: HashMap<i64, Vec<Who>>,
    /// Numbers of the ranges that a search still finds.
    free: u64,
}

impl Numbers {
    /// What a row says counts in the place of what is on record. A row that is not judged says nothing.
    pub(super) fn new(
        tx: Option<&dyn ReadTx>,
        known: &Known,
        ranges: &[UidRange],
        people: &[Candidate],
    ) -> Result<Self, StoreError> {
        let mut wants: HashMap<Who, [Option<i64>; 2]> = known
            .ledgers
            .values()
            .map(|row| (Who::Person(row.user), [row.wanted_uid, row.wanted_gid]))
            .collect();
        wants.extend(people.iter().filter(|one| one.problem.is_none()).map(|one| (one.who, one.wants)));
        let mut numbers = Self::default();
        for (who, wants) in wants {
            for number in wants.into_iter().flatten() {
                let others = numbers.wanting.entry(number).or_default();
                // One gid may be everybody's: a number is never looked for among all who want it.
                if others.last() != Some(&who) {
                    others.push(who);
                }
            }
        }
        numbers.wanting.values_mut().for_each(|people| people.sort_unstable());
        numbers.free = numbers.left(tx, ranges)?;
        Ok(numbers)
    }

    /// As [`super::super::next_uid`] would find them. Where there is no store, all that nobody wants.
    fn left(&self, tx: Option<&dyn ReadTx>, ranges: &[UidRange]) -> Result<u64, StoreError> {
        let mut free = 0;
        for range in ranges {
            let next = tx.map(|tx| tx.next_id(*range)).transpose()?.unwrap_or(range.first());
            let left = (u64::from(range.last()) + 1).saturating_sub(next.into());
            let used = tx.map(|tx| tx.used_ids(*range, next)).transpose()?.unwrap_or_default();
            let wanted = self.wanting.keys().filter_map(|number| u32::try_from(*number).ok());
            let wanted = wanted.filter(|number| *number >= next && range.contains(*number));
            let used: BTreeSet<u32> = used.into_iter().chain(wanted).collect();
            free += left.saturating_sub(u64::try_from(used.len()).unwrap_or(u64::MAX));
        }
        Ok(free)
    }
}

impl Claims<'_> {
    /// Numbers that the directory sends and that cannot be had keep the name away too.
    pub(super) fn number(&self, one: &Candidate) -> Result<Option<PreviewProblem>, StoreError> {
        if self.has_number(one.who) {
            return Ok(None);
        }
        let mut with = BTreeSet::new();
        let detail =
            "the number that the directory sends cannot be this person's; correct it there".to_owned();
        for wanted in one.wants.into_iter().flatten() {
            if u32::try_from(wanted).ok().and_then(|number| Uid::try_from(number).ok()).is_none() {
                return Ok(Some(problem(ConflictReason::UidImpossible.as_str(), detail, Vec::new())));
            }
            with.extend(self.others_with(one.who, wanted)?);
        }
        let with: Vec<String> = with.into_iter().collect();
        Ok((!with.is_empty()).then(|| problem(ConflictReason::UidTaken.as_str(), detail, with)))
    }

    /// What is told of whoever has their numbers already: they stay.
    pub(super) fn differing(&self, one: &Candidate) -> Result<Option<PreviewProblem>, StoreError> {
        let Some(person) = self.person(one.who) else { return Ok(None) };
        let differs = differing(person, one.wants, |wanted| self.others_with(one.who, wanted))?;
        Ok(differs.map(|(detail, with)| problem("uid_stays", detail, with)))
    }

    /// Whoever has no number, and is sent with none, takes one of the ranges.
    pub(super) fn exhausted(&mut self, one: &Candidate) -> Option<PreviewProblem> {
        if one.wants[0].is_some() || self.has_number(one.who) {
            return None;
        }
        if let Some(less) = self.numbers.free.checked_sub(1) {
            self.numbers.free = less;
            return None;
        }
        let detail = "every uid of names.uid_ranges would be handed out before; add a range".to_owned();
        Some(problem(ConflictReason::NoUid.as_str(), detail, Vec::new()))
    }

    fn has_number(&self, who: Who) -> bool {
        self.person(who).is_some_and(|person| person.uid.is_some())
    }

    /// Who else has a number, or would be sent with it.
    fn others_with(&self, who: Who, number: i64) -> Result<Vec<String>, StoreError> {
        let wanting = self.numbers.wanting.get(&number).map(Vec::as_slice).unwrap_or_default();
        let others = || wanting.iter().copied().filter(|other| *other != who);
        let mut subjects: Vec<String> = others().take(MOST_NAMED).map(|other| self.subject(other)).collect();
        if let Some(tx) = self.tx {
            let named: Vec<_> = others().take(MOST_NAMED).chain([who]).filter_map(Who::person).collect();
            subjects.extend(holding(tx, &named, number)?);
        }
        Ok(subjects)
    }
}
