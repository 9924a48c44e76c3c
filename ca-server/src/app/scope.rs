//! A connection's provisioning scope: only members of the groups that it names become users. Everybody else is stored
//! and answered as the directory wants, and is nobody here until they join.

use sallyport_domain::{ObjectId, ResourceId, TenantId};
use sallyport_protocol::ProblemCode;
use sallyport_store::{ConnectionRow, GroupRow, ReadTx, ResourceRow, StoreError, WriteTx};

use super::{App, AppError, groups, people};

/// Groups in a scope: each is compared with each group of a person who is written.
const MOST_GROUPS: usize = 100;
/// People judged anew in one transaction: others write in between.
const CHUNK: usize = 200;
/// Rows read at a time.
const PAGE: usize = 1000;

/// Whether the resource's connection has a scope, and the resource is in none of its groups.
pub(super) fn is_outside(tx: &dyn WriteTx, resource: &ResourceRow) -> Result<bool, StoreError> {
    let scope = of(tx, resource.tenant)?;
    if scope.is_empty() {
        return Ok(false);
    }
    for group in tx.groups_of(resource.id)? {
        if let Some(group) = tx.group(resource.tenant, group)?
            && scope.iter().any(|entry| is(entry, &group))
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether the scope of the group's connection names it.
pub(super) fn names(tx: &dyn WriteTx, group: &GroupRow) -> Result<bool, StoreError> {
    Ok(of(tx, group.tenant)?.iter().any(|entry| is(entry, group)))
}

/// Called when a group is written over. Bears it another id now, its members may have come into the scope, or left it.
pub(super) fn group_written(
    tx: &mut dyn WriteTx,
    before: &GroupRow,
    after: &GroupRow,
) -> Result<(), StoreError> {
    if before.external_id == after.external_id || !(names(tx, before)? || names(tx, after)?) {
        return Ok(());
    }
    let Some(connection) = tx.connection_of(after.tenant)? else { return Ok(()) };
    tx.put_connection(&ConnectionRow { unsettled: connection.unsettled.saturating_add(1), ..connection })
}

fn of(tx: &dyn WriteTx, tenant: TenantId) -> Result<Vec<String>, StoreError> {
    Ok(tx.connection_of(tenant)?.map(|connection| connection.scope).unwrap_or_default())
}

fn is(entry: &str, group: &GroupRow) -> bool {
    let external_id = group.external_id.as_deref();
    match groups::object_id(Some(entry)) {
        // Programs spell one object id in several ways.
        Some(object) => groups::object_id(external_id) == Some(object),
        None => external_id == Some(entry) || group.id.to_string() == entry,
    }
}

/// The scope as it is stored: groups by their object ids, which need not have come yet; by name only where one group
/// bears it.
pub(super) fn resolve(tx: &dyn ReadTx, tenant: TenantId, groups: &[String]) -> Result<Vec<String>, AppError> {
    if groups.len() > MOST_GROUPS {
        let detail = format!("a scope names {MOST_GROUPS} groups at most");
        return Err(AppError::refused(ProblemCode::Malformed, detail));
    }
    groups.iter().map(|text| one(tx, tenant, text)).collect()
}

fn one(tx: &dyn ReadTx, tenant: TenantId, text: &str) -> Result<String, AppError> {
    if let Ok(object) = text.parse::<ObjectId>() {
        return Ok(object.to_string());
    }
    let mut found = tx.groups_by_name(tenant, text)?;
    if let Ok(id) = text.parse() {
        found.extend(tx.group(tenant, id)?);
    }
    match (found.pop(), found.len()) {
        (Some(group), 0) => Ok(group.external_id.unwrap_or_else(|| group.id.to_string())),
        (Some(_), others) => {
            let detail = format!("{} groups are called {text:?}; name one by its object id", others + 1);
            Err(AppError::refused(ProblemCode::Conflict, detail))
        }
        (None, _) => {
            let detail = format!(
                "no group of that tenant is called {text:?}; name it by its object id, which may come before the group"
            );
            Err(AppError::refused(ProblemCode::NotFound, detail))
        }
    }
}

impl App {
    /// Judges everybody anew whose connection's scope changed. Goes on where it was interrupted, from the beginning.
    pub async fn settle_scopes(&self) -> Result<(), AppError> {
        let connections = self.store().read(|tx| Ok::<_, AppError>(tx.connections()?)).await?;
        for connection in connections.into_iter().filter(|connection| connection.unsettled > 0) {
            self.settle_scope(connection).await?;
        }
        Ok(())
    }

    async fn settle_scope(&self, connection: ConnectionRow) -> Result<(), AppError> {
        let tenant = connection.tenant;
        let everybody = self.store().read(move |tx| Ok::<_, AppError>(everybody(tx, tenant)?)).await?;
        for chunk in everybody.chunks(CHUNK) {
            let chunk = chunk.to_vec();
            self.change(self.new_request_id(), self.now(), move |tx, change| {
                for id in chunk {
                    if let Some(resource) = tx.resource(tenant, id)? {
                        people::settle(tx, change, &resource)?;
                    }
                }
                Ok::<_, AppError>(())
            })
            .await?;
        }
        // Only what was asked for when this began is done now.
        let done = connection.unsettled;
        self.store()
            .write(move |tx| match tx.connection(&connection.name)? {
                Some(row) if row.unsettled == done => {
                    Ok::<_, AppError>(tx.put_connection(&ConnectionRow { unsettled: 0, ..row })?)
                }
                _ => Ok(()),
            })
            .await
    }
}

/// Of one state: a list that moves while it is read in pages would leave somebody out.
fn everybody(tx: &dyn ReadTx, tenant: TenantId) -> Result<Vec<ResourceId>, StoreError> {
    let mut ids = Vec::new();
    loop {
        let page = tx.resources(tenant, ids.len(), PAGE)?;
        let read = page.items.len();
        ids.extend(page.items.into_iter().map(|resource| resource.id));
        if read < PAGE {
            return Ok(ids);
        }
    }
}
