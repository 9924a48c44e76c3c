//! Proof Key for Code Exchange (RFC 7636), as Entra takes it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::errors::Refusal;

/// What the authorization request promised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    Plain(String),
    S256(String),
}

impl Challenge {
    /// A public client must send one: without a method it is `plain` (RFC 7636 section 4.3).
    pub(crate) fn parse(challenge: Option<&str>, method: Option<&str>) -> Result<Self, Refusal> {
        let challenge = challenge.ok_or(Refusal::MissingChallenge)?;
        if !well_formed(challenge) {
            return Err(Refusal::BadChallenge);
        }
        match method {
            None | Some("plain") => Ok(Self::Plain(challenge.to_owned())),
            Some("S256") if challenge.len() == 43 => Ok(Self::S256(challenge.to_owned())),
            _ => Err(Refusal::BadChallenge),
        }
    }

    pub(crate) fn verify(&self, verifier: &str) -> bool {
        well_formed(verifier)
            && match self {
                Self::Plain(challenge) => challenge == verifier,
                Self::S256(challenge) => *challenge == URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)),
            }
    }
}

/// 43 to 128 unreserved characters (RFC 7636 sections 4.1 and 4.2).
fn well_formed(text: &str) -> bool {
    let unreserved = |c: u8| c.is_ascii_alphanumeric() || b"-._~".contains(&c);
    (43..=128).contains(&text.len()) && text.bytes().all(unreserved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rfc_7636_appendix_b_pair_verifies() {
        let challenge =
            Challenge::parse(Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"), Some("S256")).unwrap();
        assert!(challenge.verify("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
        assert!(!challenge.verify("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"));
    }

    #[test]
    fn absent_short_and_oddly_named_challenges_are_refused() {
        assert_eq!(Challenge::parse(None, Some("S256")), Err(Refusal::MissingChallenge));
        assert_eq!(Challenge::parse(Some("short"), Some("S256")), Err(Refusal::BadChallenge));
        let long = "a".repeat(43);
        assert_eq!(Challenge::parse(Some(&long), Some("s256")), Err(Refusal::BadChallenge));
        assert_eq!(Challenge::parse(Some(&long), None), Ok(Challenge::Plain(long.clone())));
    }
}
