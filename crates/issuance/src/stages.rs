use std::fmt;

use sha2::{Digest, Sha256};

use crate::seal::{SignatureCheck, seal};
use crate::tbs::Fields;
use crate::{CaKey, IssuedCertificate, SealError, TbsError};

/// SHA-256 of the bytes to be signed; 64 lower-case hexadecimal digits as text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TbsDigest([u8; 32]);

impl TbsDigest {
    fn of(tbs: &[u8]) -> Self {
        Self(Sha256::digest(tbs).into())
    }
}

impl fmt::Display for TbsDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Content that passed every check of its profile. Holding one says nothing about a record of it.
#[derive(Debug)]
#[must_use = "an approval that is not redeemed leaves a reserved serial behind"]
pub struct Approved {
    tbs: Vec<u8>,
    digest: TbsDigest,
}

/// Proof that the audit durably holds exactly these bytes. Made by whoever stored them, after they were stored.
#[derive(Debug)]
pub struct Receipt(TbsDigest);

/// Content that stands in the audit: a certificate of it may exist.
#[derive(Debug)]
#[must_use = "the record says that a certificate may exist; sign it"]
pub struct Recorded {
    tbs: Vec<u8>,
    check: SignatureCheck,
}

/// The receipt is for other bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("what was recorded is not what was approved; nothing was signed")]
pub struct NotRecorded;

impl Approved {
    pub(crate) fn new(tbs: Vec<u8>) -> Self {
        Self { digest: TbsDigest::of(&tbs), tbs }
    }

    /// The bytes to be stored and then signed.
    #[must_use]
    pub fn tbs(&self) -> &[u8] {
        &self.tbs
    }

    #[must_use]
    pub const fn digest(&self) -> TbsDigest {
        self.digest
    }

    /// # Errors
    /// When `receipt` is for other bytes.
    pub fn recorded(self, receipt: &Receipt) -> Result<Recorded, NotRecorded> {
        if receipt.0 == self.digest {
            Ok(Recorded { tbs: self.tbs, check: SignatureCheck::Fields })
        } else {
            Err(NotRecorded)
        }
    }
}

impl Receipt {
    /// Call it after the commit, with the bytes that were committed.
    #[must_use]
    pub fn for_tbs(tbs: &[u8]) -> Self {
        Self(TbsDigest::of(tbs))
    }
}

impl Recorded {
    /// Takes up an earlier intent: signing it gives the very same certificate, since Ed25519 is deterministic.
    ///
    /// # Errors
    /// When the bytes are not the content of a certificate that a profile here would have approved.
    pub fn from_store(tbs: Vec<u8>) -> Result<Self, TbsError> {
        let fields = Fields::decode(&tbs).ok_or(TbsError::Malformed)?;
        fields.check()?;
        if fields.encode().ok().as_ref() != Some(&tbs) {
            return Err(TbsError::Malformed);
        }
        Ok(Self { tbs, check: SignatureCheck::Whole })
    }

    #[must_use]
    pub fn tbs(&self) -> &[u8] {
        &self.tbs
    }

    /// Signs, reads the result back with another codec and compares every field.
    ///
    /// # Errors
    /// [`SealError`]; no certificate leaves then.
    pub fn sign(self, key: &CaKey) -> Result<IssuedCertificate, SealError> {
        seal(&self.tbs, key, self.check)
    }
}
