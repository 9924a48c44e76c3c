//! A connection's provisioning scope: only members of the groups that it names become users. Everybody else is stored
//! and answered as the directory wants, and is nobody here until they join.

use std::collections::HashSet;

use sallyport_domain::{ObjectId, ResourceId, TenantId, UserId};
use sallyport_protocol::ProblemCode;
use sallyport_store::{ConnectionRow, GroupRow, PersonRow, ReadTx, ResourceRow, StoreError, WriteTx};

use super::change::Change;
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

/// Called when a group is written over. Bears it another id now, its members may have come into the scope, or left it:
/// whether everybody is to be judged anew for it.
pub(super) fn group_written(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    before: &GroupRow,
    after: &GroupRow,
) -> Result<bool, StoreError> {
    if before.external_id == after.external_id || !(names(tx, before)? || names(tx, after)?) {
        return Ok(false);
    }
    let Some(connection) = tx.connection_of(after.tenant)? else { return Ok(false) };
    tx.put_connection(&ConnectionRow { unsettled: connection.unsettled.saturating_add(1), ..connection })?;
    moved(tx, change)?;
    Ok(true)
}

/// The scope is another one: whoever is out of it now is let in nowhere from this transaction on, though their own turn
/// has yet to come.
pub(super) fn moved(tx: &dyn WriteTx, change: &mut Change) -> Result<(), StoreError> {
    change.lost();
    change.touch_grants(&tx.grants()?);
    Ok(())
}

/// Whether people of the tenant may be in another state than their connection's scope says.
pub(super) fn is_unsettled(tx: &dyn ReadTx, tenant: TenantId) -> Result<bool, StoreError> {
    Ok(tx.connection_of(tenant)?.is_some_and(|connection| connection.unsettled > 0))
}

/// Who is inside of the scopes that have yet to be carried out. Of any other tenant, people's own rows say it.
#[derive(Debug)]
pub(super) struct Insiders(Vec<(TenantId, HashSet<UserId>)>);

impl Insiders {
    pub(super) fn read(tx: &dyn ReadTx) -> Result<Self, StoreError> {
        let mut scopes = Vec::new();
        for connection in tx.connections()? {
            if connection.unsettled == 0 || connection.scope.is_empty() {
                continue;
            }
            let mut inside = HashSet::new();
            for entry in &connection.scope {
                for group in named(tx, connection.tenant, entry)? {
                    inside.extend(tx.people_in(group.id)?.into_iter().map(|person| person.id));
                }
            }
            scopes.push((connection.tenant, inside));
        }
        Ok(Self(scopes))
    }

    pub(super) fn has(&self, person: &PersonRow) -> bool {
        let mut scopes = self.0.iter().filter(|(tenant, _)| *tenant == person.tenant);
        scopes.all(|(_, inside)| inside.contains(&person.id))
    }
}

