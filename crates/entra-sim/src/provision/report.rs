//! What a cycle did.

use std::time::Duration;

use serde::Serialize;

use super::dialect::Dialect;
use super::plan::Cycle;

/// The counts of one cycle.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub cycle: Cycle,
    pub dialect: Dialect,
    pub scim_url: String,
    /// HTTP requests sent.
    pub requests: u64,
    pub users: Counts,
    pub groups: Counts,
    pub members: Members,
    pub failures: Vec<Failure>,
}

/// Objects by what became of them.
#[derive(Clone, Copy, Debug, Default, Serialize, PartialEq, Eq)]
pub struct Counts {
    pub created: u64,
    pub updated: u64,
    pub disabled: u64,
    pub enabled: u64,
    pub deleted: u64,
    pub unchanged: u64,
}

#[derive(Clone, Copy, Debug, Default, Serialize, PartialEq, Eq)]
pub struct Members {
    pub added: u64,
    pub removed: u64,
}

/// One request that did not succeed.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    /// The user or group, by the name it has in the directory.
    pub object: String,
    pub method: String,
    pub path: String,
    /// Absent when no answer came.
    pub status: Option<u16>,
    pub detail: String,
}

/// One request and its answer, for showing progress.
#[derive(Clone, Debug, Serialize)]
pub struct Exchange {
    pub method: String,
    /// Path and query after the SCIM base.
    pub path: String,
    pub status: Option<u16>,
    pub object: String,
    /// From the first byte sent to the last byte read.
    #[serde(skip)]
    pub took: Duration,
}

impl Report {
    /// One line for people: only what there is to say.
    #[must_use]
    pub fn summary(&self) -> String {
        let some = |counts: &[(u64, &str)]| {
            let said =
                counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
            let said = said.collect::<Vec<_>>().join(", ");
            if said.is_empty() { "nothing".to_owned() } else { said }
        };
        let counts = |counts: &Counts| {
            some(&[
                (counts.created, "created"),
                (counts.updated, "updated"),
                (counts.disabled, "disabled"),
                (counts.enabled, "enabled"),
                (counts.deleted, "deleted"),
                (counts.unchanged, "unchanged"),
            ])
        };
        let members = some(&[(self.members.added, "added"), (self.members.removed, "removed")]);
        format!(
            "{} requests, {} failed; users: {}; groups: {}; members: {members}",
            self.requests,
            self.failures.len(),
            counts(&self.users),
            counts(&self.groups),
        )
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let status = self.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        write!(f, "{} {} ({}): {status}: {}", self.method, self.path, self.object, self.detail)
    }
}
