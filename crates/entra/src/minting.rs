//! Tokens for tests: an issuer's key made at run time, and claims as Entra writes them.

use std::sync::LazyLock;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rsa::pkcs1v15::SigningKey;
use rsa::signature::{SignatureEncoding, Signer};
use rsa::traits::PublicKeyParts;
use rsa::{RsaPrivateKey, sha2};
use serde_json::{Value, json};

use crate::Expect;

pub(crate) const TENANT: &str = "7b1e4c52-0d3a-4f6e-9a41-5c2f8e90d311";
pub(crate) const CLIENT: &str = "c11e0001-5a5a-4b4b-8c8c-0000000000c1";
pub(crate) const PERSON: &str = "0a0a0a0a-1111-4222-8333-444455556666";
pub(crate) const ISSUER: &str = "https://login.contoso.test/7b1e4c52-0d3a-4f6e-9a41-5c2f8e90d311/v2.0";
pub(crate) const KID: &str = "key-1";

/// When the tests happen; tokens were issued, as Entra does it, five minutes before.
pub(crate) const NOW: i64 = 1_800_000_000;

const SEED: [u8; 32] = [42; 32];

static KEYS: LazyLock<[RsaPrivateKey; 2]> = LazyLock::new(|| {
    let mut rng = ChaCha8Rng::from_seed(SEED);
    [(); 2].map(|()| RsaPrivateKey::new(&mut rng, 2048).unwrap())
});

pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

pub(crate) fn key() -> &'static RsaPrivateKey {
    &KEYS[0]
}

pub(crate) fn other_key() -> &'static RsaPrivateKey {
    &KEYS[1]
}

pub(crate) fn expect() -> Expect {
    Expect {
        issuer: ISSUER.to_owned(),
        audience: CLIENT.to_owned(),
        tenants: vec![TENANT.parse().unwrap()],
        token_max_age: SignedDuration::from_mins(15),
        guests: false,
    }
}

/// As Entra publishes a key: an extra `issuer`, no `alg`.
pub(crate) fn jwk(kid: &str, key: &RsaPrivateKey) -> Value {
    json!({
        "kty": "RSA", "use": "sig", "kid": kid, "x5t": kid,
        "n": text(&key.n().to_bytes_be()), "e": text(&key.e().to_bytes_be()),
        "issuer": "https://login.contoso.test/{tenantid}/v2.0",
    })
}

pub(crate) fn header() -> Value {
    json!({"typ": "JWT", "alg": "RS256", "kid": KID})
}

pub(crate) fn claims() -> Value {
    json!({
        "ver": "2.0", "iss": ISSUER, "aud": CLIENT, "sub": "pairwise-subject", "tid": TENANT, "oid": PERSON,
        "iat": NOW - 300, "nbf": NOW - 300, "exp": NOW - 300 + 3900,
        "nonce": "n-0S6_WzA2Mj", "uti": "u7yH2mVQ0EadYk9uYiUBAA", "preferred_username": "mara.lind@contoso.test",
        "name": "Mara Lind", "aio": "opaque", "rh": "opaque",
    })
}

/// `value` with some members set, or taken out where the new value is null.
pub(crate) fn with(mut value: Value, changes: Value) -> Value {
    let (Value::Object(members), Value::Object(changes)) = (&mut value, changes) else {
        panic!("objects are expected");
    };
    for (name, change) in changes {
        if change.is_null() {
            members.remove(&name)
        } else {
            members.insert(name, change)
        };
    }
    value
}

pub(crate) fn mint(header: &Value, claims: &Value, key: &RsaPrivateKey) -> String {
    mint_raw(&header.to_string(), &claims.to_string(), key)
}

pub(crate) fn mint_raw(header: &str, claims: &str, key: &RsaPrivateKey) -> String {
    let input = signing_input(header, claims);
    let signature = SigningKey::<sha2::Sha256>::new(key.clone()).sign(input.as_bytes());
    format!("{input}.{}", text(&signature.to_bytes()))
}

pub(crate) fn signing_input(header: &str, claims: &str) -> String {
    format!("{}.{}", text(header.as_bytes()), text(claims.as_bytes()))
}

pub(crate) fn text(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}
