//! The hands: carry out steps, one failing without stopping the others, and tell what came of them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sallyport_domain::{PosixName, Uid};

use crate::accounts::{self, Changes, HomeError, Ledger, Standing, View, make_home};
use crate::disk::{self, Access, Disk, DiskError};
use crate::paths::Paths;
use crate::plan::{self, Abilities, Judged, Person, Plan, Step, Wanted, judge};
use crate::problem::{Code, Problem};
use crate::seen::Seen;
use crate::sshd::{self, SshdError};
use crate::state::State;
use crate::sudo::{self, Rule, SudoError, SudoOutcome};
use crate::tools::{Elsewhere, Tools};

#[cfg(test)]
mod tests;

/// How many accounts are asked about by effect after each run: enough to find what shadows our file.
const SUDO_SAMPLES: usize = 3;

/// What a run came to.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) problems: Vec<Problem>,
    /// A step failed or could not be tried: the host is not what the snapshot says, and the run is worth repeating.
    pub(crate) failed: bool,
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
        let seen = self.scan();
        let judged = judge(wanted.accounts(), &seen);
        let removals = plan::removals(wanted, &seen, &judged);
        outcome.look_again = worth_another_look(&removals, &seen);
        self.carry_out(wanted, &seen.ledger, removals, &mut outcome);
        let seen = self.scan();
        let judged = judge(wanted.accounts(), &seen);
        outcome.problems.extend(judged.problems.iter().cloned());
        let grants = plan::grants(wanted, &seen, &judged, &self.elsewhere(&judged), self.now);
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

    /// Takes everybody's access away where the lease that our own files carry is over: what remains when the CA's
    /// last word is lost. `had_access` tells whether anybody could have access without such a file.
    pub(crate) fn end_written_lease(&self, abilities: Abilities, had_access: bool) -> Outcome {
        let seen = self.scan();
        let written = seen.written_lease();
        if written.map_or(!had_access, |until| self.now < until) {
            return Outcome::default();
        }
        self.sweep();
        let wanted = Wanted::nobody(written, abilities);
        let removals = plan::removals_of_all(&seen);
        let mut outcome = Outcome { problems: wanted.problems.clone(), ..Outcome::default() };
        outcome.look_again = worth_another_look(&removals, &seen);
        self.carry_out(&wanted, &seen.ledger, removals, &mut outcome);
        outcome.failed |= outcome.problems.iter().any(|problem| problem.code.holds_generation_back());
        outcome
    }

    /// What a run would do, touching nothing.
    pub(crate) fn rehearse(&self, wanted: &Wanted) -> Plan {
        let seen = self.scan();
        let judged = judge(wanted.accounts(), &seen);
        let mut plan = plan::removals(wanted, &seen, &judged);
        let grants = plan::grants(wanted, &seen, &judged, &self.elsewhere(&judged), self.now);
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

    fn scan(&self) -> Seen {
        Seen::scan(self.paths, self.state.ledger().map_err(|error| crate::problem::chain(&error)))
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

    /// Asks other name services about accounts that are to be made, and about no other.
    fn elsewhere(&self, judged: &Judged<'_>) -> BTreeMap<PosixName, Elsewhere> {
        let new = judged.allowed.iter().filter(|(_, standing)| *standing == Standing::Absent);
        let ask = |(account, _): &(&sallyport_protocol::Account, Standing)| {
            let holder = self.tools.user_elsewhere(&account.name, account.uid.value())?;
            Some((account.name.clone(), holder))
        };
        new.filter_map(ask).collect()
    }

    fn carry_out(&self, wanted: &Wanted, ledger: &Ledger, plan: Plan, outcome: &mut Outcome) {
        outcome.problems.extend(plan.problems);
        let mut absent = BTreeSet::new();
        for step in plan.steps {
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
            Step::EditAccounts { changes } => self.edit_accounts(wanted, ledger, changes, absent),
            Step::EndSessions { people } => self.end_sessions(people),
            Step::InstallDropIn { bytes } => self.install_drop_in(wanted, bytes),
            Step::MakeHome { name, .. } if absent.contains(name) => Ok(()),
            Step::MakeHome { name, uid } => self.make_home(name, *uid),
            Step::NarrowSudo { bytes, .. } => self.narrow_sudo(bytes),
            Step::ReloadSshd => self.reload(),
            Step::RemovePrincipals { name } => self.remove_principals(name),
            Step::RemoveSudo => self.remove_sudo(),
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

    fn remove_principals(&self, name: &str) -> StepResult {
        let path = self.paths.principals_of(name);
        disk::remove(&path).and_then(|()| self.disk.sync_directory(&path)).map_err(failed)
    }

    fn remove_sudo(&self) -> StepResult {
        let path = self.paths.sudoers();
        disk::remove(&path).and_then(|()| self.disk.sync_directory(&path)).map_err(failed)
    }

    /// Takes the whole file away when it cannot be made smaller: who keeps sudo gets it back with the next good run.
    fn narrow_sudo(&self, bytes: &[u8]) -> StepResult {
        let narrowed = match sudo::install(self.paths, self.disk, self.tools, bytes) {
            Err(SudoError::Disk(error)) if error.is_disk_full() && self.state.release_spare() => {
                sudo::install(self.paths, self.disk, self.tools, bytes)
            }
            result => result,
        };
        let Err(error) = narrowed else { return Ok(()) };
        self.remove_sudo()?;
        let why = crate::problem::chain(&error);
        Err(Problem::new(Code::SudoRefused, format!("{why}; all sudo rules were taken away, so that one is")))
    }

    fn suspend(&self, ledger: &Ledger, names: &[PosixName]) -> StepResult {
        let changes = Changes { suspend: names.to_vec(), ..Changes::default() };
        let edit = || accounts::apply(self.paths, self.disk, ledger, &changes, self.now, |_| false);
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

    fn end_sessions(&self, people: &[Person]) -> StepResult {
        let mut left = Vec::new();
        for Person { name, uid } in people {
            if let Err(error) = self.tools.end_sessions(name, uid.value()) {
                left.push(format!("{name}: {error}"));
            }
        }
        if left.is_empty() { Ok(()) } else { Err(Problem::new(Code::SessionsLeft, left.join("; "))) }
    }

    fn edit_accounts(
        &self,
        wanted: &Wanted,
        ledger: &Ledger,
        changes: &Changes,
        absent: &mut BTreeSet<PosixName>,
    ) -> StepResult {
        let created = || changes.create.iter().map(|account| account.name.clone());
        let intended = plan::intentions(wanted, changes, ledger, self.now);
        if let Some(intended) = &intended
            && let Err(error) = self.state.save_ledger(self.disk, intended)
        {
            absent.extend(created());
            return Err(Problem::caused(Code::StepFailed, &error));
        }
        let ledger = intended.as_ref().unwrap_or(ledger);
        let free = |gid| self.tools.gid_is_free(gid);
        let result = accounts::apply(self.paths, self.disk, ledger, changes, self.now, free);
        self.tools.accounts_changed();
        match result {
            Ok(withheld) if withheld.is_empty() => Ok(()),
            Ok(withheld) => {
                let detail: Vec<String> =
                    withheld.iter().map(|(name, why)| format!("{name} is withheld: {why}")).collect();
                absent.extend(withheld.into_iter().map(|(name, _)| name));
                Err(Problem::new(Code::NameTaken, detail.join("; ")))
            }
            Err(error) => {
                absent.extend(created());
                Err(Problem::caused(Code::AccountsRefused, &error))
            }
        }
    }

    fn make_home(&self, name: &PosixName, uid: Uid) -> StepResult {
        make_home(self.paths, name, uid.value()).map_err(|error| {
            let code =
                if matches!(error, HomeError::Io { .. }) { Code::StepFailed } else { Code::HomeForeign };
            Problem::caused(code, &error)
        })
    }

    fn write_trust_file(&self, path: &std::path::Path, bytes: &[u8]) -> Result<(), DiskError> {
        disk::directory(&self.paths.trust(), 0o755)?;
        self.disk.replace(path, bytes, Access::Mode(0o644))
    }

    fn write_trust(&self, path: &std::path::Path, bytes: &[u8]) -> StepResult {
        self.write_trust_file(path, bytes).map_err(failed)
    }

    /// Readable by all, because sshd reads them as the user; the directory belongs to root.
    fn write_principals(&self, files: &[(PosixName, Vec<u8>)], absent: &BTreeSet<PosixName>) -> StepResult {
        disk::directory(&self.paths.trust(), 0o755).map_err(failed)?;
        disk::directory(&self.paths.principals(), 0o755).map_err(failed)?;
        let mut first = Ok(());
        for (name, bytes) in files.iter().filter(|(name, _)| !absent.contains(name)) {
            let path = self.paths.principals_of(name.as_str());
            first = first.and(self.disk.replace_unsynced(&path, bytes, Access::Mode(0o644)));
        }
        first.and(self.disk.sync_directory(&self.paths.principals_of("any"))).map_err(failed)
    }

    fn write_sudo(&self, bytes: &[u8], rules: &[Rule], absent: &BTreeSet<PosixName>) -> StepResult {
        // A rule for a name that has no account would be for whoever takes the name.
        if rules.iter().all(|rule| absent.contains(&rule.name)) {
            return Ok(());
        }
        let bytes = &sudo::without(bytes, absent);
        match sudo::install(self.paths, self.disk, self.tools, bytes) {
            Ok(SudoOutcome::Checked) => Ok(()),
            Ok(SudoOutcome::RestIsBroken(why)) => {
                tracing::warn!("the rest of sudo's configuration is broken: {why}; see: visudo -c");
                Ok(())
            }
            Err(error) => Err(Problem::caused(Code::SudoRefused, &error)),
        }
    }

    fn install_drop_in(&self, wanted: &Wanted, bytes: &[u8]) -> StepResult {
        for named in [self.paths.user_ca(), self.paths.krl()] {
            if !named.exists() {
                let detail = format!("{} is not there, and without it nobody could log in", named.display());
                return Err(Problem::new(Code::SshdRefused, detail));
            }
        }
        let managed = self.managed_account(wanted);
        sshd::install(self.paths, self.disk, self.tools, bytes, managed.as_deref()).map_err(|error| {
            let code = match error {
                SshdError::Conflict(_) => Code::SshdConflict,
                SshdError::Shadowed(_) => Code::ShadowedBy,
                _ => Code::SshdRefused,
            };
            Problem::caused(code, &error)
        })
    }

    fn reload(&self) -> StepResult {
        let refused = |why| Problem::new(Code::SshdRefused, why);
        self.tools.check_sshd(None).and_then(|()| self.tools.reload_sshd()).map_err(refused)
    }

    /// An account of ours that is there, to ask sshd about.
    fn managed_account(&self, wanted: &Wanted) -> Option<String> {
        let files = accounts::AccountFiles::read(self.paths).ok()?;
        let ledger = self.state.ledger().ok()?;
        let view = View::new(&files, &ledger);
        let ours = |name: &&PosixName| matches!(view.standing(name), Standing::Ours { .. });
        wanted.accounts().iter().map(|account| &account.name).find(ours).map(ToString::to_string)
    }

    /// Looks at the effect, since other files can beat ours without any error.
    fn prove_sshd(&self, wanted: &Wanted, outcome: &mut Outcome) {
        if !self.paths.drop_in().exists() {
            return;
        }
        let managed = self.managed_account(wanted);
        let root = self.tools.effective_sshd("root");
        let of_managed = managed.as_deref().map(|user| self.tools.effective_sshd(user)).transpose();
        match root.and_then(|root| of_managed.map(|managed| sshd::shadows(&root, managed.as_deref(), None))) {
            Ok(shadows) if shadows.is_empty() => {}
            Ok(shadows) => outcome.problems.push(Problem::new(Code::ShadowedBy, shadows.join(", "))),
            Err(why) => outcome.problems.push(Problem::new(Code::SshdRefused, why)),
        }
    }

    fn prove_sudo(&self, outcome: &mut Outcome) {
        let Ok(Some(sudoers)) = disk::read(&self.paths.sudoers(), u64::from(u32::MAX)) else { return };
        if !sudo::wired(self.paths) {
            let detail =
                "/etc/sudoers does not include /etc/sudoers.d; add the line: @includedir /etc/sudoers.d";
            outcome.problems.push(Problem::new(Code::SudoNotWired, detail));
            return;
        }
        for name in sudo::names_in(&sudoers).into_iter().take(SUDO_SAMPLES) {
            let Ok(name) = name.parse() else { continue };
            if !self.tools.sudo_grants_all(&name) {
                let detail = format!("sudo does not grant {name} what our rule says; see: sudo -l -U {name}");
                outcome.problems.push(Problem::new(Code::SudoShadowed, detail));
            }
        }
    }
}

/// Whether somebody just lost access. Who cannot be expired has only the principals to lose.
fn worth_another_look(removals: &Plan, seen: &Seen) -> bool {
    removals.steps.iter().any(|step| match step {
        Step::EndSessions { .. } => true,
        Step::RemovePrincipals { .. } => seen.accounts.is_err(),
        _ => false,
    })
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err calls")]
fn failed(error: DiskError) -> Problem {
    Problem::caused(Code::StepFailed, &error)
}
