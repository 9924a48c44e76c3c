use std::fmt::{self, Write};

use base64::Engine;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use chrono::{DateTime, Utc};
use jiff::{SignedDuration, Timestamp};
use openidconnect::core::CoreJwsSigningAlgorithm;
use openidconnect::{
    ClaimsVerificationError, ClientId, IdTokenVerifier, IssuerUrl, JsonWebKeySet, Nonce,
    SignatureVerificationError,
};
use sallyport_domain::{ObjectId, Subject, TenantId};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::claims::{EntraClaims, EntraIdToken, EntraIdTokenClaims};
use crate::keys::{KeySet, SigningKey};
use crate::{Flaw, TokenError};

/// The longest token that is looked at, in bytes. Entra's stay under 4 KiB even with 200 groups.
pub const LARGEST_TOKEN: usize = 16 * 1024;

/// How far the clocks of the issuer and of this machine may differ.
pub const TOLERANCE: SignedDuration = SignedDuration::from_secs(120);

/// Longest `kid` and `uti` that are kept; both end up in errors and rows.
const LONGEST_NAME: usize = 256;

/// What a token must say to count here.
#[derive(Clone, Debug)]
pub struct Expect {
    /// Compared character by character.
    pub issuer: String,
    /// Our client id: the only audience, never one of several.
    pub audience: String,
    pub tenants: Vec<TenantId>,
    /// How long ago `iat` may be. Entra sets `iat` five minutes back.
    pub token_max_age: SignedDuration,
    /// Whether guests of the tenant may sign in.
    pub guests: bool,
}

/// Proof that the issuer named this person, to us, lately. Says nothing about what the person may do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verified {
    pub subject: Subject,
    pub token_id: TokenId,
    pub issuer: String,
    /// Present after a browser login; some issuers repeat it in refreshed tokens. Not compared here.
    pub nonce: Option<String>,
    /// A label and a hint, never an identity.
    pub preferred_username: Option<String>,
    pub name: Option<String>,
    /// Of another tenant, or marked as a guest.
    pub guest: bool,
    pub issued_at: Timestamp,
    pub expires_at: Timestamp,
}

/// What makes a token count once: together with the issuer, the key of a replay record.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TokenId(String);

impl TokenId {
    /// `uti:` and Entra's token id, or `sha256:` and the hash of the signing input in hex.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The signature covers the signing input byte for byte; only the signature's own base64 can be respelt, and
    /// that part is left out.
    fn new(uti: Option<&str>, signing_input: &str) -> Self {
        match uti {
            Some(uti) if (1..=LONGEST_NAME).contains(&uti.len()) => Self(format!("uti:{uti}")),
            _ => {
                let mut text = String::from("sha256:");
                for byte in Sha256::digest(signing_input) {
                    // Writing into a String cannot fail.
                    let _ = write!(text, "{byte:02x}");
                }
                Self(text)
            }
        }
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Checks an ID token by the rules of OpenID Connect Core, section 3.1.3.7, and those of Entra.
///
/// Issuer and audience are checked before the key is looked for, so a token that is not for us never makes anyone
/// fetch keys.
///
/// # Errors
/// [`TokenError::UnknownKey`] says that a fresh key set may help; the others are final.
pub fn verify(token: &str, keys: &KeySet, expect: &Expect, now: Timestamp) -> Result<Verified, TokenError> {
    let envelope = Envelope::read(token)?;
    let parsed: EntraIdToken = token.parse().map_err(|_| Flaw::Malformed)?;
    let key = keys.find(&envelope.kid);
    let claims = parsed
        .claims(&verifier(key, expect, now)?, |_: Option<&Nonce>| Ok(()))
        .map_err(|error| refusal(&error, &envelope.kid))?;

    let extra = claims.additional_claims();
    check_kind(extra)?;
    let subject = subject(extra)?;
    if !expect.tenants.contains(&subject.tenant) {
        return Err(TokenError::WrongTenant);
    }
    check_key_issuer(key, subject.tenant, expect)?;
    let issued_at = check_times(claims, now, expect.token_max_age)?;
    let guest = is_guest(extra, &expect.issuer);
    if guest && !expect.guests {
        return Err(TokenError::GuestRefused);
    }
    Ok(Verified {
        subject,
        token_id: TokenId::new(extra.uti.as_deref(), envelope.signing_input),
        issuer: expect.issuer.clone(),
        nonce: claims.nonce().map(|nonce| nonce.secret().clone()),
        preferred_username: claims.preferred_username().map(|name| name.to_string()),
        name: claims.name().and_then(|name| name.get(None)).map(|name| name.to_string()),
        guest,
        issued_at,
        expires_at: timestamp(claims.expiration()).ok_or(Flaw::Claim("exp"))?,
    })
}

/// The parts of a token that openidconnect keeps to itself.
struct Envelope<'a> {
    kid: String,
    signing_input: &'a str,
}

impl<'a> Envelope<'a> {
    fn read(token: &'a str) -> Result<Self, Flaw> {
        #[derive(Deserialize)]
        struct Header {
            kid: Option<String>,
        }
        if token.len() > LARGEST_TOKEN {
            return Err(Flaw::TooLarge);
        }
        let (signing_input, _) = token.rsplit_once('.').ok_or(Flaw::Malformed)?;
        let (header, _) = signing_input.split_once('.').ok_or(Flaw::Malformed)?;
        let header = base64().decode(header).map_err(|_| Flaw::Malformed)?;
        let Header { kid } = serde_json::from_slice(&header).map_err(|_| Flaw::Malformed)?;
        match kid {
            Some(kid) if (1..=LONGEST_NAME).contains(&kid.len()) => Ok(Self { kid, signing_input }),
            _ => Err(Flaw::Header),
        }
    }
}

/// As lenient as openidconnect's, so that both read the same header.
fn base64() -> GeneralPurpose {
    let config = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
    let config = config.with_decode_padding_mode(base64::engine::DecodePaddingMode::RequireNone);
    GeneralPurpose::new(&base64::alphabet::URL_SAFE, config)
}

fn verifier(
    key: Option<&SigningKey>,
    expect: &Expect,
    now: Timestamp,
) -> Result<IdTokenVerifier<'static, SigningKey>, TokenError> {
    let issuer = IssuerUrl::new(expect.issuer.clone()).map_err(|_| TokenError::WrongIssuer)?;
    let audience = ClientId::new(expect.audience.clone());
    let keys = JsonWebKeySet::new(key.into_iter().cloned().collect());
    // `exp` is compared with a clock that runs late by the tolerance. A time out of chrono's range never arises
    // from a jiff one; the earliest would let nothing expire, the latest lets nothing pass.
    let lenient = now.saturating_sub(TOLERANCE).unwrap_or(now);
    let lenient = chrono_time(lenient).unwrap_or(DateTime::<Utc>::MAX_UTC);
    Ok(IdTokenVerifier::new_public_client(audience, issuer, keys)
        .set_allowed_algs([CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256])
        .set_time_fn(move || lenient))
}

