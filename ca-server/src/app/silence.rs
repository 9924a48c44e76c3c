//! Whether a directory that used to speak has fallen silent: from here, the only sign that Entra quarantined its job.

use jiff::{SignedDuration, Timestamp};

/// Whether a connection that spoke last at `last` is silent. What was not listened to proves nothing: after a start,
/// a quarter of the limit passes first (for three hours, about one of Entra's cycles).
pub(super) fn is_silent(
    last: Option<Timestamp>,
    listening_since: Timestamp,
    limit: SignedDuration,
    now: Timestamp,
) -> bool {
    let over = |since: Timestamp, span: SignedDuration| now.duration_since(since) >= span;
    last.is_some_and(|last| over(last, limit)) && over(listening_since, limit / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: SignedDuration = SignedDuration::from_hours(3);

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minutes * 60).unwrap()
    }

    #[test]
    fn three_hours_without_a_word() {
        let silent = |minutes| is_silent(Some(at(0)), at(-600), LIMIT, at(minutes));
        assert!(!silent(0) && !silent(179));
        assert!(silent(180) && silent(10_000));
        assert!(!silent(-5), "a clock that was set back");
    }

    #[test]
    fn who_never_spoke_is_not_missed() {
        assert!(!is_silent(None, at(-600), LIMIT, at(10_000)));
    }

    #[test]
    fn a_server_that_was_down_listens_first() {
        let silent = |minutes| is_silent(Some(at(0)), at(300), LIMIT, at(minutes));
        assert!(!silent(300) && !silent(344));
        assert!(silent(345));
    }
}
