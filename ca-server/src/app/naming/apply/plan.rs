//! What another expression changes, computed on a snapshot while others write.

use std::collections::HashMap;

use sallyport_domain::{ConflictReason, PosixName, UserId, UserState};
use sallyport_scim::User;
use sallyport_store::{LedgerRow, PersonRow, ReadTx, ResourceRow, StoreError};

use super::super::review::conflict;
use super::super::settings::Proposal;
use super::super::{Attributes, Mapping, Naming};
use crate::app::change::is_granted;

/// What is to be done about somebody.
#[derive(Debug)]
pub(super) enum Step {
    /// The proposal is another one, or why there is none; for the person themselves, nothing follows.
    Propose(Result<PosixName, String>),
    /// Their standing changes too, or they may get a name now.
    Settle,
}

/// Those for whom something changes, in the order in which names are given.
pub(super) fn plan(
    tx: &dyn ReadTx,
    naming: &Naming,
    mapping: &Mapping,
) -> Result<Vec<(UserId, Step)>, StoreError> {
    let ledgers: HashMap<UserId, LedgerRow> = tx.ledgers()?.into_iter().map(|row| (row.user, row)).collect();
    let mut steps = Vec::new();
    for person in tx.people()? {
        let Some(resource) = tx.resource_of_person(person.id)? else { continue };
        let user = User::from_document(resource.document.clone());
        let proposal = naming.propose(mapping, user.posix_name(), Attributes::Scim(&resource.document));
        let known = ledgers.get(&person.id).cloned().unwrap_or_else(|| LedgerRow::new(person.id));
        if is_same(&known, &proposal) {
            continue;
        }
        let step = if is_only_proposed(tx, &person, &resource, &proposal, &known)? {
            Step::Propose(proposal.map_err(|why| why.to_string()))
        } else {
            Step::Settle
        };
        steps.push((person.id, step));
    }
    steps.sort_by_key(|(user, _)| *user);
    Ok(steps)
}

fn is_same(known: &LedgerRow, proposal: &Proposal) -> bool {
    match proposal {
        Ok(name) => known.proposed.as_ref() == Some(name),
        Err(why) => known.proposed.is_none() && known.refusal.as_deref() == Some(why.to_string().as_str()),
    }
}

/// Whether the person stands as they stood: they have a name, or nothing gives them one and nothing else is refused
/// than before.
fn is_only_proposed(
    tx: &dyn ReadTx,
    person: &PersonRow,
    resource: &ResourceRow,
    proposal: &Proposal,
    known: &LedgerRow,
) -> Result<bool, StoreError> {
    if person.posix_name.is_some() || person.state == UserState::Suspended {
        return Ok(true);
    }
    if known.assigned.is_some() || is_granted(tx, resource.id)? {
        return Ok(false);
    }
    let reason = match person.reason {
        // These come before whatever is said of a name.
        Some(ConflictReason::Link | ConflictReason::NoObjectId) => return Ok(true),
        reason => reason,
    };
    Ok(conflict(tx, person, proposal, known)? == reason)
}
