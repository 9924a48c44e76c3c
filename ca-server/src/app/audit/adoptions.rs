//! Local accounts that were given to people: what the chain tells of them, against the table.

use std::collections::BTreeSet;

use sallyport_audit::{Event, EventName};
use sallyport_domain::UserId;
use sallyport_store::{ReadTx, StoreError};
use serde_json::Value;

/// Whose account of which name on which hosts, by the events so far.
#[derive(Debug, Default)]
pub(super) struct Adoptions(BTreeSet<(UserId, String, String)>);

impl Adoptions {
    pub(super) fn hear(&mut self, event: &Event) {
        let text = |key: &str| event.detail.get(key).and_then(Value::as_str).map(str::to_owned);
        let (Some(user), Some(account), Some(hosts)) = (event.user, text("account"), text("hosts")) else {
            return;
        };
        match event.name {
            EventName::AccountAdopted => self.0.insert((user, account, hosts)),
            EventName::AccountDisowned => self.0.remove(&(user, account, hosts)),
            _ => false,
        };
    }

    pub(super) fn compare(mut self, tx: &dyn ReadTx, problems: &mut Vec<String>) -> Result<(), StoreError> {
        for row in tx.adoptions()? {
            let (user, account, hosts) = (row.user, row.local.to_string(), row.hosts.to_string());
            if !self.0.remove(&(user, account.clone(), hosts.clone())) {
                problems.push(format!(
                    "the account {account} on {hosts} is person {user}'s in the table and not in the chain"
                ));
            }
        }
        problems.extend(self.0.iter().map(|(user, account, hosts)| {
            format!("the account {account} on {hosts} is person {user}'s in the chain and not in the table")
        }));
        Ok(())
    }
}
