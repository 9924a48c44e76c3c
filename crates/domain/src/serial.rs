use std::fmt;

use rand::{CryptoRng, RngCore};
use serde::{Deserialize, Serialize};

/// A certificate's serial number: never 0, below 2^49: it fits the integers of SQLite and JSON.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Serial(u64);

impl Serial {
    /// The random start of a CA key's serials: below 2^48, never 0.
    pub fn first(rng: &mut (impl RngCore + CryptoRng)) -> Self {
        Self((rng.next_u64() >> 16).max(1))
    }

    /// Serials count up by one, so that a revocation list stays a few ranges.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// `None` for 0, which OpenSSH writes when there is no serial.
    #[must_use]
    pub const fn new(value: u64) -> Option<Self> {
        if value == 0 { None } else { Some(Self(value)) }
    }

    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
