//! The person behind a resource: linked once, named once, and judged anew after each write that concerns them.

#[cfg(test)]
mod tests;

use sallyport_audit::EventName;
use sallyport_domain::{ConflictReason, ObjectId, Subject, UserId, UserState};
use sallyport_scim::User;
use sallyport_store::{PersonRow, ResourceLabel, ResourceRow, StoreError, WriteTx};

use super::change::{Change, is_granted};
use super::{groups, naming, scope};

/// What SCIM calls a person from another tenant.
const GUEST: &str = "Guest";

/// The person for a resource that is being created: the one that its object id names, or a new one.
///
/// Two resources with one object id do not share a person: the second gets a person of its own, without the link, and
/// [`settle`] suspends and flags both.
pub fn for_new_resource(
    tx: &mut dyn WriteTx,
    change: &Change,
    user: &User,
    tenant: sallyport_domain::TenantId,
) -> Result<PersonRow, StoreError> {
    if let Some(object) = object_id(user.external_id())
        && let Some(person) = tx.person_by_subject(Subject { tenant, object })?
        && tx.resource_of_person(person.id)?.is_none()
    {
        return Ok(person);
    }
    Ok(PersonRow {
        id: UserId::generate(change.now, &mut rand::rngs::OsRng),
        tenant,
        object: None,
        linked_by_upn: false,
        user_name: String::new(),
        display_name: String::new(),
        emails: Vec::new(),
        guest: false,
        state: UserState::Suspended,
        reason: None,
        posix_name: None,
        uid: None,
        gid: None,
    })
}

/// Brings the person in line with the resource, and everything else in line with the person.
pub fn settle(tx: &mut dyn WriteTx, change: &mut Change, resource: &ResourceRow) -> Result<(), StoreError> {
    let rejoined = rejoin(tx, change, resource)?;
    let resource = rejoined.as_ref().unwrap_or(resource);
    let user = User::from_document(resource.document.clone());
    let Some(before) = tx.person(resource.user)? else { return Ok(()) };
    let mut person = PersonRow {
        user_name: resource.user_name.clone(),
        display_name: user.display_name().unwrap_or_default().to_owned(),
        emails: user.emails().into_iter().map(str::to_lowercase).collect(),
        guest: user.user_type().is_some_and(|kind| kind.eq_ignore_ascii_case(GUEST)),
        ..before.clone()
    };
    let conflict = link(tx, &mut person, resource)?;
    let review = naming::review(tx, change, &person, &user, &resource.document)?;
    let conflict = conflict.or(review.conflict);
    let outside = scope::is_outside(tx, resource)?;
    (person.state, person.reason) = match conflict {
        // Flagged, also while inactive: this one does not end by itself.
        Some(ConflictReason::Link) => (UserState::Suspended, Some(ConflictReason::Link)),
        _ if !user.active() => (UserState::Suspended, None),
        _ if outside => (UserState::Suspended, Some(ConflictReason::OutOfScope)),
        Some(reason) => (UserState::Conflict, Some(reason)),
        None => (UserState::Active, None),
    };
    let mut pins = None;
    if person.state == UserState::Active && person.posix_name.is_none() && is_granted(tx, resource.id)? {
        pins = naming::choose(tx, change, &person, &review)?;
        if pins.is_none() {
            (person.state, person.reason) = (UserState::Conflict, Some(ConflictReason::NoUid));
        }
    }
    if person == before && pins.is_none() {
        return settle_people(tx, change, &review.concerned);
    }
    tx.put_person(&person)?;
    if let Some(pins) = pins {
        naming::pin(tx, change, person.id, &pins)?;
        (person.posix_name, person.uid, person.gid) = (Some(pins.name), Some(pins.uid), Some(pins.gid));
    }
    if person.state != before.state || person.posix_name != before.posix_name || person.guest != before.guest
    {
        change.touch_groups_of(tx, resource.id)?;
    }
    announce(tx, change, &before, &person)?;
    settle_people(tx, change, &review.concerned)
}

