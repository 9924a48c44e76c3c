use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use openidconnect::core::{CoreJsonWebKeyType, CoreJsonWebKeyUse, CoreJwsSigningAlgorithm};
use openidconnect::{JsonWebKey, JsonWebKeyAlgorithm, JsonWebKeyId, SignatureVerificationError};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde::{Deserialize, Serialize};

/// ring's own limits for RS256; a smaller key is no proof, a larger one is work for nothing.
const MODULUS_BYTES: std::ops::RangeInclusive<usize> = 2048 / 8..=8192 / 8;

/// The keys that an issuer signs ID tokens with, by `kid`. Cheap to clone.
#[derive(Clone, Default)]
pub struct KeySet(Arc<HashMap<String, SigningKey>>);

impl KeySet {
    /// Two keys under one `kid` break RFC 7517, section 4.5: the first one counts.
    pub(crate) fn new(keys: impl IntoIterator<Item = SigningKey>) -> Self {
        let mut by_kid = HashMap::new();
        for key in keys {
            by_kid.entry(key.kid().to_owned()).or_insert(key);
        }
        Self(Arc::new(by_kid))
    }

    /// Reads a JWK set (RFC 7517). Keys that cannot verify RS256, or have no `kid`, are left out.
    ///
    /// # Errors
    /// When the text is no JSON object with an array `keys`.
    pub fn from_json(json: &[u8]) -> Result<Self, serde_json::Error> {
        let set: openidconnect::JsonWebKeySet<SigningKey> = serde_json::from_slice(json)?;
        Ok(Self::new(set.keys().iter().cloned()))
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn find(&self, kid: &str) -> Option<&SigningKey> {
        self.0.get(kid)
    }

    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// An RSA key for RS256, decoded once when the set is read.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(try_from = "RawKey", into = "RawKey")]
pub(crate) struct SigningKey(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    kid: JsonWebKeyId,
    /// Big-endian, without leading zeros.
    modulus: Vec<u8>,
    exponent: Vec<u8>,
    issuer: Option<String>,
}

impl SigningKey {
    fn kid(&self) -> &str {
        &self.0.kid
    }

    /// Entra's extra member: the one issuer that this key may speak for, perhaps with `{tenantid}` in it.
    pub(crate) fn issuer(&self) -> Option<&str> {
        self.0.issuer.as_deref()
    }
}

impl JsonWebKey for SigningKey {
    type KeyUse = CoreJsonWebKeyUse;
    type SigningAlgorithm = CoreJwsSigningAlgorithm;

    fn key_id(&self) -> Option<&JsonWebKeyId> {
        Some(&self.0.kid)
    }

    fn key_type(&self) -> &CoreJsonWebKeyType {
        &CoreJsonWebKeyType::RSA
    }

    fn key_use(&self) -> Option<&CoreJsonWebKeyUse> {
        None
    }

    fn signing_alg(&self) -> JsonWebKeyAlgorithm<&CoreJwsSigningAlgorithm> {
        JsonWebKeyAlgorithm::Algorithm(&CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256)
    }

    /// Only for clients that have a secret, which ours never has: the answer is a key that verifies nothing.
    fn new_symmetric(_key: Vec<u8>) -> Self {
        let kid = JsonWebKeyId::new(String::new());
        Self(Arc::new(Parts { kid, modulus: Vec::new(), exponent: Vec::new(), issuer: None }))
    }

    fn verify_signature(
        &self,
        algorithm: &CoreJwsSigningAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureVerificationError> {
        if *algorithm != CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256 {
            return Err(SignatureVerificationError::DisallowedAlg("only RS256 is accepted".to_owned()));
        }
        RsaPublicKeyComponents { n: &self.0.modulus, e: &self.0.exponent }
            .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            .map_err(|_| SignatureVerificationError::CryptoError("bad signature".to_owned()))
    }

    fn hash_bytes(&self, _bytes: &[u8], _algorithm: &CoreJwsSigningAlgorithm) -> Result<Vec<u8>, String> {
        Err("at_hash and c_hash are not used here".to_owned())
    }
}

/// A key as RFC 7517 and RFC 7518, section 6.3 write it.
#[derive(Deserialize, Serialize)]
struct RawKey {
    kty: String,
    kid: String,
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    usage: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alg: Option<String>,
    n: String,
    e: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
}

#[derive(Debug, thiserror::Error)]
#[error("not an RSA key of 2048 to 8192 bits for RS256 signatures")]
struct UnusableKey;

impl TryFrom<RawKey> for SigningKey {
    type Error = UnusableKey;

    fn try_from(raw: RawKey) -> Result<Self, Self::Error> {
        let usable = raw.kty == "RSA"
            && !raw.kid.is_empty()
            && raw.usage.is_none_or(|usage| usage == "sig")
            && raw.alg.is_none_or(|alg| alg == "RS256");
        let (modulus, exponent) = (number(&raw.n)?, number(&raw.e)?);
        if !usable || !MODULUS_BYTES.contains(&modulus.len()) {
            return Err(UnusableKey);
        }
        let kid = JsonWebKeyId::new(raw.kid);
        Ok(Self(Arc::new(Parts { kid, modulus, exponent, issuer: raw.issuer })))
    }
}

impl From<SigningKey> for RawKey {
    fn from(key: SigningKey) -> Self {
        let text = |number: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(number);
        Self {
            kty: "RSA".to_owned(),
            kid: key.kid().to_owned(),
            usage: Some("sig".to_owned()),
            alg: Some("RS256".to_owned()),
            n: text(&key.0.modulus),
            e: text(&key.0.exponent),
            issuer: key.0.issuer.clone(),
        }
    }
}

/// Some issuers write a leading zero byte, against RFC 7518, section 2.
fn number(text: &str) -> Result<Vec<u8>, UnusableKey> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| UnusableKey)?;
    Ok(bytes.into_iter().skip_while(|&byte| byte == 0).collect())
}
