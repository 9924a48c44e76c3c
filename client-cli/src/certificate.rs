//! OpenSSH certificates as anybody may have made them (PROTOCOL.certkeys), read without judging.
//!
//! Not ssh-key's reader: that one refuses what `ssh-keygen -L` shows (validity for ever, options that are not text,
//! key types it does not know), and one such certificate in an agent would hide all others.

mod explain;
mod reader;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use sallyport_protocol::Fingerprint;
use signature::Verifier;
use ssh_key::PublicKey;
use ssh_key::public::KeyData;

pub(crate) use explain::{Explained, explain};
pub(crate) use reader::Reader;

/// What every type of certificate ends in.
const SUFFIX: &str = "-cert-v01@openssh.com";
/// How the key ids of our certificates begin.
const KEY_ID_PREFIX: &str = "sallyport v1 ";
/// OpenSSH's way to write that a certificate never ends.
const FOREVER: u64 = u64::MAX;
/// OpenSSH reads 256 principals and few options; this only keeps a hostile file from growing in memory.
const MOST_ENTRIES: usize = 1024;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Host,
    Other(u32),
    User,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Certificate {
    /// As `ssh-ed25519-cert-v01@openssh.com`.
    pub(crate) algorithm: String,
    /// The whole certificate, as agents name it.
    pub(crate) blob: Vec<u8>,
    /// The blob of the plain key.
    pub(crate) public_key: Vec<u8>,
    pub(crate) serial: u64,
    pub(crate) kind: Kind,
    pub(crate) key_id: String,
    pub(crate) principals: Vec<String>,
    /// Unix seconds; the second at `valid_before` is no longer inside.
    valid_after: u64,
    valid_before: u64,
    pub(crate) critical_options: Vec<(String, Vec<u8>)>,
    pub(crate) extensions: Vec<(String, Vec<u8>)>,
    /// The blob of the CA's key.
    pub(crate) signing_key: Vec<u8>,
    signature: Vec<u8>,
    /// Everything before the signature.
    signed_length: usize,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum CertificateError {
    #[error("it is damaged")]
    Damaged,
    #[error("it is a plain public key, not a certificate")]
    PlainKey,
    #[error("it is no OpenSSH certificate")]
    Unknown,
}

/// Whether the CA's key really signed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Signature {
    Broken,
    Holds,
    /// Of an algorithm that this program does not know.
    Unchecked,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Standing {
    Ended,
    NotYet,
    Valid,
}

impl Certificate {
    /// One line of a `-cert.pub` file: type, base64, comment.
    pub(crate) fn from_line(line: &str) -> Result<Self, CertificateError> {
        let mut words = line.split_ascii_whitespace();
        let (Some(algorithm), Some(body)) = (words.next(), words.next()) else {
            return Err(CertificateError::Unknown);
        };
        if !algorithm.ends_with(SUFFIX) {
            let is_key = ["ssh-", "ecdsa-", "sk-"].iter().any(|prefix| algorithm.starts_with(prefix));
            return Err(if is_key { CertificateError::PlainKey } else { CertificateError::Unknown });
        }
        let certificate = Self::from_blob(&STANDARD.decode(body).map_err(|_| CertificateError::Damaged)?)?;
        if certificate.algorithm == algorithm { Ok(certificate) } else { Err(CertificateError::Damaged) }
    }

    pub(crate) fn from_blob(blob: &[u8]) -> Result<Self, CertificateError> {
        let mut reader = Reader::new(blob);
        let algorithm = reader.text().ok_or(CertificateError::Damaged)?;
        let Some((plain, fields)) = plain_key(&algorithm) else {
            let is_cert = algorithm.ends_with(SUFFIX);
            return Err(if is_cert { CertificateError::Unknown } else { CertificateError::PlainKey });
        };
        Self::read(blob, reader, algorithm, &plain, fields).ok_or(CertificateError::Damaged)
    }

    fn read(
        blob: &[u8],
        mut reader: Reader<'_>,
        algorithm: String,
        plain: &str,
        fields: usize,
    ) -> Option<Self> {
        let _nonce = reader.string()?;
        let mut public_key = prefixed(plain.as_bytes())?;
        for _ in 0..fields {
            public_key.extend(prefixed(reader.string()?)?);
        }
        let serial = reader.u64()?;
        let kind = match reader.u32()? {
            1 => Kind::User,
            2 => Kind::Host,
            other => Kind::Other(other),
        };
        let key_id = reader.text()?;
        let principals = list(reader.string()?, Reader::text)?;
        let (valid_after, valid_before) = (reader.u64()?, reader.u64()?);
        let option = |r: &mut Reader<'_>| Some((r.text()?, r.string()?.to_vec()));
        let critical_options = list(reader.string()?, option)?;
        let extensions = list(reader.string()?, option)?;
        let _reserved = reader.string()?;
        let signing_key = reader.string()?.to_vec();
        let signed_length = blob.len().checked_sub(reader.left())?;
        let signature = reader.string()?.to_vec();
        let blob = (reader.left() == 0).then(|| blob.to_vec())?;
        Some(Self {
            algorithm,
            blob,
            public_key,
            serial,
            kind,
            key_id,
            principals,
            valid_after,
            valid_before,
            critical_options,
            extensions,
            signing_key,
            signature,
            signed_length,
        })
    }

    /// Whether a Sallyport CA says it made this: good for finding ours, proof of nothing.
    pub(crate) fn is_ours(&self) -> bool {
        self.kind == Kind::User && self.key_id.starts_with(KEY_ID_PREFIX)
    }

    /// The address in the key id of one of ours, as the directory spelt it.
    pub(crate) fn person(&self) -> Option<&str> {
        self.key_id.strip_prefix(KEY_ID_PREFIX)?.split(' ').nth(1)
    }

    pub(crate) fn signing_ca(&self) -> Fingerprint {
        Fingerprint::of_blob(&self.signing_key)
    }

    pub(crate) fn standing(&self, now: Timestamp) -> Standing {
        let now = u64::try_from(now.as_second()).unwrap_or(0);
        match () {
            () if now < self.valid_after => Standing::NotYet,
            () if now >= self.valid_before => Standing::Ended,
            () => Standing::Valid,
        }
    }

    /// `None`: from the beginning of time.
    pub(crate) fn valid_after(&self) -> Option<Timestamp> {
        (self.valid_after > 0).then(|| timestamp(self.valid_after))
    }

    /// `None`: for ever.
    pub(crate) fn valid_before(&self) -> Option<Timestamp> {
        (self.valid_before < FOREVER).then(|| timestamp(self.valid_before))
    }

    pub(crate) fn signature_algorithm(&self) -> String {
        Reader::new(&self.signature).text().unwrap_or_default()
    }

    pub(crate) fn signature(&self) -> Signature {
        let key = PublicKey::from_bytes(&self.signing_key);
        let signature = ssh_key::Signature::try_from(self.signature.as_slice());
        let (Ok(key), Ok(signature), Some(signed)) = (key, signature, self.blob.get(..self.signed_length))
        else {
            return Signature::Unchecked;
        };
        let key = key.key_data();
        if !matches!(key, KeyData::Ed25519(_) | KeyData::Ecdsa(_) | KeyData::Rsa(_)) {
            return Signature::Unchecked;
        }
        if key.verify(signed, &signature).is_ok() { Signature::Holds } else { Signature::Broken }
    }
}

/// The plain type of a certificate's type, and how many fields its public key has.
fn plain_key(algorithm: &str) -> Option<(String, usize)> {
    let name = algorithm.strip_suffix(SUFFIX)?;
    let (plain, fields) = match name {
        "ssh-ed25519" => (name.to_owned(), 1),
        "sk-ssh-ed25519" => (format!("{name}@openssh.com"), 2),
        "ssh-rsa" | "rsa-sha2-256" | "rsa-sha2-512" => ("ssh-rsa".to_owned(), 2),
        "ssh-dss" => (name.to_owned(), 4),
        "sk-ecdsa-sha2-nistp256" => (format!("{name}@openssh.com"), 3),
        "ecdsa-sha2-nistp256" | "ecdsa-sha2-nistp384" | "ecdsa-sha2-nistp521" => (name.to_owned(), 2),
        _ => return None,
    };
    Some((plain, fields))
}

fn prefixed(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = u32::try_from(bytes.len()).ok()?.to_be_bytes().to_vec();
    out.extend_from_slice(bytes);
    Some(out)
}

fn list<'a, T>(bytes: &'a [u8], mut one: impl FnMut(&mut Reader<'a>) -> Option<T>) -> Option<Vec<T>> {
    let mut reader = Reader::new(bytes);
    let mut entries = Vec::new();
    while reader.left() > 0 {
        if entries.len() == MOST_ENTRIES {
            return None;
        }
        entries.push(one(&mut reader)?);
    }
    Some(entries)
}

/// Past what a timestamp holds is as far as a timestamp goes.
fn timestamp(seconds: u64) -> Timestamp {
    i64::try_from(seconds).ok().and_then(|s| Timestamp::from_second(s).ok()).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
pub(crate) mod tests;
