//! Failures of our own (busy, broken) in the provisioning log. They come when the log cannot be written, and by the
//! thousand: so they are counted here, and written down together once there is room.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use sallyport_domain::TenantId;
use sallyport_scim::Kind;
use sallyport_store::StoreError;

use super::{Attempt, Concerned, Entry, Verb};
use crate::app::App;

/// Between two writings; each has one row for what is alike.
const STEP: SignedDuration = SignedDuration::from_secs(10);
/// Kinds of failures that are remembered at once; the server's own log has all of them.
const MOST: usize = 64;

/// What is alike.
type Likeness = (TenantId, Verb, Kind, u16);

/// Failures that are not in the log yet.
#[derive(Debug, Default)]
pub struct Failures(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    waiting: HashMap<Likeness, Failed>,
    written_at: Option<Timestamp>,
}

#[derive(Clone, Debug)]
struct Failed {
    /// The last of them.
    attempt: Attempt,
    detail: String,
    count: u64,
    since: Timestamp,
    until: Timestamp,
}

impl Failures {
    fn count(&self, attempt: Attempt, status: u16, detail: &str, now: Timestamp) {
        let likeness = (attempt.tenant, attempt.verb, attempt.kind, status);
        let failed = Failed { attempt, detail: detail.to_owned(), count: 1, since: now, until: now };
        self.merge(likeness, failed);
    }

    fn merge(&self, likeness: Likeness, failed: Failed) {
        let mut inner = self.lock();
        if let Some(before) = inner.waiting.get_mut(&likeness) {
            before.count = before.count.saturating_add(failed.count);
            before.since = before.since.min(failed.since);
            if failed.until >= before.until {
                (before.attempt, before.until) = (failed.attempt, failed.until);
            }
        } else if inner.waiting.len() < MOST {
            inner.waiting.insert(likeness, failed);
        }
    }

    /// All of them, if it is time to write.
    fn due(&self, now: Timestamp) -> HashMap<Likeness, Failed> {
        let mut inner = self.lock();
        // A clock that was set back stops nothing.
        let early = inner.written_at.is_some_and(|at| now >= at && now.duration_since(at) < STEP);
        if early || inner.waiting.is_empty() {
            return HashMap::new();
        }
        inner.written_at = Some(now);
        std::mem::take(&mut inner.waiting)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl App {
    /// Remembers an operation that failed for a reason of ours; the first of a bad time is written down at once.
    pub async fn note_failure(&self, attempt: Attempt, status: u16, detail: &str) {
        self.failures().count(attempt, status, detail, self.now());
        self.write_failures().await;
    }

    /// Writes down what is remembered, if it is time. What cannot be written is kept.
    pub async fn write_failures(&self) {
        for (likeness, failed) in self.failures().due(self.now()) {
            let written: Result<(), StoreError> = self.store().write(entry(likeness, failed.clone())).await;
            if written.is_err() {
                self.failures().merge(likeness, failed);
            }
        }
    }
}

fn entry(
    (.., status): Likeness,
    failed: Failed,
) -> impl FnOnce(&mut dyn sallyport_store::WriteTx) -> Result<(), StoreError> + Send + 'static {
    move |tx| {
        let Failed { attempt, detail, count, since, until } = failed;
        let concerned = Concerned::find(tx, &attempt)?;
        let detail = if count > 1 { format!("{detail} ({count} times since {since})") } else { detail };
        let entry = Entry::refused(&attempt, &concerned, status, None, &detail).count(count);
        entry.write(tx, until, attempt.request)
    }
}

#[cfg(test)]
mod tests {
    use sallyport_domain::RequestId;

    use super::*;

    fn attempt(tenant: u128) -> Attempt {
        Attempt {
            tenant: uuid::Uuid::from_u128(tenant).to_string().parse().unwrap(),
            request: RequestId::generate(at(0), &mut rand::rngs::OsRng),
            verb: Verb::Update,
            kind: Kind::User,
            id: None,
            name: None,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn what_is_alike_is_counted_and_written_together() {
        let failures = Failures::default();
        failures.count(attempt(1), 500, "broken", at(0));
        assert_eq!(failures.due(at(0)).len(), 1, "the first at once");
        for second in 1..=9 {
            failures.count(attempt(1), 500, "broken", at(second));
            assert!(failures.due(at(second)).is_empty());
        }
        failures.count(attempt(1), 429, "busy", at(10));
        failures.count(attempt(2), 500, "broken", at(10));
        let due = failures.due(at(10));
        let mut counts: Vec<_> = due.iter().map(|((.., status), failed)| (*status, failed.count)).collect();
        counts.sort_unstable();
        assert_eq!(counts, [(429, 1), (500, 1), (500, 9)]);
        let failed = due.values().find(|failed| failed.count == 9).unwrap();
        assert_eq!((failed.since, failed.until), (at(1), at(9)));
        assert!(failures.due(at(100)).is_empty(), "nothing is left");
    }

    #[test]
    fn a_flood_of_them_takes_no_more_room() {
        let failures = Failures::default();
        for tenant in 0..1_000 {
            failures.count(attempt(tenant), 500, "broken", at(0));
        }
        assert_eq!(failures.due(at(0)).len(), MOST);
    }

    #[test]
    fn what_could_not_be_written_is_kept_and_grows() {
        let failures = Failures::default();
        failures.count(attempt(1), 500, "broken", at(0));
        for (likeness, failed) in failures.due(at(0)) {
            failures.count(attempt(1), 500, "broken", at(5));
            failures.merge(likeness, failed);
        }
        let due = failures.due(at(10));
        let counts: Vec<_> = due.values().map(|failed| (failed.count, failed.since, failed.until)).collect();
        assert_eq!(counts, [(2, at(0), at(5))]);
    }
}
