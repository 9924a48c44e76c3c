use jiff::Timestamp;
use rusqlite::params;
use sallyport_domain::{GrantId, GroupId, PosixGroups, ResourceId, UserId};
use sallyport_store::{GrantRow, Grants, GrantsMut, LostGrantRow, PosixGroupLedger, StoreError};

use crate::cells::{Cells, FromRow};
use crate::tx::Tx;
use crate::values::{count, json, micros};

macro_rules! grants {
    ($which:literal) => {
        concat!(
            "SELECT id, group_id, tags, sudo, managed_groups, local_groups, created_at FROM grants ",
            $which
        )
    };
}

// CROSS keeps the order of the joins: from the person outwards, never from all grants inwards.
macro_rules! reaching {
    ($which:literal) => {
        concat!(
            "SELECT grants.id, grants.group_id, grants.tags, grants.sudo, grants.managed_groups, ",
            "grants.local_groups, grants.created_at FROM memberships ",
            "CROSS JOIN groups ON groups.position = memberships.group_position ",
            "CROSS JOIN grants ON grants.group_id = groups.id ",
            "WHERE memberships.resource_position = (SELECT position FROM resources WHERE ",
            $which,
            ") ORDER BY grants.position"
        )
    };
}

impl FromRow for GrantRow {
    const TABLE: &'static str = "grants";
    fn from_row(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: cells.take("id")?,
            group: cells.take("group_id")?,
            tags: cells.take("tags")?,
            sudo: cells.take("sudo")?,
            posix_groups: PosixGroups {
                managed: cells.take("managed_groups")?,
                local: cells.take("local_groups")?,
            },
            created_at: cells.take("created_at")?,
        })
    }
}

impl FromRow for LostGrantRow {
    const TABLE: &'static str = "lost_grants";
    fn from_row(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            grant: GrantRow::from_row(cells)?,
            tenant: cells.take("tenant")?,
            object: cells.take("object")?,
            lost_at: cells.take("lost_at")?,
        })
    }
}

impl Grants for Tx<'_> {
    fn grant(&self, id: GrantId) -> Result<Option<GrantRow>, StoreError> {
        self.one(grants!("WHERE id = ?1"), [id.to_string()])
    }

    fn grants(&self) -> Result<Vec<GrantRow>, StoreError> {
        self.all(grants!("ORDER BY position"), [])
    }

    fn grants_of(&self, group: GroupId) -> Result<Vec<GrantRow>, StoreError> {
        self.all(grants!("WHERE group_id = ?1 ORDER BY position"), [group.to_string()])
    }

    fn grants_reaching(&self, resource: ResourceId) -> Result<Vec<GrantRow>, StoreError> {
        self.all(reaching!("id = ?1"), [resource.to_string()])
    }

    fn grants_reaching_person(&self, user: UserId) -> Result<Vec<GrantRow>, StoreError> {
        self.all(reaching!("person = ?1 ORDER BY position DESC LIMIT 1"), [user.to_string()])
    }

    fn lost_grants(&self, since: Timestamp, most: usize) -> Result<Vec<LostGrantRow>, StoreError> {
        self.all(
            "SELECT id, group_id, tags, sudo, managed_groups, local_groups, created_at, tenant, object, lost_at \
             FROM lost_grants WHERE lost_at >= ?1 ORDER BY lost_at DESC, position DESC LIMIT ?2",
            params![micros(since), count(most)],
        )
    }
}

impl GrantsMut for Tx<'_> {
    fn put_grant(&mut self, grant: &GrantRow) -> Result<(), StoreError> {
        for name in &grant.posix_groups.managed {
            self.posix_group(name)?.ok_or(StoreError::Missing("POSIX group"))?;
        }
        self.change(
            "INSERT INTO grants (id, group_id, tags, sudo, managed_groups, local_groups, created_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
             ON CONFLICT (id) DO UPDATE SET group_id = excluded.group_id, tags = excluded.tags, \
             sudo = excluded.sudo, managed_groups = excluded.managed_groups, \
             local_groups = excluded.local_groups, created_at = excluded.created_at",
            params![
                grant.id.to_string(),
                grant.group.to_string(),
                json(&grant.tags)?,
                grant.sudo,
                json(&grant.posix_groups.managed)?,
                json(&grant.posix_groups.local)?,
                micros(grant.created_at),
            ],
            "group",
        )?;
        Ok(())
    }

    fn remove_grant(&mut self, id: GrantId) -> Result<bool, StoreError> {
        Ok(self.change("DELETE FROM grants WHERE id = ?1", [id.to_string()], "")? == 1)
    }

    fn put_lost_grant(&mut self, lost: &LostGrantRow) -> Result<(), StoreError> {
        let LostGrantRow { grant, tenant, object, lost_at } = lost;
        self.change(
            "INSERT INTO lost_grants (id, group_id, tags, sudo, managed_groups, local_groups, created_at, tenant, \
             object, lost_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) \
             ON CONFLICT (id) DO NOTHING",
            params![
                grant.id.to_string(),
                grant.group.to_string(),
                json(&grant.tags)?,
                grant.sudo,
                json(&grant.posix_groups.managed)?,
                json(&grant.posix_groups.local)?,
                micros(grant.created_at),
                tenant.to_string(),
                object.to_string(),
                micros(*lost_at),
            ],
            "",
        )?;
        Ok(())
    }

    fn forget_lost_grants(&mut self, before: Timestamp) -> Result<usize, StoreError> {
        self.change("DELETE FROM lost_grants WHERE lost_at < ?1", [micros(before)], "")
    }
}
