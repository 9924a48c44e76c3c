//! The CA's answer, checked before anything uses it.

use jiff::Timestamp;
use sallyport_protocol::{Fingerprint, IssueUserReply};
use ssh_key::certificate::CertType;
use ssh_key::{Certificate, PublicKey};

use crate::certificate;

/// A host's clock may be this far behind ours, and the CA backdates for the same reason.
const BACKDATED_AT_MOST: u64 = 15 * 60;

#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum IssuedError {
    #[error("it is not an OpenSSH certificate")]
    Damaged,
    #[error("it is for a host")]
    ForAHost,
    #[error("it is for nobody, which some hosts read as everybody")]
    ForNobody,
    #[error("it is not valid by this machine's clock")]
    NotNow,
    #[error("it is for another key than the one that was sent")]
    OtherKey,
    #[error("it says something else than the answer that carries it")]
    OtherThanSaid,
    #[error("none of the CA's keys signed it")]
    OtherSigner,
    #[error("its signature does not hold")]
    Signature,
}

/// The certificate, when it is for `key`, by one of `ca_keys`, valid now, and what the answer says it is.
pub(crate) fn check(
    reply: &IssueUserReply,
    key: &PublicKey,
    ca_keys: &[PublicKey],
    now: Timestamp,
) -> Result<certificate::Certificate, IssuedError> {
    let certificate = Certificate::from_openssh(&reply.certificate).map_err(|_| IssuedError::Damaged)?;
    let shown = certificate::Certificate::from_line(&reply.certificate).map_err(|_| IssuedError::Damaged)?;
    if certificate.to_bytes().ok().as_ref() != Some(&shown.blob) {
        return Err(IssuedError::Damaged);
    }
    if certificate.public_key() != key.key_data() {
        return Err(IssuedError::OtherKey);
    }
    let signer = Fingerprint::of_key_data(certificate.signature_key());
    if !ca_keys.iter().any(|ca| Fingerprint::of(ca) == signer) {
        return Err(IssuedError::OtherSigner);
    }
    certificate.verify_signature().map_err(|_| IssuedError::Signature)?;
    if certificate.cert_type() != CertType::User {
        return Err(IssuedError::ForAHost);
    }
    if certificate.valid_principals().is_empty() {
        return Err(IssuedError::ForNobody);
    }
    if !is_as_said(&certificate, reply) {
        return Err(IssuedError::OtherThanSaid);
    }
    let now = u64::try_from(now.as_second()).unwrap_or(0);
    if certificate.valid_after() > now.saturating_add(BACKDATED_AT_MOST) || certificate.valid_before() <= now
    {
        return Err(IssuedError::NotNow);
    }
    Ok(shown)
}

/// What is shown and remembered comes from the answer: it must be what the certificate says.
fn is_as_said(certificate: &Certificate, reply: &IssueUserReply) -> bool {
    let until = u64::try_from(reply.valid_until.as_second()).unwrap_or(0);
    certificate.serial() == reply.serial
        && certificate.valid_before() == until
        && certificate.valid_principals() == reply.principals
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::tests::{Made, NOW, at, private_key};

    fn reply(made: &Made) -> IssueUserReply {
        IssueUserReply {
            certificate: made.line(),
            serial: made.certificate.serial(),
            valid_until: at(i64::try_from(made.certificate.valid_before()).unwrap()),
            principals: made.certificate.valid_principals().to_vec(),
            session: "s".into(),
        }
    }

    fn made() -> Made {
        Made::user(5, NOW - 300, NOW + 3600)
    }

    fn judge(reply: &IssueUserReply, now: i64) -> Result<certificate::Certificate, IssuedError> {
        let made = made();
        check(reply, made.key.public_key(), &[made.ca.public_key().clone()], at(now))
    }

    #[test]
    fn what_was_asked_for_is_taken() {
        assert_eq!(judge(&reply(&made()), NOW).unwrap(), made().read());
    }

    #[test]
    fn another_key_or_another_signer_is_refused() {
        let (made, reply) = (made(), reply(&made()));
        let other = private_key(9).public_key().clone();
        let ca = made.ca.public_key().clone();
        assert_eq!(check(&reply, &other, &[ca], at(NOW)), Err(IssuedError::OtherKey));
        assert_eq!(check(&reply, made.key.public_key(), &[other], at(NOW)), Err(IssuedError::OtherSigner));
        assert_eq!(check(&reply, made.key.public_key(), &[], at(NOW)), Err(IssuedError::OtherSigner));
    }

    #[test]
    fn a_certificate_that_differs_from_the_answer_is_refused() {
        let good = reply(&made());
        let others = [
            IssueUserReply { serial: 6, ..good.clone() },
            IssueUserReply { valid_until: at(NOW + 3601), ..good.clone() },
            IssueUserReply { principals: vec!["root".into()], ..good.clone() },
        ];
        for other in others {
            assert_eq!(judge(&other, NOW), Err(IssuedError::OtherThanSaid));
        }
    }

    #[test]
    fn a_wrong_clock_is_noticed() {
        assert_eq!(judge(&reply(&made()), NOW + 3600), Err(IssuedError::NotNow));
        assert_eq!(judge(&reply(&made()), NOW - 300 - 901), Err(IssuedError::NotNow));
        assert!(judge(&reply(&made()), NOW - 600).is_ok());
    }

    #[test]
    fn damaged_or_altered_ones_are_refused() {
        let good = reply(&made());
        for line in ["", "ssh-ed25519 AAAA", "no certificate"] {
            let bad = IssueUserReply { certificate: line.into(), ..good.clone() };
            assert_eq!(judge(&bad, NOW), Err(IssuedError::Damaged));
        }
        let mut blob = made().read().blob;
        let place = blob.windows(3).position(|bytes| bytes == b"ada").unwrap();
        blob[place] = b'x';
        let altered = ssh_key::Certificate::from_bytes(&blob).unwrap();
        let bad = IssueUserReply {
            certificate: altered.to_openssh().unwrap(),
            principals: altered.valid_principals().to_vec(),
            ..good
        };
        assert_eq!(judge(&bad, NOW), Err(IssuedError::Signature));
    }

    #[test]
    fn one_for_a_host_is_refused() {
        let made = Made::host(5, NOW - 300, NOW + 3600);
        assert_eq!(judge(&reply(&made), NOW), Err(IssuedError::ForAHost));
    }

    #[test]
    fn one_for_nobody_is_refused() {
        use ssh_key::certificate::Builder;
        let made = made();
        let (after, before) = (made.certificate.valid_after(), made.certificate.valid_before());
        let mut builder = Builder::new(vec![7; 32], made.key.public_key(), after, before).unwrap();
        builder.serial(5).unwrap().key_id("x").unwrap().all_principals_valid().unwrap();
        let nobody = Made { certificate: builder.sign(&made.ca).unwrap(), ..made };
        assert_eq!(judge(&reply(&nobody), NOW), Err(IssuedError::ForNobody));
    }
}
