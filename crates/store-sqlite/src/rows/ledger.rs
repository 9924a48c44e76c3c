use rusqlite::params;
use sallyport_domain::{HostId, HostPattern, PosixName, Uid, UidRange, UserId, UserState};
use sallyport_store::{
    AdoptionRow, ExpressionRow, ForeignRows, Ledger, LedgerMut, LedgerRow, NameRow, StoreError,
};

use crate::cells::{Cells, FromRow};
use crate::tx::Tx;
use crate::values::{count, micros, text};

macro_rules! ledgers {
    ($which:literal) => {
        concat!(
            "SELECT person, proposed, proposed_at, refusal, kept, assigned, wanted_uid, wanted_gid FROM ledger ",
            $which
        )
    };
}

macro_rules! names {
    ($which:literal) => {
        concat!("SELECT name, person, since, until, release_asked_at, freed_at FROM posix_names ", $which)
    };
}

macro_rules! adoptions {
    ($which:literal) => {
        concat!("SELECT person, local, hosts, created_at FROM adoptions ", $which)
    };
}

impl FromRow for LedgerRow {
    const TABLE: &'static str = "ledger";
    fn from_row(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            user: cells.take("person")?,
            proposed: cells.take("proposed")?,
            proposed_at: cells.take("proposed_at")?,
            refusal: cells.take("refusal")?,
            kept: cells.take("kept")?,
            assigned: cells.take("assigned")?,
            wanted_uid: cells.take("wanted_uid")?,
            wanted_gid: cells.take("wanted_gid")?,
        })
    }
}

impl FromRow for NameRow {
    const TABLE: &'static str = "posix_names";
    fn from_row(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            name: cells.take("name")?,
            user: cells.take("person")?,
            since: cells.take("since")?,
            until: cells.take("until")?,
            release_asked_at: cells.take("release_asked_at")?,
            freed_at: cells.take("freed_at")?,
        })
    }
}

impl FromRow for AdoptionRow {
    const TABLE: &'static str = "adoptions";
    fn from_row(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            user: cells.take("person")?,
            local: cells.take("local")?,
            hosts: cells.take("hosts")?,
            created_at: cells.take("created_at")?,
        })
    }
}

