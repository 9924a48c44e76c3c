//! SCIM Users: stored verbatim, with the person behind them settled in the same transaction.

use sallyport_audit::EventName;
use sallyport_domain::{RequestId, ResourceId, TenantId};
use sallyport_scim::{
    Filter, Kind, Lookup, Meta, Operation, Page, ScimError, User, apply, parse_user, parse_user_replacing,
    render_user,
};
use sallyport_store::{self as store, ReadTx, ResourceRow, StoreError, WriteTx};
use serde_json::{Map, Value};

use super::change::Change;
use super::{App, DirectoryError, groups, people};

/// A list as it is asked for.
#[derive(Clone, Debug)]
pub struct ListQuery {
    pub filter: Option<Filter>,
    pub page: Page,
}

/// A filter that no index answers reads the whole directory, this many rows at a time.
const SCAN: usize = 500;

impl App {
    pub async fn create_user(
        &self,
        tenant: TenantId,
        request: RequestId,
        body: Map<String, Value>,
    ) -> Result<ResourceRow, DirectoryError> {
        let user = parse_user(body)?;
        self.change(request, self.now(), move |tx, change| create(tx, change, tenant, user)).await
    }

    pub async fn replace_user(
        &self,
        tenant: TenantId,
        request: RequestId,
        id: ResourceId,
        body: Map<String, Value>,
    ) -> Result<ResourceRow, DirectoryError> {
        self.change(request, self.now(), move |tx, change| {
            let before = tx.resource(tenant, id)?.ok_or_else(|| not_found(id))?;
            let user = parse_user_replacing(body, &User::from_document(before.document.clone()))?;
            write(tx, change, &before, user)
        })
        .await
    }

    pub async fn patch_user(
        &self,
        tenant: TenantId,
        request: RequestId,
        id: ResourceId,
        operations: Vec<Operation>,
    ) -> Result<ResourceRow, DirectoryError> {
        self.change(request, self.now(), move |tx, change| {
            let before = tx.resource(tenant, id)?.ok_or_else(|| not_found(id))?;
            let outcome = apply(Kind::User, &before.document, &operations)?;
            if !outcome.changed {
                return Ok(before);
            }
            write(tx, change, &before, User::from_document(outcome.document))
        })
        .await
    }

    pub async fn delete_user(
        &self,
        tenant: TenantId,
        request: RequestId,
        id: ResourceId,
    ) -> Result<(), DirectoryError> {
        self.change(request, self.now(), move |tx, change| {
            let before = tx.resource(tenant, id)?.ok_or_else(|| not_found(id))?;
            groups::leave_all(tx, change, &before)?;
            tx.remove_resource(tenant, id)?;
            people::bury(tx, change, before.user)?;
            people::settle_claimants(tx, change, &before).map_err(Into::into)
        })
        .await
    }

    pub async fn read_user(&self, tenant: TenantId, id: ResourceId) -> Result<ResourceRow, DirectoryError> {
        self.store().read(move |tx| tx.resource(tenant, id)?.ok_or_else(|| not_found(id))).await
    }

    pub async fn list_users(
        &self,
        tenant: TenantId,
        query: ListQuery,
    ) -> Result<store::Page<ResourceRow>, DirectoryError> {
        self.store().read(move |tx| list(tx, tenant, &query).map_err(Into::into)).await
    }
}

fn not_found(id: ResourceId) -> DirectoryError {
    ScimError::NotFound(format!("user {id}")).into()
}

fn create(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    tenant: TenantId,
    user: User,
) -> Result<ResourceRow, DirectoryError> {
    if tx.resource_by_user_name(tenant, user.user_name())?.is_some() {
        return Err(ScimError::Uniqueness("userName".to_owned()).into());
    }
    let person = people::for_new_resource(tx, change, &user, tenant)?;
    tx.put_person(&person)?;
    let resource = ResourceRow {
        id: ResourceId::generate(change.now, &mut rand::rngs::OsRng),
        tenant,
        user: person.id,
        user_name: user.user_name().to_owned(),
        external_id: user.external_id().map(str::to_owned),
        document: user.into_document(),
        created_at: change.now,
        modified_at: change.now,
    };
    tx.put_resource(&resource)?;
    let event = change.event(EventName::DirectoryUserCreated).of_user(person.id);
    tx.append(
        &event.with("resource", resource.id.to_string()).with("user_name", resource.user_name.as_str()),
    )?;
    people::settle(tx, change, &resource)?;
    people::settle_claimants(tx, change, &resource)?;
    Ok(resource)
}

