use jiff::Timestamp;
use rusqlite::params;
use sallyport_domain::{GroupId, ResourceId, Serial};
use sallyport_store::{
    ResourceLabel, StoreError, Unsettled, UnsettledGroups, UnsettledGroupsMut, UnsettledRow,
};

use crate::cells::{Cells, FromRow};
use crate::tx::Tx;
use crate::values::{count, micros, whole};

macro_rules! unsettled {
    ($which:literal) => {
        concat!("SELECT what, group_id, after FROM unsettled_groups ", $which)
    };
}

impl FromRow for UnsettledRow {
    const TABLE: &'static str = "unsettled_groups";
    fn from_row(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Self { what: cells.take("what")?, group: cells.take("group_id")?, after: cells.take("after")? })
    }
}

impl UnsettledGroups for Tx<'_> {
    fn unsettled(&self) -> Result<Vec<UnsettledRow>, StoreError> {
        self.all(unsettled!("ORDER BY what, group_id"), [])
    }

    fn unsettled_group(&self, group: GroupId, what: Unsettled) -> Result<Option<UnsettledRow>, StoreError> {
        self.one(unsettled!("WHERE what = ?1 AND group_id = ?2"), [what.as_str(), &group.to_string()])
    }

    fn members_after(
        &self,
        group: GroupId,
        after: u64,
        most: usize,
    ) -> Result<Vec<(u64, ResourceLabel)>, StoreError> {
        self.all_of(
            "memberships",
            "SELECT memberships.resource_position AS place, resources.id AS id, resources.person AS person, \
             resources.user_name AS user_name FROM memberships \
             CROSS JOIN resources ON resources.position = memberships.resource_position \
             WHERE memberships.group_position = (SELECT position FROM groups WHERE id = ?1) \
             AND memberships.resource_position > ?2 ORDER BY memberships.resource_position LIMIT ?3",
            params![group.to_string(), whole(after)?, count(most)],
            |cells| {
                let place = cells.take("place")?;
                let (id, user) = (cells.take("id")?, cells.take("person")?);
                Ok((place, ResourceLabel { id, user, user_name: cells.take("user_name")? }))
            },
        )
    }

    fn withdrawn_serials(&self, now: Timestamp) -> Result<Vec<Serial>, StoreError> {
        // CROSS keeps the order of the joins: from the few groups that are unsettled to their members' certificates.
        self.all_of(
            "certificates",
            "SELECT DISTINCT certificates.serial AS serial FROM unsettled_groups \
             CROSS JOIN groups ON groups.id = unsettled_groups.group_id \
             CROSS JOIN memberships ON memberships.group_position = groups.position \
             AND memberships.resource_position > unsettled_groups.after \
             CROSS JOIN resources ON resources.position = memberships.resource_position \
             CROSS JOIN certificates ON certificates.person = resources.person AND certificates.valid_before > ?2 \
             WHERE unsettled_groups.what = ?1 AND certificates.revoked_at IS NULL \
             AND NOT EXISTS (SELECT 1 FROM memberships AS others \
             CROSS JOIN groups AS theirs ON theirs.position = others.group_position \
             CROSS JOIN grants ON grants.group_id = theirs.id \
             WHERE others.resource_position = resources.position)",
            params![Unsettled::Withdrawal.as_str(), micros(now)],
            |cells| cells.take("serial"),
        )
    }

    fn awaits_withdrawal(&self, resource: ResourceId) -> Result<bool, StoreError> {
        let found = self.one_of(
            "memberships",
            "SELECT 1 AS found FROM unsettled_groups \
             CROSS JOIN groups ON groups.id = unsettled_groups.group_id \
             CROSS JOIN memberships ON memberships.group_position = groups.position \
             AND memberships.resource_position = (SELECT position FROM resources WHERE id = ?2) \
             WHERE unsettled_groups.what = ?1 AND memberships.resource_position > unsettled_groups.after LIMIT 1",
            [Unsettled::Withdrawal.as_str(), &resource.to_string()],
            |cells| cells.take::<i64>("found"),
        )?;
        Ok(found.is_some())
    }

    fn dissolved_groups_of(&self, resource: ResourceId) -> Result<Vec<GroupId>, StoreError> {
        self.all_of(
            "memberships",
            "SELECT groups.id AS id FROM memberships JOIN groups ON groups.position = memberships.group_position \
             WHERE groups.dissolved IS NOT NULL \
             AND memberships.resource_position = (SELECT position FROM resources WHERE id = ?1)",
            [resource.to_string()],
            |cells| cells.take("id"),
        )
    }
}

impl UnsettledGroupsMut for Tx<'_> {
    fn put_unsettled(&mut self, row: &UnsettledRow) -> Result<(), StoreError> {
        self.change(
            "INSERT INTO unsettled_groups (what, group_id, after) VALUES (?1, ?2, ?3) \
             ON CONFLICT (what, group_id) DO UPDATE SET after = excluded.after",
            params![row.what.as_str(), row.group.to_string(), whole(row.after)?],
            "group",
        )?;
        Ok(())
    }

    fn remove_unsettled(&mut self, group: GroupId, what: Unsettled) -> Result<bool, StoreError> {
        let removed = self.change(
            "DELETE FROM unsettled_groups WHERE what = ?1 AND group_id = ?2",
            [what.as_str(), &group.to_string()],
            "",
        )?;
        Ok(removed == 1)
    }
}
