//! SCIM Groups: documents and memberships. What a membership opens follows in the same transaction.

mod find;
mod identity;
mod lost;
mod members;

use sallyport_audit::EventName;
use sallyport_domain::{GroupId, RequestId, ResourceId, TenantId};
use sallyport_scim::{Group, Kind, MemberChange, MemberRef, Operation, ScimError, apply, parse_group};
use sallyport_store::{self as store, GrantRow, GroupRow, ReadTx, StoreError, WriteTx};
use serde_json::{Map, Value};

use self::identity::{last_object, refuse_duplicate, stands_for_another};
use self::lost::{warn_of_another, warn_of_end};
use self::members::{finish, take_away};
use super::change::Change;
use super::provisioning::{Attempt, Entry, Verb};
use super::users::changed;
use super::{App, DirectoryError, ListQuery, Wanted, grants, scope};

pub(super) use identity::{object_id, spellings};
pub(super) use lost::{Returned, returned};
pub(super) use members::{join_all, leave_all, leave_dissolved};

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
    /// As they were asked for; `None` also where there are more than the answer should be long for.
    pub members: Option<Vec<ResourceId>>,
    /// Member ids that name nobody: answered with success, never stored.
    pub unknown: Vec<String>,
    /// What the row opened while it stood for another group of the directory.
    lost: Vec<GrantRow>,
    /// Whether it moved the connection's scope.
    rescoped: bool,
}

/// Which members an answer to a write lists.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ShowMembers {
    All,
    /// So that one more member costs the same in every group.
    IfFew,
    No,
}

impl App {
    pub async fn create_group(
        &self,
        tenant: TenantId,
        request: RequestId,
        body: Map<String, Value>,
    ) -> Result<GroupWrite, DirectoryError> {
        let attempt = Attempt::create(tenant, request, Kind::Group, &body);
        self.attempt(attempt, async {
            let (group, members) = parse_group(body)?;
            self.change(request, self.now(), move |tx, change| create(tx, change, tenant, group, members))
                .await
        })
        .await
    }

    pub async fn replace_group(
        &self,
        tenant: TenantId,
        request: RequestId,
        wanted: impl Into<Wanted<GroupId>>,
        body: Map<String, Value>,
    ) -> Result<GroupWrite, DirectoryError> {
        let wanted = wanted.into();
        let id = wanted.id;
        self.attempt(Attempt::of(tenant, request, Verb::Replace, Kind::Group, &id), async {
            let (group, members) = parse_group(body)?;
            self.change(request, self.now(), move |tx, change| {
                let before = wanted_row(tx, tenant, &wanted)?;
                let entry = Entry::of_group(Verb::Replace, &before);
                let Written { row, lost, rescoped } = write(tx, change, &before, group)?;
                let entry = entry.changed(&before.document, &row.document);
                let change_all = vec![MemberChange::ReplaceAll(members)];
                let written = finish(tx, change, row, change_all, ShowMembers::All, entry)?;
                Ok(GroupWrite { lost, rescoped, ..written })
            })
            .await
        })
        .await
        .inspect(|written| self.follow(written))
    }

    pub async fn patch_group(
        &self,
        tenant: TenantId,
        request: RequestId,
        wanted: impl Into<Wanted<GroupId>>,
        operations: Vec<Operation>,
        show: ShowMembers,
    ) -> Result<GroupWrite, DirectoryError> {
        let wanted = wanted.into();
        let id = wanted.id;
        let change = self.change(request, self.now(), move |tx, change| {
            let before = wanted_row(tx, tenant, &wanted)?;
            let outcome = apply(Kind::Group, &before.document, &operations)?;
            let entry = Entry::of_group(Verb::Update, &before);
            let (entry, written) = if outcome.changed {
                let written = write(tx, change, &before, Group::from_document(outcome.document))?;
                (entry.changed(&before.document, &written.row.document), written)
            } else {
                (entry, Written { row: before, lost: Vec::new(), rescoped: false })
            };
            let Written { row, lost, rescoped } = written;
            let written = finish(tx, change, row, outcome.members, show, entry)?;
            Ok(GroupWrite { lost, rescoped, ..written })
        });
        let attempt = Attempt::of(tenant, request, Verb::Update, Kind::Group, &id);
        self.attempt(attempt, change).await.inspect(|written| self.follow(written))
    }

