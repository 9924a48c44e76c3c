use jiff::Timestamp;
use rusqlite::params;
use sallyport_domain::UserId;
use sallyport_store::{Concerning, ProvisioningLog, ProvisioningLogMut, ProvisioningRow, StoreError};

use crate::cells::{Cells, FromRow};
use crate::tx::Tx;
use crate::values::{count, json, micros, text, whole};

macro_rules! events {
    ($which:literal) => {
        concat!("SELECT seq, at, tenant, request, group_id, body FROM provisioning ", $which)
    };
}

macro_rules! of_person {
    ($which:literal) => {
        concat!(
            "SELECT provisioning.seq, provisioning.at, provisioning.tenant, provisioning.request, ",
            "provisioning.group_id, provisioning.body FROM provisioning_people AS of ",
            "CROSS JOIN provisioning ON provisioning.seq = of.seq ",
            "WHERE of.person_position = (SELECT position FROM people WHERE id = ?3) AND ",
            $which
        )
    };
}

impl FromRow for ProvisioningRow {
    const TABLE: &'static str = "provisioning";
    fn from_row(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            seq: cells.take("seq")?,
            at: cells.take("at")?,
            tenant: cells.take("tenant")?,
            request: cells.take("request")?,
            group: cells.take("group_id")?,
            body: cells.take("body")?,
        })
    }
}

impl Tx<'_> {
    fn concern(&self, seq: u64, people: &[UserId]) -> Result<(), StoreError> {
        for person in people {
            self.change(
                "INSERT INTO provisioning_people (seq, person_position) \
                 SELECT provisioning.seq, people.position FROM provisioning CROSS JOIN people \
                 WHERE provisioning.seq = ?1 AND people.id = ?2 ON CONFLICT DO NOTHING",
                params![whole(seq)?, person.to_string()],
                "",
            )?;
        }
        Ok(())
    }
}

impl ProvisioningLog for Tx<'_> {
    fn provisioning_after(
        &self,
        seq: u64,
        of: Concerning,
        limit: usize,
    ) -> Result<Vec<ProvisioningRow>, StoreError> {
        let seq = whole(seq).unwrap_or(i64::MAX);
        let limit = count(limit);
        match of {
            Concerning::Anything => {
                self.all(events!("WHERE seq > ?1 ORDER BY seq LIMIT ?2"), params![seq, limit])
            }
            Concerning::Group(id) => self.all(
                events!("WHERE group_id = ?3 AND seq > ?1 ORDER BY seq LIMIT ?2"),
                params![seq, limit, id.to_string()],
            ),
            Concerning::Person(id) => self
                .all(of_person!("of.seq > ?1 ORDER BY of.seq LIMIT ?2"), params![seq, limit, id.to_string()]),
        }
    }

    fn provisioning_before(
        &self,
        seq: u64,
        of: Concerning,
        limit: usize,
    ) -> Result<Vec<ProvisioningRow>, StoreError> {
        let seq = whole(seq).unwrap_or(i64::MAX);
        let limit = count(limit);
        match of {
            Concerning::Anything => {
                self.all(events!("WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2"), params![seq, limit])
            }
            Concerning::Group(id) => self.all(
                events!("WHERE group_id = ?3 AND seq < ?1 ORDER BY seq DESC LIMIT ?2"),
                params![seq, limit, id.to_string()],
            ),
            Concerning::Person(id) => self.all(
                of_person!("of.seq < ?1 ORDER BY of.seq DESC LIMIT ?2"),
                params![seq, limit, id.to_string()],
            ),
        }
    }
}

impl ProvisioningLogMut for Tx<'_> {
    fn note_provisioning(&mut self, event: &ProvisioningRow, people: &[UserId]) -> Result<u64, StoreError> {
        self.together(|| {
            let seq = self.one_of(
                ProvisioningRow::TABLE,
                "INSERT INTO provisioning (at, tenant, request, group_id, body) VALUES (?1, ?2, ?3, ?4, ?5) \
                 RETURNING seq",
                params![
                    micros(event.at),
                    event.tenant.to_string(),
                    event.request.to_string(),
                    text(event.group),
                    json(&event.body)?,
                ],
                |cells| cells.take::<u64>("seq"),
            )?;
            let seq = seq.unwrap_or_default();
            self.concern(seq, people)?;
            Ok(seq)
        })
    }

    fn note_concerned(&mut self, seq: u64, people: &[UserId]) -> Result<(), StoreError> {
        self.together(|| self.concern(seq, people))
    }

    fn forget_provisioning(
        &mut self,
        before: Timestamp,
        keep: u64,
        most: usize,
    ) -> Result<usize, StoreError> {
        let newest = self.one_of(
            ProvisioningRow::TABLE,
            "SELECT seq FROM provisioning ORDER BY seq DESC LIMIT 1",
            [],
            |cells| cells.take::<u64>("seq"),
        )?;
        let Some(newest) = newest else { return Ok(0) };
        let oldest = self.all_of(
            ProvisioningRow::TABLE,
            "SELECT seq, at FROM provisioning ORDER BY seq LIMIT ?1",
            [count(most)],
            |cells| Ok((cells.take::<u64>("seq")?, cells.take::<Timestamp>("at")?)),
        )?;
        let due = |(seq, at): &(u64, Timestamp)| {
            *seq < newest && (*at < before || newest.saturating_sub(*seq) >= keep)
        };
        let Some((last, _)) = oldest.into_iter().take_while(due).last() else { return Ok(0) };
        self.together(|| {
            let last = whole(last)?;
            self.change("DELETE FROM provisioning_people WHERE seq <= ?1", [last], "")?;
            self.change("DELETE FROM provisioning WHERE seq <= ?1", [last], "")
        })
    }
}
