use std::collections::BTreeSet;

use jiff::Timestamp;
use rand::{CryptoRng, RngCore};
use sallyport_domain::{Extension, HostName, Lifetime, Principal};

use crate::tbs::{Fields, MOST_PRINCIPALS, NONCE_LENGTH, Purpose};
use crate::{Approved, CaPublicKey, HostCertificate, KeyKind, OptionError, PlainKey, UserCertificate};

/// How far into the past a certificate may begin, for hosts whose clock is behind. Not counted as lifetime.
const BACKDATE_SECONDS: u64 = 5 * 60;

/// No sign-in carries a certificate further than this, renewals included; a longer one would outlive its session.
const USER_CEILING_SECONDS: u32 = 7 * 24 * 3600;

/// A host that is silent for a year is retired; its name must not stay certified.
const HOST_CEILING_SECONDS: u32 = 366 * 24 * 3600;

/// What certificates of people are like here.
#[derive(Clone, Copy, Debug)]
pub struct UserProfile {
    longest: Lifetime,
}

/// What certificates of hosts are like here.
#[derive(Clone, Copy, Debug)]
pub struct HostProfile {
    longest: Lifetime,
}

/// Why a certificate is not approved. None of these is for the person who asked: policy refused before.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ProfileError {
    #[error("a profile of {asked} is too long; certificates of this kind live {ceiling} seconds at most")]
    Ceiling { asked: Lifetime, ceiling: u32 },
    #[error("the certificate's content does not read back as it was meant")]
    Codec,
    #[error("a security key cannot be a host key")]
    HostKey,
    #[error("a host certificate has 1 to {MOST_PRINCIPALS} names, none twice")]
    Names,
    #[error("{0} means something for security keys only")]
    NeedsSecurityKey(&'static str),
    #[error(transparent)]
    Option(#[from] OptionError),
    #[error("the certificate would live {seconds} s, and {longest} is the most")]
    TooLong { seconds: u64, longest: Lifetime },
    #[error("the certificate would end before it begins, or before 1970")]
    Window,
}

impl UserProfile {
    /// # Errors
    /// When `longest` is over seven days.
    pub fn new(longest: Lifetime) -> Result<Self, ProfileError> {
        under(longest, USER_CEILING_SECONDS).map(|longest| Self { longest })
    }

    /// Approves a certificate for `key` and fixes its bytes.
    ///
    /// # Errors
    /// [`ProfileError`]
    pub fn approve(
        &self,
        key: &PlainKey,
        certificate: &UserCertificate,
        ca: &CaPublicKey,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Result<Approved, ProfileError> {
        let UserCertificate { serial, key_id, principals, extensions, critical_options, .. } = certificate;
        critical_options.check()?;
        for_security_keys(key.kind(), critical_options.verify_required, extensions)?;
        let (valid_after, valid_before) =
            window(certificate.valid_after, certificate.valid_before, self.longest)?;
        let options = critical_options.to_pairs();
        approve(&Fields {
            kind: key.kind(),
            nonce: &nonce(rng),
            key: key.parts(),
            serial: serial.value(),
            purpose: Purpose::User,
            key_id: key_id.as_str(),
            principals: principals.iter().map(Principal::as_str).collect(),
            valid_after,
            valid_before,
            critical_options: options.iter().map(|(name, value)| (*name, value.as_str())).collect(),
            extensions: extensions.iter().map(|extension| (extension.as_str(), "")).collect(),
            ca: ca.blob(),
        })
    }
}

impl HostProfile {
    /// # Errors
    /// When `longest` is over 366 days.
    pub fn new(longest: Lifetime) -> Result<Self, ProfileError> {
        under(longest, HOST_CEILING_SECONDS).map(|longest| Self { longest })
    }

    /// Approves a certificate for `key` and fixes its bytes.
    ///
    /// # Errors
    /// [`ProfileError`]
    pub fn approve(
        &self,
        key: &PlainKey,
        certificate: &HostCertificate,
        ca: &CaPublicKey,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Result<Approved, ProfileError> {
        let HostCertificate { serial, key_id, names, .. } = certificate;
        let distinct: BTreeSet<_> = names.iter().collect();
        if !(1..=MOST_PRINCIPALS).contains(&names.len()) || distinct.len() != names.len() {
            return Err(ProfileError::Names);
        }
        if key.kind().is_security_key() {
            return Err(ProfileError::HostKey);
        }
        let (valid_after, valid_before) =
            window(certificate.valid_after, certificate.valid_before, self.longest)?;
        approve(&Fields {
            kind: key.kind(),
            nonce: &nonce(rng),
            key: key.parts(),
            serial: serial.value(),
            purpose: Purpose::Host,
            key_id: key_id.as_str(),
            principals: names.iter().map(HostName::as_str).collect(),
            valid_after,
            valid_before,
            critical_options: Vec::new(),
            extensions: Vec::new(),
            ca: ca.blob(),
        })
    }
}

fn under(asked: Lifetime, ceiling: u32) -> Result<Lifetime, ProfileError> {
    if asked.seconds() > ceiling { Err(ProfileError::Ceiling { asked, ceiling }) } else { Ok(asked) }
}

/// sshd enforces `verify-required` only for security keys: on another key it would promise what nobody keeps.
fn for_security_keys(
    kind: KeyKind,
    verify_required: bool,
    extensions: &BTreeSet<Extension>,
) -> Result<(), ProfileError> {
    if kind.is_security_key() {
        return Ok(());
    }
    if verify_required {
        return Err(ProfileError::NeedsSecurityKey(crate::options::VERIFY_REQUIRED));
    }
    if extensions.contains(&Extension::NoTouchRequired) {
        return Err(ProfileError::NeedsSecurityKey(Extension::NoTouchRequired.as_str()));
    }
    Ok(())
}

fn window(after: Timestamp, before: Timestamp, longest: Lifetime) -> Result<(u64, u64), ProfileError> {
    let second = |time: Timestamp| u64::try_from(time.as_second()).map_err(|_| ProfileError::Window);
    let (after, before) = (second(after)?, second(before)?);
    match before.checked_sub(after) {
        None | Some(0) => Err(ProfileError::Window),
        Some(seconds) if seconds > u64::from(longest.seconds()) + BACKDATE_SECONDS => {
            Err(ProfileError::TooLong { seconds, longest })
        }
        Some(_) => Ok((after, before)),
    }
}

fn nonce(rng: &mut (impl RngCore + CryptoRng)) -> [u8; NONCE_LENGTH] {
    let mut nonce = [0; NONCE_LENGTH];
    rng.fill_bytes(&mut nonce);
    nonce
}

/// Reads the bytes back before anybody stores them: what is recorded is what was meant.
fn approve(fields: &Fields<'_>) -> Result<Approved, ProfileError> {
    let tbs = fields.encode().map_err(|_| ProfileError::Codec)?;
    if Fields::decode(&tbs).as_ref() != Some(fields) {
        return Err(ProfileError::Codec);
    }
    Ok(Approved::new(tbs))
}
