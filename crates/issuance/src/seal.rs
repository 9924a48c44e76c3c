use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sallyport_domain::Serial;
use ssh_encoding::Encode;
use ssh_key::public::KeyData;
use ssh_key::{Algorithm, Certificate};

use crate::tbs::{Fields, time};
use crate::{CaKey, IssuedCertificate};

const ED25519: &str = "ssh-ed25519";

/// How much of a fresh certificate is checked; docs/decisions/0041 weighs it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SignatureCheck {
    /// Every field, and that the signature stands in it as it was made.
    Fields,
    /// That, and the signature itself.
    Whole,
}

/// Why a certificate was not let out.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SealError {
    #[error("the signed certificate reads back with another {0}; it was thrown away")]
    Disagrees(&'static str),
    #[error("the content names another CA key than the one that is to sign it")]
    OtherCa,
    #[error("the signature does not hold; the CA's memory or key is damaged")]
    Signature,
    #[error("the signed certificate does not read back; it was thrown away")]
    Unreadable,
}

pub(crate) fn seal(tbs: &[u8], key: &CaKey, check: SignatureCheck) -> Result<IssuedCertificate, SealError> {
    let fields = Fields::decode(tbs).ok_or(SealError::Unreadable)?;
    if fields.ca != key.public().blob() {
        return Err(SealError::OtherCa);
    }
    let signature = key.sign(tbs);
    if check == SignatureCheck::Whole && !key.verifies(tbs, &signature) {
        return Err(SealError::Signature);
    }
    let signature = signature.to_bytes();
    let blob = append(tbs, &signature).map_err(|_| SealError::Unreadable)?;
    let certificate = Certificate::from_bytes(&blob).map_err(|_| SealError::Unreadable)?;
    compare(&certificate, &fields, &signature)?;
    // What ssh-key does not show (the reserved field) it must at least write again as it stood.
    if certificate.to_bytes().ok().as_ref() != Some(&blob) {
        return Err(SealError::Disagrees("encoding"));
    }
    issued(&fields, &blob).ok_or(SealError::Unreadable)
}

/// The content, then the signature: algorithm and 64 bytes, as one string.
fn append(tbs: &[u8], signature: &[u8; 64]) -> Result<Vec<u8>, ssh_encoding::Error> {
    let inner = 4 + ED25519.len() + 4 + signature.len();
    let mut blob = Vec::with_capacity(tbs.len() + 4 + inner);
    blob.extend_from_slice(tbs);
    inner.encode(&mut blob)?;
    ED25519.encode(&mut blob)?;
    signature.encode(&mut blob)?;
    Ok(blob)
}

/// Field by field: what another program reads must be what was approved.
fn compare(read: &Certificate, meant: &Fields<'_>, signature: &[u8]) -> Result<(), SealError> {
    let same = |good: bool, field| if good { Ok(()) } else { Err(SealError::Disagrees(field)) };
    same(read.algorithm().to_certificate_type() == meant.kind.certificate_name(), "type")?;
    same(read.nonce() == meant.nonce, "nonce")?;
    same(blob_of(read.public_key()).as_ref() == Some(&meant.key_blob()), "public key")?;
    same(read.serial() == meant.serial, "serial")?;
    same(u32::from(read.cert_type()) == meant.purpose.number(), "purpose")?;
    same(read.key_id() == meant.key_id, "key id")?;
    same(read.valid_principals() == meant.principals, "list of principals")?;
    same(read.valid_after() == meant.valid_after, "beginning")?;
    same(read.valid_before() == meant.valid_before, "end")?;
    same(pairs(read.critical_options()).eq(meant.critical_options.iter().copied()), "critical option")?;
    same(pairs(read.extensions()).eq(meant.extensions.iter().copied()), "extension")?;
    same(blob_of(read.signature_key()).as_deref() == Some(meant.ca), "CA key")?;
    let algorithm = read.signature().algorithm();
    same(algorithm == Algorithm::Ed25519 && read.signature().as_bytes() == signature, "signature")
}

