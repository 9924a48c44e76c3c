use rusqlite::params;
use sallyport_domain::{ObjectId, ResourceId, TenantId, UserId};
use sallyport_store::{Page, ResourceLabel, ResourceRow, StoreError, folded};

use crate::cells::{Cells, FromRow};
use crate::tx::Tx;
use crate::values::{count, json, micros, text};

macro_rules! resources {
    ($which:literal) => {
        concat!(
            "SELECT id, tenant, person, user_name, external_id, document, created_at, modified_at FROM resources ",
            $which
        )
    };
}

impl FromRow for ResourceRow {
    const TABLE: &'static str = "resources";
    fn from_row(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: cells.take("id")?,
            tenant: cells.take("tenant")?,
            user: cells.take("person")?,
            user_name: cells.take("user_name")?,
            external_id: cells.take("external_id")?,
            document: cells.take("document")?,
            created_at: cells.take("created_at")?,
            modified_at: cells.take("modified_at")?,
        })
    }
}

impl Tx<'_> {
    pub(super) fn resource_row(
        &self,
        tenant: TenantId,
        id: ResourceId,
    ) -> Result<Option<ResourceRow>, StoreError> {
        self.one(resources!("WHERE id = ?1 AND tenant = ?2"), [id.to_string(), tenant.to_string()])
    }

    pub(super) fn label(
        &self,
        tenant: TenantId,
        id: ResourceId,
    ) -> Result<Option<ResourceLabel>, StoreError> {
        self.one_of(
            ResourceRow::TABLE,
            "SELECT id, person, user_name FROM resources WHERE id = ?1 AND tenant = ?2",
            [id.to_string(), tenant.to_string()],
            |cells| {
                Ok(ResourceLabel {
                    id: cells.take("id")?,
                    user: cells.take("person")?,
                    user_name: cells.take("user_name")?,
                })
            },
        )
    }

    pub(super) fn resource_named(
        &self,
        tenant: TenantId,
        user_name: &str,
    ) -> Result<Option<ResourceRow>, StoreError> {
        self.one(
            resources!("WHERE tenant = ?1 AND user_name_folded = ?2"),
            [tenant.to_string(), folded(user_name)],
        )
    }

    pub(super) fn resources_linked(
        &self,
        tenant: TenantId,
        external_id: &str,
    ) -> Result<Vec<ResourceRow>, StoreError> {
        self.all(
            resources!("WHERE tenant = ?1 AND external_id = ?2 ORDER BY position"),
            [tenant.to_string().as_str(), external_id],
        )
    }

    pub(super) fn resources_mailed(
        &self,
        tenant: TenantId,
        address: &str,
    ) -> Result<Vec<ResourceRow>, StoreError> {
        self.all(
            resources!(
                "WHERE position IN (SELECT resource_position FROM resource_emails WHERE tenant = ?1 AND address = ?2) \
                 ORDER BY position"
            ),
            [tenant.to_string(), folded(address)],
        )
    }

    pub(super) fn put_emails(&self, id: ResourceId, addresses: &[String]) -> Result<(), StoreError> {
        self.together(|| {
            self.change(
                "DELETE FROM resource_emails \
                 WHERE resource_position = (SELECT position FROM resources WHERE id = ?1)",
                [id.to_string()],
                "",
            )?;
            for address in addresses {
                self.change(
                    "INSERT INTO resource_emails (tenant, address, resource_position) \
                     SELECT tenant, ?2, position FROM resources WHERE id = ?1 ON CONFLICT DO NOTHING",
                    [id.to_string(), folded(address)],
                    "",
                )?;
            }
            Ok(())
        })
    }

    pub(super) fn resources_claiming(
        &self,
        tenant: TenantId,
        object: ObjectId,
    ) -> Result<Vec<ResourceId>, StoreError> {
        self.all_of(
            ResourceRow::TABLE,
            "SELECT id FROM resources WHERE tenant = ?1 AND object = ?2 ORDER BY position",
            [tenant.to_string(), object.to_string()],
            |cells| cells.take("id"),
        )
    }

    pub(super) fn latest_resource_of(&self, user: UserId) -> Result<Option<ResourceRow>, StoreError> {
        self.one(resources!("WHERE person = ?1 ORDER BY position DESC LIMIT 1"), [user.to_string()])
    }

    pub(super) fn resource_page(
        &self,
        tenant: TenantId,
        skip: usize,
        limit: usize,
    ) -> Result<Page<ResourceRow>, StoreError> {
        let tenant = tenant.to_string();
        let total = self.total("SELECT count(*) AS total FROM resources WHERE tenant = ?1", &tenant)?;
        let items = self.all(
            resources!("WHERE tenant = ?1 ORDER BY position LIMIT ?2 OFFSET ?3"),
            params![tenant, count(limit), count(skip)],
        )?;
        Ok(Page { total, items })
    }

    pub(super) fn total(&self, sql: &str, tenant: &str) -> Result<usize, StoreError> {
        let total = self.one_of("a list", sql, [tenant], |cells| cells.take("total"))?;
        Ok(total.unwrap_or_default())
    }

    pub(super) fn put_resource_row(&self, resource: &ResourceRow) -> Result<(), StoreError> {
        let put = self.change(
            "INSERT INTO resources (id, tenant, person, user_name, user_name_folded, external_id, document, \
             created_at, modified_at, object) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) \
             ON CONFLICT (id) DO UPDATE SET person = excluded.person, user_name = excluded.user_name, \
             user_name_folded = excluded.user_name_folded, external_id = excluded.external_id, \
             object = excluded.object, \
             document = excluded.document, created_at = excluded.created_at, modified_at = excluded.modified_at \
             WHERE tenant = excluded.tenant",
            params![
                resource.id.to_string(),
                resource.tenant.to_string(),
                resource.user.to_string(),
                resource.user_name,
                folded(&resource.user_name),
                resource.external_id,
                json(&resource.document)?,
                micros(resource.created_at),
                micros(resource.modified_at),
                text(resource.external_id.as_deref().and_then(|id| id.parse::<ObjectId>().ok())),
            ],
            "user",
        )?;
        if put == 1 { Ok(()) } else { Err(StoreError::Pinned("tenant")) }
    }

    pub(super) fn remove_resource_row(&self, tenant: TenantId, id: ResourceId) -> Result<bool, StoreError> {
        let removed = self.change(
            "DELETE FROM resources WHERE id = ?1 AND tenant = ?2",
            [id.to_string(), tenant.to_string()],
            "",
        )?;
        Ok(removed == 1)
    }
}
