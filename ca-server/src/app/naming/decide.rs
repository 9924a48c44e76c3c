//! What an administrator decides about one person's name: approve what is proposed, keep what is, or give another.

use sallyport_audit::EventName;
use sallyport_domain::{ObjectId, PosixName, RequestId, UserId, UserState};
use sallyport_protocol::ProblemCode;
use sallyport_protocol::names::{ApproveNames, AssignName, NameChange, NameOf};
use sallyport_store::{LedgerRow, PersonRow, ReadTx, StoreError, WriteTx};

use super::review::{Obstacle, obstacle};
use crate::app::change::Change;
use crate::app::{App, AppError, people};

impl App {
    /// Renames a person to what is proposed, or everybody to whom something is proposed that they can have.
    pub async fn approve_names(
        &self,
        request: RequestId,
        ask: ApproveNames,
    ) -> Result<Vec<NameChange>, AppError> {
        let users = match &ask.user {
            Some(user) => vec![self.find_person(user).await?],
            None => self.renamable().await?,
        };
        let all = ask.user.is_none();
        // Each is refused before anything of it is written; of all, there may be a hundred thousand.
        self.change_firm(request, self.now(), move |tx, change| {
            let mut changes = Vec::new();
            for user in users {
                match approve(tx, change, user, ask.expected.as_deref()) {
                    // With all of them, one that is in somebody's way is left for a decision of its own.
                    Err(AppError::Refused(_)) if all => {}
                    result => changes.push(result?),
                }
            }
            Ok(changes)
        })
        .await
    }

    /// Turns down what is proposed to a person. It is not shown again until the directory implies yet another name.
    pub async fn keep_name(&self, request: RequestId, ask: NameOf) -> Result<NameChange, AppError> {
        let user = self.find_person(&ask.user).await?;
        self.change(request, self.now(), move |tx, change| {
            let (person, row, current, proposed) = proposal(tx, user)?;
            tx.put_ledger(&LedgerRow { kept: Some(proposed.clone()), ..row })?;
            let event = change.event(EventName::NameKept).of_user(user).with("name", current.as_str());
            tx.append(&event.with("proposed", proposed.as_str()))?;
            Ok(changed(&person, Some(current.clone()), Some(current)))
        })
        .await
    }

    /// Gives a person a name by hand: at once to whom has one already, else as soon as a grant reaches them.
    pub async fn assign_name(&self, request: RequestId, ask: AssignName) -> Result<NameChange, AppError> {
        let user = self.find_person(&ask.user).await?;
        let rule = &self.naming().config().rule;
        let name = rule
            .check(&ask.name)
            .map_err(|why| AppError::refused(ProblemCode::Malformed, why.to_string()))?;
        self.change(request, self.now(), move |tx, change| assign(tx, change, user, &name)).await
    }

    /// A person by id, object id, `userName` or POSIX name.
    pub(in crate::app) async fn find_person(&self, text: &str) -> Result<UserId, AppError> {
        let text = text.to_owned();
        self.store().read(move |tx| find(tx, &text)).await
    }

    async fn renamable(&self) -> Result<Vec<UserId>, AppError> {
        let find = |tx: &dyn ReadTx| {
            let mut users = Vec::new();
            for row in tx.ledgers()? {
                if let Some(person) = tx.person(row.user)?
                    && is_open(&person, &row)
                {
                    users.push(person.id);
                }
            }
            Ok(users)
        };
        self.store().read(find).await
    }
}

/// Whether a rename waits for a decision.
pub(super) fn is_open(person: &PersonRow, row: &LedgerRow) -> bool {
    person.posix_name.is_some()
        && row.proposed.is_some()
        && row.proposed != person.posix_name
        && row.proposed != row.kept
        && is_here(person)
}

fn approve(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    user: UserId,
    expected: Option<&str>,
) -> Result<NameChange, AppError> {
    let (person, _, _, proposed) = proposal(tx, user)?;
    refuse_gone(&person)?;
    if expected.is_some_and(|expected| expected != proposed.as_str()) {
        let detail = format!("what is proposed by now is {proposed}; see: sallyport-ca names list");
        return Err(AppError::refused(ProblemCode::Conflict, detail));
    }
    // The proposal may be older than the rule.
    if let Err(why) = change.naming.config().rule.check(proposed.as_str()) {
        let detail = format!("{why}; keep the name, or assign another");
        return Err(AppError::refused(ProblemCode::Conflict, detail));
    }
    rename(tx, change, &person, &proposed)
}

fn assign(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    user: UserId,
    name: &PosixName,
) -> Result<NameChange, AppError> {
    let person = tx.person(user)?.ok_or_else(|| nobody(&user.to_string()))?;
    refuse_gone(&person)?;
    if person.posix_name.is_some() {
        let done = rename(tx, change, &person, name)?;
        // What was given by hand is not to be proposed away again.
        if let Some(row) = tx.ledger(user)? {
            tx.put_ledger(&LedgerRow { kept: row.proposed.clone(), ..row })?;
        }
        return Ok(done);
    }
    refuse_obstacle(tx, user, name)?;
    tx.claim_name(user, name, change.now)?;
    change.moved.name(name);
    let row = tx.ledger(user)?.unwrap_or_else(|| LedgerRow::new(user));
    tx.put_ledger(&LedgerRow { assigned: Some(name.clone()), ..row })?;
    let event = change.event(EventName::NameAssigned).of_user(user);
    tx.append(&event.with("name", name.as_str()))?;
    if let Some(resource) = tx.resource_of_person(user)? {
        people::settle(tx, change, &resource)?;
    }
    Ok(changed(&person, None, Some(name.clone())))
}

