use jiff::Timestamp;
use rusqlite::params;
use sallyport_domain::{GroupId, ResourceId, TenantId, UserId};
use sallyport_store::{GroupRow, Page, StoreError, folded};

use crate::cells::{Cells, FromRow};
use crate::tx::Tx;
use crate::values::{count, json, micros, text};

macro_rules! groups {
    ($which:literal) => {
        concat!(
            "SELECT id, tenant, external_id, object, display_name, document, created_at, modified_at FROM groups ",
            $which
        )
    };
}

/// The groups of one resource.
macro_rules! memberships {
    ($which:literal) => {
        concat!(
            "SELECT groups.id AS id FROM memberships JOIN groups ON groups.position = memberships.group_position ",
            "WHERE groups.dissolved IS NULL ",
            "AND memberships.resource_position = (SELECT position FROM resources WHERE ",
            $which,
            ")"
        )
    };
}

const MEMBERSHIPS: &str = "memberships";

impl FromRow for GroupRow {
    const TABLE: &'static str = "groups";
    fn from_row(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: cells.take("id")?,
            tenant: cells.take("tenant")?,
            external_id: cells.take("external_id")?,
            object: cells.take("object")?,
            display_name: cells.take("display_name")?,
            document: cells.take("document")?,
            created_at: cells.take("created_at")?,
            modified_at: cells.take("modified_at")?,
        })
    }
}

