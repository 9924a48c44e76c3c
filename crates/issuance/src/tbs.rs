use jiff::Timestamp;
use sallyport_domain::{Extension, HostName, Principal, Serial};
use ssh_encoding::Encode;

use crate::cursor::Cursor;
use crate::{CriticalOptions, KeyError, KeyId, KeyKind, PlainKey};

/// `SSHKEY_CERT_MAX_PRINCIPALS` in OpenSSH's sshkey.h.
pub(crate) const MOST_PRINCIPALS: usize = 256;

/// Bytes of randomness in front, so that nobody can foresee what will be signed.
pub(crate) const NONCE_LENGTH: usize = 32;

/// Largest content read: 256 principals of 253 characters and an RSA key stay well below.
const LARGEST: usize = 128 * 1024;

const ED25519: &str = "ssh-ed25519";

/// Whom a certificate is for; the numbers are PROTOCOL.certkeys' `SSH_CERT_TYPE_*`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Purpose {
    Host,
    User,
}

impl Purpose {
    pub(crate) const fn number(self) -> u32 {
        match self {
            Self::Host => 2,
            Self::User => 1,
        }
    }

    fn of_number(number: u32) -> Option<Self> {
        [Self::Host, Self::User].into_iter().find(|purpose| purpose.number() == number)
    }
}

/// The thirteen fields that a CA signs (OpenSSH's PROTOCOL.certkeys), in their order but for `reserved`, which is
/// always empty.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Fields<'a> {
    pub(crate) kind: KeyKind,
    pub(crate) nonce: &'a [u8],
    /// The key's own strings, its algorithm aside.
    pub(crate) key: &'a [u8],
    pub(crate) serial: u64,
    pub(crate) purpose: Purpose,
    pub(crate) key_id: &'a str,
    pub(crate) principals: Vec<&'a str>,
    pub(crate) valid_after: u64,
    pub(crate) valid_before: u64,
    pub(crate) critical_options: Vec<(&'a str, &'a str)>,
    pub(crate) extensions: Vec<(&'a str, &'a str)>,
    /// The CA's key blob.
    pub(crate) ca: &'a [u8],
}

/// Why stored bytes are not the content of a certificate of ours.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TbsError {
    #[error("the stored certificate content has a bad {0}")]
    Field(&'static str),
    #[error("the stored certificate content has a key that is not certified here")]
    Key(#[from] KeyError),
    #[error("the stored certificate content is damaged")]
    Malformed,
}

// === encoding ===

impl Fields<'_> {
    pub(crate) fn encode(&self) -> Result<Vec<u8>, ssh_encoding::Error> {
        let names: usize = self.principals.iter().map(|name| name.len() + 4).sum();
        let mut out = Vec::with_capacity(512 + self.key.len() + names);
        self.kind.certificate_name().encode(&mut out)?;
        self.nonce.encode(&mut out)?;
        out.extend_from_slice(self.key);
        self.serial.encode(&mut out)?;
        self.purpose.number().encode(&mut out)?;
        self.key_id.encode(&mut out)?;
        names.encode(&mut out)?;
        for name in &self.principals {
            name.encode(&mut out)?;
        }
        self.valid_after.encode(&mut out)?;
        self.valid_before.encode(&mut out)?;
        encode_options(&self.critical_options, &mut out)?;
        encode_options(&self.extensions, &mut out)?;
        "".encode(&mut out)?;
        self.ca.encode(&mut out)?;
        Ok(out)
    }
}

/// A value is a string inside a string; an empty one is the empty string alone.
fn encode_options(options: &[(&str, &str)], out: &mut Vec<u8>) -> Result<(), ssh_encoding::Error> {
    let value_length = |value: &str| if value.is_empty() { 0 } else { 4 + value.len() };
    let length: usize = options.iter().map(|(name, value)| 8 + name.len() + value_length(value)).sum();
    length.encode(out)?;
    for (name, value) in options {
        name.encode(out)?;
        value_length(value).encode(out)?;
        if !value.is_empty() {
            value.encode(out)?;
        }
    }
    Ok(())
}

// === decoding ===

