//! People's states, whom of the directory they are linked to, and who is in which group: what the chain tells of them,
//! against the tables.

use std::collections::{BTreeMap, BTreeSet};

use sallyport_audit::{Event, EventName};
use sallyport_domain::{GroupId, UserId, UserState};
use sallyport_store::{ReadTx, StoreError};
use serde_json::Value;

use super::links;

/// Where everybody stands after the events so far.
#[derive(Debug, Default)]
pub(super) struct Directory {
    people: BTreeMap<UserId, Standing>,
    /// The people in each group.
    members: BTreeMap<GroupId, BTreeSet<UserId>>,
    /// Whether the chain tells of every link.
    links_told: bool,
}

#[derive(Debug)]
struct Standing {
    state: UserState,
    reason: Option<String>,
    /// The object id, once there is a link.
    object: Option<String>,
}

impl Directory {
    pub(super) fn hear(&mut self, event: &Event) {
        if let Some((user, object)) = links::told(event) {
            self.standing(user).object = Some(object.to_owned());
        }
        match (event.name, event.user) {
            // Somebody who came back is known, and stands where they stood until told otherwise.
            (EventName::DirectoryUserCreated, Some(user)) => {
                self.standing(user);
            }
            (EventName::DirectoryLinksTold, _) => self.links_told = true,
            (EventName::DirectoryUserResumed, Some(user)) => self.moved(user, UserState::Active, event),
            (EventName::DirectoryConflict, Some(user)) => self.moved(user, UserState::Conflict, event),
            (EventName::DirectoryUserDeleted, Some(user)) => self.moved(user, UserState::Gone, event),
            (EventName::DirectoryUserFlagged | EventName::DirectoryUserSuspended, Some(user)) => {
                self.moved(user, UserState::Suspended, event);
            }
            (EventName::DirectoryMemberAdded | EventName::DirectorySudoMemberAdded, Some(user)) => {
                if let Some(group) = group(event) {
                    self.members.entry(group).or_default().insert(user);
                }
            }
            (EventName::DirectoryMemberRemoved, Some(user)) => {
                if let Some(members) = group(event).and_then(|group| self.members.get_mut(&group)) {
                    members.remove(&user);
                }
            }
            (EventName::DirectoryGroupDeleted, _) => {
                group(event).map(|group| self.members.remove(&group));
            }
            _ => {}
        }
    }

    fn standing(&mut self, user: UserId) -> &mut Standing {
        let new = Standing { state: UserState::Suspended, reason: None, object: None };
        self.people.entry(user).or_insert(new)
    }

    fn moved(&mut self, user: UserId, state: UserState, event: &Event) {
        let reason = event.detail.get("reason").and_then(Value::as_str).map(str::to_owned);
        let standing = self.standing(user);
        (standing.state, standing.reason) = (state, reason);
    }

    /// Adds what differs to `problems`.
    pub(super) fn compare(mut self, tx: &dyn ReadTx, problems: &mut Vec<String>) -> Result<(), StoreError> {
        self.compare_people(tx, problems)?;
        self.compare_members(tx, problems)
    }

    fn compare_people(&mut self, tx: &dyn ReadTx, problems: &mut Vec<String>) -> Result<(), StoreError> {
        for person in tx.people()? {
            let id = person.id;
            let Some(said) = self.people.remove(&id) else {
                problems.push(format!("person {id} stands in the table and not in the chain"));
                continue;
            };
            let found = Standing {
                state: person.state,
                reason: person.reason.map(|reason| reason.as_str().to_owned()),
                object: person.object.map(|object| object.to_string()),
            };
            let mut compared = vec![("is", found.state(), said.state())];
            // Before the chain tells of every link, that it tells of none says nothing.
            if self.links_told || said.object.is_some() {
                compared.push(("has the object id", found.object(), said.object()));
            }
            for (what, found, said) in compared {
                if found != said {
                    problems.push(format!("person {id} {what} {found} in the table and {said} in the chain"));
                }
            }
        }
        let missing = self.people.keys();
        problems.extend(missing.map(|id| format!("person {id} stands in the chain and not in the table")));
        Ok(())
    }

    fn compare_members(&mut self, tx: &dyn ReadTx, problems: &mut Vec<String>) -> Result<(), StoreError> {
        for group in tx.all_groups()? {
            let id = group.id;
            let mut told = self.members.remove(&id).unwrap_or_default();
            for person in tx.people_in(id)? {
                if !told.remove(&person.id) {
                    let person = person.id;
                    problems
                        .push(format!("person {person} is in group {id} in the table and not in the chain"));
                }
            }
            problems.extend(
                told.iter().map(|person| {
                    format!("person {person} is in group {id} in the chain and not in the table")
                }),
            );
        }
        let missing = self.members.iter().filter(|(_, members)| !members.is_empty());
        problems.extend(
            missing.map(|(id, _)| format!("group {id} has members in the chain and is not in the table")),
        );
        Ok(())
    }
}

impl Standing {
    fn state(&self) -> String {
        let reason = self.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        format!("{}{reason}", self.state.as_str())
    }

    fn object(&self) -> String {
        self.object.clone().unwrap_or_else(|| "none".to_owned())
    }
}

fn group(event: &Event) -> Option<GroupId> {
    event.detail.get("group")?.as_str()?.parse().ok()
}
