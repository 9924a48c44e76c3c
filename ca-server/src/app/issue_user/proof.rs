//! The key to be certified speaks for the request: no token can be turned to another key, lifetime or person.

use sallyport_issuance::PlainKey;
use sallyport_protocol::{
    CertificateProof, Fingerprint, IssueUserRequest, Namespace, ProblemCode, verify_armored,
};
use sha2::{Digest, Sha256};

use crate::app::Refusal;

/// Longest address that somebody types.
const LONGEST_ADDRESS: usize = 320;

/// A key, and the proof that its holder made this very request.
#[derive(Debug)]
pub(super) struct Proven {
    pub(super) key: PlainKey,
    /// Hash over key, `ttl_seconds` and `asked_as`.
    pub(super) purpose: [u8; 32],
    /// What was signed: a renewal's earlier key signs the same bytes.
    pub(super) message: Vec<u8>,
}

pub(super) fn check(ask: &IssueUserRequest, ca: Fingerprint) -> Result<Proven, Refusal> {
    let key = PlainKey::parse(&ask.public_key)
        .map_err(|error| Refusal::new(ProblemCode::KeyNotPlain, format!("public_key: {error}")))?;
    let asked_as = ask.asked_as.as_deref();
    // The proof is lines: a value with a line break could say two things with one signature.
    if asked_as.is_some_and(|text| text.len() > LONGEST_ADDRESS || text.chars().any(char::is_control)) {
        return Err(Refusal::new(ProblemCode::Malformed, "asked_as is an address such as you@contoso.com"));
    }
    let proof = CertificateProof {
        ca,
        id_token: &ask.id_token,
        public_key: Fingerprint::of(key.public_key()),
        ttl_seconds: ask.ttl_seconds,
        asked_as,
    };
    let message = proof.message();
    verify_armored(key.public_key(), Namespace::Certificate, &message, &ask.signature).map_err(|_| {
        Refusal::new(
            ProblemCode::WrongSignature,
            "the request is not signed by its public key for this CA, token, lifetime and address",
        )
    })?;
    Ok(Proven { purpose: purpose(&key, ask), key, message })
}

/// Lengths first, so that two requests cannot run into the same bytes.
fn purpose(key: &PlainKey, ask: &IssueUserRequest) -> [u8; 32] {
    let ttl = ask.ttl_seconds.map(|seconds| seconds.to_string()).unwrap_or_default();
    let asked_as = ask.asked_as.as_deref().unwrap_or_default();
    let parts = [key.blob(), ttl.as_bytes(), asked_as.as_bytes()];
    let hash = parts
        .iter()
        .fold(Sha256::new(), |hash, part| hash.chain_update(part.len().to_be_bytes()).chain_update(part));
    hash.finalize().into()
}
