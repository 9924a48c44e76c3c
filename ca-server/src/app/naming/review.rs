//! What the ledger makes of a person after each write that concerns them.

use sallyport_audit::EventName;
use sallyport_domain::{ConflictReason, PosixName, Uid, UserId};
use sallyport_scim::User;
use sallyport_store::{AdoptionRow, LedgerRow, PersonRow, ReadTx, StoreError, WriteTx};

use super::{Attributes, Unnamed, next_uid};
use crate::app::change::Change;

/// What a person may be called and numbered. Of somebody who has name and numbers already, nothing.
#[derive(Debug, Default)]
pub struct Review {
    pub conflict: Option<ConflictReason>,
    name: Option<PosixName>,
    uid: Option<Uid>,
    gid: Option<Uid>,
    /// Others whose standing changes with this person's numbers.
    pub concerned: Vec<UserId>,
}

/// Name, uid and gid, as they are pinned.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pins {
    pub name: PosixName,
    pub uid: Uid,
    pub gid: Uid,
}

/// Notes what the directory implies for the person, and says whether it can be theirs.
pub fn review(
    tx: &mut dyn WriteTx,
    change: &Change,
    person: &PersonRow,
    user: &User,
    document: &serde_json::Map<String, serde_json::Value>,
) -> Result<Review, StoreError> {
    let naming = &change.naming;
    naming.journal().judged(person.id);
    let mapping = naming.settled(tx, change.now)?;
    let proposal = naming.propose(&mapping, user.posix_name(), Attributes::Scim(document));
    let before = tx.ledger(person.id)?;
    let known = before.clone().unwrap_or_else(|| LedgerRow::new(person.id));
    let row = LedgerRow {
        proposed_at: if proposal.as_ref().ok() == known.proposed.as_ref() {
            known.proposed_at
        } else {
            change.now
        },
        proposed: proposal.as_ref().ok().cloned(),
        refusal: proposal.as_ref().err().map(ToString::to_string),
        wanted_uid: user.uid_number(),
        wanted_gid: user.gid_number(),
        ..known.clone()
    };
    let concerned = concerned(tx, &known, &row)?;
    if before.as_ref() != Some(&row) {
        tx.put_ledger(&row)?;
        announce(tx, change, person, &known, &row)?;
    }
    if person.posix_name.is_some() {
        return Ok(Review { concerned, ..Review::default() });
    }
    // What was given by hand may be older than the rule.
    let assigned = row.assigned.as_ref();
    let name =
        assigned.map_or(proposal, |name| naming.config().rule.check(name.as_str()).map_err(Unnamed::Refused));
    let review = match candidate(tx, person, name, &row)? {
        Ok(pins) => Review { concerned, ..pins },
        Err(reason) => Review { conflict: Some(reason), concerned, ..Review::default() },
    };
    Ok(review)
}

/// Name and numbers to pin; `None` when all numbers are handed out. Called once [`review`] found no conflict.
pub fn choose(
    tx: &mut dyn WriteTx,
    change: &Change,
    person: &PersonRow,
    review: &Review,
) -> Result<Option<Pins>, StoreError> {
    let Some(name) = review.name.clone() else { return Ok(None) };
    // Who comes back after their name was freed still has their numbers.
    let uid = match person.uid.or(review.uid) {
        Some(uid) => Some(uid),
        None => next_uid(tx, &change.naming.config().uid_ranges, person.id)?,
    };
    Ok(uid.map(|uid| Pins { name, uid, gid: person.gid.or(review.gid).unwrap_or(uid) }))
}

pub fn pin(tx: &mut dyn WriteTx, change: &mut Change, user: UserId, pins: &Pins) -> Result<(), StoreError> {
    tx.pin(user, &pins.name, pins.uid, pins.gid, change.now)?;
    change.moved.name(&pins.name);
    let event = change.event(EventName::NamePinned).of_user(user).with("name", pins.name.as_str());
    tx.append(&event.with("uid", pins.uid.value()).with("gid", pins.gid.value()))?;
    Ok(())
}

/// A person who is gone wants no numbers any more. Gives who is concerned.
pub fn forget_wishes(tx: &mut dyn WriteTx, user: UserId) -> Result<Vec<UserId>, StoreError> {
    let Some(known) = tx.ledger(user)? else { return Ok(Vec::new()) };
    let row = LedgerRow { wanted_uid: None, wanted_gid: None, ..known.clone() };
    if row == known {
        return Ok(Vec::new());
    }
    let concerned = concerned(tx, &known, &row)?;
    tx.put_ledger(&row)?;
    Ok(concerned)
}

/// Who holds a name against this person: another who has or had it, or to whom a local account of that name was given;
/// a managed POSIX group (a person's own group bears their name); or hosts on which it is local.
pub fn obstacle(
    tx: &(impl ReadTx + ?Sized),
    user: UserId,
    name: &PosixName,
) -> Result<Option<Obstacle>, StoreError> {
    if let Some(holder) = tx.holder_of_name(name)?.filter(|holder| *holder != user) {
        return Ok(Some(Obstacle::Holder(holder)));
    }
    if tx.posix_group(name)?.is_some() {
        return Ok(Some(Obstacle::Group));
    }
    let adopted = tx.adoptions_called(name)?;
    // Wherever it is: their certificate would open the account, on a host without the agent too.
    if let Some(other) = adopted.iter().find(|row| row.user != user) {
        return Ok(Some(Obstacle::Adopted(other.clone())));
    }
    let mut hosts = Vec::new();
    for host in tx.hosts_with_name(name)? {
        hosts.extend(tx.host(host)?);
    }
    // On a host where the local account was given to this very person, it is in nobody's way.
    hosts.retain(|host| !adopted.iter().any(|row| row.hosts.allows(&host.name)));
    if hosts.is_empty() {
        return Ok(None);
    }
    Ok(Some(Obstacle::Hosts(hosts.into_iter().map(|host| host.name.to_string()).collect())))
}