impl<'a> Fields<'a> {
    /// Reads the layout only; [`Fields::check`] judges the content.
    pub(crate) fn decode(tbs: &'a [u8]) -> Option<Self> {
        if tbs.len() > LARGEST {
            return None;
        }
        let mut cursor = Cursor::new(tbs);
        let kind = KeyKind::of_certificate_name(cursor.text()?)?;
        let fields = Self {
            kind,
            nonce: cursor.string()?,
            key: cursor.strings_raw(kind.parts())?,
            serial: cursor.u64()?,
            purpose: Purpose::of_number(cursor.u32()?)?,
            key_id: cursor.text()?,
            principals: decode_names(cursor.string()?)?,
            valid_after: cursor.u64()?,
            valid_before: cursor.u64()?,
            critical_options: decode_options(cursor.string()?)?,
            extensions: decode_options(cursor.string()?)?,
            ca: {
                let reserved = cursor.string()?;
                cursor.string().filter(|_| reserved.is_empty())?
            },
        };
        cursor.is_empty().then_some(fields)
    }

    /// # Errors
    /// When a field says what no certificate of ours says.
    pub(crate) fn check(&self) -> Result<(), TbsError> {
        let ensure = |good: bool, field| if good { Ok(()) } else { Err(TbsError::Field(field)) };
        ensure(self.nonce.len() == NONCE_LENGTH, "nonce")?;
        PlainKey::from_blob(self.key_blob())?;
        ensure(Serial::new(self.serial).is_some(), "serial")?;
        ensure(self.key_id.parse::<KeyId>().is_ok(), "key id")?;
        ensure((1..=MOST_PRINCIPALS).contains(&self.principals.len()), "number of principals")?;
        ensure(self.principals.iter().all(|name| self.purpose.admits(name)), "principal")?;
        ensure(self.valid_after < self.valid_before && time(self.valid_before).is_some(), "validity")?;
        ensure(self.options_are_known(), "option")?;
        let mut ca = Cursor::new(self.ca);
        let good =
            ca.text() == Some(ED25519) && ca.string().is_some_and(|key| key.len() == 32) && ca.is_empty();
        ensure(good, "CA key")
    }

    fn options_are_known(&self) -> bool {
        let known = |(name, value): &(&str, &str)| name.parse::<Extension>().is_ok() && value.is_empty();
        let in_order = self.extensions.is_sorted_by(|one, other| one.0 < other.0);
        let none = self.critical_options.is_empty() && self.extensions.is_empty();
        match self.purpose {
            Purpose::Host => none,
            Purpose::User => {
                CriticalOptions::from_pairs(&self.critical_options).is_ok()
                    && self.extensions.iter().all(known)
                    && in_order
            }
        }
    }

    /// The certified key as a blob of its own.
    pub(crate) fn key_blob(&self) -> Vec<u8> {
        let name = self.kind.name();
        let mut blob = Vec::with_capacity(4 + name.len() + self.key.len());
        // The names are short constants; a Vec takes all that is written.
        let _ = name.encode(&mut blob);
        blob.extend_from_slice(self.key);
        blob
    }
}

impl Purpose {
    fn admits(self, name: &str) -> bool {
        match self {
            Self::Host => name.parse::<HostName>().is_ok_and(|parsed| parsed.as_str() == name),
            Self::User => name.parse::<Principal>().is_ok(),
        }
    }
}

/// `None` beyond the year 9999.
pub(crate) fn time(second: u64) -> Option<Timestamp> {
    Timestamp::from_second(i64::try_from(second).ok()?).ok()
}

fn decode_names(bytes: &[u8]) -> Option<Vec<&str>> {
    let mut cursor = Cursor::new(bytes);
    let mut names = Vec::with_capacity(4);
    while !cursor.is_empty() {
        names.push(cursor.text()?);
    }
    Some(names)
}

fn decode_options(bytes: &[u8]) -> Option<Vec<(&str, &str)>> {
    let mut cursor = Cursor::new(bytes);
    let mut options = Vec::with_capacity(4);
    while !cursor.is_empty() {
        let name = cursor.text()?;
        let mut wrapped = Cursor::new(cursor.string()?);
        let value = if wrapped.is_empty() { "" } else { wrapped.text().filter(|value| !value.is_empty())? };
        wrapped.is_empty().then(|| options.push((name, value)))?;
    }
    Some(options)
}
