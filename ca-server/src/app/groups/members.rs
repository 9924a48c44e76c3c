//! Who is in a group after a write. What a membership opens follows in the same transaction.

use std::collections::{HashMap, HashSet};

use sallyport_audit::{Event, EventName};
use sallyport_domain::{GroupId, ResourceId};
use sallyport_scim::{MemberChange, MemberRef};
use sallyport_store::{GrantRow, GroupRow, PersonRow, ResourceLabel, ResourceRow, StoreError, WriteTx};

use super::{GroupWrite, ShowMembers};
use crate::app::change::Change;
use crate::app::provisioning::{Entry, note_departed};
use crate::app::{DirectoryError, grants, people, scope, settling};

/// So many members are few.
const FEW: usize = 100;

/// Carries the changes of membership out. What it costs depends on the members who come and go, not on those who stay.
pub(super) fn finish(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    mut row: GroupRow,
    changes: Vec<MemberChange>,
    show: ShowMembers,
    entry: Entry,
) -> Result<GroupWrite, DirectoryError> {
    let grants = tx.grants_of(row.id)?;
    let group = Opening { row: &row, grants: &grants };
    let (mut came, mut went, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    let (added, removed) = outcome(tx, &row, changes, &mut unknown)?;
    for label in removed {
        if remove(tx, change, &group, &label)? {
            went.push(label);
        }
    }
    for label in added {
        if add(tx, change, &group, &label)? {
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
    Ok(GroupWrite { row, members, unknown, lost: Vec::new(), rescoped: false })
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

/// A group, and what it opens.
#[derive(Clone, Copy)]
struct Opening<'a> {
    row: &'a GroupRow,
    grants: &'a [GrantRow],
}

/// Whether the member is new.
fn add(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    group: &Opening<'_>,
    label: &ResourceLabel,
) -> Result<bool, StoreError> {
    let Opening { row, grants } = *group;
    if !grants.is_empty() {
        settling::before_joining(tx, change, label)?;
    }
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

/// Whether they were a member.
fn remove(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    group: &Opening<'_>,
    label: &ResourceLabel,
) -> Result<bool, StoreError> {
    let Opening { row, grants } = *group;
    if !leave(tx, change, group, label)? {
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
    group: &Opening<'_>,
    label: &ResourceLabel,
) -> Result<bool, StoreError> {
    let Opening { row, grants } = *group;
    if !tx.remove_member(row.id, label.id)? {
        return Ok(false);
    }
    tx.append(&member_event(change, EventName::DirectoryMemberRemoved, row, label))?;
    change.touch_grants(grants);
    Ok(true)
}

/// Takes somebody out of a group that was deleted while they were in it.
pub(in crate::app) fn leave_dissolved(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    row: &GroupRow,
    label: &ResourceLabel,
) -> Result<(), StoreError> {
    leave(tx, change, &Opening { row, grants: &[] }, label)?;
    // Hosts know already: it is on the revocation list for as long as it waits for its turn.
    people::revoke_if_out(tx, change, label).map(drop)
}

/// Takes somebody who is being deleted, or is another person from now on, out of all their groups, also of those that
/// were deleted before they had their turn.
pub(in crate::app) fn leave_all(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    resource: &ResourceRow,
) -> Result<(), StoreError> {
    let label = label(resource);
    for id in tx.groups_of(resource.id)? {
        let Some(group) = tx.group(resource.tenant, id)? else { continue };
        let grants = tx.grants_of(id)?;
        if leave(tx, change, &Opening { row: &group, grants: &grants }, &label)? {
            tx.touch_group(id, change.after(group.modified_at))?;
        }
    }
    for id in tx.dissolved_groups_of(resource.id)? {
        if let Some(group) = tx.dissolved_group(id)? {
            leave(tx, change, &Opening { row: &group, grants: &[] }, &label)?;
        }
    }
    Ok(())
}

/// Puts somebody who is another person now back into their groups.
pub(in crate::app) fn join_all(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    resource: &ResourceRow,
    groups: &[GroupId],
) -> Result<(), StoreError> {
    let label = label(resource);
    for id in groups {
        let Some(group) = tx.group(resource.tenant, *id)? else { continue };
        let grants = tx.grants_of(*id)?;
        add(tx, change, &Opening { row: &group, grants: &grants }, &label)?;
    }
    Ok(())
}

/// Takes the group away, with everything that it opened. Whether some of its members have yet to be looked at.
///
/// What opened a door never just vanishes from the record; of a group that opened none, the number of its members is
/// enough there.
pub(super) fn take_away(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    row: &GroupRow,
) -> Result<bool, StoreError> {
    let grants = tx.grants_of(row.id)?;
    let opened = !grants.is_empty() || settling::is_withdrawn(tx, row.id)?;
    if scope::names(tx, row)? {
        // Who is out of scope is nobody from this transaction on: that stands in each person's own row.
        let members = everyone_but(tx, row, &HashSet::new())?;
        for label in &members {
            remove(tx, change, &Opening { row, grants: &grants }, label)?;
        }
        let people: Vec<_> = members.iter().map(|label| label.user).collect();
        note_departed(tx, row.id, &people)?;
    }
    for grant in &grants {
        grants::remove(tx, change, grant)?;
    }
    if opened {
        return settling::group_went(tx, change, row);
    }
    tx.remove_group(row.tenant, row.id)?;
    Ok(false)
}

fn label(resource: &ResourceRow) -> ResourceLabel {
    ResourceLabel { id: resource.id, user: resource.user, user_name: resource.user_name.clone() }
}

fn member_event(change: &Change, name: EventName, row: &GroupRow, label: &ResourceLabel) -> Event {
    let event = change.event(name).of_user(label.user).with("group", row.id.to_string());
    let event = event.with("group_name", row.display_name.as_str());
    event.with("user_name", label.user_name.as_str())
}
