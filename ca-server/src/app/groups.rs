//! SCIM Groups: documents and memberships. What a membership opens follows in the same transaction.

use std::collections::{HashMap, HashSet};

use sallyport_audit::{Event, EventName};
use sallyport_domain::{GroupId, ObjectId, RequestId, ResourceId, TenantId};
use sallyport_scim::{
    Filter, Group, Kind, Lookup, Member, MemberChange, MemberRef, Meta, Operation, ScimError, apply,
    parse_group, render_group,
};
use sallyport_store::{
    self as store, GrantRow, GroupRow, PersonRow, ReadTx, ResourceLabel, ResourceRow, StoreError, WriteTx,
};
use serde_json::{Map, Value};

use super::change::Change;
use super::provisioning::{Attempt, Entry, Verb};
use super::users::{changed, slice};
use super::{App, DirectoryError, ListQuery, Wanted, grants, people, scope, settling};

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
}

/// Which members an answer to a write lists.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ShowMembers {
    All,
    /// So that one more member costs the same in every group.
    IfFew,
    No,
}

/// So many members are few.
const FEW: usize = 100;

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
                let (row, lost) = write(tx, change, &before, group)?;
                let entry = entry.changed(&before.document, &row.document);
                let change_all = vec![MemberChange::ReplaceAll(members)];
                let written = finish(tx, change, row, change_all, ShowMembers::All, entry)?;
                Ok(GroupWrite { lost, ..written })
            })
            .await
        })
        .await
        .inspect(warn_of_lost_grants)
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
            let (entry, row, lost) = if outcome.changed {
                let (row, lost) = write(tx, change, &before, Group::from_document(outcome.document))?;
                (entry.changed(&before.document, &row.document), row, lost)
            } else {
                (entry, before, Vec::new())
            };
            let written = finish(tx, change, row, outcome.members, show, entry)?;
            Ok(GroupWrite { lost, ..written })
        });
        let attempt = Attempt::of(tenant, request, Verb::Update, Kind::Group, &id);
        self.attempt(attempt, change).await.inspect(warn_of_lost_grants)
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
            empty(tx, change, &group)?;
            for grant in tx.grants_of(id)? {
                grants::remove(tx, change, &grant)?;
            }
            tx.remove_group(tenant, id)?;
            let event = change.event(EventName::DirectoryGroupDeleted).with("group", id.to_string());
            tx.append(&event.with("name", group.display_name.as_str()).with("members", members))?;
            let entry = Entry::of_group(Verb::Delete, &group).changed(&group.document, &Map::new());
            entry.write(tx, change.now, change.request).map_err(Into::into)
        });
        self.attempt(Attempt::of(tenant, request, Verb::Delete, Kind::Group, &id), change).await
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

fn wanted_row(
    tx: &dyn WriteTx,
    tenant: TenantId,
    wanted: &Wanted<GroupId>,
) -> Result<GroupRow, DirectoryError> {
    let row = tx.group(tenant, wanted.id)?.ok_or_else(|| not_found(wanted.id))?;
    wanted.require(&meta(&row))?;
    Ok(row)
}

fn not_found(id: GroupId) -> DirectoryError {
    ScimError::NotFound(format!("group {id}")).into()
}

fn with_members(tx: &dyn ReadTx, row: GroupRow, wanted: bool) -> Result<GroupRead, StoreError> {
    let members = if wanted { Some(tx.members(row.id)?) } else { None };
    Ok(GroupRead { row, members })
}

/// Said once it is committed: whoever changed what Entra matches groups by has to look at this.
fn warn_of_lost_grants(written: &GroupWrite) {
    for grant in &written.lost {
        let more = grants::flags(grant);
        let tags: Vec<_> = grant.tags.to_string().split(',').map(|tag| format!(" --tag {tag}")).collect();
        tracing::warn!(
            group = %written.row.id, name = ?written.row.display_name, external_id = ?written.row.external_id,
            "a group stands for another group of the directory now (another object id), so its grant {} was removed; \
             look at its members first; if they \
             are to have access, run: sallyport-ca admin grant add --group {}{}{more}",
            grant.id, grant.group, tags.concat(),
        );
    }
}

