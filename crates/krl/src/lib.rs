//! OpenSSH key revocation lists (OpenSSH's PROTOCOL.krl), of the one kind that is needed here: serial numbers of one
//! CA's certificates.
//!
//! sshd reads the whole list at every login, so serials that follow each other are written as ranges.

mod decode;
mod encode;
mod format;

use std::collections::BTreeSet;

use jiff::Timestamp;
use sallyport_domain::{Generation, Serial};
use ssh_key::PublicKey;

/// With a million serials a login takes sshd seconds. Whoever has to revoke more revokes the CA key.
pub const MOST_SERIALS: usize = 1 << 20;

/// Largest list read, in bytes; a million serials that do not follow each other take eight mebibytes.
pub const LARGEST: usize = 16 << 20;

/// The certificates of one CA key that do not count any more.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Krl {
    version: Generation,
    generated_at: Timestamp,
    ca: PublicKey,
    serials: BTreeSet<Serial>,
}

/// Why something is not such a list.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KrlError {
    #[error("the revocation list is damaged: {0}")]
    Damaged(&'static str),
    #[error("the revocation list is larger than {LARGEST} bytes")]
    TooLarge,
    #[error("more than {MOST_SERIALS} certificates are revoked; retire the CA key instead")]
    TooMany,
    #[error("the revocation list holds a section of type {0:#04x}, which is not made here")]
    Unsupported(u8),
}

impl Krl {
    /// The comment of `ca` is dropped, and the fraction of the second.
    ///
    /// # Errors
    /// [`KrlError::TooMany`], or [`KrlError::Damaged`] when the time is before 1970.
    pub fn new(
        version: Generation,
        generated_at: Timestamp,
        ca: &PublicKey,
        serials: BTreeSet<Serial>,
    ) -> Result<Self, KrlError> {
        if serials.len() > MOST_SERIALS {
            return Err(KrlError::TooMany);
        }
        let second = generated_at.as_second();
        let generated_at = Timestamp::from_second(second).ok().filter(|_| second >= 0);
        let generated_at = generated_at.ok_or(KrlError::Damaged("time"))?;
        Ok(Self { version, generated_at, ca: PublicKey::from(ca.key_data().clone()), serials })
    }

    #[must_use]
    pub const fn version(&self) -> Generation {
        self.version
    }

    /// In whole seconds.
    #[must_use]
    pub const fn generated_at(&self) -> Timestamp {
        self.generated_at
    }

    /// Whose certificates are meant: a serial of another CA key is not revoked by this list.
    #[must_use]
    pub const fn ca(&self) -> &PublicKey {
        &self.ca
    }

    #[must_use]
    pub const fn serials(&self) -> &BTreeSet<Serial> {
        &self.serials
    }

    #[must_use]
    pub fn revokes(&self, serial: Serial) -> bool {
        self.serials.contains(&serial)
    }
}
