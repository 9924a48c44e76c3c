//! SCIM Groups: documents and memberships. What a membership opens follows in the same transaction.

use sallyport_audit::EventName;
use sallyport_domain::{GroupId, RequestId, ResourceId, TenantId};
use sallyport_scim::{
    Filter, Group, Kind, Lookup, MemberChange, MemberRef, Operation, ScimError, apply, parse_group,
};
use sallyport_store::{self as store, GroupRow, ReadTx, StoreError, WriteTx};
use serde_json::{Map, Value};

use super::change::Change;
use super::users::{changed, slice};
use super::{App, DirectoryError, ListQuery, grants, people};

/// A group, with its members where they were asked for.
#[derive(Clone, Debug)]
pub struct GroupRead {
    pub row: GroupRow,
    pub members: Option<Vec<ResourceId>>,
}

/// What comes of writing a group.
#[derive(Clone, Debug)]
pub struct GroupWrite {
    pub row: GroupRow,
    pub members: Vec<ResourceId>,
    /// Member ids that name nobody: answered with success, never stored.
    pub unknown: Vec<String>,
}

impl App {
    pub async fn create_group(
        &self,
        tenant: TenantId,
        request: RequestId,
        body: Map<String, Value>,
    ) -> Result<GroupWrite, DirectoryError> {
        let (group, members) = parse_group(body)?;
        self.change(request, self.now(), move |tx, change| create(tx, change, tenant, group, members)).await
    }

    pub async fn replace_group(
        &self,
        tenant: TenantId,
        request: RequestId,
        id: GroupId,
        body: Map<String, Value>,
    ) -> Result<GroupWrite, DirectoryError> {
        let (group, members) = parse_group(body)?;
        self.change(request, self.now(), move |tx, change| {
            let before = tx.group(tenant, id)?.ok_or_else(|| not_found(id))?;
            let row = write(tx, change, &before, group)?;
            finish(tx, change, row, vec![MemberChange::ReplaceAll(members)])
        })
        .await
    }

    pub async fn patch_group(
        &self,
        tenant: TenantId,
        request: RequestId,
        id: GroupId,
        operations: Vec<Operation>,
    ) -> Result<GroupWrite, DirectoryError> {
        self.change(request, self.now(), move |tx, change| {
            let before = tx.group(tenant, id)?.ok_or_else(|| not_found(id))?;
            let outcome = apply(Kind::Group, &before.document, &operations)?;
            let row = if outcome.changed {
                write(tx, change, &before, Group::from_document(outcome.document))?
            } else {
                before
            };
            finish(tx, change, row, outcome.members)
        })
        .await
    }

    pub async fn delete_group(
        &self,
        tenant: TenantId,
        request: RequestId,
        id: GroupId,
    ) -> Result<(), DirectoryError> {
        self.change(request, self.now(), move |tx, change| {
            let group = tx.group(tenant, id)?.ok_or_else(|| not_found(id))?;
            change.touch_group(tx, id)?;
            // They go with the group; what opened a door never just vanishes from the record.
            for member in tx.members(id)? {
                remove(tx, change, &group, member)?;
            }
            for grant in tx.grants_of(id)? {
                grants::remove(tx, change, &grant)?;
            }
            tx.remove_group(tenant, id)?;
            let event = change.event(EventName::DirectoryGroupDeleted).with("group", id.to_string());
            tx.append(&event.with("name", group.display_name))?;
            Ok(())
        })
        .await
    }

    pub async fn read_group(
        &self,
        tenant: TenantId,
        id: GroupId,
        members: bool,
    ) -> Result<GroupRead, DirectoryError> {
        self.store()
            .read(move |tx| {
                let row = tx.group(tenant, id)?.ok_or_else(|| not_found(id))?;
                Ok(with_members(tx, row, members)?)
            })
            .await
    }

    pub async fn list_groups(
        &self,
        tenant: TenantId,
        query: ListQuery,
        members: bool,
    ) -> Result<store::Page<GroupRead>, DirectoryError> {
        self.store()
            .read(move |tx| {
                let page = list(tx, tenant, &query)?;
                let items: Result<Vec<_>, _> =
                    page.items.into_iter().map(|row| with_members(tx, row, members)).collect();
                Ok(store::Page { total: page.total, items: items? })
            })
            .await
    }
}

