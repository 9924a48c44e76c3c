//! Compact JWS, including the malformed and forged ones that a verifier must refuse.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use crate::keys::SigningKey;

/// The header that Entra gives an ID token.
pub(crate) fn header(key: &SigningKey) -> Map<String, Value> {
    let header = json!({ "typ": "JWT", "alg": "RS256", "kid": key.kid() });
    header.as_object().cloned().unwrap_or_default()
}

/// Signs as the header's `alg` says: `none` leaves the signature empty, `HS256` uses the public key's
/// PEM text as the secret (the classic confusion), everything else is an RS256 signature.
pub(crate) fn encode(header: &Map<String, Value>, claims: &Map<String, Value>, key: &SigningKey) -> String {
    let input = signing_input(header, claims);
    let signature = match header.get("alg").and_then(Value::as_str) {
        Some(alg) if alg.eq_ignore_ascii_case("none") => Vec::new(),
        Some("HS256") => {
            let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key.public_pem().as_bytes());
            ring::hmac::sign(&secret, input.as_bytes()).as_ref().to_vec()
        }
        _ => key.sign(input.as_bytes()),
    };
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// An access token as Graph's are: the nonce in the header was hashed before signing, so nobody but
/// Graph can verify it.
pub(crate) fn encode_unverifiable(claims: &Map<String, Value>, nonce: &str, key: &SigningKey) -> String {
    let mut header = header(key);
    header.insert("nonce".to_owned(), json!(nonce));
    let shown = signing_input(&header, claims);
    header.insert("nonce".to_owned(), json!(format!("hashed {nonce}")));
    let signature = key.sign(signing_input(&header, claims).as_bytes());
    format!("{shown}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn signing_input(header: &Map<String, Value>, claims: &Map<String, Value>) -> String {
    let part =
        |members: &Map<String, Value>| URL_SAFE_NO_PAD.encode(Value::Object(members.clone()).to_string());
    format!("{}.{}", part(header), part(claims))
}
