use jiff::Timestamp;
use sallyport_domain::{ScimTokenId, TenantId};

use crate::StoreError;

/// SHA-256 of a secret of 256 random bits: all that is kept of it. Opens no door.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct SecretHash(pub [u8; 32]);

/// How a credential is shown.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum CredentialKind {
    /// The id as user, the secret as password.
    Basic,
    /// The secret as it is.
    Bearer,
    /// The id as client, the secret as client secret, for access tokens that live for an hour or so.
    OAuth,
}

impl CredentialKind {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Bearer => "bearer",
            Self::OAuth => "oauth",
        }
    }
}

/// What lets the directory write.
#[derive(Clone, Debug, PartialEq)]
pub struct ScimTokenRow {
    pub id: ScimTokenId,
    pub kind: CredentialKind,
    pub tenant: TenantId,
    pub name: String,
    pub hash: SecretHash,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

/// What an OAuth client got for its secret; worth as much as the credential, and for no longer.
#[derive(Clone, Debug, PartialEq)]
pub struct AccessTokenRow {
    pub hash: SecretHash,
    pub credential: ScimTokenId,
    pub expires_at: Timestamp,
}

pub trait ScimTokens {
    fn access_token(&self, hash: &SecretHash) -> Result<Option<AccessTokenRow>, StoreError>;
    fn scim_token(&self, hash: &SecretHash) -> Result<Option<ScimTokenRow>, StoreError>;
    fn scim_token_by_id(&self, id: ScimTokenId) -> Result<Option<ScimTokenRow>, StoreError>;
    fn scim_tokens(&self) -> Result<Vec<ScimTokenRow>, StoreError>;
}

pub trait ScimTokensMut {
    /// Forgets those that have ended; how many.
    fn forget_access_tokens(&mut self, now: Timestamp) -> Result<usize, StoreError>;
    /// # Errors
    /// [`StoreError::Taken`] when the hash stands already; [`StoreError::Missing`] when the credential is not there.
    fn put_access_token(&mut self, token: &AccessTokenRow) -> Result<(), StoreError>;
    /// # Errors
    /// [`StoreError::Taken`] when the hash is another token's.
    fn put_scim_token(&mut self, token: &ScimTokenRow) -> Result<(), StoreError>;
}
