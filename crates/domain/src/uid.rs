use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Below it, uids belong to the system on every distribution.
const LOWEST: u32 = 1_000;
/// systemd's dynamic users, nobody, and the numbers that mean "none" in 16 bits.
const SYSTEMS: std::ops::RangeInclusive<u32> = 61_184..=65_535;
/// Above it, some tools read a negative number.
const HIGHEST: u32 = 2_147_483_647;

/// A number that may be a person's uid or gid on a host: from 1000 up, without those that systems keep.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Deserialize, Serialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Uid(u32);

#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0} can be nobody's uid here: people's are 1000 to 61183 and 65536 to 2147483647")]
pub struct UidError(u32);

impl TryFrom<u32> for Uid {
    type Error = UidError;

    fn try_from(value: u32) -> Result<Self, Self::Error> {
        if (LOWEST..=HIGHEST).contains(&value) && !SYSTEMS.contains(&value) {
            Ok(Self(value))
        } else {
            Err(UidError(value))
        }
    }
}

impl From<Uid> for u32 {
    fn from(uid: Uid) -> Self {
        uid.0
    }
}

impl Uid {
    #[must_use]
    pub const fn value(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A block that uids are handed out from; both ends are inside.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Deserialize, Serialize)]
#[serde(try_from = "RawRange")]
pub struct UidRange {
    first: u32,
    last: u32,
}

#[derive(Deserialize)]
struct RawRange {
    first: u32,
    last: u32,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UidRangeError {
    #[error("a range of uids is FIRST-LAST, such as 70000-99999")]
    Shape,
    #[error(transparent)]
    Uid(#[from] UidError),
    #[error("the range would hold 61184 to 65535, which belong to systemd and to nobody; write two ranges")]
    Systems,
}

impl UidRange {
    /// Above `UID_MAX` and below `SUB_UID_MIN` of every distribution: no tool on a host allocates there.
    pub const DEFAULT: Self = Self { first: 70_000, last: 99_999 };

    /// # Errors
    /// [`UidRangeError`] when some number of it can be nobody's uid.
    pub fn new(first: u32, last: u32) -> Result<Self, UidRangeError> {
        if first > last {
            return Err(UidRangeError::Shape);
        }
        for end in [first, last] {
            Uid::try_from(end)?;
        }
        if first < *SYSTEMS.start() && last > *SYSTEMS.end() {
            return Err(UidRangeError::Systems);
        }
        Ok(Self { first, last })
    }

    #[must_use]
    pub const fn first(self) -> u32 {
        self.first
    }

    #[must_use]
    pub const fn last(self) -> u32 {
        self.last
    }

    #[must_use]
    pub fn contains(self, number: u32) -> bool {
        (self.first..=self.last).contains(&number)
    }

    #[must_use]
    pub const fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

impl TryFrom<RawRange> for UidRange {
    type Error = UidRangeError;

    fn try_from(raw: RawRange) -> Result<Self, Self::Error> {
        Self::new(raw.first, raw.last)
    }
}

impl FromStr for UidRange {
    type Err = UidRangeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (first, last) = text.split_once('-').ok_or(UidRangeError::Shape)?;
        let number = |text: &str| text.trim().parse().map_err(|_| UidRangeError::Shape);
        Self::new(number(first)?, number(last)?)
    }
}

impl fmt::Display for UidRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_system_are_nobodys() {
        for number in [0, 1, 999, 61_184, 65_534, 65_535, 2_147_483_648, u32::MAX] {
            assert!(Uid::try_from(number).is_err(), "{number}");
        }
        for number in [1_000, 60_000, 65_536, 70_000, 2_147_483_647] {
            assert!(Uid::try_from(number).is_ok(), "{number}");
        }
    }

    #[test]
    fn ranges_read_as_they_print() {
        let range: UidRange = "70000-99999".parse().unwrap();
        assert_eq!(range, UidRange::DEFAULT);
        assert_eq!(range.to_string(), "70000-99999");
        for text in
            ["", "70000", "9-1", "0-70000", "60000-70000", "99999-70000", "70000-x", "1000-4294967295"]
        {
            assert!(text.parse::<UidRange>().is_err(), "{text}");
        }
        assert!(range.contains(70_000) && range.contains(99_999) && !range.contains(100_000));
        assert!(range.overlaps("99999-120000".parse().unwrap()));
        assert!(!range.overlaps("100000-120000".parse().unwrap()));
    }

    #[test]
    fn a_range_in_json_is_checked() {
        assert!(serde_json::from_str::<UidRange>(r#"{"first":70000,"last":99999}"#).is_ok());
        assert!(serde_json::from_str::<UidRange>(r#"{"first":0,"last":99999}"#).is_err());
    }
}
