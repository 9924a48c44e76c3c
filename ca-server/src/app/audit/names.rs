//! People's names and numbers, and whose each name is: what the chain tells of them, against the tables.

use std::collections::BTreeMap;

use sallyport_audit::{Event, EventName};
use sallyport_domain::UserId;
use sallyport_store::{PersonRow, ReadTx, StoreError};
use serde_json::Value;

/// Names and numbers after the events so far.
#[derive(Debug, Default)]
pub(super) struct Names {
    people: BTreeMap<UserId, Account>,
    /// Every name that is or was somebody's and was not freed.
    held: BTreeMap<String, UserId>,
}

#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Account {
    name: Option<String>,
    uid: Option<u64>,
    gid: Option<u64>,
}

impl Names {
    pub(super) fn hear(&mut self, event: &Event) {
        let Some(user) = event.user else { return };
        let text = |key: &str| event.detail.get(key).and_then(Value::as_str).map(str::to_owned);
        let number = |key: &str| event.detail.get(key).and_then(Value::as_u64);
        match event.name {
            EventName::NamePinned => {
                let account = Account { name: text("name"), uid: number("uid"), gid: number("gid") };
                self.held.extend(account.name.clone().map(|name| (name, user)));
                self.people.insert(user, account);
            }
            EventName::NameRenamed => {
                self.held.extend(text("to").map(|name| (name, user)));
                self.people.entry(user).or_default().name = text("to");
            }
            EventName::NameAssigned => self.held.extend(text("name").map(|name| (name, user))),
            EventName::NameFreed => {
                let Some(name) = text("name") else { return };
                self.held.remove(&name);
                if let Some(account) = self.people.get_mut(&user)
                    && account.name.as_ref() == Some(&name)
                {
                    account.name = None;
                }
            }
            _ => {}
        }
    }

    /// Adds what differs to `problems`.
    pub(super) fn compare(mut self, tx: &dyn ReadTx, problems: &mut Vec<String>) -> Result<(), StoreError> {
        for person in tx.people()? {
            let told = self.people.remove(&person.id).unwrap_or_default();
            let found = Account::of(&person);
            if found != told {
                let (id, found, told) = (person.id, found.to_text(), told.to_text());
                problems.push(format!("person {id} is {found} in the table and {told} in the chain"));
            }
            // The numbers of the ledger are what keeps anybody else from getting them.
            for number in [person.uid, person.gid].into_iter().flatten() {
                if tx.holder_of_id(number)? != Some(person.id) {
                    let (id, number) = (person.id, number.value());
                    problems.push(format!("the ledger does not hold {number} for person {id}, who has it"));
                }
            }
        }
        self.compare_held(tx, problems)
    }

    fn compare_held(&mut self, tx: &dyn ReadTx, problems: &mut Vec<String>) -> Result<(), StoreError> {
        for row in tx.names()?.into_iter().filter(|row| row.freed_at.is_none()) {
            let (name, user) = (row.name.as_str(), row.user);
            match self.held.remove(name) {
                Some(told) if told == user => {}
                Some(told) => problems.push(format!(
                    "the name {name} is person {user}'s in the table and person {told}'s in the chain"
                )),
                None => problems.push(format!(
                    "the name {name} is person {user}'s in the table and nobody's in the chain"
                )),
            }
        }
        problems.extend(self.held.iter().map(|(name, user)| {
            format!("the name {name} is nobody's in the table and person {user}'s in the chain")
        }));
        Ok(())
    }
}

impl Account {
    fn of(person: &PersonRow) -> Self {
        Self {
            name: person.posix_name.as_ref().map(ToString::to_string),
            uid: person.uid.map(|uid| uid.value().into()),
            gid: person.gid.map(|gid| gid.value().into()),
        }
    }

    fn to_text(&self) -> String {
        let number =
            |number: Option<u64>| number.map_or_else(|| "none".to_owned(), |number| number.to_string());
        let name = self.name.as_deref().unwrap_or("without a name");
        format!("{name} (uid {}, gid {})", number(self.uid), number(self.gid))
    }
}
