use rusqlite::params;
use sallyport_store::{ScimTokenRow, ScimTokens, ScimTokensMut, SecretHash, StoreError};

use crate::cells::{Cells, FromRow};
use crate::tx::Tx;
use crate::values::micros;

macro_rules! scim_tokens {
    ($which:literal) => {
        concat!(
            "SELECT id, tenant, name, hash, created_at, expires_at, last_used_at, revoked_at FROM scim_tokens ",
            $which
        )
    };
}

impl FromRow for ScimTokenRow {
    const TABLE: &'static str = "scim_tokens";
    fn from_row(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: cells.take("id")?,
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

impl ScimTokens for Tx<'_> {
    fn scim_token(&self, hash: &SecretHash) -> Result<Option<ScimTokenRow>, StoreError> {
        self.one(scim_tokens!("WHERE hash = ?1"), [hash.0])
    }

    fn scim_tokens(&self) -> Result<Vec<ScimTokenRow>, StoreError> {
        self.all(scim_tokens!("ORDER BY position"), [])
    }
}

impl ScimTokensMut for Tx<'_> {
    fn put_scim_token(&mut self, token: &ScimTokenRow) -> Result<(), StoreError> {
        self.change(
            "INSERT INTO scim_tokens (id, tenant, name, hash, created_at, expires_at, last_used_at, revoked_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
             ON CONFLICT (id) DO UPDATE SET tenant = excluded.tenant, name = excluded.name, hash = excluded.hash, \
             created_at = excluded.created_at, expires_at = excluded.expires_at, \
             last_used_at = excluded.last_used_at, revoked_at = excluded.revoked_at",
            params![
                token.id.to_string(),
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
