//! The brain: what is wanted and what is seen become steps. Pure, so that `--dry-run` is free and tests are tables.
//!
//! Taking away comes first and on its own: it asks no name service, makes no account and writes as little as it can,
//! so that nothing about a grant can hold it back.

mod judge;
mod step;
mod suspend;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sallyport_domain::PosixName;
use sallyport_protocol::Account;

use crate::accounts::{Changes, Entry, Ledger, NewAccount, Standing, View};
use crate::lease;
use crate::principals::{self, ExpiryNotation};
use crate::problem::{Code, Problem};
use crate::seen::Seen;
use crate::sshd;
use crate::state::Accepted;
use crate::sudo::{self, Rule};
use crate::tools::Elsewhere;

pub(crate) use judge::{Judged, judge};
pub(crate) use step::{Person, Step};

use suspend::suspend;

/// What this host shall be, and what it is able to.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// Nobody, once the lease is over.
    accounts: Vec<Account>,
    user_ca_keys: Vec<String>,
    krl: String,
    lease_until: Timestamp,
    /// The certificate to install, looked at already.
    host_certificate: Option<String>,
    abilities: Abilities,
    pub(crate) problems: Vec<Problem>,
}

/// What the programs of this host can do.
#[derive(Clone, Debug)]
pub(crate) struct Abilities {
    pub(crate) expiry: ExpiryNotation,
    pub(crate) has_visudo: bool,
    pub(crate) sudo_ends: bool,
    pub(crate) shell: String,
}

impl Wanted {
    /// The snapshot's content, or nobody when its lease is over: then, and only then, access ends without a word of
    /// the CA.
    pub(crate) fn new(
        accepted: &Accepted,
        host_certificate: Option<String>,
        abilities: Abilities,
        now: Timestamp,
    ) -> Self {
        let over = accepted.lease_until <= now;
        let problems = if over {
            let detail = format!(
                "no fresh word of the CA since the lease ended at {}; all accounts are suspended until there is one",
                accepted.lease_until
            );
            vec![Problem::new(Code::LeaseOver, detail)]
        } else {
            Vec::new()
        };
        Self {
            accounts: if over { Vec::new() } else { accepted.content.accounts.clone() },
            user_ca_keys: accepted.content.user_ca_keys.clone(),
            krl: accepted.content.krl.clone(),
            lease_until: accepted.lease_until,
            host_certificate,
            abilities,
            problems,
        }
    }

    /// The end of a lease that is known by our own files only.
    pub(crate) fn nobody(written: Option<Timestamp>, abilities: Abilities) -> Self {
        let end = written.map_or_else(
            || "no file tells of a lease that goes on".to_owned(),
            |until| format!("the lease that stands in the files ended at {until}"),
        );
        let detail = format!(
            "the CA's last word is lost, and {end}; all accounts are suspended until there is a fresh word"
        );
        Self {
            accounts: Vec::new(),
            user_ca_keys: Vec::new(),
            krl: String::new(),
            lease_until: written.unwrap_or(Timestamp::MIN),
            host_certificate: None,
            abilities,
            problems: vec![Problem::new(Code::LeaseOver, detail)],
        }
    }

    pub(crate) fn accounts(&self) -> &[Account] {
        &self.accounts
    }
}

/// Steps in their order, and what is in their way.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
    pub(crate) problems: Vec<Problem>,
}

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
    plan
}

/// What takes everybody's access away without a word of the CA to go by: nothing is known of revocations then.
pub(crate) fn removals_of_all(seen: &Seen) -> Plan {
    let nobody = Judged { allowed: Vec::new(), problems: Vec::new() };
    let mut plan = Plan::default();
    plan.steps.extend(seen.principals.keys().map(|name| Step::RemovePrincipals { name: name.clone() }));
    plan.steps.extend(seen.sudoers.as_ref().map(|_| Step::RemoveSudo));
    plan.steps.extend(suspend(&[], seen, &nobody));
    plan.problems
        .extend(seen.accounts.as_ref().err().map(|why| Problem::new(Code::AccountsRefused, why.clone())));
    plan
}

