use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The version of one host's snapshot, or of the revocation list. Only ever goes up.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Generation(u64);

impl Generation {
    /// Before anything was ever applied.
    pub const ZERO: Self = Self(0);

    #[must_use]
    pub const fn new(value: u64) -> Self {
        Self(value)
    }

    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }

    /// `max(last + 1, unix milliseconds)`: a CA restored from an old backup is still ahead of every host.
    #[must_use]
    pub fn next(self, now: Timestamp) -> Self {
        let clock = u64::try_from(now.as_millisecond()).unwrap_or(0);
        Self(self.0.saturating_add(1).max(clock))
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_up_even_when_the_clock_went_back() {
        let early = Timestamp::from_millisecond(1_000).unwrap();
        let last = Generation::new(5_000);
        assert_eq!(last.next(early), Generation::new(5_001));
    }

    #[test]
    fn a_restored_ca_is_ahead() {
        let now = Timestamp::from_millisecond(9_000).unwrap();
        assert_eq!(Generation::new(17).next(now), Generation::new(9_000));
    }
}
