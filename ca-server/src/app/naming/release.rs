//! Freeing a name that nobody uses: two steps, so that nobody's files change hands by a slip. Numbers are never freed.

use jiff::{SignedDuration, Timestamp};
use sallyport_audit::EventName;
use sallyport_domain::{PosixName, RequestId, UserState};
use sallyport_protocol::names::{ReleaseName, ReleasedName};
use sallyport_protocol::{ProblemCode, sha256_hex};
use sallyport_store::{LedgerRow, NameRow, PersonRow, WriteTx};

use super::waiting::next_in_line;
use crate::app::change::Change;
use crate::app::{App, AppError};

/// How long the first step is good for.
const PATIENCE: SignedDuration = SignedDuration::from_hours(24);

/// Characters of the word that the second step repeats.
const WORD: usize = 8;

/// As long may a request take that read the old name before a rename, and noted its certificate after it.
const IN_FLIGHT: SignedDuration = SignedDuration::from_mins(10);

impl App {
    pub async fn release_name(&self, request: RequestId, ask: ReleaseName) -> Result<ReleasedName, AppError> {
        let name: PosixName = ask.name.parse().map_err(|_| held_by_nobody(&ask.name))?;
        self.change(request, self.now(), move |tx, change| match ask.confirm {
            None => first_step(tx, change, &name),
            Some(word) => second_step(tx, change, &name, &word),
        })
        .await
    }
}

fn first_step(tx: &mut dyn WriteTx, change: &Change, name: &PosixName) -> Result<ReleasedName, AppError> {
    let (row, holder) = reserved(tx, name)?;
    refuse_certified(tx, change, &row, &holder)?;
    tx.ask_release(name, change.now)?;
    let event = change.event(EventName::NameReleaseAsked).of_user(holder.id);
    tx.append(&event.with("name", name.as_str()))?;
    let until = change.now.checked_add(PATIENCE).ok();
    let next = next_in_line(tx, name)?.map(|user| tx.person(user)).transpose()?.flatten();
    let next = next.map(|person| person.user_name);
    Ok(ReleasedName { next, ..view(name, &holder, Some(word(name, change.now)), until, false) })
}

fn second_step(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    name: &PosixName,
    said: &str,
) -> Result<ReleasedName, AppError> {
    let (row, holder) = reserved(tx, name)?;
    refuse_certified(tx, change, &row, &holder)?;
    let asked = row.release_asked_at.filter(|asked| change.now.duration_since(*asked) < PATIENCE);
    let Some(asked) = asked else {
        let detail =
            format!("the first step was not made, or is over; run: sallyport-ca names release {name}");
        return Err(AppError::refused(ProblemCode::Conflict, detail));
    };
    if said != word(name, asked) {
        let detail = format!("that is not what the first step gave; run: sallyport-ca names release {name}");
        return Err(AppError::refused(ProblemCode::Conflict, detail));
    }
    tx.free_name(name, change.now)?;
    change.moved.name(name);
    if let Some(ledger) = tx.ledger(holder.id)?
        && ledger.assigned.as_ref() == Some(name)
    {
        tx.put_ledger(&LedgerRow { assigned: None, ..ledger })?;
    }
    let event = change.event(EventName::NameFreed).of_user(holder.id);
    tx.append(&event.with("name", name.as_str()))?;
    Ok(view(name, &holder, None, None, true))
}

/// A name that is somebody's and that they do not use.
fn reserved(tx: &mut dyn WriteTx, name: &PosixName) -> Result<(NameRow, PersonRow), AppError> {
    let row = tx.name(name)?.ok_or_else(|| held_by_nobody(name.as_str()))?;
    let holder = tx.person(row.user)?.ok_or_else(|| held_by_nobody(name.as_str()))?;
    let waits = tx.ledger(holder.id)?.is_some_and(|ledger| ledger.assigned.as_ref() == Some(name));
    let used = holder.posix_name.as_ref() == Some(name) || (holder.posix_name.is_none() && waits);
    if used && holder.state != UserState::Gone {
        let detail = format!(
            "{name} is the name of {} ({}), who is not gone; assign them another name first",
            holder.user_name, holder.id
        );
        return Err(AppError::refused(ProblemCode::Conflict, detail));
    }
    Ok((row, holder))
}

/// A revoked certificate still opens a host that has not heard of it. Only its end makes sure that the name, as a
/// principal, lets nobody into the next holder's account.
fn refuse_certified(
    tx: &mut dyn WriteTx,
    change: &Change,
    row: &NameRow,
    holder: &PersonRow,
) -> Result<(), AppError> {
    let by = match row.until {
        Some(until) => until.checked_add(IN_FLIGHT).unwrap_or(Timestamp::MAX),
        None => Timestamp::MAX,
    };
    let Some(end) = tx.certified_until(holder.id, by, change.now)? else { return Ok(()) };
    let detail = format!(
        "a certificate of {} may name {} until {end}; free the name from then on",
        holder.user_name, row.name
    );
    Err(AppError::refused(ProblemCode::Conflict, detail))
}

fn held_by_nobody(name: &str) -> AppError {
    let detail = format!("nobody has or had the name {name:?}; run: sallyport-ca names list --reserved");
    AppError::refused(ProblemCode::NotFound, detail)
}

/// Not a secret: it shows that the answer of the first step was read.
fn word(name: &PosixName, asked: Timestamp) -> String {
    sha256_hex(format!("{name} {}", asked.as_microsecond()).as_bytes()).chars().take(WORD).collect()
}

fn view(
    name: &PosixName,
    holder: &PersonRow,
    confirm: Option<String>,
    confirm_until: Option<Timestamp>,
    freed: bool,
) -> ReleasedName {
    ReleasedName {
        name: name.to_string(),
        user: holder.id.to_string(),
        user_name: holder.user_name.clone(),
        confirm,
        confirm_until,
        freed,
        next: None,
    }
}