/// The principals of a file, as sshd reads them: the last word of each line.
fn principals_of(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let uncommented = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    uncommented.filter_map(|line| line.split_whitespace().last()).map(ToOwned::to_owned).collect()
}

fn names(account: &Account, principal: &str) -> bool {
    account.principals.iter().any(|wanted| wanted.as_str() == principal)
}

/// Rules of people who are to have one, in the order of their names.
fn rules(judged: &Judged<'_>, among: Option<&BTreeSet<String>>) -> Vec<Rule> {
    let wanted =
        |account: &&&Account| account.sudo && among.is_none_or(|names| names.contains(account.name.as_str()));
    let accounts = judged.allowed.iter().map(|(account, _)| account).filter(wanted);
    accounts.map(|a| Rule { name: a.name.clone(), uid: a.uid, user: a.user }).collect()
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

/// What gives access. `elsewhere` tells who of the new accounts is known to other name services.
pub(crate) fn grants(
    wanted: &Wanted,
    seen: &Seen,
    judged: &Judged<'_>,
    elsewhere: &BTreeMap<PosixName, Elsewhere>,
    now: Timestamp,
) -> Plan {
    let mut plan = Plan::default();
    match sshd::check_ca_keys(&wanted.user_ca_keys) {
        Ok(bytes) if seen.user_ca.as_ref() != Some(&bytes) => plan.steps.push(Step::WriteCaKeys { bytes }),
        Ok(_) => {}
        Err(error) => plan.problems.push(Problem::caused(Code::CaKeysRefused, &error)),
    }
    let granted: Vec<&(&Account, Standing)> = judged
        .allowed
        .iter()
        .filter(|(account, _)| match elsewhere.get(&account.name) {
            None => true,
            Some(holder) => {
                plan.problems.push(held_elsewhere(account, holder));
                false
            }
        })
        .collect();
    plan.steps.extend(edit_accounts(wanted, seen, &granted));
    make_homes(seen, &granted, &mut plan);
    let granted: Vec<(&Account, Standing)> = granted.into_iter().cloned().collect();
    let granted = Judged { allowed: granted, problems: Vec::new() };
    grant_sudo(wanted, seen, &granted, now, &mut plan);
    grant_principals(wanted, seen, &granted, now, &mut plan);
    plan.steps.extend(sshd_steps(wanted, seen));
    plan
}

fn held_elsewhere(account: &Account, holder: &Elsewhere) -> Problem {
    let Account { name, uid, .. } = account;
    match holder {
        Elsewhere::Name(what) => {
            Problem::new(Code::NameTaken, format!("{name} is withheld: {what} has that name"))
        }
        Elsewhere::Number(who) => {
            Problem::new(Code::UidConflict, format!("{name} is withheld: its uid {uid} belongs to {who}"))
        }
    }
}

fn edit_accounts(wanted: &Wanted, seen: &Seen, granted: &[&(&Account, Standing)]) -> Option<Step> {
    let files = seen.accounts.as_ref().ok()?;
    let mut changes = Changes::default();
    for (account, standing) in granted {
        match standing {
            Standing::Absent => changes.create.push(NewAccount {
                name: account.name.clone(),
                uid: account.uid,
                label: account.label.clone(),
                shell: wanted.abilities.shell.clone(),
            }),
            Standing::Ours { suspended: true } => changes.reactivate.push(account.name.clone()),
            Standing::Ours { suspended: false } | Standing::Foreign(_) => {}
        }
    }
    changes.repair = !View::new(files, &seen.ledger).orphans().is_empty();
    (!changes.is_empty()).then_some(Step::EditAccounts { changes })
}

/// What the ledger must say before the accounts of a batch are made.
pub(crate) fn intentions(
    wanted: &Wanted,
    changes: &Changes,
    ledger: &Ledger,
    now: Timestamp,
) -> Option<Ledger> {
    let mut intended = ledger.clone();
    for new in &changes.create {
        if let Some(account) = wanted.accounts.iter().find(|account| account.name == new.name) {
            intended.intend(&new.name, Entry { uid: new.uid, user: account.user, created_at: now });
        }
    }
    (intended != *ledger).then_some(intended)
}

fn make_homes(seen: &Seen, granted: &[&(&Account, Standing)], plan: &mut Plan) {
    for (account, _) in granted {
        match seen.homes.get(account.name.as_str()) {
            None => plan.steps.push(Step::MakeHome { name: account.name.clone(), uid: account.uid }),
            Some(owner) if *owner != account.uid.value() => plan.problems.push(Problem::new(
                Code::HomeForeign,
                format!("/home/{} belongs to uid {owner}, so it was left alone", account.name),
            )),
            Some(_) => {}
        }
    }
}

fn grant_sudo(wanted: &Wanted, seen: &Seen, granted: &Judged<'_>, now: Timestamp, plan: &mut Plan) {
    let rules = rules(granted, None);
    if rules.is_empty() {
        if seen.sudoers.is_some() {
            plan.steps.push(Step::RemoveSudo);
        }
        return;
    }
    if !wanted.abilities.has_visudo {
        let detail =
            "people shall have sudo here, but sudo is not installed; install it: apt-get install sudo";
        plan.problems.push(Problem::new(Code::SudoMissing, detail));
        return;
    }
    let written = seen.sudoers.as_deref().and_then(lease::of_file);
    let lease = lease::to_write(written, wanted.lease_until, now);
    let render = |lease| sudo::render(&rules, lease, wanted.abilities.sudo_ends);
    if seen.sudoers.as_ref() != Some(&render(lease)) {
        plan.steps
            .push(Step::WriteSudo { bytes: render(lease::to_write(None, wanted.lease_until, now)), rules });
    }
}

fn grant_principals(wanted: &Wanted, seen: &Seen, granted: &Judged<'_>, now: Timestamp, plan: &mut Plan) {
    let mut files = Vec::new();
    for (account, _) in &granted.allowed {
        let present = seen.principals.get(account.name.as_str());
        let lease = lease::to_write(present.and_then(|bytes| lease::of_file(bytes)), wanted.lease_until, now);
        let render = |lease| principals::render(&account.principals, lease, &wanted.abilities.expiry);
        if present.is_some() && present == render(lease).as_ref() {
            continue;
        }
        match render(lease::to_write(None, wanted.lease_until, now)) {
            Some(bytes) => files.push((account.name.clone(), bytes)),
            None => plan.problems.push(Problem::new(
                Code::StepFailed,
                format!(
                    "{} is withheld: date(1) does not tell the end of the lease in local time",
                    account.name
                ),
            )),
        }
    }
    if !files.is_empty() {
        plan.steps.push(Step::WritePrincipals { files });
    }
}

/// What sshd reads at its start comes last: everything that it names is there by then.
fn sshd_steps(wanted: &Wanted, seen: &Seen) -> Vec<Step> {
    let mut steps = Vec::new();
    let certificate = wanted.host_certificate.as_ref().map(|line| line.clone().into_bytes());
    let new_certificate = certificate.filter(|bytes| seen.host_certificate.as_ref() != Some(bytes));
    let certified = wanted.host_certificate.is_some() || seen.host_certificate.is_some();
    let drop_in = sshd::render(certified);
    let reload = new_certificate.is_some();
    if let Some(bytes) = new_certificate {
        steps.push(Step::WriteHostCertificate { bytes });
    }
    if seen.drop_in.as_ref() != Some(&drop_in) {
        steps.push(Step::InstallDropIn { bytes: drop_in });
    } else if reload {
        steps.push(Step::ReloadSshd);
    }
    steps
}
