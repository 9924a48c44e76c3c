//! SCIM Users: stored verbatim, with the person behind them settled in the same transaction.

mod find;

use sallyport_audit::EventName;
use sallyport_domain::{ConflictReason, RequestId, ResourceId, TenantId};
use sallyport_scim::{Kind, Operation, ScimError, User, apply, parse_user, parse_user_replacing};
use sallyport_store::{self as store, PersonRow, ResourceRow, StoreError, WriteTx};
use serde_json::{Map, Value};

use super::change::Change;
use super::provisioning::{Attempt, Entry, Verb};
use super::{App, DirectoryError, ListQuery, Wanted, groups, people};

impl App {
    pub async fn create_user(
        &self,
        tenant: TenantId,
        request: RequestId,
        body: Map<String, Value>,
    ) -> Result<ResourceRow, DirectoryError> {
        let attempt = Attempt::create(tenant, request, Kind::User, &body);
        self.attempt(attempt, async {
            let user = parse_user(body)?;
            let row =
                self.change(request, self.now(), move |tx, change| create(tx, change, tenant, user)).await?;
            self.warn_of_mapping(&row);
            Ok(row)
        })
        .await
    }

    pub async fn replace_user(
        &self,
        tenant: TenantId,
        request: RequestId,
        wanted: impl Into<Wanted<ResourceId>>,
        body: Map<String, Value>,
    ) -> Result<ResourceRow, DirectoryError> {
        let wanted = wanted.into();
        let id = wanted.id;
        let change = self.change(request, self.now(), move |tx, change| {
            let before = wanted_row(tx, tenant, &wanted)?;
            let user = parse_user_replacing(body, &User::from_document(before.document.clone()))?;
            write(tx, change, &before, user, Verb::Replace)
        });
        let attempt = Attempt::of(tenant, request, Verb::Replace, Kind::User, &id);
        self.attempt(attempt, change).await.map(|written| self.follow_lost_link(written))
    }

    pub async fn patch_user(
        &self,
        tenant: TenantId,
        request: RequestId,
        wanted: impl Into<Wanted<ResourceId>>,
        operations: Vec<Operation>,
    ) -> Result<ResourceRow, DirectoryError> {
        let wanted = wanted.into();
        let id = wanted.id;
        let change = self.change(request, self.now(), move |tx, change| {
            let before = wanted_row(tx, tenant, &wanted)?;
            let outcome = apply(Kind::User, &before.document, &operations)?;
            if !outcome.changed {
                Entry::of_user(Verb::Update, &before).write(tx, change.now, change.request)?;
                return Ok(Written { row: before, locked_out: false });
            }
            write(tx, change, &before, User::from_document(outcome.document), Verb::Update)
        });
        let attempt = Attempt::of(tenant, request, Verb::Update, Kind::User, &id);
        self.attempt(attempt, change).await.map(|written| self.follow_lost_link(written))
    }

    fn follow_lost_link(&self, written: Written) -> ResourceRow {
        if written.locked_out {
            self.warn_of_lost_link(written.row.tenant);
        }
        written.row
    }

    pub async fn delete_user(
        &self,
        tenant: TenantId,
        request: RequestId,
        wanted: impl Into<Wanted<ResourceId>>,
    ) -> Result<(), DirectoryError> {
        let wanted = wanted.into();
        let id = wanted.id;
        let change = self.change(request, self.now(), move |tx, change| {
            let before = wanted_row(tx, tenant, &wanted)?;
            remove(tx, change, &before).map_err(Into::into)
        });
        self.attempt(Attempt::of(tenant, request, Verb::Delete, Kind::User, &id), change).await
    }

    pub async fn read_user(&self, tenant: TenantId, id: ResourceId) -> Result<ResourceRow, DirectoryError> {
        self.store().read(move |tx| tx.resource(tenant, id)?.ok_or_else(|| not_found(id))).await
    }

    pub async fn list_users(
        &self,
        tenant: TenantId,
        query: ListQuery,
    ) -> Result<store::Page<ResourceRow>, DirectoryError> {
        let turn = self.turn_to_scan(&query, Kind::User).await;
        self.store()
            .read(move |tx| {
                let _turn = turn;
                find::list(tx, tenant, &query).map_err(Into::into)
            })
            .await
    }
}

