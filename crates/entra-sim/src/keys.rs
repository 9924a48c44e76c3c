//! RSA signing keys: made at start, rotated on request, published as Entra publishes them.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_RSA_SHA256};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rsa::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use rsa::traits::PublicKeyParts as _;
use rsa::{RsaPrivateKey, RsaPublicKey};
use serde_json::{Value, json};

const BITS: usize = 2048;

/// A key could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make a signing key: {0}")]
pub struct KeyError(String);

/// One RSA key with its certificate.
pub(crate) struct SigningKey {
    kid: String,
    certificate: Vec<u8>,
    public: RsaPublicKey,
    /// ring's, which signs several times as fast as the `rsa` crate and as fast in an unoptimised build; it makes no
    /// keys.
    signer: RsaKeyPair,
}

/// The key that signs, and those that are still published.
#[derive(Debug)]
pub(crate) struct KeyRing {
    current: Arc<SigningKey>,
    retired: Vec<Arc<SigningKey>>,
}

impl SigningKey {
    pub(crate) fn generate() -> Result<Self, KeyError> {
        let failed = |error: &dyn std::error::Error| KeyError(error.to_string());
        let key = RsaPrivateKey::new(&mut rand::rngs::OsRng, BITS).map_err(|error| failed(&error))?;
        let pkcs8 = key.to_pkcs8_der().map_err(|error| failed(&error))?;
        let signer = RsaKeyPair::from_pkcs8(pkcs8.as_bytes()).map_err(|error| KeyError(error.to_string()))?;
        let der = rustls::pki_types::PrivatePkcs8KeyDer::from(pkcs8.as_bytes().to_vec());
        let pair =
            KeyPair::from_pkcs8_der_and_sign_algo(&der, &PKCS_RSA_SHA256).map_err(|error| failed(&error))?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "accounts.accesscontrol.windows.net");
        let certificate = params.self_signed(&pair).map_err(|error| failed(&error))?.der().to_vec();
        // x5t is the SHA-1 of the certificate by definition (RFC 7517 section 4.8), and Entra's kid is the x5t.
        let thumbprint = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, &certificate);
        let kid = URL_SAFE_NO_PAD.encode(thumbprint.as_ref());
        Ok(Self { kid, certificate, public: key.to_public_key(), signer })
    }

    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }

    /// `RSASSA-PKCS1-v1_5` with SHA-256.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.signer.public().modulus_len()];
        // Fails only for a buffer of another length. Were it to fail, what is left is no signature.
        let _ = self.signer.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature);
        signature
    }

    /// What a verifier holds, in the text that a confused one would use as an HMAC secret.
    pub(crate) fn public_pem(&self) -> String {
        self.public.to_public_key_pem(LineEnding::LF).unwrap_or_default()
    }

    /// A JWK with Entra's extra `issuer`, and without `alg`.
    fn jwk(&self, issuer: &str) -> Value {
        let encode = |number: &rsa::BigUint| URL_SAFE_NO_PAD.encode(number.to_bytes_be());
        json!({
            "kty": "RSA",
            "use": "sig",
            "kid": self.kid,
            "x5t": self.kid,
            "n": encode(self.public.n()),
            "e": encode(self.public.e()),
            "x5c": [STANDARD.encode(&self.certificate)],
            "issuer": issuer,
        })
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl KeyRing {
    pub(crate) fn new(first: SigningKey) -> Self {
        Self { current: Arc::new(first), retired: Vec::new() }
    }

    pub(crate) fn current(&self) -> Arc<SigningKey> {
        Arc::clone(&self.current)
    }

    /// The newest key that no longer signs but is still published.
    pub(crate) fn retired(&self) -> Option<Arc<SigningKey>> {
        self.retired.last().map(Arc::clone)
    }

    /// Signs with `next` from now on; the keys before it stay published, or all go at once.
    pub(crate) fn rotate(&mut self, next: SigningKey, keep_old: bool) {
        let old = std::mem::replace(&mut self.current, Arc::new(next));
        if keep_old {
            self.retired.push(old);
        } else {
            self.retired.clear();
        }
    }

    pub(crate) fn jwks(&self, issuer: &str) -> Value {
        let published = std::iter::once(&self.current).chain(&self.retired);
        json!({ "keys": published.map(|key| key.jwk(issuer)).collect::<Vec<_>>() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotation_keeps_or_drops_what_went_before() {
        let mut ring = KeyRing::new(SigningKey::generate().unwrap());
        let first = ring.current().kid().to_owned();
        ring.rotate(SigningKey::generate().unwrap(), true);
        let both = ring.jwks("http://sim.test/t/v2.0");
        assert_eq!(both["keys"].as_array().unwrap().len(), 2);
        assert_eq!(both["keys"][1]["kid"], first);
        assert_eq!(both["keys"][0]["issuer"], "http://sim.test/t/v2.0");
        assert!(both["keys"][0].get("alg").is_none());
        assert_eq!(both["keys"][0]["e"], "AQAB");
        ring.rotate(SigningKey::generate().unwrap(), false);
        assert_eq!(ring.jwks("i")["keys"].as_array().unwrap().len(), 1);
    }
}