fn not_found(id: GroupId) -> DirectoryError {
    ScimError::NotFound(format!("group {id}")).into()
}

fn with_members(tx: &dyn ReadTx, row: GroupRow, wanted: bool) -> Result<GroupRead, StoreError> {
    let members = if wanted { Some(tx.members(row.id)?) } else { None };
    Ok(GroupRead { row, members })
}

/// 409 only for the same `externalId`, or for the same display name when neither group has one: two Entra groups may
/// bear one name.
fn refuse_duplicate(
    tx: &dyn WriteTx,
    tenant: TenantId,
    group: &Group,
    own: Option<GroupId>,
) -> Result<(), DirectoryError> {
    let other = |row: &GroupRow| Some(row.id) != own;
    let taken = match group.external_id() {
        Some(id) => tx.groups_by_external_id(tenant, id)?.iter().any(other),
        None => tx
            .groups_by_name(tenant, group.display_name())?
            .iter()
            .any(|row| other(row) && row.external_id.is_none()),
    };
    match (taken, group.external_id()) {
        (false, _) => Ok(()),
        (true, Some(_)) => Err(ScimError::Uniqueness("externalId".to_owned()).into()),
        (true, None) => Err(ScimError::Uniqueness("displayName".to_owned()).into()),
    }
}

fn create(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    tenant: TenantId,
    group: Group,
    members: Vec<MemberRef>,
) -> Result<GroupWrite, DirectoryError> {
    refuse_duplicate(tx, tenant, &group, None)?;
    let row = GroupRow {
        id: GroupId::generate(change.now, &mut rand::rngs::OsRng),
        tenant,
        external_id: group.external_id().map(str::to_owned),
        display_name: group.display_name().to_owned(),
        document: group.into_document(),
        created_at: change.now,
        modified_at: change.now,
    };
    tx.put_group(&row)?;
    let event = change.event(EventName::DirectoryGroupCreated).with("group", row.id.to_string());
    tx.append(&event.with("name", row.display_name.as_str()))?;
    finish(tx, change, row, vec![MemberChange::Add(members)])
}

fn write(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    before: &GroupRow,
    group: Group,
) -> Result<GroupRow, DirectoryError> {
    refuse_duplicate(tx, before.tenant, &group, Some(before.id))?;
    let after = GroupRow {
        external_id: group.external_id().map(str::to_owned),
        display_name: group.display_name().to_owned(),
        document: group.into_document(),
        modified_at: change.now,
        ..before.clone()
    };
    tx.put_group(&after)?;
    let event = change.event(EventName::DirectoryGroupChanged).with("group", after.id.to_string());
    tx.append(&event.with("changed", changed(&before.document, &after.document)))?;
    Ok(after)
}

fn finish(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    row: GroupRow,
    changes: Vec<MemberChange>,
) -> Result<GroupWrite, DirectoryError> {
    let mut unknown = Vec::new();
    for member_change in changes {
        let (added, removed) = resolve(tx, &row, member_change, &mut unknown)?;
        for id in removed {
            remove(tx, change, &row, id)?;
        }
        for id in added {
            add(tx, change, &row, id)?;
        }
    }
    let members = tx.members(row.id)?;
    Ok(GroupWrite { row, members, unknown })
}

type Resolved = (Vec<ResourceId>, Vec<ResourceId>);

/// Who comes and who goes. An id that names no user of this tenant is nobody: kept in `unknown`, never stored.
fn resolve(
    tx: &dyn WriteTx,
    row: &GroupRow,
    change: MemberChange,
    unknown: &mut Vec<String>,
) -> Result<Resolved, StoreError> {
    let mut known = |members: Vec<MemberRef>| -> Result<Vec<ResourceId>, StoreError> {
        let mut ids = Vec::with_capacity(members.len());
        for member in members {
            match member.as_str().parse().ok().map(|id| tx.resource(row.tenant, id)).transpose()?.flatten() {
                Some(resource) => ids.push(resource.id),
                None => unknown.push(member.into_string()),
            }
        }
        Ok(ids)
    };
    Ok(match change {
        MemberChange::Add(members) => (known(members)?, Vec::new()),
        MemberChange::Remove(members) => (Vec::new(), known(members)?),
        MemberChange::RemoveAll => (Vec::new(), tx.members(row.id)?),
        MemberChange::ReplaceAll(members) => {
            let wanted = known(members)?;
            let gone = tx.members(row.id)?.into_iter().filter(|id| !wanted.contains(id)).collect();
            (wanted, gone)
        }
    })
}

