//! The second plan: what gives access.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sallyport_domain::PosixName;
use sallyport_protocol::Account;

use super::{Adopted, Judged, Plan, Step, Wanted, groups, rules};
use crate::accounts::{
    Changes, Entry, GroupChanges, GroupView, Ledger, NewAccount, NewGroup, Place, Rename, Standing, View,
};
use crate::lease;
use crate::principals;
use crate::problem::{Code, Problem};
use crate::seen::Seen;
use crate::sshd;
use crate::sudo;
use crate::tools::Elsewhere;

/// What gives access. `elsewhere` tells who of the new accounts is known to other name services, `homes` what was seen
/// of homes.
pub(crate) fn grants(
    wanted: &Wanted,
    seen: &Seen,
    judged: &Judged<'_>,
    elsewhere: &BTreeMap<PosixName, Elsewhere>,
    homes: &BTreeMap<PosixName, Place>,
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
        .filter(|(account, standing)| {
            let holder = elsewhere.get(&account.name).map(|holder| held_elsewhere(account, holder));
            let obstacle = holder.or_else(|| strangers_home(seen, homes, account, standing));
            let is_free = obstacle.is_none();
            plan.problems.extend(obstacle);
            is_free
        })
        .collect();
    let (groups, problems) = groups::join(wanted, seen, &granted, elsewhere);
    plan.problems.extend(problems);
    make_homes(seen, homes, &granted, true, &mut plan);
    plan.steps.extend(edit_accounts(wanted, seen, &granted, groups));
    make_homes(seen, homes, &granted, false, &mut plan);
    let granted: Vec<(&Account, Standing)> = granted.into_iter().cloned().collect();
    plan.steps.extend(note_adopted(seen, &granted));
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
        Elsewhere::Number { number, who } => {
            let kind = if *number == uid.value() { "uid" } else { "gid" };
            let detail = format!("{name} is withheld: its {kind} {number} belongs to {who}");
            Problem::new(Code::UidConflict, detail)
        }
    }
}

/// A new account does not get the home of somebody who had the name before: a login would run that one's files. What
/// is root's was put there by an administrator.
fn strangers_home(
    seen: &Seen,
    homes: &BTreeMap<PosixName, Place>,
    account: &Account,
    standing: &Standing,
) -> Option<Problem> {
    let Account { name, uid, .. } = account;
    let place = homes.get(name).filter(|_| *standing == Standing::Absent)?;
    let Place::Taken { owner, why } = place else { return None };
    let ways_out = match owner {
        Some(owner) => format!(
            "move it away: mv /home/{name} /home/{name}.{owner}; or, if all in it is theirs: chown -R {uid}:{gid} /home/{name}",
            gid = seen.ledger.gid_of(account)
        ),
        None => "mend it, or take away what stands or is mounted there".to_owned(),
    };
    Some(Problem::new(Code::HomeForeign, format!("{name} is withheld: /home/{name} {why}; {ways_out}")))
}

fn edit_accounts(
    wanted: &Wanted,
    seen: &Seen,
    granted: &[&(&Account, Standing)],
    groups: GroupChanges,
) -> Option<Step> {
    let files = seen.accounts.as_ref().ok()?;
    let mut changes = Changes { groups, ..Changes::default() };
    for (account, standing) in granted {
        match standing {
            Standing::Absent => changes.create.push(NewAccount {
                name: account.name.clone(),
                uid: account.uid,
                gid: seen.ledger.gid_of(account),
                label: account.label.clone(),
                shell: wanted.abilities.shell.clone(),
            }),
            Standing::Renamed { from } => {
                changes.rename.push(Rename { from: from.clone(), to: account.name.clone() });
            }
            Standing::Ours { suspended: true } => changes.reactivate.push(account.name.clone()),
            Standing::Adopted | Standing::Ours { suspended: false } | Standing::Foreign(_) => {}
        }
    }
    changes.repair = !View::new(files, &seen.ledger).orphans().is_empty()
        || !GroupView::new(files, &seen.ledger).halves().is_empty();
    (!changes.is_empty()).then_some(Step::EditAccounts { changes })
}

/// What the ledger must say before the accounts and groups of a batch are made.
pub(crate) fn intentions(
    wanted: &Wanted,
    changes: &Changes,
    ledger: &Ledger,
    now: Timestamp,
) -> Option<Ledger> {
    let mut intended = ledger.clone();
    for new in &changes.create {
        if let Some(account) = wanted.accounts.iter().find(|account| account.name == new.name) {
            let gid = Some(new.gid).filter(|gid| *gid != new.uid);
            let entry = Entry { uid: new.uid, gid, user: Some(account.user), created_at: now };
            intended.intend(&new.name, entry);
        }
    }
    for Rename { from, to } in &changes.rename {
        if let Some(entry) = ledger.entry(from) {
            intended.intend(to, Entry { created_at: now, ..*entry });
        }
    }
    for NewGroup { name, gid } in &changes.groups.create {
        intended.intend_group(name, *gid);
    }
    for (group, member) in changes.groups.join.each() {
        intended.memberships_mut().add(group, member);
    }
    (intended != *ledger).then_some(intended)
}

/// Written down before it opens anything: it tells whose sessions to end.
fn note_adopted(seen: &Seen, granted: &[(&Account, Standing)]) -> Option<Step> {
    let adopted = granted.iter().filter(|(_, standing)| *standing == Standing::Adopted);
    let new = adopted.filter(|(account, _)| seen.ledger.adopted_entry(&account.name).is_none());
    let accounts: Vec<Adopted> =
        new.map(|(a, _)| Adopted { name: a.name.clone(), uid: a.uid, user: a.user }).collect();
    (!accounts.is_empty()).then_some(Step::Adopt { accounts })
}

/// Those of new accounts come before the accounts: who cannot have a home that is theirs is not let in.
fn make_homes(
    seen: &Seen,
    homes: &BTreeMap<PosixName, Place>,
    granted: &[&(&Account, Standing)],
    for_new: bool,
    plan: &mut Plan,
) {
    for (account, _) in granted.iter().filter(|(_, standing)| (*standing == Standing::Absent) == for_new) {
        let Account { name, uid, .. } = account;
        let left_alone =
            |why: &str| Problem::new(Code::HomeForeign, format!("/home/{name} {why}, so it was left alone"));
        match homes.get(name) {
            Some(Place::Free) => plan.steps.push(Step::MakeHome {
                name: name.clone(),
                uid: *uid,
                gid: seen.ledger.gid_of(account),
                for_new,
            }),
            Some(Place::Roots) => plan.problems.push(left_alone("belongs to uid 0")),
            Some(Place::Taken { why, .. }) => plan.problems.push(left_alone(why)),
            Some(Place::Theirs) | None => {}
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
    let certificate = wanted.host_certificate.as_ref().map(|line| line.clone().into_bytes());
    let new_certificate = certificate.filter(|bytes| seen.host_certificate.as_ref() != Some(bytes));
    let certified = wanted.host_certificate.is_some() || seen.host_certificate.is_some();
    let drop_in = sshd::render(certified);
    if seen.drop_in.as_ref() == Some(&drop_in) {
        return new_certificate.map(|bytes| Step::RenewHostCertificate { bytes }).into_iter().collect();
    }
    let certificate = new_certificate.map(|bytes| Step::WriteHostCertificate { bytes });
    certificate.into_iter().chain([Step::InstallDropIn { bytes: drop_in }]).collect()
}
