//! The brain: what is wanted and what is seen become steps. Pure, so that `--dry-run` is free and tests are tables.
//!
//! Taking away comes first and on its own: it asks no name service, makes no account and writes as little as it can,
//! so that nothing about a grant can hold it back.

mod adopt;
mod grants;
mod groups;
mod judge;
mod removals;
mod step;
mod suspend;
mod wanted;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use sallyport_protocol::Account;

use crate::problem::Problem;
use crate::sudo::Rule;

pub(crate) use grants::{grants, intentions};
pub(crate) use groups::{absent_groups, leave_all};
pub(crate) use judge::{Judged, judge};
pub(crate) use removals::{principals_of, removals, removals_of_all};
pub(crate) use step::{Adopted, Person, Step};
pub(crate) use wanted::{Abilities, Wanted};

/// Steps in their order, and what is in their way.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
    pub(crate) problems: Vec<Problem>,
}

/// Rules of people who are to have one, in the order of their names.
fn rules(judged: &Judged<'_>, among: Option<&BTreeSet<String>>) -> Vec<Rule> {
    let wanted =
        |account: &&&Account| account.sudo && among.is_none_or(|names| names.contains(account.name.as_str()));
    let accounts = judged.allowed.iter().map(|(account, _)| account).filter(wanted);
    accounts.map(|a| Rule { name: a.name.clone(), uid: a.uid, user: a.user }).collect()
}
