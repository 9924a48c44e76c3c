use jiff::Timestamp;
use sallyport_domain::{ScimTokenId, TenantId};

use crate::StoreError;

/// SHA-256 of a secret of 256 random bits: all that is kept of it. Opens no door.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct SecretHash(pub [u8; 32]);

/// What lets the directory write.
#[derive(Clone, Debug, PartialEq)]
pub struct ScimTokenRow {
    pub id: ScimTokenId,
    pub tenant: TenantId,
    pub name: String,
    pub hash: SecretHash,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

pub trait ScimTokens {
    fn scim_token(&self, hash: &SecretHash) -> Result<Option<ScimTokenRow>, StoreError>;
    fn scim_tokens(&self) -> Result<Vec<ScimTokenRow>, StoreError>;
}

pub trait ScimTokensMut {
    /// # Errors
    /// [`StoreError::Taken`] when the hash is another token's.
    fn put_scim_token(&mut self, token: &ScimTokenRow) -> Result<(), StoreError>;
}
