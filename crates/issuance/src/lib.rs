//! From a checked wish to a signed certificate, in steps that cannot be left out.
//!
//! A [`UserProfile`] or [`HostProfile`] turns a wish into an [`Approved`]: the exact bytes that will be signed. Whoever
//! stored those bytes durably holds a [`Receipt`], and only with it does an approval become [`Recorded`]; only what is
//! recorded can be signed, once. Signing reads the result back with a second codec and compares every field.
//!
//! Synchronous and free of IO: the caller brings randomness and does the storing.

mod ca_key;
mod certificate;
mod cursor;
mod key;
mod key_id;
mod key_kind;
mod options;
mod profile;
mod seal;
mod stages;
mod tbs;

pub use ca_key::{CaKey, CaKeyError, CaPublicKey};
pub use certificate::{HostCertificate, IssuedCertificate, UserCertificate};
pub use key::{KeyError, PlainKey};
pub use key_id::{KeyId, KeyIdError};
pub use key_kind::KeyKind;
pub use options::{CriticalOptions, ForceCommand, OptionError, SourceAddress};
pub use profile::{HostProfile, ProfileError, UserProfile};
pub use seal::SealError;
pub use stages::{Approved, NotRecorded, Receipt, Recorded, TbsDigest};
pub use tbs::TbsError;