    fn follow(&self, written: &GroupWrite) {
        warn_of_another(written);
        if written.rescoped || !written.lost.is_empty() {
            self.settle_later();
        }
    }

    pub async fn delete_group(
        &self,
        tenant: TenantId,
        request: RequestId,
        wanted: impl Into<Wanted<GroupId>>,
    ) -> Result<(), DirectoryError> {
        let wanted = wanted.into();
        let id = wanted.id;
        let change = self.change(request, self.now(), move |tx, change| {
            let group = wanted_row(tx, tenant, &wanted)?;
            let members = tx.count_members(id)?;
            let lost = tx.grants_of(id)?;
            lost::remember(tx, &group, &lost, change.now)?;
            // First: whoever leaves with the group is found by it.
            let entry = Entry::of_group(Verb::Delete, &group).changed(&group.document, &Map::new());
            entry.departed(members).write(tx, change.now, change.request)?;
            let more = take_away(tx, change, &group)?;
            let event = change.event(EventName::DirectoryGroupDeleted).with("group", id.to_string());
            tx.append(&event.with("name", group.display_name.as_str()).with("members", members))?;
            Ok((more, group, lost))
        });
        let attempt = Attempt::of(tenant, request, Verb::Delete, Kind::Group, &id);
        let (more, group, lost) = self.attempt(attempt, change).await?;
        warn_of_end(&group, &lost);
        if more {
            self.settle_later();
        }
        Ok(())
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
        let turn = self.turn_to_scan(&query, Kind::Group).await;
        self.store()
            .read(move |tx| {
                let _turn = turn;
                let page = find::list(tx, tenant, &query)?;
                let items: Result<Vec<_>, _> =
                    page.items.into_iter().map(|row| with_members(tx, row, members)).collect();
                Ok(store::Page { total: page.total, items: items? })
            })
            .await
    }
}

fn wanted_row(
    tx: &dyn WriteTx,
    tenant: TenantId,
    wanted: &Wanted<GroupId>,
) -> Result<GroupRow, DirectoryError> {
    let row = tx.group(tenant, wanted.id)?.ok_or_else(|| not_found(wanted.id))?;
    wanted.require(&find::meta(&row))?;
    Ok(row)
}

fn not_found(id: GroupId) -> DirectoryError {
    ScimError::NotFound(format!("group {id}")).into()
}

fn with_members(tx: &dyn ReadTx, row: GroupRow, wanted: bool) -> Result<GroupRead, StoreError> {
    let members = if wanted { Some(tx.members(row.id)?) } else { None };
    Ok(GroupRead { row, members })
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
        object: object_id(group.external_id()),
        display_name: group.display_name().to_owned(),
        document: group.into_document(),
        created_at: change.now,
        modified_at: change.now,
    };
    tx.put_group(&row)?;
    let event = change.event(EventName::DirectoryGroupCreated).with("group", row.id.to_string());
    tx.append(&event.with("name", row.display_name.as_str()))?;
    let entry = Entry::of_group(Verb::Create, &row).changed(&Map::new(), &row.document);
    finish(tx, change, row, vec![MemberChange::Add(members)], ShowMembers::All, entry)
}

/// What comes of writing over a group, but for its members.
struct Written {
    row: GroupRow,
    lost: Vec<GrantRow>,
    rescoped: bool,
}

fn write(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    before: &GroupRow,
    group: Group,
) -> Result<Written, DirectoryError> {
    refuse_duplicate(tx, before.tenant, &group, Some(before.id))?;
    let after = GroupRow {
        external_id: group.external_id().map(str::to_owned),
        object: object_id(group.external_id()).or_else(|| last_object(before)),
        display_name: group.display_name().to_owned(),
        document: group.into_document(),
        modified_at: change.after(before.modified_at),
        ..before.clone()
    };
    tx.put_group(&after)?;
    let rescoped = scope::group_written(tx, change, before, &after)?;
    let event = change.event(EventName::DirectoryGroupChanged).with("group", after.id.to_string());
    tx.append(&event.with("changed", changed(&before.document, &after.document)))?;
    let lost = if stands_for_another(before, &after) { tx.grants_of(after.id)? } else { Vec::new() };
    lost::remember(tx, before, &lost, change.now)?;
    for grant in &lost {
        grants::remove(tx, change, grant)?;
    }
    Ok(Written { row: after, lost, rescoped })
}