impl Ledger for Tx<'_> {
    fn ledger(&self, user: UserId) -> Result<Option<LedgerRow>, StoreError> {
        self.one(ledgers!("WHERE person = ?1"), [user.to_string()])
    }

    fn ledgers(&self) -> Result<Vec<LedgerRow>, StoreError> {
        self.all(ledgers!("ORDER BY person"), [])
    }

    fn name(&self, name: &PosixName) -> Result<Option<NameRow>, StoreError> {
        self.one(names!("WHERE name = ?1 AND freed_at IS NULL"), [name.as_str()])
    }

    fn names_of(&self, user: UserId) -> Result<Vec<NameRow>, StoreError> {
        self.all(names!("WHERE person = ?1 ORDER BY position"), [user.to_string()])
    }

    fn names(&self) -> Result<Vec<NameRow>, StoreError> {
        self.all(names!("ORDER BY position"), [])
    }

    fn proposed_to(
        &self,
        name: &PosixName,
        after: Option<&LedgerRow>,
        most: usize,
    ) -> Result<Vec<LedgerRow>, StoreError> {
        let (since, user) =
            after.map_or((i64::MIN, String::new()), |row| (micros(row.proposed_at), row.user.to_string()));
        self.all(
            ledgers!(
                "WHERE proposed = ?1 AND (proposed_at, person) > (?2, ?3) ORDER BY proposed_at, person LIMIT ?4"
            ),
            params![name.as_str(), since, user, count(most)],
        )
    }

    fn holder_of_id(&self, number: Uid) -> Result<Option<UserId>, StoreError> {
        self.one_of(
            "posix_ids",
            "SELECT person FROM posix_ids WHERE number = ?1",
            [number.value()],
            |cells| cells.take("person"),
        )
    }

    fn wanting_id(&self, number: i64, but: UserId, most: usize) -> Result<Vec<UserId>, StoreError> {
        // A hundred thousand may want one gid: UNION would gather them all before it counts. Each stands here twice
        // at most.
        let mut users = self.all_of(
            LedgerRow::TABLE,
            "SELECT person FROM ledger WHERE wanted_uid = ?1 AND person <> ?2 UNION ALL \
             SELECT person FROM ledger WHERE wanted_gid = ?1 AND person <> ?2 LIMIT ?3",
            params![number, but.to_string(), count(most.saturating_mul(2))],
            |cells| cells.take("person"),
        )?;
        users.sort_unstable();
        users.dedup();
        users.truncate(most);
        Ok(users)
    }

    fn used_ids(&self, range: UidRange, from: u32) -> Result<Vec<u32>, StoreError> {
        self.all_of(
            "posix_ids",
            "SELECT number FROM posix_ids WHERE number BETWEEN ?1 AND ?2 \
             UNION SELECT number FROM foreign_ids WHERE number BETWEEN ?1 AND ?2 \
             UNION SELECT gid FROM posix_groups WHERE gid BETWEEN ?1 AND ?2 \
             UNION SELECT wanted_uid FROM ledger WHERE wanted_uid BETWEEN ?1 AND ?2 \
             UNION SELECT wanted_gid FROM ledger WHERE wanted_gid BETWEEN ?1 AND ?2 ORDER BY number",
            [from.max(range.first()), range.last()],
            |cells| cells.take("number"),
        )
    }

    fn next_id(&self, range: UidRange) -> Result<u32, StoreError> {
        let next = self.one_of(
            "id_cursors",
            "SELECT next FROM id_cursors WHERE first = ?1",
            [range.first()],
            |cells| cells.take("next"),
        )?;
        Ok(next.unwrap_or(range.first()))
    }

    fn expression(&self) -> Result<Option<ExpressionRow>, StoreError> {
        self.one_of("expression", "SELECT expression, applied_at FROM expression WHERE id = 0", [], |cells| {
            Ok(ExpressionRow { expression: cells.take("expression")?, applied_at: cells.take("applied_at")? })
        })
    }

    fn hosts_with_name(&self, name: &PosixName) -> Result<Vec<HostId>, StoreError> {
        self.all_of(
            "foreign_names",
            "SELECT host FROM foreign_names WHERE name = ?1",
            [name.as_str()],
            |cells| cells.take("host"),
        )
    }

    fn hosts_with_id(&self, number: Uid) -> Result<Vec<HostId>, StoreError> {
        self.all_of(
            "foreign_ids",
            "SELECT host FROM foreign_ids WHERE number = ?1",
            [number.value()],
            |cells| cells.take("host"),
        )
    }

    fn foreign_of(&self, host: HostId) -> Result<ForeignRows, StoreError> {
        let names = self.all_of(
            "foreign_names",
            "SELECT name FROM foreign_names WHERE host = ?1 ORDER BY name",
            [host.to_string()],
            |cells| cells.take("name"),
        )?;
        let ids = self.all_of(
            "foreign_ids",
            "SELECT number FROM foreign_ids WHERE host = ?1 ORDER BY number",
            [host.to_string()],
            |cells| cells.take("number"),
        )?;
        Ok(ForeignRows { names, ids })
    }

    fn adoptions(&self) -> Result<Vec<AdoptionRow>, StoreError> {
        self.all(adoptions!("ORDER BY position"), [])
    }

    fn adoptions_of(&self, user: UserId) -> Result<Vec<AdoptionRow>, StoreError> {
        self.all(adoptions!("WHERE person = ?1 ORDER BY position"), [user.to_string()])
    }

    fn adoptions_called(&self, local: &PosixName) -> Result<Vec<AdoptionRow>, StoreError> {
        self.all(adoptions!("WHERE local = ?1 ORDER BY position"), [local.as_str()])
    }
}