/// The groups that an entry of a scope names.
fn named(tx: &dyn ReadTx, tenant: TenantId, entry: &str) -> Result<Vec<GroupRow>, StoreError> {
    let mut found = Vec::new();
    if let Ok(id) = entry.parse() {
        found.extend(tx.group(tenant, id)?);
    }
    for spelling in groups::spellings(entry) {
        found.extend(tx.groups_by_external_id(tenant, &spelling)?);
    }
    found.retain(|group| is(entry, group));
    Ok(found)
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sallyport_domain::{GroupId, UserState};
    use sallyport_protocol::admin::{AddGrant, SetConnection};
    use sallyport_store::conformance::samples::{host, tags};
    use serde_json::json;

    use super::*;
    use crate::app::testing::{TENANT, app, object};
    use crate::app::{ShowMembers, snapshot};

    const OBJECT: &str = "3c3c3c3c-2222-4333-8444-555566667777";
    const OTHER: &str = "4d4d4d4d-2222-4333-8444-555566667777";

    struct Stage {
        app: App,
        tenant: TenantId,
        user: UserId,
        scoped: GroupId,
        _folder: tempfile::TempDir,
    }

    impl Stage {
        /// A host that lets one person in, who is inside of the scope by a group of their own.
        async fn set() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let (app, tenant) = (app(folder.path()), TENANT.parse().unwrap());
            app.prepare().await.unwrap();
            let body = json!({ "userName": "mara@contoso.test", "active": true,
                "externalId": "0a0a0a0a-1111-4222-8333-444455556666" });
            let made = app.create_user(tenant, app.new_request_id(), object(body)).await.unwrap();
            let mut ids = Vec::new();
            for (name, object_id) in
                [("granted", OTHER.replace("4d4d", "5e5e")), ("scoped", OBJECT.to_owned())]
            {
                let body = json!({ "displayName": name, "externalId": object_id,
                    "members": [{ "value": made.id.to_string() }] });
                let group = app.create_group(tenant, app.new_request_id(), object(body)).await.unwrap();
                ids.push(group.row.id);
            }
            let ask =
                AddGrant { group: ids[0].to_string(), tags: tags(&["env=prod"]), ..AddGrant::default() };
            app.store().write(|tx| tx.put_host(&host(1))).await.unwrap();
            app.add_grant(app.new_request_id(), ask).await.unwrap();
            let name = app.store().read(|tx| tx.connections()).await.unwrap().remove(0).name;
            let ask = SetConnection { scope: Some(vec![OBJECT.to_owned()]), ..SetConnection::default() };
            app.set_connection(app.new_request_id(), name, ask).await.unwrap();
            Self { app, tenant, user: made.user, scoped: ids[1], _folder: folder }
        }

        /// The group of the scope bears that id from now on; nothing is settled.
        async fn rename(&self, object_id: &str) {
            let patch =
                json!({ "Operations": [{ "op": "Replace", "path": "externalId", "value": object_id }] });
            let operations = sallyport_scim::parse_patch(&object(patch)).unwrap();
            let request = self.app.new_request_id();
            self.app
                .patch_group(self.tenant, request, self.scoped, operations, ShowMembers::No)
                .await
                .unwrap();
        }

        /// Whom the host lets in, and its generation.
        async fn on_host(&self) -> (usize, sallyport_domain::Generation) {
            let look = |tx: &dyn ReadTx| {
                let host = tx.host(host(1).id)?.unwrap();
                Ok::<_, StoreError>((
                    snapshot::people_and_groups(tx, &host, false)?.accounts.len(),
                    host.generation,
                ))
            };
            self.app.store().read(look).await.unwrap()
        }

        /// As who somebody who signs in now is judged; it is not kept.
        async fn signs_in_as(&self) -> UserState {
            let user = self.user;
            let sign_in = move |tx: &mut dyn WriteTx, change: &mut Change| {
                let person = tx.person(user)?.unwrap();
                let state = people::arrived(tx, change, person)?.state;
                Err::<(), _>(AppError::internal("this", state.to_string()))
            };
            let app = &self.app;
            let refused = app.change(app.new_request_id(), app.now(), sign_in).await.unwrap_err();
            std::error::Error::source(&refused).unwrap().to_string().parse().unwrap()
        }

        async fn is_woken(&self) -> bool {
            tokio::time::timeout(Duration::ZERO, self.app.somebody_waits()).await.is_ok()
        }
    }

    #[tokio::test]
    async fn whom_a_scope_leaves_out_is_let_in_nowhere_from_that_transaction_on() {
        let stage = Stage::set().await;
        let (accounts, before) = stage.on_host().await;
        assert_eq!((accounts, stage.signs_in_as().await), (1, UserState::Active));
        while stage.is_woken().await {}
        stage.rename(OTHER).await;
        let (accounts, after) = stage.on_host().await;
        assert_eq!((accounts, stage.signs_in_as().await), (0, UserState::Suspended));
        assert!(after > before, "hosts hear of it before the directory has its answer");
        assert!(stage.is_woken().await, "the rest is done at once");
        stage.app.settle_scopes().await.unwrap();
        assert_eq!((stage.on_host().await.0, stage.signs_in_as().await), (0, UserState::Suspended));

        // Who comes in has their turn, or signs in before it.
        stage.rename(OBJECT).await;
        assert_eq!((stage.on_host().await.0, stage.signs_in_as().await), (0, UserState::Active));
        assert!(stage.is_woken().await);
        stage.app.settle_scopes().await.unwrap();
        assert_eq!((stage.on_host().await.0, stage.signs_in_as().await), (1, UserState::Active));
    }
}
