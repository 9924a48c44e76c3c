use openidconnect::core::{CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm};
use openidconnect::{AdditionalClaims, IdToken, IdTokenClaims};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What Entra states beside the standard claims. All are optional here: `verify` says which must be there.
///
/// Claims that Entra may send in more than one shape are kept as they came, so that a strange `acct` is refused as
/// a guest and not as nonsense.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct EntraClaims {
    /// 0 is a member, 1 a guest of the tenant.
    pub(crate) acct: Option<Value>,
    /// Where the account lives, when that is not the issuer.
    pub(crate) idp: Option<String>,
    /// `app` for a token without a person.
    pub(crate) idtyp: Option<String>,
    pub(crate) nbf: Option<Value>,
    pub(crate) oid: Option<String>,
    pub(crate) tid: Option<String>,
    /// Entra's token id.
    pub(crate) uti: Option<String>,
    pub(crate) ver: Option<String>,
}

impl AdditionalClaims for EntraClaims {}

pub(crate) type EntraIdToken =
    IdToken<EntraClaims, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;

pub(crate) type EntraIdTokenClaims = IdTokenClaims<EntraClaims, CoreGenderClaim>;
