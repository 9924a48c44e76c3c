//! Whoever waits for a name or a number is judged again when something about it moved: it was given away or freed, a
//! host reports it or no longer does, an account of that name was given to somebody or taken back.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use sallyport_domain::{ConflictReason, HostId, PosixName, Uid, UserId, UserState};
use sallyport_store::{ForeignRows, LedgerRow, PersonRow, ReadTx, StoreError, WriteTx};
use tokio::sync::Notify;

use crate::app::change::{Change, is_granted};
use crate::app::{App, AppError, people};

/// Who is looked at in the transaction in which something moved. More follow in transactions of their own: others
/// write in between.
const AT_ONCE: usize = 128;
/// Ledger rows that are read at a time, and looked at in one of the later transactions.
const PAGE: usize = 64;

/// Names and numbers about which something changed.
#[derive(Debug, Default)]
pub struct Moved {
    names: BTreeSet<PosixName>,
    numbers: BTreeSet<Uid>,
}

impl Moved {
    pub fn name(&mut self, name: &PosixName) {
        self.names.insert(name.clone());
    }

    fn is_empty(&self) -> bool {
        self.names.is_empty() && self.numbers.is_empty()
    }

    fn extend(&mut self, other: Self) {
        self.names.extend(other.names);
        self.numbers.extend(other.numbers);
    }
}

/// What moved, where the transaction in which it did had no time for all who are concerned.
#[derive(Debug, Default)]
pub struct Waiting {
    moved: Mutex<Moved>,
    more: Notify,
}

impl Waiting {
    /// They are judged soon.
    pub fn later(&self, moved: Moved) {
        if !moved.is_empty() {
            self.put_back(moved);
            self.wake();
        }
    }

    /// Has the jobs look at once whether somebody has to be judged.
    pub fn wake(&self) {
        self.more.notify_one();
    }

    /// They are judged with the next ones: whatever failed may go on failing.
    fn put_back(&self, moved: Moved) {
        self.moved.lock().unwrap_or_else(PoisonError::into_inner).extend(moved);
    }