fn write(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    before: &ResourceRow,
    user: User,
) -> Result<ResourceRow, DirectoryError> {
    let clash =
        tx.resource_by_user_name(before.tenant, user.user_name())?.is_some_and(|other| other.id != before.id);
    if clash {
        return Err(ScimError::Uniqueness("userName".to_owned()).into());
    }
    let after = ResourceRow {
        user_name: user.user_name().to_owned(),
        external_id: user.external_id().map(str::to_owned),
        document: user.into_document(),
        modified_at: change.now,
        ..before.clone()
    };
    tx.put_resource(&after)?;
    let event = change.event(EventName::DirectoryUserChanged).of_user(after.user);
    tx.append(
        &event
            .with("resource", after.id.to_string())
            .with("changed", changed(&before.document, &after.document)),
    )?;
    people::settle(tx, change, &after)?;
    people::settle_claimants(tx, change, before)?;
    people::settle_claimants(tx, change, &after)?;
    Ok(after)
}

/// The names of the attributes that differ: what they hold stays out of the chain.
pub(super) fn changed(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<String> {
    let names = before.keys().chain(after.keys().filter(|name| !before.contains_key(*name)));
    names.filter(|name| before.get(*name) != after.get(*name)).cloned().collect()
}

fn list(
    tx: &dyn ReadTx,
    tenant: TenantId,
    query: &ListQuery,
) -> Result<store::Page<ResourceRow>, StoreError> {
    let Some(filter) = &query.filter else {
        return tx.resources(tenant, query.page.offset(), query.page.count);
    };
    let found = match filter.as_lookup() {
        Some(Lookup::UserName(name)) => tx.resource_by_user_name(tenant, &name)?.into_iter().collect(),
        Some(Lookup::ExternalId(id)) => tx.resources_by_external_id(tenant, &id)?,
        Some(Lookup::Id(id)) => by_id(tx, tenant, &id)?,
        Some(Lookup::IdAndManager { id, .. }) => {
            let mut found = by_id(tx, tenant, &id)?;
            found.retain(|row| filter.matches(Kind::User, &rendered(row)));
            found
        }
        _ => scan(tx, tenant, filter)?,
    };
    Ok(slice(found, query.page))
}

fn by_id(tx: &dyn ReadTx, tenant: TenantId, id: &str) -> Result<Vec<ResourceRow>, StoreError> {
    let Ok(id) = id.parse() else { return Ok(Vec::new()) };
    Ok(tx.resource(tenant, id)?.into_iter().collect())
}

fn scan(tx: &dyn ReadTx, tenant: TenantId, filter: &Filter) -> Result<Vec<ResourceRow>, StoreError> {
    let mut found = Vec::new();
    let mut skip = 0;
    loop {
        let page = tx.resources(tenant, skip, SCAN)?;
        let read = page.items.len();
        found.extend(page.items.into_iter().filter(|row| filter.matches(Kind::User, &rendered(row))));
        if read < SCAN {
            return Ok(found);
        }
        skip += read;
    }
}

/// As filters see it: with `id`, `meta` and all its schemas.
fn rendered(row: &ResourceRow) -> Map<String, Value> {
    // Nobody can filter by the address: it depends on who asks.
    let meta = Meta { created: row.created_at, last_modified: row.modified_at, location: String::new() };
    render_user(&row.document, &row.id.to_string(), &meta)
}

/// The page of a list that is in memory already.
pub(super) fn slice<T>(found: Vec<T>, page: Page) -> store::Page<T> {
    let total = found.len();
    store::Page { total, items: found.into_iter().skip(page.offset()).take(page.count).collect() }
}