impl Tx<'_> {
    pub(super) fn group_row(&self, tenant: TenantId, id: GroupId) -> Result<Option<GroupRow>, StoreError> {
        self.one(groups!("WHERE id = ?1 AND tenant = ?2"), [id.to_string(), tenant.to_string()])
    }

    pub(super) fn group_anywhere(&self, id: GroupId) -> Result<Option<GroupRow>, StoreError> {
        self.one(groups!("WHERE id = ?1 AND dissolved IS NULL"), [id.to_string()])
    }

    pub(super) fn groups_named(
        &self,
        tenant: TenantId,
        display_name: &str,
    ) -> Result<Vec<GroupRow>, StoreError> {
        self.all(
            groups!("WHERE tenant = ?1 AND display_name_folded = ?2 ORDER BY position"),
            [tenant.to_string(), folded(display_name)],
        )
    }

    pub(super) fn groups_linked(
        &self,
        tenant: TenantId,
        external_id: &str,
    ) -> Result<Vec<GroupRow>, StoreError> {
        self.all(
            groups!("WHERE tenant = ?1 AND external_id = ?2 ORDER BY position"),
            [tenant.to_string().as_str(), external_id],
        )
    }

    pub(super) fn group_page(
        &self,
        tenant: TenantId,
        skip: usize,
        limit: usize,
    ) -> Result<Page<GroupRow>, StoreError> {
        let tenant = tenant.to_string();
        let total = self.total("SELECT count(*) AS total FROM groups WHERE tenant = ?1", &tenant)?;
        let items = self.all(
            groups!("WHERE tenant = ?1 ORDER BY position LIMIT ?2 OFFSET ?3"),
            params![tenant, count(limit), count(skip)],
        )?;
        Ok(Page { total, items })
    }

    pub(super) fn every_group(&self) -> Result<Vec<GroupRow>, StoreError> {
        // Without a tenant: dissolved.
        self.all(groups!("INDEXED BY groups_of_tenant WHERE tenant > '' ORDER BY position"), [])
    }

    pub(super) fn put_group_row(&self, group: &GroupRow) -> Result<(), StoreError> {
        let put = self.change(
            "INSERT INTO groups (id, tenant, external_id, display_name, display_name_folded, document, created_at, \
             modified_at, object) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) \
             ON CONFLICT (id) DO UPDATE SET external_id = excluded.external_id, \
             display_name = excluded.display_name, display_name_folded = excluded.display_name_folded, \
             document = excluded.document, created_at = excluded.created_at, modified_at = excluded.modified_at, \
             object = excluded.object \
             WHERE tenant = excluded.tenant",
            params![
                group.id.to_string(),
                group.tenant.to_string(),
                group.external_id,
                group.display_name,
                folded(&group.display_name),
                json(&group.document)?,
                micros(group.created_at),
                micros(group.modified_at),
                text(group.object),
            ],
            "",
        )?;
        if put == 1 { Ok(()) } else { Err(StoreError::Pinned("tenant")) }
    }

    pub(super) fn dissolve_group_row(&self, tenant: TenantId, id: GroupId) -> Result<bool, StoreError> {
        let dissolved = self.change(
            "UPDATE groups SET dissolved = tenant, tenant = '' WHERE id = ?1 AND tenant = ?2",
            [id.to_string(), tenant.to_string()],
            "",
        )?;
        Ok(dissolved == 1)
    }

    pub(super) fn dissolved_group_row(&self, id: GroupId) -> Result<Option<GroupRow>, StoreError> {
        self.one(
            "SELECT id, dissolved AS tenant, external_id, object, display_name, document, created_at, modified_at \
             FROM groups WHERE id = ?1 AND dissolved IS NOT NULL",
            [id.to_string()],
        )
    }

    pub(super) fn remove_group_row(&self, tenant: TenantId, id: GroupId) -> Result<bool, StoreError> {
        let removed = self.change(
            "DELETE FROM groups WHERE id = ?1 AND ?2 IN (tenant, dissolved)",
            [id.to_string(), tenant.to_string()],
            "",
        )?;
        Ok(removed == 1)
    }

    pub(super) fn members_of(&self, group: GroupId) -> Result<Vec<ResourceId>, StoreError> {
        let mut ids = self.all_of(
            MEMBERSHIPS,
            "SELECT resources.id AS id FROM memberships \
             JOIN resources ON resources.position = memberships.resource_position \
             WHERE memberships.group_position = (SELECT position FROM groups WHERE id = ?1)",
            [group.to_string()],
            |cells| cells.take("id"),
        )?;
        ids.sort_unstable();
        Ok(ids)
    }

    pub(super) fn members_unless_many(
        &self,
        group: GroupId,
        most: usize,
    ) -> Result<Option<Vec<ResourceId>>, StoreError> {
        let beyond = self.one_of(
            MEMBERSHIPS,
            "SELECT resource_position FROM memberships \
             WHERE group_position = (SELECT position FROM groups WHERE id = ?1) LIMIT 1 OFFSET ?2",
            params![group.to_string(), count(most)],
            |cells| cells.take::<i64>("resource_position"),
        )?;
        if beyond.is_some() { Ok(None) } else { self.members_of(group).map(Some) }
    }

    pub(super) fn group_changed(&self, id: GroupId, at: Timestamp) -> Result<bool, StoreError> {
        let changed = self.change(
            "UPDATE groups SET modified_at = ?2 WHERE id = ?1",
            params![id.to_string(), micros(at)],
            "",
        )?;
        Ok(changed == 1)
    }

    pub(super) fn groups_with(&self, resource: ResourceId) -> Result<Vec<GroupId>, StoreError> {
        self.groups_where(memberships!("id = ?1"), &resource.to_string())
    }

    pub(super) fn groups_with_person(&self, user: UserId) -> Result<Vec<GroupId>, StoreError> {
        self.groups_where(memberships!("person = ?1 ORDER BY position DESC LIMIT 1"), &user.to_string())
    }

    fn groups_where(&self, sql: &str, id: &str) -> Result<Vec<GroupId>, StoreError> {
        let mut ids = self.all_of(MEMBERSHIPS, sql, [id], |cells| cells.take("id"))?;
        ids.sort_unstable();
        Ok(ids)
    }

    pub(super) fn has_member(&self, group: GroupId, resource: ResourceId) -> Result<bool, StoreError> {
        let found = self.one_of(
            MEMBERSHIPS,
            "SELECT 1 AS found FROM memberships \
             WHERE group_position = (SELECT position FROM groups WHERE id = ?1) \
             AND resource_position = (SELECT position FROM resources WHERE id = ?2)",
            [group.to_string(), resource.to_string()],
            |cells| cells.take::<i64>("found"),
        )?;
        Ok(found.is_some())
    }

    pub(super) fn put_member(&self, group: GroupId, resource: ResourceId) -> Result<bool, StoreError> {
        let added = self.change(
            "INSERT INTO memberships (group_position, resource_position) \
             SELECT groups.position, resources.position FROM groups, resources \
             WHERE groups.id = ?1 AND resources.id = ?2 AND groups.tenant = resources.tenant \
             ON CONFLICT DO NOTHING",
            [group.to_string(), resource.to_string()],
            "",
        )?;
        if added == 1 {
            Ok(true)
        } else if self.has_member(group, resource)? {
            Ok(false)
        } else if self.group_anywhere(group)?.is_none() {
            Err(StoreError::Missing("group"))
        } else {
            Err(StoreError::Missing("resource"))
        }
    }

    pub(super) fn remove_membership(&self, group: GroupId, resource: ResourceId) -> Result<bool, StoreError> {
        let removed = self.change(
            "DELETE FROM memberships WHERE group_position = (SELECT position FROM groups WHERE id = ?1) \
             AND resource_position = (SELECT position FROM resources WHERE id = ?2)",
            [group.to_string(), resource.to_string()],
            "",
        )?;
        Ok(removed == 1)
    }
}
