use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ssh_key::{PrivateKey, PublicKey};

use crate::sshsig::{Namespace, SshSigError, sign_blob, verify_blob};
use crate::{Fingerprint, sha256_hex};

/// The scheme and version that the header begins with.
pub const SCHEME: &str = "Sallyport v1";

/// Longest header value read; an RSA-4096 signature in base64 is under 2 KiB.
const LONGEST_HEADER: usize = 4096;
const NONCE_LENGTHS: std::ops::RangeInclusive<usize> = 16..=64;

/// `Authorization: Sallyport v1,key=SHA256:…,ts=…,nonce=…,sig=…`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RequestSignature {
    /// The fingerprint of the key that signed.
    pub key: Fingerprint,
    /// Unix seconds.
    pub ts: i64,
    /// 16 to 64 letters, digits, `-` and `_`; counts once.
    pub nonce: String,
    /// The SSHSIG blob.
    sig: Vec<u8>,
}

/// The request as it is signed.
#[derive(Clone, Copy, Debug)]
pub struct SignedRequest<'a> {
    /// Upper case, as sent.
    pub method: &'a str,
    /// As sent: with the query, without scheme and host.
    pub path_and_query: &'a str,
    pub body: &'a [u8],
    /// The CA that is meant: a request to one CA is worth nothing at another.
    pub ca: Fingerprint,
}

impl SignedRequest<'_> {
    /// Six lines, each ended by `\n`.
    fn message(&self, ts: i64, nonce: &str) -> Vec<u8> {
        let Self { method, path_and_query, body, ca } = self;
        let body = sha256_hex(body);
        format!("{method}\n{path_and_query}\n{body}\n{ts}\n{nonce}\n{ca}\n").into_bytes()
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RequestSignatureError {
    #[error("the Authorization header is not `{SCHEME},key=…,ts=…,nonce=…,sig=…`")]
    Malformed,
    #[error("the request's signature does not hold")]
    Signature(#[from] SshSigError),
}

impl RequestSignature {
    /// # Errors
    /// When the key cannot sign.
    pub fn sign(
        request: &SignedRequest<'_>,
        key: &PrivateKey,
        ts: i64,
        nonce: String,
    ) -> Result<Self, RequestSignatureError> {
        let sig = sign_blob(key, Namespace::Request, &request.message(ts, &nonce))?;
        Ok(Self { key: Fingerprint::of(key.public_key()), ts, nonce, sig })
    }

    /// Whether `key`, whose fingerprint the header names, signed exactly this request. Time and nonce are the
    /// caller's to judge.
    ///
    /// # Errors
    /// When the key is another one, or the signature does not hold.
    pub fn verify(&self, request: &SignedRequest<'_>, key: &PublicKey) -> Result<(), RequestSignatureError> {
        if Fingerprint::of(key) != self.key {
            return Err(SshSigError::Wrong.into());
        }
        Ok(verify_blob(key, Namespace::Request, &request.message(self.ts, &self.nonce), &self.sig)?)
    }
}

impl fmt::Display for RequestSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, ts, nonce, sig } = self;
        write!(f, "{SCHEME},key={key},ts={ts},nonce={nonce},sig={}", STANDARD.encode(sig))
    }
}

impl FromStr for RequestSignature {
    type Err = RequestSignatureError;

    /// The four parts in their order, nothing else: one request, one spelling.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > LONGEST_HEADER {
            return Err(RequestSignatureError::Malformed);
        }
        parse(text).ok_or(RequestSignatureError::Malformed)
    }
}

fn parse(text: &str) -> Option<RequestSignature> {
    let rest = text.strip_prefix(SCHEME)?.strip_prefix(",key=")?;
    let (key, rest) = rest.split_once(",ts=")?;
    let (ts, rest) = rest.split_once(",nonce=")?;
    let (nonce, sig) = rest.split_once(",sig=")?;
    let nonce_is_plain = nonce.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if !NONCE_LENGTHS.contains(&nonce.len()) || !nonce_is_plain {
        return None;
    }
    Some(RequestSignature {
        key: key.parse().ok()?,
        ts: ts.parse().ok()?,
        nonce: nonce.to_owned(),
        sig: STANDARD.decode(sig).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use ssh_key::Algorithm;

    use super::*;

    const NONCE: &str = "0123456789abcdef";

    fn key() -> PrivateKey {
        PrivateKey::random(&mut ChaCha8Rng::from_seed([42; 32]), Algorithm::Ed25519).unwrap()
    }

    fn request() -> SignedRequest<'static> {
        SignedRequest {
            method: "GET",
            path_and_query: "/v1/x?after=1",
            body: b"",
            ca: Fingerprint::of_blob(b"ca"),
        }
    }

    fn signature() -> RequestSignature {
        RequestSignature::sign(&request(), &key(), 1_800_000_000, NONCE.into()).unwrap()
    }

    #[test]
    fn prints_and_parses_the_same() {
        let parsed: RequestSignature = signature().to_string().parse().unwrap();
        assert_eq!(parsed, signature());
        parsed.verify(&request(), key().public_key()).unwrap();
    }

    #[test]
    fn any_changed_part_breaks_it() {
        let public = key().public_key().clone();
        let other_path = SignedRequest { path_and_query: "/v1/x?after=2", ..request() };
        let other_method = SignedRequest { method: "POST", ..request() };
        let other_body = SignedRequest { body: b"x", ..request() };
        let other_ca = SignedRequest { ca: Fingerprint::of_blob(b"other"), ..request() };
        for changed in [other_path, other_method, other_body, other_ca] {
            assert!(signature().verify(&changed, &public).is_err(), "{changed:?}");
        }
        let later = RequestSignature { ts: 1_800_000_001, ..signature() };
        assert!(later.verify(&request(), &public).is_err());
        let replayed = RequestSignature { nonce: "fedcba9876543210".into(), ..signature() };
        assert!(replayed.verify(&request(), &public).is_err());
    }

    #[test]
    fn odd_headers_are_refused() {
        let good = signature().to_string();
        let headers = [
            String::new(),
            "Bearer x".into(),
            good.replace("v1", "v2"),
            good.replace(NONCE, "short"),
            good.replace(NONCE, "0123456789abcde\n"),
            good.replace("ts=", "ts=x"),
            format!("{good},extra=1"),
            "Sallyport v1".to_owned() + &"x".repeat(LONGEST_HEADER),
        ];
        for header in headers {
            assert!(header.parse::<RequestSignature>().is_err(), "{header}");
        }
    }
}
