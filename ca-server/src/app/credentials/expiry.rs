//! How near a credential's end is.

use jiff::{SignedDuration, Timestamp};

const DAY: SignedDuration = SignedDuration::from_hours(24);
/// From the nearest on: days before the end at which somebody is told.
const STEPS: [(i32, Stage); 3] = [(1, Stage::Day), (7, Stage::Week), (30, Stage::Month)];

/// Later ones are more urgent.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Stage {
    Fine,
    /// 30 days are left, at most.
    Month,
    /// 7 days.
    Week,
    /// One day.
    Day,
    Over,
}

impl Stage {
    /// For metrics: higher is more urgent.
    pub const fn level(self) -> i64 {
        match self {
            Self::Fine => 0,
            Self::Month => 1,
            Self::Week => 2,
            Self::Day => 3,
            Self::Over => 4,
        }
    }
}

/// A step counts only for what was made to live longer than it: a token for an hour is no emergency when it is made.
pub fn stage(created: Timestamp, expires: Timestamp, now: Timestamp) -> Stage {
    let (life, left) = (expires.duration_since(created), expires.duration_since(now));
    if !left.is_positive() {
        return Stage::Over;
    }
    let reached = |days: i32| left <= DAY.saturating_mul(days) && life > DAY.saturating_mul(days);
    STEPS.into_iter().find(|(days, _)| reached(*days)).map_or(Stage::Fine, |(_, stage)| stage)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(days: i32, seconds: i64) -> Timestamp {
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        start + DAY.saturating_mul(days) + SignedDuration::from_secs(seconds)
    }

    #[test]
    fn a_year_ends_in_steps() {
        let of = |days, seconds| stage(at(0, 0), at(365, 0), at(days, seconds));
        assert_eq!(of(0, 0), Stage::Fine);
        assert_eq!((of(335, -1), of(335, 0)), (Stage::Fine, Stage::Month));
        assert_eq!((of(358, -1), of(358, 0)), (Stage::Month, Stage::Week));
        assert_eq!((of(364, -1), of(364, 0)), (Stage::Week, Stage::Day));
        assert_eq!((of(365, -1), of(365, 0)), (Stage::Day, Stage::Over));
    }

    #[test]
    fn a_short_life_is_not_announced_before_its_steps() {
        let of = |life, days| stage(at(0, 0), at(life, 0), at(days, 0));
        assert_eq!(stage(at(0, 0), at(0, 3600), at(0, 3599)), Stage::Fine);
        assert_eq!((of(7, 0), of(7, 5), of(7, 6)), (Stage::Fine, Stage::Fine, Stage::Day));
        assert_eq!(of(20, 14), Stage::Week);
        assert_eq!(of(1, 1), Stage::Over);
    }
}