/// The id that the directory itself never changes; matching by name can bring another group's to the same row.
pub(super) fn object_id(external_id: Option<&str>) -> Option<ObjectId> {
    external_id?.parse().ok()
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
        Some(id) => {
            let mut taken = false;
            for spelling in spellings(id) {
                taken |= tx.groups_by_external_id(tenant, &spelling)?.iter().any(other);
            }
            taken
        }
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

/// The text, and for an object id the other ways in which programs write one: each is a look into an index.
pub(super) fn spellings(external_id: &str) -> HashSet<String> {
    let mut spellings = HashSet::from([external_id.to_owned()]);
    if let Some(object) = object_id(Some(external_id)) {
        let lower = object.to_string();
        for text in [lower.to_uppercase(), lower] {
            spellings.extend([format!("{{{text}}}"), text.replace('-', ""), text]);
        }
    }
    spellings
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
    let entry = Entry::of_group(Verb::Create, &row).changed(&Map::new(), &row.document);
    finish(tx, change, row, vec![MemberChange::Add(members)], ShowMembers::All, entry)
}

/// The row as it is now, and the grants that it lost.
fn write(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    before: &GroupRow,
    group: Group,
) -> Result<(GroupRow, Vec<GrantRow>), DirectoryError> {
    refuse_duplicate(tx, before.tenant, &group, Some(before.id))?;
    let after = GroupRow {
        external_id: group.external_id().map(str::to_owned),
        display_name: group.display_name().to_owned(),
        document: group.into_document(),
        modified_at: change.after(before.modified_at),
        ..before.clone()
    };
    tx.put_group(&after)?;
    scope::group_written(tx, before, &after)?;
    let event = change.event(EventName::DirectoryGroupChanged).with("group", after.id.to_string());
    tx.append(&event.with("changed", changed(&before.document, &after.document)))?;
    let lost = if stands_for_another(before, &after) { tx.grants_of(after.id)? } else { Vec::new() };
    for grant in &lost {
        grants::remove(tx, change, grant)?;
    }
    Ok((after, lost))
}

/// A grant is to a group of the directory, not to the row that stood for it: see decision 0105.
fn stands_for_another(before: &GroupRow, after: &GroupRow) -> bool {
    let objects = (object_id(before.external_id.as_deref()), object_id(after.external_id.as_deref()));
    matches!(objects, (Some(old), Some(new)) if old != new)
}

/// Carries the changes of membership out. What it costs depends on the members who come and go, not on those who stay.
fn finish(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    mut row: GroupRow,
    changes: Vec<MemberChange>,
    show: ShowMembers,
    entry: Entry,
) -> Result<GroupWrite, DirectoryError> {
    let grants = tx.grants_of(row.id)?;
    let (mut came, mut went, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    let (added, removed) = outcome(tx, &row, changes, &mut unknown)?;
    for label in removed {
        if remove(tx, change, &row, &grants, &label)? {
            went.push(label);
        }
    }
    for label in added {
        if add(tx, change, &row, &grants, &label)? {
            came.push(label);
        }
    }
    entry.members(&came, &went, &unknown).write(tx, change.now, change.request)?;
    if !came.is_empty() || !went.is_empty() {
        row.modified_at = change.after(row.modified_at);
        tx.touch_group(row.id, row.modified_at)?;
    }
    let members = match show {
        ShowMembers::All => Some(tx.members(row.id)?),
        ShowMembers::IfFew => tx.members_if_few(row.id, FEW)?,
        ShowMembers::No => None,
    };
    Ok(GroupWrite { row, members, unknown, lost: Vec::new() })
}

/// Who comes, and who goes.
type Resolved = (Vec<ResourceLabel>, Vec<ResourceLabel>);

/// Who is to be a member after all changes, and who is not: whoever leaves and returns in one request has never left.
fn outcome(
    tx: &dyn WriteTx,
    row: &GroupRow,
    changes: Vec<MemberChange>,
    unknown: &mut Vec<String>,
) -> Result<Resolved, StoreError> {
    let (mut order, mut stays) = (Vec::new(), HashMap::new());
    for change in changes {
        if matches!(change, MemberChange::RemoveAll | MemberChange::ReplaceAll(_)) {
            for stays in stays.values_mut() {
                *stays = false;
            }
        }
        let (added, removed) = resolve(tx, row, change, unknown)?;
        let added = added.into_iter().map(|label| (label, true));
        for (label, stay) in removed.into_iter().map(|label| (label, false)).chain(added) {
            if stays.insert(label.id, stay).is_none() {
                order.push(label);
            }
        }
    }
    Ok(order.into_iter().partition(|label| stays.get(&label.id) == Some(&true)))
}

/// An id that names no user of this tenant is nobody: kept in `unknown`, never stored.
fn resolve(
    tx: &dyn WriteTx,
    row: &GroupRow,
    change: MemberChange,
    unknown: &mut Vec<String>,
) -> Result<Resolved, StoreError> {
    let mut known = |members: Vec<MemberRef>| -> Result<Vec<ResourceLabel>, StoreError> {
        let mut labels = Vec::with_capacity(members.len());
        for member in members {
            let id = member.as_str().parse().ok();
            match id.map(|id| tx.resource_label(row.tenant, id)).transpose()?.flatten() {
                Some(label) => labels.push(label),
                None => unknown.push(member.into_string()),
            }
        }
        Ok(labels)
    };
    Ok(match change {
        MemberChange::Add(members) => (known(members)?, Vec::new()),
        MemberChange::Remove(members) => (Vec::new(), known(members)?),
        MemberChange::RemoveAll => (Vec::new(), everyone_but(tx, row, &HashSet::new())?),
        MemberChange::ReplaceAll(members) => {
            let wanted = known(members)?;
            let stay = wanted.iter().map(|label| label.id).collect();
            (wanted, everyone_but(tx, row, &stay)?)
        }
    })
}

fn everyone_but(
    tx: &dyn WriteTx,
    row: &GroupRow,
    stay: &HashSet<ResourceId>,
) -> Result<Vec<ResourceLabel>, StoreError> {
    let mut labels = Vec::new();
    for id in tx.members(row.id)? {
        if !stay.contains(&id) {
            labels.extend(tx.resource_label(row.tenant, id)?);
        }
    }
    Ok(labels)
}

/// Whether the member is new. `grants` are the group's.
fn add(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    row: &GroupRow,
    grants: &[GrantRow],
    label: &ResourceLabel,
) -> Result<bool, StoreError> {
    if !tx.add_member(row.id, label.id)? {
        return Ok(false);
    }
    // Somebody who may write groups has just made somebody root: its own event, so that it can be watched for.
    let sudo = grants.iter().any(GrantRow::makes_root);
    let name = if sudo { EventName::DirectorySudoMemberAdded } else { EventName::DirectoryMemberAdded };
    tx.append(&member_event(change, name, row, label))?;
    change.touch_grants(grants);
    // A first grant pins a name. Who has one, or is reached by no grant yet, stays as they are, unless the scope names
    // the group.
    let pinned = |person: PersonRow| person.posix_name.is_some();
    let first = !grants.is_empty() && !tx.person(label.user)?.is_some_and(pinned);
    if (first || scope::names(tx, row)?)
        && let Some(resource) = tx.resource(row.tenant, label.id)?
    {
        people::settle(tx, change, &resource)?;
    }
    Ok(true)
}

/// Whether they were a member. `grants` are the group's.
fn remove(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    row: &GroupRow,
    grants: &[GrantRow],
    label: &ResourceLabel,
) -> Result<bool, StoreError> {
    if !leave(tx, change, row, grants, label)? {
        return Ok(false);
    }
    let scoped = scope::names(tx, row)?;
    if scoped && let Some(resource) = tx.resource(row.tenant, label.id)? {
        people::settle(tx, change, &resource)?;
    }
    let opened = !grants.is_empty() || settling::is_withdrawn(tx, row.id)?;
    if (scoped || opened) && people::revoke_if_out(tx, change, label)? {
        change.revoked();
    }
    Ok(true)
}

/// As [`remove`], for somebody whose certificates are revoked anyhow.
fn leave(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    row: &GroupRow,
    grants: &[GrantRow],
    label: &ResourceLabel,
) -> Result<bool, StoreError> {
    if !tx.remove_member(row.id, label.id)? {
        return Ok(false);
    }
    tx.append(&member_event(change, EventName::DirectoryMemberRemoved, row, label))?;
    change.touch_grants(grants);
    Ok(true)
}

/// Takes somebody who is being deleted out of all their groups.
pub(super) fn leave_all(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    resource: &ResourceRow,
) -> Result<(), StoreError> {
    let label = ResourceLabel { id: resource.id, user: resource.user, user_name: resource.user_name.clone() };
    for id in tx.groups_of(resource.id)? {
        let Some(group) = tx.group(resource.tenant, id)? else { continue };
        let grants = tx.grants_of(id)?;
        if leave(tx, change, &group, &grants, &label)? {
            tx.touch_group(id, change.after(group.modified_at))?;
        }
    }
    Ok(())
}

/// Puts somebody who is another person now back into their groups.
pub(super) fn join_all(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    resource: &ResourceRow,
    groups: &[GroupId],
) -> Result<(), StoreError> {
    let label = ResourceLabel { id: resource.id, user: resource.user, user_name: resource.user_name.clone() };
    for id in groups {
        let Some(group) = tx.group(resource.tenant, *id)? else { continue };
        let grants = tx.grants_of(*id)?;
        add(tx, change, &group, &grants, &label)?;
    }
    Ok(())
}

/// Before a group goes. What opened a door never just vanishes from the record; of a group that opened none, the
/// number of its members is enough there.
fn empty(tx: &mut dyn WriteTx, change: &mut Change, row: &GroupRow) -> Result<(), StoreError> {
    let grants = tx.grants_of(row.id)?;
    if grants.is_empty() && !scope::names(tx, row)? && !settling::is_withdrawn(tx, row.id)? {
        return Ok(());
    }
    for label in everyone_but(tx, row, &HashSet::new())? {
        remove(tx, change, row, &grants, &label)?;
    }
    Ok(())
}

fn member_event(change: &Change, name: EventName, row: &GroupRow, label: &ResourceLabel) -> Event {
    let event = change.event(name).of_user(label.user).with("group", row.id.to_string());
    let event = event.with("group_name", row.display_name.as_str());
    event.with("user_name", label.user_name.as_str())
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
        Some(Lookup::Member(member)) => of_member(tx, tenant, &member)?,
        _ => scan(tx, tenant, filter)?,
    };
    Ok(slice(found, query.page))
}

fn by_id(tx: &dyn ReadTx, tenant: TenantId, id: &str) -> Result<Vec<GroupRow>, StoreError> {
    let Ok(id) = id.parse() else { return Ok(Vec::new()) };
    Ok(tx.group(tenant, id)?.into_iter().collect())
}

fn of_member(tx: &dyn ReadTx, tenant: TenantId, member: &str) -> Result<Vec<GroupRow>, StoreError> {
    let Ok(member) = member.parse() else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for id in tx.groups_of(member)? {
        found.extend(tx.group(tenant, id)?);
    }
    Ok(found)
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
        let members = if filter.names("members") { Some(tx.members(row.id)?) } else { None };
        let document = rendered(&row, members);
        if filter.matches(Kind::Group, &document) {
            found.push(row);
        }
    }
    Ok(found)
}

/// As filters see it: with `id`, `meta`, all its schemas, and the members where they are asked about.
fn rendered(row: &GroupRow, members: Option<Vec<ResourceId>>) -> Map<String, Value> {
    let member = |id: ResourceId| Member { id: id.to_string(), display: None, location: None };
    let members: Option<Vec<_>> = members.map(|ids| ids.into_iter().map(member).collect());
    render_group(&row.document, &row.id.to_string(), members.as_deref(), &meta(row))
}

fn meta(row: &GroupRow) -> Meta {
    // Nobody can filter by addresses: they depend on who asks.
    Meta { created: row.created_at, last_modified: row.modified_at, location: String::new() }
}
