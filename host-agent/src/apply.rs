//! The hands: carry out steps, one failing without stopping the others, and tell what came of them.

mod accounts;
mod ending;
mod homes;
mod sshd;
mod sudo;

#[cfg(test)]
mod group_tests;
#[cfg(test)]
mod home_tests;
#[cfg(test)]
mod interruptions;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sallyport_domain::{PosixName, UidRange};

use crate::accounts::{Ledger, Standing};
use crate::disk::{self, Disk, DiskError};
use crate::paths::Paths;
use crate::plan::{self, Judged, Plan, Step, Wanted, judge};
use crate::problem::{Code, Problem};
use crate::seen::Seen;
use crate::sshd::FailedTrials;
use crate::state::State;
use crate::tools::{Elsewhere, Tools};

pub(crate) use ending::Ending;

/// What a run came to.
#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an answer of its own, and any of them may go together"
)]
pub(crate) struct Outcome {
    pub(crate) problems: Vec<Problem>,
    /// A step failed or could not be tried: the host is not what the snapshot says, and the run is worth repeating.
    pub(crate) failed: bool,
    /// The same, but for a change of sshd's that failed not long ago and is not worth repeating yet.
    pub(crate) held: bool,
    /// Somebody lost access just now; a login that was half-way through is found by looking again soon.
    pub(crate) look_again: bool,
    /// sudo was asked what it grants.
    pub(crate) sudo_proved: bool,
}

/// Everything that a run needs; `now` is the time for all of it.
pub(crate) struct Hands<'a, T> {
    pub(crate) paths: &'a Paths,
    pub(crate) disk: &'a Disk,
    pub(crate) tools: &'a T,
    pub(crate) state: &'a State,
    pub(crate) failed_trials: &'a FailedTrials,
    pub(crate) now: Timestamp,
    /// Ask sudo what it grants also when no rule changed. Each question is a line in the host's log.
    pub(crate) prove_sudo: bool,
}

type StepResult = Result<(), Problem>;

