//! Hands on homes: looked at after everything was taken away that is to be, since they may not answer.

use std::collections::BTreeMap;
use std::ffi::OsStr;

use sallyport_domain::{PosixName, Uid};
use sallyport_protocol::Account;

use super::{Hands, StepResult};
use crate::accounts::{self, HomeError, Owner, Place, Standing, View, make_home};
use crate::plan::Judged;
use crate::problem::{Code, Problem};
use crate::seen::Seen;
use crate::tools::Tools;

impl<T: Tools> Hands<'_, T> {
    /// What stands where accounts that are to be made have their homes, and of those that are here, as far as it can be
    /// told without asking what is mounted there.
    pub(super) fn homes(&self, seen: &Seen, judged: &Judged<'_>) -> BTreeMap<PosixName, Place> {
        let Ok(files) = &seen.accounts else { return BTreeMap::new() };
        let view = View::new(files, &seen.ledger);
        let listed = accounts::listed(&self.paths.homes());
        let look =
            |account: &Account| Some(self.tools.look_at_home(self.paths, &account.name, account.uid.value()));
        let place = |account: &Account, standing: &Standing| match standing {
            Standing::Absent => look(account),
            Standing::Ours { .. } if view.has_own_home(&account.name) => {
                if listed.as_ref()?.contains(OsStr::new(account.name.as_str())) {
                    self.glance(account)
                } else {
                    look(account)
                }
            }
            _ => None,
        };
        let homes = judged.allowed.iter();
        homes
            .filter_map(|(account, standing)| Some((account.name.clone(), place(account, standing)?)))
            .collect()
    }

    fn glance(&self, account: &Account) -> Option<Place> {
        let owner = accounts::glance(&self.paths.homes(), account.name.as_str())?;
        Some(match owner {
            _ if owner == account.uid.value() => Place::Theirs,
            0 => Place::Roots,
            _ => Place::Taken { owner: Some(owner), why: format!("belongs to uid {owner}") },
        })
    }

    pub(super) fn make_home(&self, name: &PosixName, uid: Uid, gid: Uid) -> StepResult {
        let owner = Owner { uid: uid.value(), gid: gid.value() };
        make_home(self.paths, name, owner, &|path, owner| self.tools.give(path, owner)).map_err(|error| {
            let code =
                if matches!(error, HomeError::Io { .. }) { Code::StepFailed } else { Code::HomeForeign };
            Problem::caused(code, &error)
        })
    }
}