fn refusal(error: &ClaimsVerificationError, kid: &str) -> TokenError {
    use ClaimsVerificationError as Claims;
    use SignatureVerificationError as Signature;
    match error {
        Claims::Expired(_) => TokenError::Expired,
        Claims::InvalidAudience(_) => TokenError::WrongAudience,
        Claims::InvalidIssuer(_) => TokenError::WrongIssuer,
        Claims::SignatureVerification(Signature::NoMatchingKey) => {
            TokenError::UnknownKey { kid: kid.to_owned() }
        }
        Claims::SignatureVerification(
            Signature::DisallowedAlg(_) | Signature::NoSignature | Signature::UnsupportedAlg(_),
        ) => Flaw::Algorithm.into(),
        Claims::SignatureVerification(_) => Flaw::Signature.into(),
        Claims::Unsupported(_) => Flaw::Header.into(),
        _ => Flaw::Malformed.into(),
    }
}

/// A v2 token about a person. Both claims count only where they are present.
fn check_kind(claims: &EntraClaims) -> Result<(), Flaw> {
    if claims.ver.as_deref().is_some_and(|ver| ver != "2.0") {
        return Err(Flaw::Version);
    }
    // Entra says `user` or `app`; whatever may be added, it will not be a person either.
    if claims.idtyp.as_deref().is_some_and(|kind| kind != "user") {
        return Err(Flaw::AppOnly);
    }
    Ok(())
}

fn subject(claims: &EntraClaims) -> Result<Subject, Flaw> {
    let tenant: Option<TenantId> = claims.tid.as_deref().and_then(|tid| tid.parse().ok());
    let object: Option<ObjectId> = claims.oid.as_deref().and_then(|oid| oid.parse().ok());
    Ok(Subject { tenant: tenant.ok_or(Flaw::Claim("tid"))?, object: object.ok_or(Flaw::Claim("oid"))? })
}

/// A key that Entra published for another issuer (the consumers' tenant, say) must not speak for this one.
fn check_key_issuer(key: Option<&SigningKey>, tenant: TenantId, expect: &Expect) -> Result<(), Flaw> {
    match key.and_then(SigningKey::issuer) {
        Some(issuer) if issuer.replace("{tenantid}", &tenant.to_string()) != expect.issuer => {
            Err(Flaw::KeyIssuer)
        }
        _ => Ok(()),
    }
}

/// `iat` within the allowed age, nothing from the future; `exp` was checked by openidconnect. Gives `iat`.
fn check_times(
    claims: &EntraIdTokenClaims,
    now: Timestamp,
    longest: SignedDuration,
) -> Result<Timestamp, TokenError> {
    let issued_at = timestamp(claims.issue_time()).ok_or(Flaw::Claim("iat"))?;
    if now.duration_since(issued_at) < -TOLERANCE {
        return Err(Flaw::IssuedInFuture.into());
    }
    if let Some(nbf) = &claims.additional_claims().nbf {
        let not_before = seconds(nbf).ok_or(Flaw::Claim("nbf"))?;
        if now.duration_since(not_before) < -TOLERANCE {
            return Err(Flaw::NotYetValid.into());
        }
    }
    if now.duration_since(issued_at) > longest { Err(TokenError::TooOld) } else { Ok(issued_at) }
}

/// Unknown is not a member: an `acct` that is not plainly 0 is a guest's.
fn is_guest(claims: &EntraClaims, issuer: &str) -> bool {
    let foreign = claims.idp.as_deref().is_some_and(|idp| idp != issuer);
    let member = match &claims.acct {
        None | Some(Value::Null) => true,
        Some(Value::Number(acct)) => acct.as_i64() == Some(0),
        Some(Value::String(acct)) => acct == "0",
        Some(_) => false,
    };
    foreign || !member
}

fn timestamp(time: DateTime<Utc>) -> Option<Timestamp> {
    Timestamp::from_second(time.timestamp()).ok()
}

fn chrono_time(time: Timestamp) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(time.as_second(), 0)
}

/// RFC 7519, section 2: seconds since the epoch, perhaps with a fraction, which is dropped.
fn seconds(value: &Value) -> Option<Timestamp> {
    let whole = value.as_i64().or_else(|| {
        let text = value.as_number()?.to_string();
        text.split_once('.')?.0.parse().ok()
    })?;
    Timestamp::from_second(whole).ok()
}

#[cfg(test)]
mod tests;