impl LedgerMut for Tx<'_> {
    fn put_ledger(&mut self, row: &LedgerRow) -> Result<(), StoreError> {
        self.change(
            "INSERT INTO ledger (person, proposed, proposed_at, refusal, kept, assigned, wanted_uid, wanted_gid) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
             ON CONFLICT (person) DO UPDATE SET proposed = excluded.proposed, \
             proposed_at = excluded.proposed_at, refusal = excluded.refusal, \
             kept = excluded.kept, assigned = excluded.assigned, wanted_uid = excluded.wanted_uid, \
             wanted_gid = excluded.wanted_gid",
            params![
                row.user.to_string(),
                text(row.proposed.as_ref()),
                micros(row.proposed_at),
                row.refusal,
                text(row.kept.as_ref()),
                text(row.assigned.as_ref()),
                row.wanted_uid,
                row.wanted_gid,
            ],
            "person",
        )?;
        Ok(())
    }

    fn put_proposal(
        &mut self,
        user: UserId,
        proposal: Result<&PosixName, &str>,
        at: jiff::Timestamp,
    ) -> Result<(), StoreError> {
        self.change(
            "INSERT INTO ledger (person, proposed, proposed_at, refusal) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (person) DO UPDATE SET proposed = excluded.proposed, \
             proposed_at = excluded.proposed_at, refusal = excluded.refusal",
            params![user.to_string(), text(proposal.ok()), micros(at), proposal.err()],
            "person",
        )?;
        Ok(())
    }

    fn claim_name(&mut self, user: UserId, name: &PosixName, at: jiff::Timestamp) -> Result<(), StoreError> {
        self.hold_name(user, name, Some(micros(at)))
    }

    fn pin(
        &mut self,
        user: UserId,
        name: &PosixName,
        uid: Uid,
        gid: Uid,
        at: jiff::Timestamp,
    ) -> Result<(), StoreError> {
        self.together(|| {
            let before = self.person_row(user)?.ok_or(StoreError::Missing("person"))?;
            let clashes = [
                (before.posix_name.is_some_and(|known| known != *name), "POSIX name"),
                (before.uid.is_some_and(|known| known != uid), "uid"),
                (before.gid.is_some_and(|known| known != gid), "gid"),
            ];
            if let Some((_, what)) = clashes.into_iter().find(|(clash, _)| *clash) {
                return Err(StoreError::Pinned(what));
            }
            self.hold_name(user, name, Some(micros(at)))?;
            self.hold_ids(user, uid, gid)?;
            self.change(
                "UPDATE people SET posix_name = ?2, uid = ?3, gid = ?4 WHERE id = ?1",
                params![user.to_string(), name.as_str(), uid.value(), gid.value()],
                "",
            )?;
            Ok(())
        })
    }

    fn rename(&mut self, user: UserId, name: &PosixName, at: jiff::Timestamp) -> Result<(), StoreError> {
        self.together(|| {
            let before = self.person_row(user)?.and_then(|person| person.posix_name);
            let before = before.ok_or(StoreError::Missing("pinned name"))?;
            if before == *name {
                return Ok(());
            }
            self.hold_name(user, name, Some(micros(at)))?;
            self.change(
                "UPDATE posix_names SET until = ?2 WHERE name = ?1 AND freed_at IS NULL",
                params![before.as_str(), micros(at)],
                "",
            )?;
            self.change(
                "UPDATE people SET posix_name = ?2 WHERE id = ?1",
                params![user.to_string(), name.as_str()],
                "",
            )?;
            Ok(())
        })
    }

    fn ask_release(&mut self, name: &PosixName, at: jiff::Timestamp) -> Result<(), StoreError> {
        let found = self.change(
            "UPDATE posix_names SET release_asked_at = ?2 WHERE name = ?1 AND freed_at IS NULL",
            params![name.as_str(), micros(at)],
            "",
        )?;
        if found == 1 { Ok(()) } else { Err(StoreError::Missing("name")) }
    }

    fn free_name(&mut self, name: &PosixName, at: jiff::Timestamp) -> Result<(), StoreError> {
        self.together(|| {
            let row = Ledger::name(self, name)?.ok_or(StoreError::Missing("name"))?;
            let holder = self.person_row(row.user)?.ok_or(StoreError::Missing("person"))?;
            let in_use = holder.posix_name.as_ref() == Some(name) && holder.state != UserState::Gone;
            if in_use || row.release_asked_at.is_none() {
                return Err(StoreError::Pinned("POSIX name"));
            }
            self.change(
                "UPDATE posix_names SET freed_at = ?2 WHERE name = ?1 AND freed_at IS NULL",
                params![name.as_str(), micros(at)],
                "",
            )?;
            self.change("UPDATE people SET posix_name = NULL WHERE posix_name = ?1", [name.as_str()], "")?;
            Ok(())
        })
    }

    fn set_next_id(&mut self, range: UidRange, next: u32) -> Result<(), StoreError> {
        self.change(
            "INSERT INTO id_cursors (first, next) VALUES (?1, ?2) \
             ON CONFLICT (first) DO UPDATE SET next = excluded.next",
            [range.first(), next],
            "",
        )?;
        Ok(())
    }

    fn set_expression(&mut self, row: &ExpressionRow) -> Result<(), StoreError> {
        self.change(
            "INSERT INTO expression (id, expression, applied_at) VALUES (0, ?1, ?2) \
             ON CONFLICT (id) DO UPDATE SET expression = excluded.expression, applied_at = excluded.applied_at",
            params![row.expression, micros(row.applied_at)],
            "",
        )?;
        Ok(())
    }

    fn put_foreign(&mut self, host: HostId, rows: &ForeignRows) -> Result<bool, StoreError> {
        let known = self.foreign_of(host)?;
        if known == *rows {
            return Ok(false);
        }
        let id = host.to_string();
        self.together(|| {
            for name in known.names.iter().filter(|name| rows.names.binary_search(name).is_err()) {
                self.change(
                    "DELETE FROM foreign_names WHERE name = ?1 AND host = ?2",
                    [name.as_str(), &id],
                    "",
                )?;
            }
            for name in rows.names.iter().filter(|name| known.names.binary_search(name).is_err()) {
                self.change(
                    "INSERT INTO foreign_names (name, host) VALUES (?1, ?2)",
                    [name.as_str(), &id],
                    "host",
                )?;
            }
            for number in known.ids.iter().filter(|number| rows.ids.binary_search(number).is_err()) {
                self.change(
                    "DELETE FROM foreign_ids WHERE number = ?1 AND host = ?2",
                    params![number.value(), id],
                    "",
                )?;
            }
            for number in rows.ids.iter().filter(|number| known.ids.binary_search(number).is_err()) {
                self.change(
                    "INSERT INTO foreign_ids (number, host) VALUES (?1, ?2)",
                    params![number.value(), id],
                    "host",
                )?;
            }
            Ok(true)
        })
    }

    fn put_adoption(&mut self, row: &AdoptionRow) -> Result<(), StoreError> {
        self.change(
            "INSERT INTO adoptions (person, local, hosts, created_at) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (person, local, hosts) DO NOTHING",
            params![row.user.to_string(), row.local.as_str(), row.hosts.to_string(), micros(row.created_at)],
            "person",
        )?;
        Ok(())
    }

    fn remove_adoption(
        &mut self,
        user: UserId,
        local: &PosixName,
        hosts: &HostPattern,
    ) -> Result<bool, StoreError> {
        let gone = self.change(
            "DELETE FROM adoptions WHERE person = ?1 AND local = ?2 AND hosts = ?3",
            params![user.to_string(), local.as_str(), hosts.to_string()],
            "",
        )?;
        Ok(gone > 0)
    }
}