    fn take(&self) -> Moved {
        std::mem::take(&mut *self.moved.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What the host reports as local from now on. Whether that is anything new.
pub fn note_foreign(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    host: HostId,
    rows: &ForeignRows,
) -> Result<bool, StoreError> {
    let before = tx.foreign_of(host)?;
    let moved = tx.put_foreign(host, rows)?;
    let differ = |known: &ForeignRows, other: &ForeignRows, moved: &mut Moved| {
        moved
            .names
            .extend(known.names.iter().filter(|name| other.names.binary_search(name).is_err()).cloned());
        moved.numbers.extend(known.ids.iter().filter(|id| other.ids.binary_search(id).is_err()));
    };
    if moved {
        differ(&before, rows, &mut change.moved);
        differ(rows, &before, &mut change.moved);
    }
    Ok(moved)
}

/// The end of every change. Gives what is left for later.
///
/// Whoever is pinned meanwhile moves a name too: its other claimants have their turn again, and lose.
pub fn judge_again(tx: &mut dyn WriteTx, change: &mut Change) -> Result<Moved, StoreError> {
    let (mut left, mut later) = (AT_ONCE, Moved::default());
    while let Some(number) = change.moved.numbers.pop_first() {
        match left.checked_sub(judge_number(tx, change, number)?) {
            Some(less) => left = less,
            None => later.numbers.append(&mut change.moved.numbers),
        }
    }
    while let Some(name) = change.moved.names.pop_first() {
        change.naming.journal().moved(&name);
        let mut last = None;
        loop {
            let page = page(tx, &name, last.as_ref())?;
            let Some(less) = left.checked_sub(page.looked) else {
                later.names.insert(name);
                break;
            };
            left = less;
            judge(tx, change, &page.users)?;
            last = page.last;
            if last.is_none() {
                break;
            }
        }
    }
    Ok(later)
}

/// How many were judged. Where several want one number, none of them gets it, whatever else becomes of it.
fn judge_number(tx: &mut dyn WriteTx, change: &mut Change, number: Uid) -> Result<usize, StoreError> {
    let nobody = UserId::generate(change.now, &mut rand::rngs::OsRng);
    match tx.wanting_id(number.value().into(), nobody, 2)?[..] {
        [user] => judge(tx, change, &[user]).map(|()| 1),
        _ => Ok(0),
    }
}

/// Some of those who wait for a name: whom a grant reaches first, and else in the order in which it was proposed.
struct Page {
    users: Vec<UserId>,
    /// How many of them a grant reaches.
    reached: usize,
    /// Rows that were read for it.
    looked: usize,
    /// Where the next page begins.
    last: Option<LedgerRow>,
}

fn page(tx: &dyn WriteTx, name: &PosixName, after: Option<&LedgerRow>) -> Result<Page, StoreError> {
    let mut rows = tx.proposed_to(name, after, PAGE)?;
    let (looked, last) = (rows.len(), rows.last().filter(|_| rows.len() == PAGE).cloned());
    // To whom it was given by hand may have to wait for it too, for a host.
    let holder = if after.is_none() { tx.holder_of_name(name)? } else { None };
    if let Some(holder) = holder.map(|holder| tx.ledger(holder)).transpose()?.flatten() {
        rows.push(holder);
    }
    let (mut users, mut others) = (Vec::new(), Vec::new());
    for row in rows.iter().filter(|row| row.assigned.as_ref().is_none_or(|assigned| assigned == name)) {
        if !tx.person(row.user)?.is_some_and(|person| waits(&person)) {
            continue;
        }
        let Some(resource) = tx.resource_of_person(row.user)? else { continue };
        if is_granted(tx, resource.id)? { &mut users } else { &mut others }.push(row.user);
    }
    let reached = users.len();
    users.append(&mut others);
    Ok(Page { users, reached, looked, last })
}

/// Who gets the name as soon as nothing is in the way.
pub(super) fn next_in_line(tx: &dyn WriteTx, name: &PosixName) -> Result<Option<UserId>, StoreError> {
    let page = page(tx, name, None)?;
    Ok(page.users.first().copied().filter(|_| page.reached > 0))
}

fn waits(person: &PersonRow) -> bool {
    person.posix_name.is_none() && matches!(person.state, UserState::Active | UserState::Conflict)
}

fn judge(tx: &mut dyn WriteTx, change: &mut Change, users: &[UserId]) -> Result<(), StoreError> {
    for user in users {
        if let Some(resource) = tx.resource_of_person(*user)? {
            people::settle(tx, change, &resource)?;
        }
    }
    Ok(())
}

impl App {
    /// Judges whom the changes themselves had no time for.
    pub async fn judge_waiting(&self) -> Result<(), AppError> {
        let mut moved = self.naming().waiting().take();
        while let Some(name) = moved.names.first() {
            if let Err(error) = self.judge_claimants(name).await {
                self.naming().waiting().put_back(moved);
                return Err(error);
            }
            moved.names.pop_first();
        }
        if moved.is_empty() {
            return Ok(());
        }
        // Numbers: as many as one change has time for, and what is left comes back.
        self.change(self.new_request_id(), self.now(), move |_, change| {
            change.moved.extend(moved);
            Ok::<_, AppError>(())
        })
        .await
    }

    async fn judge_claimants(&self, name: &PosixName) -> Result<(), AppError> {
        let mut last = None;
        loop {
            let (name, after) = (name.clone(), last);
            let page = self.change(self.new_request_id(), self.now(), move |tx, change| {
                let page = page(tx, &name, after.as_ref())?;
                judge(tx, change, &page.users)?;
                Ok::<_, AppError>(page.last)
            });
            last = page.await?;
            if last.is_none() {
                return Ok(());
            }
        }
    }

    /// Judges everybody again whose name or number was refused: what refused it may have been a rule or a range of
    /// the configuration file, or this program may have been stopped before it had come to them.
    pub async fn judge_refused(&self) -> Result<(), AppError> {
        let users = self.store().read(|tx| Ok::<_, AppError>(refused(tx)?)).await?;
        for some in users.chunks(PAGE) {
            let some = some.to_vec();
            self.change(self.new_request_id(), self.now(), move |tx, change| {
                Ok::<_, AppError>(judge(tx, change, &some)?)
            })
            .await?;
        }
        Ok(())
    }

    /// Until somebody has to be judged, by [`Self::judge_waiting`] or [`Self::settle_groups`].
    pub async fn somebody_waits(&self) {
        self.naming().waiting().more.notified().await;
    }
}

/// In the order in which their names were proposed: the first one gets it.
fn refused(tx: &dyn ReadTx) -> Result<Vec<UserId>, StoreError> {
    let mut found = Vec::new();
    for person in tx.people()? {
        if person.reason.is_some_and(is_of_names) {
            let since = tx.ledger(person.id)?.map(|row| row.proposed_at);
            found.push((since, person.id));
        }
    }
    found.sort_unstable();
    Ok(found.into_iter().map(|(_, user)| user).collect())
}

const fn is_of_names(reason: ConflictReason) -> bool {
    match reason {
        ConflictReason::NameAdopted
        | ConflictReason::NameForeign
        | ConflictReason::NameImpossible
        | ConflictReason::NameReserved
        | ConflictReason::NameTaken
        | ConflictReason::NoUid
        | ConflictReason::UidImpossible
        | ConflictReason::UidTaken => true,
        ConflictReason::Link | ConflictReason::NoObjectId | ConflictReason::OutOfScope => false,
    }
}
