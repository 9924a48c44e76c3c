//! Local accounts that an administrator of the CA gave to a person, found by what stands on this host.

use sallyport_domain::{PosixName, Uid};
use sallyport_protocol::Account;

use super::Wanted;
use crate::accounts::{Standing, View};
use crate::seen::Seen;

impl Wanted {
    /// What is wanted, with each adopted account under the name and uid that it has here. Where the account is not
    /// there, or is one that we made, the person gets what they get everywhere.
    pub(crate) fn on_this_host(&self, seen: &Seen) -> Self {
        let accounts = self.accounts.iter().map(|account| match &account.adopt {
            Some(local) => resolve(account, local, seen),
            None => account.clone(),
        });
        Self { accounts: accounts.collect(), ..self.clone() }
    }
}

fn resolve(account: &Account, local: &PosixName, seen: &Seen) -> Account {
    let uid = match &seen.accounts {
        Ok(files) => {
            let view = View::new(files, &seen.ledger);
            let ours = matches!(view.standing(local), Standing::Ours { .. });
            // A number of the system's is never taken: the account's own uid then differs, and it is withheld.
            view.uid_of(local).filter(|_| !ours).map(|uid| Uid::try_from(uid).unwrap_or(account.uid))
        }
        Err(_) => seen.ledger.adopted_entry(local).map(|entry| entry.uid),
    };
    match uid {
        Some(uid) => Account { name: local.clone(), uid, gid: None, ..account.clone() },
        None => Account { adopt: None, ..account.clone() },
    }
}
