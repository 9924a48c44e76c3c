use std::fmt;

use serde::{Deserialize, Serialize};

/// A POSIX user id that the CA's ledger handed out, inside 70000–99999.
///
/// The block lies above `UID_MAX` and below `SUB_UID_MIN` of every distribution, so no tool on a host allocates there.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Deserialize, Serialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Uid(u32);

/// The block that uids come from; both ends are inside.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UidRange {
    pub first: u32,
    pub last: u32,
}

impl UidRange {
    pub const DEFAULT: Self = Self { first: 70_000, last: 99_999 };
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0} is outside the block of uids that Sallyport manages (70000 to 99999)")]
pub struct UidError(u32);

impl TryFrom<u32> for Uid {
    type Error = UidError;

    fn try_from(value: u32) -> Result<Self, Self::Error> {
        let range = UidRange::DEFAULT;
        if (range.first..=range.last).contains(&value) { Ok(Self(value)) } else { Err(UidError(value)) }
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