/// Whose object id the resource claims alone, after its last resource is gone, is who it stands for: as
/// [`for_new_resource`] has it at creation. The person that it had until now was never linked, and nothing hangs on it.
/// Nor were they flagged: of two claimants, the end of one does not say that the other is who the id names (decision
/// 0171).
fn rejoin(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    resource: &ResourceRow,
) -> Result<Option<ResourceRow>, StoreError> {
    let Some(object) = object_id(resource.external_id.as_deref()) else { return Ok(None) };
    let Some(own) = tx.person(resource.user)? else { return Ok(None) };
    let flagged = own.reason == Some(ConflictReason::Link);
    if flagged || !is_fresh(&own) || tx.claimants(resource.tenant, object)?.len() > 1 {
        return Ok(None);
    }
    let Some(holder) = tx.person_by_subject(Subject { tenant: own.tenant, object })? else { return Ok(None) };
    if holder.state != UserState::Gone || tx.resource_of_person(holder.id)?.is_some() {
        return Ok(None);
    }
    turn(tx, change, resource, holder.id).map(Some)
}

/// Never linked, never named: nothing hangs on them.
pub(super) fn is_fresh(person: &PersonRow) -> bool {
    person.object.is_none() && !person.linked_by_upn && person.posix_name.is_none()
}

/// Has the resource stand for somebody else from now on; whom it stood for is gone.
pub(super) fn turn(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    resource: &ResourceRow,
    to: UserId,
) -> Result<ResourceRow, StoreError> {
    // Memberships are of people: the chain hears who leaves and who comes.
    let joined = tx.groups_of(resource.id)?;
    groups::leave_all(tx, change, resource)?;
    let turned = ResourceRow { user: to, ..resource.clone() };
    tx.put_resource(&turned)?;
    bury(tx, change, resource.user)?;
    groups::join_all(tx, change, &turned, &joined)?;
    Ok(turned)
}

/// Settles people whose numbers another one's write put in doubt, or out of it.
fn settle_people(tx: &mut dyn WriteTx, change: &mut Change, people: &[UserId]) -> Result<(), StoreError> {
    for user in people {
        if let Some(resource) = tx.resource_of_person(*user)? {
            settle(tx, change, &resource)?;
        }
    }
    Ok(())
}

/// Settles everybody whose resource claims the object id: a second claim flags the first as well.
pub fn settle_claimants(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    resource: &ResourceRow,
) -> Result<(), StoreError> {
    let Some(object) = object_id(resource.external_id.as_deref()) else { return Ok(()) };
    for claimant in tx.claimants(resource.tenant, object)? {
        if claimant != resource.id
            && let Some(claimant) = tx.resource(resource.tenant, claimant)?
        {
            settle(tx, change, &claimant)?;
        }
    }
    Ok(())
}

/// The resource is gone: the person stays, with name and uid, and has no access.
pub fn bury(tx: &mut dyn WriteTx, change: &mut Change, user: UserId) -> Result<(), StoreError> {
    let Some(before) = tx.person(user)? else { return Ok(()) };
    let person = PersonRow { state: UserState::Gone, reason: None, ..before.clone() };
    tx.put_person(&person)?;
    announce(tx, change, &before, &person)?;
    let concerned = naming::forget_wishes(tx, user)?;
    settle_people(tx, change, &concerned)
}

fn object_id(external_id: Option<&str>) -> Option<ObjectId> {
    external_id?.parse().ok()
}

/// Makes the link to the object id once; any later claim to another one is never followed.
fn link(
    tx: &mut dyn WriteTx,
    person: &mut PersonRow,
    resource: &ResourceRow,
) -> Result<Option<ConflictReason>, StoreError> {
    let Some(object) = object_id(resource.external_id.as_deref()) else {
        // Who claimed somebody else's id does not shake the doubt off by claiming none for a while (decision 0184).
        if person.reason == Some(ConflictReason::Link) && is_fresh(person) {
            return Ok(person.reason);
        }
        return Ok((!person.linked_by_upn).then_some(ConflictReason::NoObjectId));
    };
    if tx.claimants(resource.tenant, object)?.len() > 1 {
        return Ok(Some(ConflictReason::Link));
    }
    match person.object {
        Some(linked) if linked == object => Ok(None),
        Some(_) => Ok(Some(ConflictReason::Link)),
        None if tx.person_by_subject(Subject { tenant: person.tenant, object })?.is_some() => {
            Ok(Some(ConflictReason::Link))
        }
        None => {
            person.object = Some(object);
            Ok(None)
        }
    }
}