/// What stands between a person and a name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Obstacle {
    Group,
    /// Somebody else has it, or had it.
    Holder(UserId),
    /// A local account of that name is somebody else's.
    Adopted(AdoptionRow),
    Hosts(Vec<String>),
}

impl Obstacle {
    const fn reason(&self) -> ConflictReason {
        match self {
            Self::Group | Self::Holder(_) => ConflictReason::NameTaken,
            Self::Adopted(_) => ConflictReason::NameAdopted,
            Self::Hosts(_) => ConflictReason::NameForeign,
        }
    }
}

/// What stands between a person who has no name and what is proposed to them.
pub(super) fn conflict(
    tx: &(impl ReadTx + ?Sized),
    person: &PersonRow,
    proposal: &Result<PosixName, Unnamed>,
    row: &LedgerRow,
) -> Result<Option<ConflictReason>, StoreError> {
    Ok(candidate(tx, person, proposal.clone(), row)?.err())
}

fn candidate(
    tx: &(impl ReadTx + ?Sized),
    person: &PersonRow,
    name: Result<PosixName, Unnamed>,
    row: &LedgerRow,
) -> Result<Result<Review, ConflictReason>, StoreError> {
    let name = match name {
        Ok(name) => name,
        Err(why) if why.is_reserved() => return Ok(Err(ConflictReason::NameReserved)),
        Err(_) => return Ok(Err(ConflictReason::NameImpossible)),
    };
    if let Some(obstacle) = obstacle(tx, person.id, &name)? {
        return Ok(Err(obstacle.reason()));
    }
    let numbers = numbers(tx, person, row)?;
    Ok(numbers.map(|[uid, gid]| Review { name: Some(name), uid, gid, ..Review::default() }))
}

/// The uid and gid that the directory wants for somebody who has none yet, or why they cannot be had.
pub(super) fn numbers(
    tx: &(impl ReadTx + ?Sized),
    person: &PersonRow,
    row: &LedgerRow,
) -> Result<Result<[Option<Uid>; 2], ConflictReason>, StoreError> {
    let mut numbers = [None, None];
    // Numbers that were pinned once are kept, whatever the directory wants now.
    if person.uid.is_some() {
        return Ok(Ok(numbers));
    }
    for (wanted, place) in [row.wanted_uid, row.wanted_gid].into_iter().zip(&mut numbers) {
        let Some(wanted) = wanted else { continue };
        match number(tx, person.id, wanted)? {
            Ok(number) => *place = Some(number),
            Err(reason) => return Ok(Err(reason)),
        }
    }
    Ok(Ok(numbers))
}

/// A number that the directory wants: possible, nobody's, no host's, and wanted for nobody else. When two people want
/// one number, neither gets it.
fn number(
    tx: &(impl ReadTx + ?Sized),
    user: UserId,
    wanted: i64,
) -> Result<Result<Uid, ConflictReason>, StoreError> {
    let Some(number) = u32::try_from(wanted).ok().and_then(|number| Uid::try_from(number).ok()) else {
        return Ok(Err(ConflictReason::UidImpossible));
    };
    let taken = tx.holder_of_id(number)?.is_some_and(|holder| holder != user)
        || tx.posix_group_of_id(number)?.is_some()
        || !tx.hosts_with_id(number)?.is_empty()
        || !tx.wanting_id(wanted, user, 1)?.is_empty();
    Ok(if taken { Err(ConflictReason::UidTaken) } else { Ok(number) })
}

/// Who was alone with a number and no longer is, or is again. Where three or more want one, nothing changes for them.
fn concerned(tx: &mut dyn WriteTx, before: &LedgerRow, after: &LedgerRow) -> Result<Vec<UserId>, StoreError> {
    let numbers = |row: &LedgerRow| [row.wanted_uid, row.wanted_gid];
    let moved = numbers(before).into_iter().chain(numbers(after)).flatten();
    let moved = moved
        .filter(|number| numbers(before).contains(&Some(*number)) != numbers(after).contains(&Some(*number)));
    let mut concerned = Vec::new();
    for number in moved {
        let others = tx.wanting_id(number, after.user, 2)?;
        if let [other] = others[..]
            && !concerned.contains(&other)
        {
            concerned.push(other);
        }
    }
    Ok(concerned)
}

/// A proposal to somebody who has a name already is news for the administrators.
fn announce(
    tx: &mut dyn WriteTx,
    change: &Change,
    person: &PersonRow,
    before: &LedgerRow,
    after: &LedgerRow,
) -> Result<(), StoreError> {
    let (Some(current), Some(proposed)) = (&person.posix_name, &after.proposed) else { return Ok(()) };
    if before.proposed == after.proposed || proposed == current {
        return Ok(());
    }
    let event = change.event(EventName::NameProposed).of_user(person.id).with("name", current.as_str());
    tx.append(&event.with("proposed", proposed.as_str()))?;
    Ok(())
}