fn blob_of(key: &KeyData) -> Option<Vec<u8>> {
    let mut blob = Vec::with_capacity(64);
    key.encode(&mut blob).ok().map(|()| blob)
}

fn pairs(options: &ssh_key::certificate::OptionsMap) -> impl Iterator<Item = (&str, &str)> {
    options.iter().map(|(name, value)| (name.as_str(), value.as_str()))
}

fn issued(fields: &Fields<'_>, blob: &[u8]) -> Option<IssuedCertificate> {
    let mut line = String::with_capacity(64 + blob.len() / 3 * 4);
    line.push_str(fields.kind.certificate_name());
    line.push(' ');
    STANDARD.encode_string(blob, &mut line);
    Some(IssuedCertificate {
        line,
        serial: Serial::new(fields.serial)?,
        valid_after: time(fields.valid_after)?,
        valid_before: time(fields.valid_before)?,
        principals: fields.principals.iter().map(ToString::to_string).collect(),
    })
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;
    use ssh_key::PrivateKey;

    use super::*;
    use crate::KeyKind;
    use crate::tbs::Purpose;

    const SIGNATURE: [u8; 64] = [7; 64];

    fn key(seed: u8) -> PrivateKey {
        PrivateKey::random(&mut ChaCha8Rng::from_seed([seed; 32]), Algorithm::Ed25519).unwrap()
    }

    fn fields<'a>(key: &'a [u8], ca: &'a [u8]) -> Fields<'a> {
        Fields {
            kind: KeyKind::Ed25519,
            nonce: &[9; 32],
            key,
            serial: 7,
            purpose: Purpose::User,
            key_id: "id",
            principals: vec!["u:a", "b"],
            valid_after: 100,
            valid_before: 200,
            critical_options: vec![("force-command", "true")],
            extensions: vec![("permit-pty", "")],
            ca,
        }
    }

    /// Each row changes one field of what was meant; the read certificate stays the same.
    #[test]
    fn a_difference_in_any_field_is_named() {
        let (subject, ca) =
            (key(1).public_key().to_bytes().unwrap(), key(2).public_key().to_bytes().unwrap());
        let parts = subject.get(15..).unwrap();
        let meant = fields(parts, &ca);
        let blob = append(&meant.encode().unwrap(), &SIGNATURE).unwrap();
        let read = Certificate::from_bytes(&blob).unwrap();
        assert_eq!(compare(&read, &meant, &SIGNATURE), Ok(()));

        let other_key: Vec<u8> = parts.iter().rev().copied().collect();
        let base = || fields(parts, &ca);
        let rows = [
            ("nonce", Fields { nonce: &[8; 32], ..base() }),
            ("public key", Fields { key: &other_key, ..base() }),
            ("type", Fields { kind: KeyKind::Rsa, ..base() }),
            ("serial", Fields { serial: 8, ..base() }),
            ("purpose", Fields { purpose: Purpose::Host, ..base() }),
            ("key id", Fields { key_id: "other", ..base() }),
            ("list of principals", Fields { principals: vec!["u:a"], ..base() }),
            ("list of principals", Fields { principals: vec!["b", "u:a"], ..base() }),
            ("beginning", Fields { valid_after: 101, ..base() }),
            ("end", Fields { valid_before: 201, ..base() }),
            ("critical option", Fields { critical_options: vec![], ..base() }),
            ("critical option", Fields { critical_options: vec![("force-command", "false")], ..base() }),
            ("extension", Fields { extensions: vec![("permit-pty", ""), ("permit-user-rc", "")], ..base() }),
            ("CA key", Fields { ca: &subject, ..base() }),
        ];
        for (field, changed) in rows {
            assert_eq!(compare(&read, &changed, &SIGNATURE), Err(SealError::Disagrees(field)));
        }
        assert_eq!(compare(&read, &meant, &[8; 64]), Err(SealError::Disagrees("signature")));
    }
}
