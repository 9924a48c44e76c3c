use jiff::Timestamp;
use rusqlite::params;
use sallyport_domain::ScimTokenId;
use sallyport_store::{AccessTokenRow, ScimTokenRow, ScimTokens, ScimTokensMut, SecretHash, StoreError};

use crate::cells::{Cells, FromRow};
use crate::tx::Tx;
use crate::values::micros;

macro_rules! scim_tokens {
    ($which:literal) => {
        concat!(
            "SELECT id, kind, tenant, name, hash, created_at, expires_at, last_used_at, revoked_at FROM scim_tokens ",
            $which
        )
    };
}

impl FromRow for ScimTokenRow {
    const TABLE: &'static str = "scim_tokens";
    fn from_row(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: cells.take("id")?,
            kind: cells.take("kind")?,
            tenant: cells.take("tenant")?,
            name: cells.take("name")?,
            hash: cells.take("hash")?,
            created_at: cells.take("created_at")?,
            expires_at: cells.take("expires_at")?,
            last_used_at: cells.take("last_used_at")?,
            revoked_at: cells.take("revoked_at")?,
        })
    }
}

impl FromRow for AccessTokenRow {
    const TABLE: &'static str = "scim_access_tokens";
    fn from_row(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            hash: cells.take("hash")?,
            credential: cells.take("credential")?,
            expires_at: cells.take("expires_at")?,
        })
    }
}

impl ScimTokens for Tx<'_> {
    fn access_token(&self, hash: &SecretHash) -> Result<Option<AccessTokenRow>, StoreError> {
        self.one("SELECT hash, credential, expires_at FROM scim_access_tokens WHERE hash = ?1", [hash.0])
    }

    fn scim_token(&self, hash: &SecretHash) -> Result<Option<ScimTokenRow>, StoreError> {
        self.one(scim_tokens!("WHERE hash = ?1"), [hash.0])
    }

    fn scim_token_by_id(&self, id: ScimTokenId) -> Result<Option<ScimTokenRow>, StoreError> {
        self.one(scim_tokens!("WHERE id = ?1"), [id.to_string()])
    }

    fn scim_tokens(&self) -> Result<Vec<ScimTokenRow>, StoreError> {
        self.all(scim_tokens!("ORDER BY position"), [])
    }
}

impl ScimTokensMut for Tx<'_> {
    fn forget_access_tokens(&mut self, now: Timestamp) -> Result<usize, StoreError> {
        self.change("DELETE FROM scim_access_tokens WHERE expires_at <= ?1", [micros(now)], "")
    }

    fn put_access_token(&mut self, token: &AccessTokenRow) -> Result<(), StoreError> {
        self.change(
            "INSERT INTO scim_access_tokens (hash, credential, expires_at) VALUES (?1, ?2, ?3)",
            params![token.hash.0, token.credential.to_string(), micros(token.expires_at)],
            "credential",
        )?;
        Ok(())
    }

    fn put_scim_token(&mut self, token: &ScimTokenRow) -> Result<(), StoreError> {
        self.change(
            "INSERT INTO scim_tokens (id, kind, tenant, name, hash, created_at, expires_at, last_used_at, revoked_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) \
             ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, tenant = excluded.tenant, name = excluded.name, hash = excluded.hash, \
             created_at = excluded.created_at, expires_at = excluded.expires_at, \
             last_used_at = excluded.last_used_at, revoked_at = excluded.revoked_at",
            params![
                token.id.to_string(),
                token.kind.as_str(),
                token.tenant.to_string(),
                token.name,
                token.hash.0,
                micros(token.created_at),
                micros(token.expires_at),
                token.last_used_at.map(micros),
                token.revoked_at.map(micros),
            ],
            "",
        )?;
        Ok(())
    }
}
