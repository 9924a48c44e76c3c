//! The simulator's only clock. It can be moved, so that expiry is tested without waiting.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::{SignedDuration, Timestamp};

/// Wall clock plus an offset in seconds.
#[derive(Debug, Default)]
pub(crate) struct SimClock {
    offset: AtomicI64,
}

impl SimClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is given")]
    pub(crate) fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let offset = SignedDuration::from_secs(self.offset.load(Ordering::Relaxed));
        let since_epoch = SignedDuration::try_from(since_epoch).unwrap_or_default().saturating_add(offset);
        Timestamp::from_duration(since_epoch).unwrap_or(Timestamp::MAX)
    }

    pub(crate) fn set_offset(&self, seconds: i64) {
        self.offset.store(seconds, Ordering::Relaxed);
    }
}
