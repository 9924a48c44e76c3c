//! How many of the operations of a day were refused, for each connection. A directory sees the same share, and may stop
//! over it: Entra quarantines a job above 40 of 100, from 5,000 failures on. Whoever looks here knows earlier.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use sallyport_domain::TenantId;

use super::Verb;

const HOUR: i64 = 3_600;
/// Hours that are looked back upon.
const HOURS: i64 = 24;
/// A tenth of the failures from which on Entra looks at the share, and half of those that are too many at any share.
const MANY: u64 = 500;
const TOO_MANY: u64 = 20_000;
/// Fewer are one or two objects that are tried again and again: `provisioning log --failed` has them.
const SOME: u64 = 20;

/// Operations of a while.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Outcomes {
    pub total: u64,
    pub refused: u64,
}

/// How near a directory is to stopping.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Trouble {
    None,
    Some,
    Grave,
}

impl Outcomes {
    pub fn trouble(self) -> Trouble {
        let above = |percent: u64| self.refused.saturating_mul(100) > self.total.saturating_mul(percent);
        if self.refused >= TOO_MANY || (self.refused >= MANY && above(40)) {
            Trouble::Grave
        } else if self.refused >= MANY * 4 || (self.refused >= SOME && above(20)) {
            Trouble::Some
        } else {
            Trouble::None
        }
    }

    /// For people.
    pub fn text(self) -> String {
        let share = self.refused.saturating_mul(100).checked_div(self.total).unwrap_or_default();
        let Self { total, refused } = self;
        format!("{refused} of {total} operations of the last {HOURS} hours were refused ({share} of 100)")
    }

    fn add(&mut self, other: Self) {
        self.total = self.total.saturating_add(other.total);
        self.refused = self.refused.saturating_add(other.refused);
    }
}

/// Of each connection's last day, by the hour. In memory: it is known again soon after a start.
#[derive(Debug, Default)]
pub struct Tally(Mutex<BTreeMap<TenantId, VecDeque<(i64, Outcomes)>>>);

impl Tally {
    /// Counts a request about a user or a group. A read that went well is the first half of some operation, and is none;
    /// to delete what is gone already has done what was asked for.
    pub fn note(&self, tenant: TenantId, verb: Verb, status: u16, now: Timestamp) {
        let refused = status >= 400 && !(status == 404 && matches!(verb, Verb::Delete | Verb::Read));
        if verb == Verb::Read && !refused {
            return;
        }
        let mut tally = self.lock();
        let hours = tally.entry(tenant).or_default();
        let hour = now.as_second().div_euclid(HOUR);
        // A clock that was set back goes on in the newest hour that there is.
        if hours.back().is_none_or(|(newest, _)| *newest < hour) {
            hours.push_back((hour, Outcomes::default()));
            hours.retain(|(hour, _)| is_recent(*hour, now));
        }
        if let Some((_, outcomes)) = hours.back_mut() {
            outcomes.add(Outcomes { total: 1, refused: u64::from(refused) });
        }
    }

    /// Of the last day, for each connection that wrote in it.
    pub fn recent(&self, now: Timestamp) -> BTreeMap<TenantId, Outcomes> {
        let mut recent = BTreeMap::new();
        for (tenant, hours) in self.lock().iter() {
            let mut sum = Outcomes::default();
            hours
                .iter()
                .filter(|(hour, _)| is_recent(*hour, now))
                .for_each(|(_, outcomes)| sum.add(*outcomes));
            if sum.total > 0 {
                recent.insert(*tenant, sum);
            }
        }
        recent
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<TenantId, VecDeque<(i64, Outcomes)>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_recent(hour: i64, now: Timestamp) -> bool {
    hour > now.as_second().div_euclid(HOUR) - HOURS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minutes * 60).unwrap()
    }

    fn tenant(number: u128) -> TenantId {
        uuid::Uuid::from_u128(number).to_string().parse().unwrap()
    }

    fn of(refused: u64, total: u64) -> Trouble {
        Outcomes { total, refused }.trouble()
    }

    #[test]
    fn what_a_directory_takes_for_a_failure_counts() {
        let tally = Tally::default();
        let counted = |verb, status| {
            let before = tally.recent(at(0)).get(&tenant(1)).copied().unwrap_or_default();
            tally.note(tenant(1), verb, status, at(0));
            let after = tally.recent(at(0)).get(&tenant(1)).copied().unwrap_or_default();
            (after.total - before.total, after.refused - before.refused)
        };
        for verb in [Verb::Create, Verb::Delete, Verb::Replace, Verb::Update] {
            assert_eq!(counted(verb, 200), (1, 0), "{verb:?}");
            for status in [400, 409, 429, 500, 503] {
                assert_eq!(counted(verb, status), (1, 1), "{verb:?} {status}");
            }
        }
        assert_eq!(counted(Verb::Update, 404), (1, 1));
        assert_eq!(counted(Verb::Delete, 404), (1, 0));
        assert_eq!((counted(Verb::Read, 200), counted(Verb::Read, 404)), ((0, 0), (0, 0)));
        assert_eq!((counted(Verb::Read, 400), counted(Verb::Read, 503)), ((1, 1), (1, 1)));
    }

    #[test]
    fn a_day_is_looked_back_upon_for_each_connection() {
        let tally = Tally::default();
        for minute in 0..10 * 24 * 60 {
            tally.note(tenant(1), Verb::Update, 200, at(minute));
            tally.note(tenant(2), Verb::Update, 400, at(minute));
        }
        assert!(tally.lock().values().all(|hours| hours.len() <= 24), "no more is kept");
        let last = at(10 * 24 * 60 - 1);
        let day = 24 * 60;
        assert_eq!(tally.recent(last)[&tenant(1)], Outcomes { total: day, refused: 0 });
        assert_eq!(tally.recent(last)[&tenant(2)], Outcomes { total: day, refused: day });
        assert_eq!(tally.recent(at(11 * 24 * 60)), BTreeMap::new(), "nobody wrote for a day");
    }

    #[test]
    fn it_is_told_before_the_directory_stops() {
        assert_eq!((of(0, 0), of(19, 19), of(100, 1_000)), (Trouble::None, Trouble::None, Trouble::None));
        assert_eq!(
            (of(20, 40), of(499, 499), of(2_000, 1_000_000)),
            (Trouble::Some, Trouble::Some, Trouble::Some)
        );
        assert_eq!(
            (of(500, 1_250), of(501, 1_250), of(20_000, 1_000_000)),
            (Trouble::Some, Trouble::Grave, Trouble::Grave)
        );
        let text = Outcomes { total: 40, refused: 20 }.text();
        assert!(text.contains("20 of 40") && text.contains("(50 of 100)"), "{text}");
    }
}