/// What comes of writing over a user.
struct Written {
    row: ResourceRow,
    /// The object id by which its person was known comes no more.
    locked_out: bool,
}

fn wanted_row(
    tx: &dyn WriteTx,
    tenant: TenantId,
    wanted: &Wanted<ResourceId>,
) -> Result<ResourceRow, DirectoryError> {
    let row = tx.resource(tenant, wanted.id)?.ok_or_else(|| not_found(wanted.id))?;
    wanted.require(&find::meta(&row))?;
    Ok(row)
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
    tx.set_emails(resource.id, &addresses(&resource.document))?;
    let event = change.event(EventName::DirectoryUserCreated).of_user(person.id);
    tx.append(
        &event.with("resource", resource.id.to_string()).with("user_name", resource.user_name.as_str()),
    )?;
    people::settle(tx, change, &resource)?;
    people::settle_claimants(tx, change, &resource)?;
    note(tx, change, &resource, Verb::Create, (&Map::new(), None))?;
    Ok(resource)
}

/// The person stays behind, with name and uid, and is gone.
pub(super) fn remove(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    before: &ResourceRow,
) -> Result<(), StoreError> {
    let was = tx.person(before.user)?;
    groups::leave_all(tx, change, before)?;
    tx.remove_resource(before.tenant, before.id)?;
    people::bury(tx, change, before.user)?;
    people::settle_claimants(tx, change, before)?;
    note(tx, change, before, Verb::Delete, (&before.document, was.as_ref()))
}

/// The event for the provisioning log: what the document and the person were, and are now.
fn note(
    tx: &mut dyn WriteTx,
    change: &Change,
    after: &ResourceRow,
    verb: Verb,
    (document, person): (&Map<String, Value>, Option<&PersonRow>),
) -> Result<(), StoreError> {
    let now = tx.person(after.user)?;
    let entry = Entry::of_user(verb, after).changed(document, &after.document);
    entry.person(person, now.as_ref()).write(tx, change.now, change.request)
}

fn write(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    before: &ResourceRow,
    user: User,
    verb: Verb,
) -> Result<Written, DirectoryError> {
    let was = tx.person(before.user)?;
    let clash =
        tx.resource_by_user_name(before.tenant, user.user_name())?.is_some_and(|other| other.id != before.id);
    if clash {
        return Err(ScimError::Uniqueness("userName".to_owned()).into());
    }
    let after = ResourceRow {
        user_name: user.user_name().to_owned(),
        external_id: user.external_id().map(str::to_owned),
        document: user.into_document(),
        modified_at: change.after(before.modified_at),
        ..before.clone()
    };
    tx.put_resource(&after)?;
    let found_under = addresses(&after.document);
    if found_under != addresses(&before.document) {
        tx.set_emails(after.id, &found_under)?;
    }
    let event = change.event(EventName::DirectoryUserChanged).of_user(after.user);
    tx.append(
        &event
            .with("resource", after.id.to_string())
            .with("changed", changed(&before.document, &after.document)),
    )?;
    people::settle(tx, change, &after)?;
    people::settle_claimants(tx, change, before)?;
    people::settle_claimants(tx, change, &after)?;
    // It may stand for another person now.
    let after = tx.resource(after.tenant, after.id)?.unwrap_or(after);
    note(tx, change, &after, verb, (&before.document, was.as_ref()))?;
    let reason = tx.person(after.user)?.and_then(|person| person.reason);
    let locked_out = reason == Some(ConflictReason::NoObjectId)
        && was.is_some_and(|was| was.object.is_some() && was.reason != reason);
    Ok(Written { row: after, locked_out })
}

fn addresses(document: &Map<String, Value>) -> Vec<String> {
    User::from_document(document.clone()).emails().into_iter().map(str::to_owned).collect()
}

/// The names of the attributes that differ: what they hold stays out of the chain.
pub(super) fn changed(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<String> {
    let names = before.keys().chain(after.keys().filter(|name| !before.contains_key(*name)));
    names.filter(|name| before.get(*name) != after.get(*name)).cloned().collect()
}