impl<T: Tools> Hands<'_, T> {
    /// Brings the host in step: first takes away, then gives.
    pub(crate) fn bring_in_step(&self, wanted: &Wanted) -> Outcome {
        self.sweep();
        let mut outcome = Outcome::default();
        outcome.problems.extend(wanted.problems.iter().cloned());
        let seen = self.scan(wanted.uid_ranges());
        let wanted = &wanted.on_this_host(&seen);
        let judged = judge(wanted.accounts(), &seen);
        let removals = plan::removals(wanted, &seen, &judged);
        outcome.look_again = worth_another_look(&removals, &seen);
        self.carry_out(wanted, &seen.ledger, removals, &mut outcome);
        self.take_back_trial(&mut outcome);
        let seen = self.scan(wanted.uid_ranges());
        let judged = judge(wanted.accounts(), &seen);
        outcome.problems.extend(judged.problems.iter().cloned());
        let elsewhere = self.elsewhere(wanted, &seen, &judged);
        let homes = self.homes(&seen, &judged);
        let grants = plan::grants(wanted, &seen, &judged, &elsewhere, &homes, self.now);
        self.forget_settled(&grants);
        self.carry_out(wanted, &seen.ledger, grants, &mut outcome);
        self.prove_sshd(wanted, &mut outcome);
        outcome.sudo_proved |= self.prove_sudo;
        if outcome.sudo_proved {
            self.prove_sudo(&mut outcome);
        }
        self.state.fill_spare(self.disk);
        outcome.failed |= outcome.problems.iter().any(|problem| problem.code.holds_generation_back());
        outcome.problems.sort();
        outcome.problems.dedup();
        outcome
    }

    /// What a run would do, touching nothing.
    pub(crate) fn rehearse(&self, wanted: &Wanted) -> Plan {
        let seen = self.scan(wanted.uid_ranges());
        let wanted = &wanted.on_this_host(&seen);
        let judged = judge(wanted.accounts(), &seen);
        let mut plan = plan::removals(wanted, &seen, &judged);
        let elsewhere = self.elsewhere(wanted, &seen, &judged);
        let homes = self.homes(&seen, &judged);
        let grants = plan::grants(wanted, &seen, &judged, &elsewhere, &homes, self.now);
        for step in grants.steps {
            // Both halves see the same host here, and may both want the same file gone.
            if !plan.steps.contains(&step) {
                plan.steps.push(step);
            }
        }
        plan.problems.extend(grants.problems);
        plan.problems.extend(judged.problems);
        plan.problems.extend(wanted.problems.iter().cloned());
        plan
    }

    fn scan(&self, ranges: &[UidRange]) -> Seen {
        Seen::scan(self.paths, self.state, ranges)
    }

    fn sweep(&self) {
        let directories = [
            self.paths.etc(),
            self.paths.sudoers_directory(),
            self.paths.drop_ins(),
            self.paths.trust(),
            self.paths.principals(),
            self.paths.state(),
        ];
        for directory in directories {
            match disk::sweep(&directory) {
                Ok(0) => {}
                Ok(count) => {
                    tracing::info!(count, directory = %directory.display(), "cleared an interrupted run");
                }
                Err(error) => tracing::warn!("cannot clear: {}", crate::problem::chain(&error)),
            }
        }
    }

    /// Asks other name services about accounts and groups that are to be made, and about no other.
    fn elsewhere(&self, wanted: &Wanted, seen: &Seen, judged: &Judged<'_>) -> BTreeMap<PosixName, Elsewhere> {
        let ledger = &seen.ledger;
        let new = judged.allowed.iter().filter(|(_, standing)| *standing == Standing::Absent);
        let ask = |(account, _): &(&sallyport_protocol::Account, Standing)| {
            let holder = self.tools.user_elsewhere(
                &account.name,
                account.uid.value(),
                ledger.gid_of(account).value(),
            )?;
            Some((account.name.clone(), holder))
        };
        let groups = plan::absent_groups(wanted, seen);
        let ask_group = |group: sallyport_protocol::PosixGroup| {
            let holder = self.tools.group_elsewhere(&group.name, group.gid.value())?;
            Some((group.name, holder))
        };
        new.filter_map(ask).chain(groups.into_iter().filter_map(ask_group)).collect()
    }

    fn carry_out(&self, wanted: &Wanted, ledger: &Ledger, plan: Plan, outcome: &mut Outcome) {
        outcome.problems.extend(plan.problems);
        let mut absent = BTreeSet::new();
        for step in plan.steps {
            if let Some(problem) = self.held(wanted, &step) {
                outcome.held = true;
                outcome.problems.push(problem);
                continue;
            }
            tracing::info!("{step}");
            outcome.sudo_proved |= matches!(step, Step::WriteSudo { .. });
            if let Err(problem) = self.take(wanted, ledger, &step, &mut absent) {
                tracing::warn!("{problem}");
                outcome.failed = true;
                outcome.problems.push(problem);
            }
        }
    }

    /// `absent`: accounts that could not be made, for whom nothing may be granted: the name is free for anybody.
    fn take(
        &self,
        wanted: &Wanted,
        ledger: &Ledger,
        step: &Step,
        absent: &mut BTreeSet<PosixName>,
    ) -> StepResult {
        match step {
            Step::Adopt { accounts } => self.adopt(ledger, accounts, absent),
            Step::Disown { names } => self.disown(ledger, names),
            Step::EditAccounts { changes } => self.edit_accounts(wanted, ledger, changes, absent),
            Step::EndSessions { people } => self.end_sessions(people),
            Step::ForgetMemberships { memberships } => self.forget_memberships(ledger, memberships),
            Step::LeaveGroups { changes } => self.leave_groups(ledger, changes),
            Step::InstallDropIn { bytes } => self.install_drop_in(wanted, bytes),
            Step::MakeHome { name, uid, gid, for_new } => {
                let done = self.make_home(name, *uid, *gid);
                if *for_new && done.is_err() {
                    absent.insert(name.clone());
                }
                done
            }
            Step::NarrowSudo { bytes, .. } => self.narrow_sudo(bytes),
            Step::RemovePrincipals { name } => self.remove_principals(name),
            Step::RemoveSudo => self.remove_sudo(),
            Step::RenewHostCertificate { bytes } => self.renew_host_certificate(bytes),
            Step::Suspend { names } => self.suspend(ledger, names),
            Step::WriteCaKeys { bytes } => self.write_trust(&self.paths.user_ca(), bytes),
            Step::WriteHostCertificate { bytes } => self.write_trust(&self.paths.host_certificate(), bytes),
            Step::WriteKrl { bytes } => {
                self.with_spare(|| self.write_trust_file(&self.paths.krl(), bytes)).map_err(failed)
            }
            Step::WritePrincipals { files } => self.write_principals(files, absent),
            Step::WriteSudo { bytes, rules } => self.write_sudo(bytes, rules, absent),
        }
    }

    /// On a full disk once more with the spare space given back.
    fn with_spare(&self, write: impl Fn() -> Result<(), DiskError>) -> Result<(), DiskError> {
        match write() {
            Err(error) if error.is_disk_full() && self.state.release_spare() => write(),
            result => result,
        }
    }
}

/// Whether somebody just lost access. Who cannot be expired has only the principals to lose.
fn worth_another_look(removals: &Plan, seen: &Seen) -> bool {
    removals.steps.iter().any(|step| match step {
        Step::EndSessions { .. } => true,
        Step::LeaveGroups { changes } => !changes.part.is_empty(),
        Step::RemovePrincipals { .. } => seen.accounts.is_err(),
        _ => false,
    })
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err calls")]
fn failed(error: DiskError) -> Problem {
    Problem::caused(Code::StepFailed, &error)
}