/// Out of scope is how things are, not something to look into.
pub(super) fn is_flag(reason: ConflictReason) -> bool {
    reason != ConflictReason::OutOfScope
}

/// Gives name and numbers to a member whom a grant reaches first; whether there was anything to look at.
pub fn name_at_last(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    member: &ResourceLabel,
) -> Result<bool, StoreError> {
    let Some(person) = tx.person(member.user)?.filter(|person| person.posix_name.is_none()) else {
        return Ok(false);
    };
    if let Some(resource) = tx.resource(person.tenant, member.id)? {
        settle(tx, change, &resource)?;
    }
    Ok(true)
}

/// The person as they are to sign in: a grant to many people comes to one after the other, and to whom it has yet to
/// come, it comes now.
pub fn arrived(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    person: PersonRow,
) -> Result<PersonRow, StoreError> {
    // So does a scope that moved, either way.
    let is_settled = person.state != UserState::Active || person.posix_name.is_some();
    if is_settled && !scope::is_unsettled(tx, person.tenant)? {
        return Ok(person);
    }
    let Some(resource) = tx.resource_of_person(person.id)? else { return Ok(person) };
    settle(tx, change, &resource)?;
    Ok(tx.person(person.id)?.unwrap_or(person))
}

/// A person whom no grant reaches any more keeps no certificate: a host without the agent would still let it in.
/// Whether any was revoked, which is the caller's to tell the hosts.
pub fn revoke_if_out(
    tx: &mut dyn WriteTx,
    change: &Change,
    member: &ResourceLabel,
) -> Result<bool, StoreError> {
    if is_granted(tx, member.id)? {
        return Ok(false);
    }
    let revoked = tx.end_sessions(member.user, change.now)?;
    if revoked == 0 {
        return Ok(false);
    }
    let event = change.event(EventName::CertificatesRevoked).of_user(member.user);
    tx.append(&event.with("why", "no grant is left").with("certificates_revoked", revoked))?;
    Ok(true)
}

/// What a change of state or a first link means for others: the chain hears of it, and lost access is revoked.
fn announce(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    before: &PersonRow,
    after: &PersonRow,
) -> Result<(), StoreError> {
    let linked = after.object.filter(|_| before.object != after.object).map(|object| object.to_string());
    if before.state == after.state && before.reason == after.reason {
        if let Some(object) = linked {
            let event = change.event(EventName::DirectoryUserLinked).of_user(after.id);
            tx.append(&event.with("object_id", object).with("user_name", after.user_name.as_str()))?;
        }
        return Ok(());
    }
    let name = match after.state {
        UserState::Active => EventName::DirectoryUserResumed,
        UserState::Conflict => EventName::DirectoryConflict,
        UserState::Gone => EventName::DirectoryUserDeleted,
        UserState::Suspended if after.reason.is_some_and(is_flag) => EventName::DirectoryUserFlagged,
        UserState::Suspended => EventName::DirectoryUserSuspended,
    };
    let mut event = change.event(name).of_user(after.id).with("user_name", after.user_name.as_str());
    if let Some(reason) = after.reason {
        event = event.with("reason", reason.as_str());
    }
    if let Some(object) = linked {
        event = event.with("object_id", object);
    }
    if after.state != UserState::Active {
        if before.posix_name.is_some() {
            change.lost();
        }
        let revoked = tx.end_sessions(after.id, change.now)?;
        if revoked > 0 {
            change.revoked();
        }
        event = event.with("certificates_revoked", revoked);
    }
    tx.append(&event)?;
    Ok(())
}