impl Tx<'_> {
    /// Makes a name the person's, or again the person's; another's is refused.
    pub(super) fn hold_name(
        &self,
        user: UserId,
        name: &PosixName,
        since: Option<i64>,
    ) -> Result<(), StoreError> {
        match Ledger::name(self, name)? {
            Some(row) if row.user != user => Err(StoreError::Taken("POSIX name")),
            Some(_) => {
                self.change(
                    "UPDATE posix_names SET until = NULL, release_asked_at = NULL WHERE name = ?1 AND freed_at IS NULL",
                    [name.as_str()],
                    "",
                )?;
                Ok(())
            }
            None => {
                self.no_group_has_name(name)?;
                self.change(
                    "INSERT INTO posix_names (name, person, since) VALUES (?1, ?2, ?3)",
                    params![name.as_str(), user.to_string(), since],
                    "person",
                )?;
                Ok(())
            }
        }
    }

    pub(super) fn hold_ids(&self, user: UserId, uid: Uid, gid: Uid) -> Result<(), StoreError> {
        for (number, what) in [(uid, "uid"), (gid, "gid")] {
            match self.holder_of_id(number)? {
                Some(holder) if holder != user => return Err(StoreError::Taken(what)),
                Some(_) => {}
                None => {
                    self.no_group_has_id(number, what)?;
                    self.change(
                        "INSERT INTO posix_ids (number, person) VALUES (?1, ?2)",
                        params![number.value(), user.to_string()],
                        "person",
                    )?;
                }
            }
        }
        Ok(())
    }
}
