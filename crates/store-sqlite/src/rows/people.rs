use rusqlite::params;
use sallyport_domain::{ConflictReason, GroupId, PosixName, Subject, TenantId, Uid, UserId};
use sallyport_store::{PersonRow, StoreError};

use crate::cells::{Cells, FromRow};
use crate::tx::Tx;
use crate::values::{json, text};

macro_rules! people {
    ($which:literal) => {
        concat!(
            "SELECT id, tenant, object, user_name, display_name, emails, guest, state, reason, posix_name, uid, ",
            "gid, linked_by_upn FROM people ",
            $which
        )
    };
}

impl FromRow for PersonRow {
    const TABLE: &'static str = "people";
    fn from_row(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: cells.take("id")?,
            tenant: cells.take("tenant")?,
            object: cells.take("object")?,
            user_name: cells.take("user_name")?,
            display_name: cells.take("display_name")?,
            emails: cells.take("emails")?,
            guest: cells.take("guest")?,
            state: cells.take("state")?,
            reason: cells.take("reason")?,
            posix_name: cells.take("posix_name")?,
            uid: cells.take("uid")?,
            gid: cells.take("gid")?,
            linked_by_upn: cells.take("linked_by_upn")?,
        })
    }
}

impl Tx<'_> {
    pub(super) fn person_row(&self, id: UserId) -> Result<Option<PersonRow>, StoreError> {
        self.one(people!("WHERE id = ?1"), [id.to_string()])
    }

    pub(super) fn person_of(&self, subject: Subject) -> Result<Option<PersonRow>, StoreError> {
        self.one(
            people!("WHERE tenant = ?1 AND object = ?2"),
            [subject.tenant.to_string(), subject.object.to_string()],
        )
    }

    pub(super) fn every_person(&self) -> Result<Vec<PersonRow>, StoreError> {
        self.all(people!("ORDER BY position"), [])
    }

    pub(super) fn people_with(&self, tenant: TenantId, reason: ConflictReason) -> Result<usize, StoreError> {
        let found = self.one_of(
            PersonRow::TABLE,
            "SELECT count(*) AS total FROM people WHERE tenant = ?1 AND reason = ?2",
            [tenant.to_string().as_str(), reason.as_str()],
            |cells| cells.take("total"),
        )?;
        Ok(found.unwrap_or_default())
    }

    pub(super) fn people_of(&self, group: GroupId) -> Result<Vec<PersonRow>, StoreError> {
        self.all(
            people!(
                "WHERE id IN (SELECT resources.person FROM memberships \
                 JOIN resources ON resources.position = memberships.resource_position \
                 WHERE memberships.group_position = (SELECT position FROM groups WHERE id = ?1)) ORDER BY position"
            ),
            [group.to_string()],
        )
    }

    pub(super) fn put_person_row(&self, person: &PersonRow) -> Result<(), StoreError> {
        if let Some(before) = self.person_row(person.id)? {
            keeps(&before, person)?;
        }
        self.together(|| {
            self.write_person(person)?;
            if let Some(name) = &person.posix_name {
                self.hold_name(person.id, name, None)?;
            }
            match person.uid {
                Some(uid) => self.hold_ids(person.id, uid, person.gid.unwrap_or(uid)),
                None => Ok(()),
            }
        })
    }

    fn write_person(&self, person: &PersonRow) -> Result<(), StoreError> {
        self.change(
            "INSERT INTO people (id, tenant, object, user_name, display_name, emails, guest, state, reason, \
             posix_name, uid, gid, linked_by_upn) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) \
             ON CONFLICT (id) DO UPDATE SET object = excluded.object, user_name = excluded.user_name, \
             display_name = excluded.display_name, emails = excluded.emails, guest = excluded.guest, \
             state = excluded.state, reason = excluded.reason, posix_name = excluded.posix_name, \
             uid = excluded.uid, gid = excluded.gid, linked_by_upn = excluded.linked_by_upn",
            params![
                person.id.to_string(),
                person.tenant.to_string(),
                text(person.object),
                person.user_name,
                person.display_name,
                json(&person.emails)?,
                person.guest,
                person.state.as_str(),
                person.reason.map(ConflictReason::as_str),
                person.posix_name.as_ref().map(PosixName::as_str),
                person.uid.map(Uid::value),
                person.gid.map(Uid::value),
                person.linked_by_upn,
            ],
            "",
        )?;
        Ok(())
    }
}

/// What was once set stays (architecture invariants 3 and 11): whoever wants it otherwise has a defect.
fn keeps(before: &PersonRow, after: &PersonRow) -> Result<(), StoreError> {
    let checks = [
        (before.tenant == after.tenant, "tenant"),
        (before.object.is_none() || before.object == after.object, "object id"),
        (before.posix_name.is_none() || before.posix_name == after.posix_name, "POSIX name"),
        (before.uid.is_none() || before.uid == after.uid, "uid"),
        (before.gid.is_none() || before.gid == after.gid, "gid"),
    ];
    match checks.into_iter().find(|(kept, _)| !kept) {
        Some((_, what)) => Err(StoreError::Pinned(what)),
        None => Ok(()),
    }
}