fn add(tx: &mut dyn WriteTx, change: &mut Change, row: &GroupRow, id: ResourceId) -> Result<(), StoreError> {
    if !tx.add_member(row.id, id)? {
        return Ok(());
    }
    change.touch_group(tx, row.id)?;
    let Some(resource) = tx.resource(row.tenant, id)? else { return Ok(()) };
    // Somebody who may write groups has just made somebody root: its own event, so that it can be watched for.
    let sudo = tx.grants_of(row.id)?.iter().any(|grant| grant.sudo);
    let name = if sudo { EventName::DirectorySudoMemberAdded } else { EventName::DirectoryMemberAdded };
    tx.append(&member_event(change, name, row, &resource.user_name).of_user(resource.user))?;
    people::settle(tx, change, &resource)
}

pub(super) fn remove(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    row: &GroupRow,
    id: ResourceId,
) -> Result<(), StoreError> {
    if !tx.remove_member(row.id, id)? {
        return Ok(());
    }
    change.touch_group(tx, row.id)?;
    let Some(resource) = tx.resource(row.tenant, id)? else { return Ok(()) };
    let event = member_event(change, EventName::DirectoryMemberRemoved, row, &resource.user_name);
    tx.append(&event.of_user(resource.user))?;
    people::revoke_if_out(tx, change, &resource)
}

fn member_event(change: &Change, name: EventName, row: &GroupRow, user_name: &str) -> sallyport_audit::Event {
    let event = change.event(name).with("group", row.id.to_string());
    event.with("group_name", row.display_name.as_str()).with("user_name", user_name)
}

fn list(tx: &dyn ReadTx, tenant: TenantId, query: &ListQuery) -> Result<store::Page<GroupRow>, StoreError> {
    let Some(filter) = &query.filter else {
        return tx.groups(tenant, query.page.offset(), query.page.count);
    };
    let found = match filter.as_lookup() {
        Some(Lookup::DisplayName(name)) => tx.groups_by_name(tenant, &name)?,
        Some(Lookup::ExternalId(id)) => tx.groups_by_external_id(tenant, &id)?,
        Some(Lookup::Id(id)) => by_id(tx, tenant, &id)?,
        Some(Lookup::IdAndMember { id, member }) => has_member(tx, by_id(tx, tenant, &id)?, &member)?,
        _ => scan(tx, tenant, filter)?,
    };
    Ok(slice(found, query.page))
}

fn by_id(tx: &dyn ReadTx, tenant: TenantId, id: &str) -> Result<Vec<GroupRow>, StoreError> {
    let Ok(id) = id.parse() else { return Ok(Vec::new()) };
    Ok(tx.group(tenant, id)?.into_iter().collect())
}

fn has_member(tx: &dyn ReadTx, rows: Vec<GroupRow>, member: &str) -> Result<Vec<GroupRow>, StoreError> {
    let Ok(member) = member.parse() else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for row in rows {
        if tx.is_member(row.id, member)? {
            found.push(row);
        }
    }
    Ok(found)
}

fn scan(tx: &dyn ReadTx, tenant: TenantId, filter: &Filter) -> Result<Vec<GroupRow>, StoreError> {
    let everything = tx.groups(tenant, 0, usize::MAX)?;
    let mut found = Vec::new();
    for row in everything.items {
        let mut document = row.document.clone();
        document.insert("id".to_owned(), row.id.to_string().into());
        if filter.names("members") {
            let members =
                tx.members(row.id)?.into_iter().map(|id| serde_json::json!({"value": id})).collect();
            document.insert("members".to_owned(), Value::Array(members));
        }
        if filter.matches(Kind::Group, &document) {
            found.push(row);
        }
    }
    Ok(found)
}
