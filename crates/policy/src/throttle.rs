use std::collections::HashMap;
use std::hash::Hash;

use jiff::{SignedDuration, Timestamp};

/// How often something may happen: `burst` times at once, and once more for each `every` that passes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rate {
    pub burst: u16,
    pub every: SignedDuration,
}

impl Rate {
    /// After this long without anything, nothing is remembered.
    fn memory(self) -> SignedDuration {
        self.every.saturating_mul(i32::from(self.burst))
    }
}

/// Who did something too often. One [`Rate`] for each key, in memory that does not grow beyond twice `most` keys.
///
/// For each key it holds the moment at which all that was done will be forgiven: each thing done moves it on by
/// `every`, and it may lie `burst` of them ahead (the generic cell rate algorithm). Keys that nobody sees any more are
/// forgotten by dropping the older of two generations. More keys than `most` at once drop it early: whoever has that
/// many names is slowed down less, and nobody else is.
#[derive(Clone, Debug)]
pub struct Throttle<K> {
    rate: Rate,
    most: usize,
    since: Timestamp,
    current: HashMap<K, Timestamp>,
    previous: HashMap<K, Timestamp>,
}

impl<K: Eq + Hash> Throttle<K> {
    #[must_use]
    pub fn new(rate: Rate, most: usize) -> Self {
        let (current, previous) = (HashMap::new(), HashMap::new());
        Self { rate, most, since: Timestamp::MIN, current, previous }
    }

    /// How long the key has to wait; `None` when it need not. Counts nothing.
    #[must_use]
    pub fn wait(&self, key: &K, now: Timestamp) -> Option<SignedDuration> {
        let room = self.rate.memory().saturating_sub(self.rate.every);
        let over = self.owed(key, now).saturating_sub(room);
        over.is_positive().then_some(over)
    }

    /// Counts one more.
    ///
    /// # Errors
    /// How long the key has to wait; nothing was counted.
    pub fn take(&mut self, key: K, now: Timestamp) -> Result<(), SignedDuration> {
        if let Some(wait) = self.wait(&key, now) {
            return Err(wait);
        }
        let owed = self.owed(&key, now).saturating_add(self.rate.every);
        self.turn(now);
        // Past the end of time nothing has to wait.
        self.current.insert(key, now.saturating_add(owed).unwrap_or(now));
        Ok(())
    }

    /// How far ahead the key's moment lies. It never lies further than a burst, unless the clock was set back: then all
    /// is forgiven, rather than somebody locked out until that time comes again.
    fn owed(&self, key: &K, now: Timestamp) -> SignedDuration {
        let until = self.current.get(key).or_else(|| self.previous.get(key));
        let owed = until.map_or(SignedDuration::ZERO, |until| until.duration_since(now));
        if owed > self.rate.memory() { SignedDuration::ZERO } else { owed.max(SignedDuration::ZERO) }
    }

    fn turn(&mut self, now: Timestamp) {
        let age = now.duration_since(self.since);
        if age >= self.rate.memory() || age.is_negative() || self.current.len() >= self.most {
            self.previous = std::mem::take(&mut self.current);
            self.since = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { burst: 3, every: SignedDuration::from_secs(10) };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn spent(second: i64) -> Throttle<&'static str> {
        let mut throttle = Throttle::new(RATE, 100);
        for _ in 0..3 {
            throttle.take("ada", at(second)).unwrap();
        }
        throttle
    }

    #[test]
    fn a_burst_then_one_at_a_time() {
        let mut throttle = spent(0);
        assert_eq!(throttle.take("ada", at(0)), Err(SignedDuration::from_secs(10)));
        assert_eq!(throttle.take("ada", at(9)), Err(SignedDuration::from_secs(1)));
        throttle.take("ada", at(10)).unwrap();
        assert_eq!(throttle.wait(&"ada", at(10)), Some(SignedDuration::from_secs(10)));
        assert_eq!(throttle.wait(&"ada", at(20)), None);
    }

    #[test]
    fn being_refused_or_looking_costs_nothing() {
        let mut throttle = spent(0);
        for second in 0..10 {
            throttle.take("ada", at(second)).unwrap_err();
            assert!(throttle.wait(&"ada", at(second)).is_some());
        }
        throttle.take("ada", at(10)).unwrap();
    }

    #[test]
    fn everybody_has_their_own() {
        let mut throttle = spent(0);
        throttle.take("ada", at(0)).unwrap_err();
        throttle.take("bob", at(0)).unwrap();
    }

    #[test]
    fn all_is_forgiven_after_a_burst_of_time() {
        let mut throttle = spent(0);
        for _ in 0..3 {
            throttle.take("ada", at(30)).unwrap();
        }
        throttle.take("ada", at(30)).unwrap_err();
    }

    #[test]
    fn nothing_is_forgiven_by_the_change_of_generations() {
        let mut throttle = Throttle::new(RATE, 100);
        throttle.take("bob", at(0)).unwrap();
        for _ in 0..3 {
            throttle.take("ada", at(29)).unwrap();
        }
        throttle.take("bob", at(30)).unwrap();
        throttle.take("ada", at(30)).unwrap_err();
        throttle.take("bob", at(60)).unwrap();
        assert!(throttle.previous.len() + throttle.current.len() <= 2, "ada is still remembered");
    }

    #[test]
    fn a_clock_that_was_set_back_locks_nobody_out() {
        let mut throttle = spent(1_000_000);
        for _ in 0..3 {
            throttle.take("ada", at(0)).unwrap();
        }
        throttle.take("ada", at(0)).unwrap_err();
        throttle.take("ada", at(10)).unwrap();
    }

    #[test]
    fn at_the_end_of_time_nothing_overflows() {
        let mut throttle = Throttle::new(Rate { burst: u16::MAX, every: SignedDuration::MAX }, 1);
        for now in [Timestamp::MAX, Timestamp::MIN, Timestamp::MAX] {
            for key in 0..3 {
                assert!(throttle.take(key, now).is_ok() || throttle.wait(&key, now).is_some());
            }
        }
    }

    #[test]
    fn memory_is_bounded_however_many_come() {
        let mut throttle = Throttle::new(RATE, 100);
        for key in 0..10_000 {
            throttle.take(key, at(0)).unwrap();
            assert!(throttle.current.len() + throttle.previous.len() <= 200);
        }
        // Whoever came last is still known.
        for _ in 0..2 {
            throttle.take(9_999, at(0)).unwrap();
        }
        throttle.take(9_999, at(0)).unwrap_err();
    }
}
