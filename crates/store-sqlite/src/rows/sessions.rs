use sallyport_domain::SessionId;
use sallyport_store::{SessionRow, StoreError};

use crate::cells::{Cells, FromRow};
use crate::tx::Tx;

impl FromRow for SessionRow {
    const TABLE: &'static str = "sessions";
    fn from_row(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: cells.take("id")?,
            user: cells.take("person")?,
            kind: cells.take("kind")?,
            began_at: cells.take("began_at")?,
            nonce: cells.take("nonce")?,
            ended_at: cells.take("ended_at")?,
        })
    }
}

impl Tx<'_> {
    pub(crate) fn session_row(&self, id: SessionId) -> Result<Option<SessionRow>, StoreError> {
        self.one(
            "SELECT id, person, kind, began_at, nonce, ended_at FROM sessions WHERE id = ?1",
            [id.to_string()],
        )
    }
}
