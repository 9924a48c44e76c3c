use std::fmt;

use serde::Serialize;

/// How long a certificate lives, in whole seconds; never under five minutes.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Lifetime(u32);

impl Lifetime {
    /// Below this, clock differences between machines make a certificate useless.
    pub const SHORTEST: Self = Self(5 * 60);

    /// # Errors
    /// When `seconds` is under five minutes or does not fit.
    pub fn from_seconds(seconds: u64) -> Result<Self, LifetimeError> {
        match u32::try_from(seconds) {
            Ok(seconds) if seconds >= Self::SHORTEST.0 => Ok(Self(seconds)),
            Ok(_) => Err(LifetimeError::TooShort),
            Err(_) => Err(LifetimeError::TooLong),
        }
    }

    #[must_use]
    pub const fn seconds(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hours, minutes, seconds) = (self.0 / 3600, self.0 / 60 % 60, self.0 % 60);
        let mut written = false;
        for (amount, unit) in [(hours, "h"), (minutes, "m"), (seconds, "s")] {
            if amount > 0 {
                write!(f, "{amount}{unit}")?;
                written = true;
            }
        }
        if written { Ok(()) } else { f.write_str("0s") }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum LifetimeError {
    #[error("a certificate lives five minutes at least")]
    TooShort,
    #[error("the lifetime is too long to be meant")]
    TooLong,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_minutes_is_the_floor() {
        assert_eq!(Lifetime::from_seconds(299), Err(LifetimeError::TooShort));
        assert_eq!(Lifetime::from_seconds(300), Ok(Lifetime::SHORTEST));
    }

    #[test]
    fn reads_like_a_person_writes() {
        assert_eq!(Lifetime::from_seconds(16 * 3600).unwrap().to_string(), "16h");
        assert_eq!(Lifetime::from_seconds(5400).unwrap().to_string(), "1h30m");
    }
}
