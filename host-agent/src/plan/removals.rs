//! The first plan: what takes access away.

use std::collections::BTreeMap;

use sallyport_protocol::Account;

use super::suspend::suspend;
use super::{Judged, Plan, Step, Wanted, groups, rules};
use crate::accounts::Standing;
use crate::lease;
use crate::problem::{Code, Problem};
use crate::seen::Seen;
use crate::sshd;
use crate::sudo;

/// What takes access away: principals, revocations, sudo, sessions, expiry, in this order, and what ran meanwhile.
pub(crate) fn removals(wanted: &Wanted, seen: &Seen, judged: &Judged<'_>) -> Plan {
    let mut plan = Plan::default();
    // An account that is yet to be made has nothing to keep: whatever lies under its name is a stranger's.
    let made = judged.allowed.iter().filter(|(_, standing)| *standing != Standing::Absent);
    let judged = &Judged { allowed: made.cloned().collect(), problems: Vec::new() };
    let keep: BTreeMap<&str, &Account> =
        judged.allowed.iter().map(|(account, _)| (account.name.as_str(), *account)).collect();
    for (name, bytes) in &seen.principals {
        let too_much = |account: &&Account| principals_of(bytes).iter().any(|p| !names(account, p));
        if keep.get(name.as_str()).is_none_or(too_much) {
            plan.steps.push(Step::RemovePrincipals { name: name.clone() });
        }
    }
    match sshd::check_krl(&wanted.krl, seen.krl.as_deref()) {
        Ok(krl) if seen.krl.as_ref() != Some(&krl) => plan.steps.push(Step::WriteKrl { bytes: krl }),
        Ok(_) => {}
        Err(error) => plan.problems.push(Problem::caused(Code::KrlRefused, &error)),
    }
    plan.steps.extend(narrow_sudo(wanted, seen, judged));
    plan.steps.extend(suspend(wanted.accounts(), seen, judged));
    plan.steps.extend(groups::leave(wanted, seen, judged));
    plan
}

/// What takes everybody's access away without a word of the CA to go by: nothing is known of revocations then.
pub(crate) fn removals_of_all(wanted: &Wanted, seen: &Seen) -> Plan {
    let nobody = Judged { allowed: Vec::new(), problems: Vec::new() };
    let mut plan = Plan::default();
    plan.steps.extend(seen.principals.keys().map(|name| Step::RemovePrincipals { name: name.clone() }));
    plan.steps.extend(seen.sudoers.as_ref().map(|_| Step::RemoveSudo));
    plan.steps.extend(suspend(&[], seen, &nobody));
    plan.steps.extend(groups::leave(wanted, seen, &nobody));
    plan.problems.extend(seen.accounts.as_ref().err().cloned());
    plan.problems.extend(seen.stray_problem());
    plan
}

/// The principals of a file, as sshd reads them: the last word of each line.
pub(crate) fn principals_of(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let uncommented = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    uncommented.filter_map(|line| line.split_whitespace().last()).map(ToOwned::to_owned).collect()
}

fn names(account: &Account, principal: &str) -> bool {
    account.principals.iter().any(|wanted| wanted.as_str() == principal)
}

fn narrow_sudo(wanted: &Wanted, seen: &Seen, judged: &Judged<'_>) -> Option<Step> {
    let bytes = seen.sudoers.as_ref()?;
    let Some(written) = lease::of_file(bytes) else {
        // Not a file of ours, or not readable as one: nobody knows what sudo makes of it.
        return Some(Step::RemoveSudo);
    };
    let present = sudo::names_in(bytes);
    let rules = rules(judged, Some(&present));
    if rules.len() == present.len() {
        return None;
    }
    if rules.is_empty() {
        return Some(Step::RemoveSudo);
    }
    let lease = written.min(wanted.lease_until);
    Some(Step::NarrowSudo { bytes: sudo::render(&rules, lease, wanted.abilities.sudo_ends), rules })
}
