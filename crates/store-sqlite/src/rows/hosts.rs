use std::collections::BTreeSet;

use rusqlite::params;
use sallyport_domain::{Generation, HostId, HostName, HostState};
use sallyport_store::{EnrollTokenRow, HostRow, Hosts, HostsMut, ReportRow, SecretHash, StoreError};

use crate::cells::{Cells, FromRow};
use crate::tx::Tx;
use crate::values::{json, micros, whole};

macro_rules! hosts {
    ($which:literal) => {
        concat!(
            "SELECT id, name, names, tags, state, machine_key, machine_fingerprint, generation, enrolled_at, applied, ",
            "lease_until, seen_at, problems FROM hosts ",
            $which
        )
    };
}

macro_rules! enroll_tokens {
    ($which:literal) => {
        concat!(
            "SELECT id, hash, names, tags, uses_left, created_at, expires_at, revoked_at FROM enroll_tokens ",
            $which
        )
    };
}

impl FromRow for HostRow {
    const TABLE: &'static str = "hosts";
    fn from_row(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: cells.take("id")?,
            name: cells.take("name")?,
            names: cells.take("names")?,
            tags: cells.take("tags")?,
            state: cells.take("state")?,
            machine_key: cells.take("machine_key")?,
            machine_fingerprint: cells.take("machine_fingerprint")?,
            generation: cells.take("generation")?,
            enrolled_at: cells.take("enrolled_at")?,
            report: ReportRow {
                applied: cells.take("applied")?,
                lease_until: cells.take("lease_until")?,
                seen_at: cells.take("seen_at")?,
                problems: cells.take("problems")?,
            },
        })
    }
}

impl FromRow for EnrollTokenRow {
    const TABLE: &'static str = "enroll_tokens";
    fn from_row(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: cells.take("id")?,
            hash: cells.take("hash")?,
            names: cells.take("names")?,
            tags: cells.take("tags")?,
            uses_left: cells.take("uses_left")?,
            created_at: cells.take("created_at")?,
            expires_at: cells.take("expires_at")?,
            revoked_at: cells.take("revoked_at")?,
        })
    }
}

impl Hosts for Tx<'_> {
    fn host(&self, id: HostId) -> Result<Option<HostRow>, StoreError> {
        self.one(hosts!("WHERE id = ?1"), [id.to_string()])
    }

    fn host_by_machine(&self, fingerprint: &str) -> Result<Option<HostRow>, StoreError> {
        self.one(hosts!("WHERE machine_fingerprint = ?1"), [fingerprint])
    }

    fn host_by_name(&self, name: &HostName) -> Result<Option<HostRow>, StoreError> {
        self.one(hosts!("WHERE id = (SELECT host_id FROM host_names WHERE name = ?1)"), [name.as_str()])
    }

    fn hosts(&self) -> Result<Vec<HostRow>, StoreError> {
        self.all(hosts!("ORDER BY position"), [])
    }

    fn enroll_token(&self, hash: &SecretHash) -> Result<Option<EnrollTokenRow>, StoreError> {
        self.one(enroll_tokens!("WHERE hash = ?1"), [hash.0])
    }

    fn enroll_tokens(&self) -> Result<Vec<EnrollTokenRow>, StoreError> {
        self.all(enroll_tokens!("ORDER BY position"), [])
    }
}

impl HostsMut for Tx<'_> {
    fn put_host(&mut self, host: &HostRow) -> Result<(), StoreError> {
        self.together(|| {
            self.put_host_row(host)?;
            self.hold_names(host)
        })
    }

    fn set_generation(&mut self, id: HostId, generation: Generation) -> Result<(), StoreError> {
        let found = self.change(
            "UPDATE hosts SET generation = ?2 WHERE id = ?1",
            params![id.to_string(), whole(generation.value())?],
            "",
        )?;
        there(found)
    }

    fn put_report(&mut self, id: HostId, report: &ReportRow) -> Result<(), StoreError> {
        let found = self.change(
            "UPDATE hosts SET applied = ?2, lease_until = ?3, seen_at = ?4, problems = ?5 WHERE id = ?1",
            params![
                id.to_string(),
                whole(report.applied.value())?,
                report.lease_until.map(micros),
                report.seen_at.map(micros),
                json(&report.problems)?,
            ],
            "",
        )?;
        there(found)
    }

    fn put_enroll_token(&mut self, token: &EnrollTokenRow) -> Result<(), StoreError> {
        self.change(
            "INSERT INTO enroll_tokens (id, hash, names, tags, uses_left, created_at, expires_at, revoked_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
             ON CONFLICT (id) DO UPDATE SET hash = excluded.hash, names = excluded.names, tags = excluded.tags, \
             uses_left = excluded.uses_left, created_at = excluded.created_at, expires_at = excluded.expires_at, \
             revoked_at = excluded.revoked_at",
            params![
                token.id.to_string(),
                token.hash.0,
                json(&token.names)?,
                json(&token.tags)?,
                token.uses_left,
                micros(token.created_at),
                micros(token.expires_at),
                token.revoked_at.map(micros),
            ],
            "",
        )?;
        Ok(())
    }
}

impl Tx<'_> {
    fn put_host_row(&self, host: &HostRow) -> Result<usize, StoreError> {
        self.change(
            "INSERT INTO hosts (id, name, names, tags, state, machine_key, machine_fingerprint, generation, \
             enrolled_at, applied, lease_until, seen_at, problems) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) \
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, names = excluded.names, tags = excluded.tags, \
             state = excluded.state, machine_key = excluded.machine_key, \
             machine_fingerprint = excluded.machine_fingerprint, generation = excluded.generation, \
             enrolled_at = excluded.enrolled_at, applied = excluded.applied, lease_until = excluded.lease_until, \
             seen_at = excluded.seen_at, problems = excluded.problems",
            params![
                host.id.to_string(),
                host.name.as_str(),
                json(&host.names)?,
                json(&host.tags)?,
                host.state.as_str(),
                host.machine_key,
                host.machine_fingerprint,
                whole(host.generation.value())?,
                micros(host.enrolled_at),
                whole(host.report.applied.value())?,
                host.report.lease_until.map(micros),
                host.report.seen_at.map(micros),
                json(&host.report.problems)?,
            ],
            "",
        )
    }

    /// A retired host lets its names go.
    fn hold_names(&self, host: &HostRow) -> Result<(), StoreError> {
        let id = host.id.to_string();
        self.change("DELETE FROM host_names WHERE host_id = ?1", [&id], "")?;
        if host.state == HostState::Retired {
            return Ok(());
        }
        let names: BTreeSet<&HostName> = host.names.iter().chain([&host.name]).collect();
        for name in names {
            self.change(
                "INSERT INTO host_names (name, host_id) VALUES (?1, ?2)",
                params![name.as_str(), id],
                "host",
            )?;
        }
        Ok(())
    }
}

fn there(found: usize) -> Result<(), StoreError> {
    if found == 1 { Ok(()) } else { Err(StoreError::Missing("host")) }
}
