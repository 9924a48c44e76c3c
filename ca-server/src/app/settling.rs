//! The members of a group whose grant came or went, some at a time: others write in between.
//!
//! What opens a door waits for its person's turn; what closes one does not. A grant that is gone lets nobody in from
//! its own transaction on: hosts let in by the grants that there are, and the revocation list already has what a
//! withdrawal has yet to come to. So is a group that was deleted.

#[cfg(test)]
mod tests;

use sallyport_domain::GroupId;
use sallyport_store::{GroupRow, ResourceLabel, StoreError, Unsettled, UnsettledRow, WriteTx};

use super::change::Change;
use super::provisioning::note_departed;
use super::{App, AppError, groups, people};
use crate::log::Chain;

/// Members who are looked at in one transaction, and those of them for whom something is written.
const LOOK: usize = 400;
const WRITE: usize = 25;

/// A grant came to the group. Its first members have their names when this returns.
pub(super) fn grant_came(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    group: GroupId,
) -> Result<(), StoreError> {
    // Whom it reaches before their turn in a withdrawal keeps what they have: the revocation list is shorter now.
    let withdrawal = tx.unsettled()?.iter().any(|row| row.what == Unsettled::Withdrawal);
    tx.remove_unsettled(group, Unsettled::Withdrawal)?;
    if withdrawal {
        change.revoked();
    }
    if tx.unsettled_group(group, Unsettled::Grant)?.is_some() {
        // What hosts were to hear at the end of the looking that now begins anew.
        change.touch_grants(&tx.grants_of(group)?);
    }
    step(tx, change, UnsettledRow { group, what: Unsettled::Grant, after: 0 }).map(drop)
}

/// A grant of the group is gone.
pub(super) fn grant_went(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    group: GroupId,
) -> Result<(), StoreError> {
    if !tx.grants_of(group)?.is_empty() {
        return Ok(());
    }
    tx.remove_unsettled(group, Unsettled::Grant)?;
    withdraw(tx, change, group).map(drop)
}

/// A group that opened something is gone, and whoever was in it has left. Whether some of them have yet to be looked
/// at.
pub(super) fn group_went(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    group: &GroupRow,
) -> Result<bool, StoreError> {
    tx.dissolve_group(group.tenant, group.id)?;
    withdraw(tx, change, group.id)
}

/// Whether there are more.
fn withdraw(tx: &mut dyn WriteTx, change: &mut Change, group: GroupId) -> Result<bool, StoreError> {
    let step = step(tx, change, UnsettledRow { group, what: Unsettled::Withdrawal, after: 0 })?;
    // Those whose turn has yet to come are on the revocation list from now on.
    if step.more || step.written > 0 {
        change.revoked();
    }
    Ok(step.more)
}

/// Whether somebody who leaves the group now may have certificates that a withdrawal has yet to come to.
pub(super) fn is_withdrawn(tx: &dyn WriteTx, group: GroupId) -> Result<bool, StoreError> {
    Ok(tx.unsettled_group(group, Unsettled::Withdrawal)?.is_some())
}

/// Somebody joins a group that opens something while a withdrawal has yet to come to them: their turn is now, and what
/// the revocation list has of them stays on it.
pub(super) fn before_joining(
    tx: &mut dyn WriteTx,
    change: &Change,
    member: &ResourceLabel,
) -> Result<(), StoreError> {
    if tx.awaits_withdrawal(member.id)? {
        // Hosts know already.
        people::revoke_if_out(tx, change, member)?;
    }
    Ok(())
}

impl App {
    /// Looks at everybody who has yet to be looked at, first where something was taken away. Whatever interrupts it,
    /// the next call goes on from there; a group that cannot be settled holds up no other.
    ///
    /// # Errors
    /// The last group's that could not be.
    pub async fn settle_groups(&self) -> Result<(), AppError> {
        let rows = self.store().read(|tx| Ok::<_, AppError>(tx.unsettled()?)).await?;
        self.settle_each(rows).await
    }

    async fn settle(&self, group: GroupId) -> Result<(), AppError> {
        let mut rows = self.store().read(|tx| Ok::<_, AppError>(tx.unsettled()?)).await?;
        rows.retain(|row| row.group == group);
        self.settle_each(rows).await
    }

    async fn settle_each(&self, mut rows: Vec<UnsettledRow>) -> Result<(), AppError> {
        rows.sort_by_key(|row| row.what == Unsettled::Grant);
        let mut outcome = Ok(());
        for row in rows {
            let settled = self.settle_all(row.group, row.what).await;
            outcome = settled.and(outcome);
        }
        outcome
    }

    async fn settle_all(&self, group: GroupId, what: Unsettled) -> Result<(), AppError> {
        while self.settle_some(group, what).await? {}
        Ok(())
    }

    /// The same for one group, and for somebody whose own change stands already: what is left is done by the job.
    pub(super) async fn settle_soon(&self, group: GroupId) {
        if let Err(error) = self.settle(group).await {
            tracing::warn!(error = %Chain(&error), "the people of a group are settled later");
        }
    }

    /// The same for a directory, which does not wait for it.
    pub(super) fn settle_later(&self) {
        self.naming().waiting().wake();
    }

    /// Whether there are more.
    async fn settle_some(&self, group: GroupId, what: Unsettled) -> Result<bool, AppError> {
        // A command and the job may both be at it: whoever else writes waits for one of them at most.
        let _turn = self.0.settling.lock().await;
        self.change(self.new_request_id(), self.now(), move |tx, change| {
            let Some(row) = tx.unsettled_group(group, what)? else { return Ok(false) };
            let more = step(tx, change, row)?.more;
            let grants = tx.grants_of(group)?;
            match (what, more) {
                // A snapshot of everybody for each few of them would keep hosts busy: they hear at the end.
                (Unsettled::Grant, true) => change.put_off(&grants),
                (Unsettled::Grant, false) => change.touch_grants(&grants),
                // The list has them already.
                (Unsettled::Withdrawal, _) => {}
            }
            Ok(more)
        })
        .await
    }
}

/// What came of looking at some members.
#[derive(Clone, Copy, Debug)]
struct Step {
    more: bool,
    /// For how many something was written.
    written: usize,
}

/// Looks at the next members, and keeps where to go on.
fn step(tx: &mut dyn WriteTx, change: &mut Change, mut row: UnsettledRow) -> Result<Step, StoreError> {
    let dissolved = tx.dissolved_group(row.group)?;
    let members = tx.members_after(row.group, row.after, LOOK)?;
    let mut departed = Vec::new();
    let mut step = Step { more: members.len() == LOOK, written: 0 };
    for (place, member) in members {
        if step.written == WRITE {
            step.more = true;
            break;
        }
        row.after = place;
        step.written += usize::from(match (row.what, &dissolved) {
            (Unsettled::Grant, _) => people::name_at_last(tx, change, &member)?,
            (Unsettled::Withdrawal, None) => people::revoke_if_out(tx, change, &member)?,
            (Unsettled::Withdrawal, Some(group)) => {
                groups::leave_dissolved(tx, change, group, &member)?;
                departed.push(member.user);
                true
            }
        });
    }
    note_departed(tx, row.group, &departed)?;
    match dissolved {
        _ if step.more => tx.put_unsettled(&row)?,
        Some(group) => {
            tx.remove_group(group.tenant, group.id)?;
        }
        None => {
            tx.remove_unsettled(row.group, row.what)?;
        }
    }
    Ok(step)
}
