//! When each directory was last heard of, also while the database has no room to note it: a full disk here is not a
//! silence there.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use sallyport_domain::TenantId;

/// Between two tries to note something after one that failed: each request would make another.
const AGAIN: SignedDuration = SignedDuration::from_secs(30);
/// Between two lines in the log that say so.
const SAID_EVERY: SignedDuration = SignedDuration::from_hours(1);

#[derive(Debug, Default)]
pub struct Heard(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    last: BTreeMap<TenantId, Timestamp>,
    failed_at: Option<Timestamp>,
    said_at: Option<Timestamp>,
}

impl Heard {
    pub fn note(&self, tenant: TenantId, now: Timestamp) {
        self.lock().last.insert(tenant, now);
    }

    pub fn last(&self) -> BTreeMap<TenantId, Timestamp> {
        self.lock().last.clone()
    }

    /// Whether a use may be written: not right after one could not.
    pub fn may_write(&self, now: Timestamp) -> bool {
        is_over(self.lock().failed_at, AGAIN, now)
    }

    /// A use could not be written. Whether it is time to say so, which is then done.
    pub fn failed(&self, now: Timestamp) -> bool {
        let mut inner = self.lock();
        inner.failed_at = Some(now);
        let due = is_over(inner.said_at, SAID_EVERY, now);
        if due {
            inner.said_at = Some(now);
        }
        due
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A clock that was set back stops nothing.
fn is_over(since: Option<Timestamp>, span: SignedDuration, now: Timestamp) -> bool {
    since.is_none_or(|since| now < since || now.duration_since(since) >= span)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn what_goes_on_failing_is_tried_now_and_then_and_said_by_the_hour() {
        let (heard, mut tried, mut said) = (Heard::default(), 0, 0);
        for second in 0..3 * 3_600 {
            if heard.may_write(at(second)) {
                tried += 1;
                said += usize::from(heard.failed(at(second)));
            }
        }
        assert_eq!((tried, said), (360, 3));
        assert!(heard.may_write(at(0)), "a clock that was set back");
    }
}