fn rename(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    person: &PersonRow,
    name: &PosixName,
) -> Result<NameChange, AppError> {
    let from = person.posix_name.clone();
    if from.as_ref() == Some(name) {
        return Ok(changed(person, from.clone(), from));
    }
    refuse_obstacle(tx, person.id, name)?;
    tx.rename(person.id, name, change.now)?;
    change.moved.name(name);
    // The old name is a principal of what is out: whoever gets the name later would be entered with it.
    let revoked = tx.end_sessions(person.id, change.now)?;
    if revoked > 0 {
        change.revoked();
    }
    if let Some(resource) = tx.resource_of_person(person.id)? {
        change.touch_groups_of(tx, resource.id)?;
    }
    let event = change.event(EventName::NameRenamed).of_user(person.id);
    let event = event.with("from", from.as_ref().map(PosixName::as_str).unwrap_or_default());
    tx.append(&event.with("to", name.as_str()).with("certificates_revoked", revoked))?;
    Ok(changed(person, from, Some(name.clone())))
}

fn refuse_obstacle(tx: &mut dyn WriteTx, user: UserId, name: &PosixName) -> Result<(), AppError> {
    let detail = match obstacle(tx, user, name)? {
        None => return Ok(()),
        Some(Obstacle::Group) => {
            format!("{name} is a POSIX group that hosts get from here; assign another name")
        }
        Some(Obstacle::Holder(holder)) => {
            let who = tx.person(holder)?.map(|person| person.user_name).unwrap_or_default();
            format!("{name} is or was the name of {who} ({holder}), and stays theirs; assign another name")
        }
        Some(Obstacle::Adopted(row)) => {
            let who = tx.person(row.user)?.map(|person| person.user_name).unwrap_or_default();
            format!(
                "the local account {name} was given to {who} ({}) on hosts {}; assign another name, or take the account \
                 back: sallyport-ca names adopt {name} --remove --user {} --host '{}'",
                row.user, row.hosts, row.user, row.hosts
            )
        }
        Some(Obstacle::Hosts(hosts)) => format!(
            "{name} is a local account or group on {}; assign another name, or give the account to the person: \
             sallyport-ca names adopt {name} --user … --host …",
            hosts.join(", ")
        ),
    };
    Err(AppError::refused(ProblemCode::Conflict, detail))
}

fn proposal(
    tx: &mut dyn WriteTx,
    user: UserId,
) -> Result<(PersonRow, LedgerRow, PosixName, PosixName), AppError> {
    let person = tx.person(user)?.ok_or_else(|| nobody(&user.to_string()))?;
    let row = tx.ledger(user)?.unwrap_or_else(|| LedgerRow::new(user));
    let (Some(current), Some(proposed)) = (person.posix_name.clone(), row.proposed.clone()) else {
        let detail = format!("no rename is proposed for {}; run: sallyport-ca names list", person.user_name);
        return Err(AppError::refused(ProblemCode::Conflict, detail));
    };
    if current == proposed {
        let detail = format!("{} is called {current} already; nothing is proposed", person.user_name);
        return Err(AppError::refused(ProblemCode::Conflict, detail));
    }
    Ok((person, row, current, proposed))
}

fn changed(person: &PersonRow, from: Option<PosixName>, to: Option<PosixName>) -> NameChange {
    NameChange {
        user: person.id.to_string(),
        user_name: person.user_name.clone(),
        from: from.map(String::from),
        to: to.map(String::from),
    }
}

fn nobody(text: &str) -> AppError {
    let detail = format!(
        "nobody is known as {text:?}; name a person by id, object id, user name or POSIX name: sallyport-ca admin user ls"
    );
    AppError::refused(ProblemCode::NotFound, detail)
}

fn find(tx: &dyn ReadTx, text: &str) -> Result<UserId, AppError> {
    if let Some(person) = text.parse().ok().map(|id| tx.person(id)).transpose()?.flatten() {
        return Ok(person.id);
    }
    let (object, name): (Option<ObjectId>, Option<PosixName>) = (text.parse().ok(), text.parse().ok());
    let mut found = tx.people()?;
    found.retain(|person| {
        person.user_name.eq_ignore_ascii_case(text)
            || (object.is_some() && person.object == object)
            || (name.is_some() && person.posix_name == name)
    });
    // Who is there goes before who is gone: the one who was hired again is called as the one who left.
    if found.iter().any(is_here) {
        found.retain(is_here);
    }
    match &found[..] {
        [person] => Ok(person.id),
        [] => Err(nobody(text)),
        several => {
            let ids: Vec<String> = several.iter().map(|person| person.id.to_string()).collect();
            let detail = format!("several people are known as {text:?}; name one by id: {}", ids.join(", "));
            Err(AppError::refused(ProblemCode::Conflict, detail))
        }
    }
}

/// What others call the person: the object id where there is one.
pub(super) fn subject(person: &PersonRow) -> String {
    person.object.map_or_else(|| person.user_name.clone(), |object| object.to_string())
}

/// The subject of somebody who is named by id.
pub(super) fn subject_of(tx: &(impl ReadTx + ?Sized), user: UserId) -> Result<String, StoreError> {
    Ok(tx.person(user)?.map_or_else(|| user.to_string(), |person| subject(&person)))
}

fn is_here(person: &PersonRow) -> bool {
    person.state != UserState::Gone
}

/// A name for who is gone would only be kept from somebody who is there.
fn refuse_gone(person: &PersonRow) -> Result<(), AppError> {
    if is_here(person) {
        return Ok(());
    }
    let detail = format!("{} ({}) is gone and gets no other name", person.user_name, person.id);
    Err(AppError::refused(ProblemCode::Conflict, detail))
}
