//! Looking into the log.

use sallyport_domain::GroupId;
use sallyport_protocol::admin::{PROVISIONING_CATEGORY, ProvisioningEvent, ProvisioningQuery};
use sallyport_store::{Concerning, ProvisioningRow, ReadTx, StoreError};
use serde_json::Value;

use crate::app::grants::find_group;
use crate::app::who::find_people;
use crate::app::{App, AppError};

/// Events of one answer.
const LONGEST: usize = 1_000;
/// Rows read at a time, and in all, while looking for those that are wanted.
const STEP: usize = 500;
const MOST: usize = 100_000;

impl App {
    /// Oldest first. Without `after`, the newest that there are.
    pub async fn provisioning(&self, query: ProvisioningQuery) -> Result<Vec<ProvisioningEvent>, AppError> {
        self.store()
            .read(move |tx| {
                let limit = query.limit.unwrap_or(LONGEST).min(LONGEST);
                let mut rows = Vec::new();
                for of in concerning(tx, &query)? {
                    rows.extend(wanted(tx, &query, of, limit)?);
                }
                // Several people of one name: their events as one log.
                rows.sort_by_key(|row| row.seq);
                rows.dedup_by_key(|row| row.seq);
                let beyond = rows.len().saturating_sub(limit);
                let rows = if query.after.is_some() {
                    rows.truncate(limit);
                    rows
                } else {
                    rows.split_off(beyond)
                };
                Ok(rows.into_iter().map(|row| event(tx, row)).collect::<Result<_, StoreError>>()?)
            })
            .await
    }
}

fn concerning(tx: &dyn ReadTx, query: &ProvisioningQuery) -> Result<Vec<Concerning>, AppError> {
    if let Some(user) = &query.user {
        return Ok(find_people(tx, user)?.into_iter().map(Concerning::Person).collect());
    }
    Ok(vec![group(tx, query)?.map_or(Concerning::Anything, Concerning::Group)])
}

/// By whatever names it now; one that is gone by its id.
fn group(tx: &dyn ReadTx, query: &ProvisioningQuery) -> Result<Option<GroupId>, AppError> {
    let Some(text) = &query.group else { return Ok(None) };
    match (find_group(tx, text), text.parse()) {
        (Ok(group), _) => Ok(Some(group.id)),
        (Err(_), Ok(id)) => Ok(Some(id)),
        (Err(error), Err(_)) => Err(error),
    }
}

fn wanted(
    tx: &dyn ReadTx,
    query: &ProvisioningQuery,
    of: Concerning,
    limit: usize,
) -> Result<Vec<ProvisioningRow>, AppError> {
    let group = if matches!(of, Concerning::Person(_)) { group(tx, query)? } else { None };
    let is_wanted = |row: &ProvisioningRow| {
        let failed = row.body.get("outcome").and_then(Value::as_str) == Some("failure");
        (failed || !query.failed) && (group.is_none() || row.group == group)
    };
    let mut found = Vec::new();
    let mut read = 0;
    let mut at = query.after.unwrap_or_else(|| query.before.unwrap_or(u64::MAX));
    while read < MOST && found.len() < limit {
        let rows = match query.after {
            Some(_) => tx.provisioning_after(at, of, STEP)?,
            None => tx.provisioning_before(at, of, STEP)?,
        };
        let Some(last) = rows.last() else { break };
        at = last.seq;
        read += rows.len();
        let before = |row: &ProvisioningRow| query.before.is_none_or(|before| row.seq < before);
        found.extend(rows.into_iter().filter(before).filter(is_wanted));
    }
    found.truncate(limit);
    Ok(found)
}

fn event(tx: &dyn ReadTx, row: ProvisioningRow) -> Result<ProvisioningEvent, StoreError> {
    let connection = tx.connection_of(row.tenant)?.map(|connection| connection.name.to_string());
    Ok(ProvisioningEvent {
        seq: row.seq,
        at: row.at,
        category: PROVISIONING_CATEGORY.to_owned(),
        request: row.request.to_string(),
        connection: connection.unwrap_or_else(|| row.tenant.to_string()),
        detail: row.body,
    })
}
