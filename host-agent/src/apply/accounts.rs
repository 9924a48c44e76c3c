//! Hands on accounts and what people run.

use std::collections::BTreeSet;

use sallyport_domain::PosixName;

use super::{Hands, StepResult};
use crate::accounts::{self, Changes, Entry, GroupChanges, Ledger, Memberships, Withheld};
use crate::plan::{self, Adopted, Person, Wanted};
use crate::problem::{Code, Problem};
use crate::tools::Tools;

impl<T: Tools> Hands<'_, T> {
    pub(super) fn suspend(&self, ledger: &Ledger, names: &[PosixName]) -> StepResult {
        let changes = Changes { suspend: names.to_vec(), ..Changes::default() };
        self.take_away(ledger, &changes)
    }

    pub(super) fn leave_groups(&self, ledger: &Ledger, groups: &GroupChanges) -> StepResult {
        self.take_away(ledger, &Changes { groups: groups.clone(), ..Changes::default() })
    }

    /// What takes something away is worth the spare space.
    fn take_away(&self, ledger: &Ledger, changes: &Changes) -> StepResult {
        let edit = || accounts::apply(self.paths, self.disk, ledger, changes, self.now, |_| false);
        let result = match edit() {
            Err(accounts::AccountsError::Disk(error))
                if error.is_disk_full() && self.state.release_spare() =>
            {
                edit()
            }
            result => result,
        };
        self.tools.accounts_changed();
        result.map(|_| ()).map_err(|error| Problem::caused(Code::AccountsRefused, &error))
    }

    pub(super) fn forget_memberships(&self, ledger: &Ledger, memberships: &Memberships) -> StepResult {
        let mut noted = self.state.ledger().unwrap_or_else(|_| ledger.clone());
        for (group, member) in memberships.each() {
            noted.memberships_mut().remove(group, member);
        }
        self.state.save_ledger(self.disk, &noted).map_err(|error| Problem::caused(Code::StepFailed, &error))
    }

    pub(super) fn end_sessions(&self, people: &[Person]) -> StepResult {
        let mut left = Vec::new();
        for Person { name, uid } in people {
            if let Err(error) = self.tools.end_sessions(name, uid.value()) {
                left.push(format!("{name}: {error}"));
            }
        }
        if left.is_empty() { Ok(()) } else { Err(Problem::new(Code::SessionsLeft, left.join("; "))) }
    }

    pub(super) fn adopt(
        &self,
        ledger: &Ledger,
        accounts: &[Adopted],
        absent: &mut BTreeSet<PosixName>,
    ) -> StepResult {
        let mut noted = self.state.ledger().unwrap_or_else(|_| ledger.clone());
        for Adopted { name, uid, user } in accounts {
            noted.adopt(name, Entry { uid: *uid, gid: None, user: Some(*user), created_at: self.now });
        }
        self.state.save_ledger(self.disk, &noted).map_err(|error| {
            absent.extend(accounts.iter().map(|account| account.name.clone()));
            Problem::caused(Code::StepFailed, &error)
        })
    }

    pub(super) fn disown(&self, ledger: &Ledger, names: &[PosixName]) -> StepResult {
        let mut noted = self.state.ledger().unwrap_or_else(|_| ledger.clone());
        for name in names {
            noted.disown(name);
        }
        self.state.save_ledger(self.disk, &noted).map_err(|error| Problem::caused(Code::StepFailed, &error))
    }

    pub(super) fn edit_accounts(
        &self,
        wanted: &Wanted,
        ledger: &Ledger,
        changes: &Changes,
        absent: &mut BTreeSet<PosixName>,
    ) -> StepResult {
        let changes = &without(changes, absent);
        let renamed = || changes.rename.iter().map(|rename| rename.to.clone());
        let created = || changes.create.iter().map(|account| account.name.clone()).chain(renamed());
        let intended = plan::intentions(wanted, changes, ledger, self.now);
        if let Some(intended) = &intended
            && let Err(error) = self.state.save_ledger(self.disk, intended)
        {
            absent.extend(created());
            return Err(Problem::caused(Code::StepFailed, &error));
        }
        let before = ledger;
        let ledger = intended.as_ref().unwrap_or(before);
        let free = |gid| self.tools.gid_is_free(gid);
        let result = accounts::apply(self.paths, self.disk, ledger, changes, self.now, free);
        self.tools.accounts_changed();
        match result {
            Ok(withheld) if withheld == Withheld::default() => Ok(()),
            Ok(Withheld { accounts, groups }) if accounts.is_empty() => {
                Err(Problem::new(Code::GroupConflict, groups.join("; ")))
            }
            Ok(Withheld { accounts, groups }) => {
                let of_account = |(name, why): &(PosixName, String)| format!("{name} is withheld: {why}");
                let detail: Vec<String> = accounts.iter().map(of_account).chain(groups).collect();
                absent.extend(accounts.into_iter().map(|(name, _)| name));
                Err(Problem::new(Code::NameTaken, detail.join("; ")))
            }
            Err(error) => {
                absent.extend(created());
                if matches!(error, accounts::AccountsError::Lock(_)) {
                    self.take_notes_back(ledger, before);
                }
                Err(Problem::caused(Code::AccountsRefused, &error))
            }
        }
    }

    /// Nobody was put anywhere: who is put there by others now is there by others' hands.
    fn take_notes_back(&self, intended: &Ledger, before: &Ledger) {
        let mut noted = intended.clone();
        noted.memberships_mut().clone_from(before.memberships());
        if noted != *intended
            && let Err(error) = self.state.save_ledger(self.disk, &noted)
        {
            tracing::warn!("memberships stay noted: {}", crate::problem::chain(&error));
        }
    }
}

/// What is left of a batch without those who are not to be made after all, and without the groups that they would be in.
fn without(changes: &Changes, absent: &BTreeSet<PosixName>) -> Changes {
    let mut left = changes.clone();
    left.create.retain(|account| !absent.contains(&account.name));
    left.groups.join = changes.groups.join.each().filter(|(_, member)| !absent.contains(*member)).collect();
    left
}
