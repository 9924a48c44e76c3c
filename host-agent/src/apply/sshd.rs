//! Hands on what sshd reads.

use std::collections::BTreeSet;
use std::path::Path;

use sallyport_domain::PosixName;

use super::{Hands, Outcome, StepResult, failed};
use crate::accounts::{self, Standing, View};
use crate::disk::{self, Access, DiskError};
use crate::plan::{Plan, Step, Wanted};
use crate::problem::{Code, Problem};
use crate::sshd::{self, Inputs, Place, Site, SshdError, TAKEN_BACK};
use crate::tools::Tools;

impl<T: Tools> Hands<'_, T> {
    pub(super) fn remove_principals(&self, name: &str) -> StepResult {
        let path = self.paths.principals_of(name);
        disk::remove(&path).and_then(|()| self.disk.sync_directory(&path)).map_err(failed)
    }

    pub(super) fn write_trust_file(&self, path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
        disk::directory(&self.paths.trust(), 0o755)?;
        self.disk.replace(path, bytes, Access::Mode(0o644))
    }

    pub(super) fn write_trust(&self, path: &Path, bytes: &[u8]) -> StepResult {
        self.write_trust_file(path, bytes).map_err(failed)
    }

    /// Readable by all, because sshd reads them as the user; the directory belongs to root.
    pub(super) fn write_principals(
        &self,
        files: &[(PosixName, Vec<u8>)],
        absent: &BTreeSet<PosixName>,
    ) -> StepResult {
        disk::directory(&self.paths.trust(), 0o755).map_err(failed)?;
        disk::directory(&self.paths.principals(), 0o755).map_err(failed)?;
        let mut first = Ok(());
        for (name, bytes) in files.iter().filter(|(name, _)| !absent.contains(name)) {
            let path = self.paths.principals_of(name.as_str());
            first = first.and(self.disk.replace_unsynced(&path, bytes, Access::Mode(0o644)));
        }
        first.and(self.disk.sync_directory(&self.paths.principals_of("any"))).map_err(failed)
    }

    pub(super) fn install_drop_in(&self, wanted: &Wanted, bytes: &[u8]) -> StepResult {
        for named in [self.paths.user_ca(), self.paths.krl()] {
            if !named.exists() {
                let detail = format!("{} is not there, and without it nobody could log in", named.display());
                return Err(Problem::new(Code::SshdRefused, detail));
            }
        }
        let managed = self.managed_account(wanted);
        let inputs = Inputs::read(self.paths, bytes, managed.clone());
        let done = sshd::install(&self.site(), bytes, managed.as_deref());
        self.tried(Place::DropIn, inputs, done)
    }

    pub(super) fn renew_host_certificate(&self, bytes: &[u8]) -> StepResult {
        let inputs = Inputs::read(self.paths, bytes, None);
        let done = sshd::renew(&self.site(), bytes);
        self.tried(Place::HostCertificate, inputs, done)
    }

    fn tried(&self, place: Place, inputs: Inputs, done: Result<(), SshdError>) -> StepResult {
        let Err(error) = done else {
            self.failed_trials.forget(place);
            return Ok(());
        };
        let problem = sshd_problem(&error);
        // The others left sshd alone, or are about to be repaired: those cost nothing.
        let was_tried =
            matches!(error, SshdError::NotShown(_) | SshdError::Refused(_) | SshdError::Shadowed(_));
        Err(if was_tried { self.failed_trials.failed(place, inputs, problem, self.now) } else { problem })
    }

    /// What nobody wants to change any more needs no memory of how that went.
    pub(super) fn forget_settled(&self, plan: &Plan) {
        let wants = |wanted: fn(&Step) -> bool| plan.steps.iter().any(wanted);
        if !wants(|step| matches!(step, Step::InstallDropIn { .. })) {
            self.failed_trials.forget(Place::DropIn);
        }
        if !wants(|step| matches!(step, Step::RenewHostCertificate { .. })) {
            self.failed_trials.forget(Place::HostCertificate);
        }
    }

    /// What is wrong, when a step is a trial that failed not long ago.
    pub(super) fn held(&self, wanted: &Wanted, step: &Step) -> Option<Problem> {
        let (place, inputs) = match step {
            Step::InstallDropIn { bytes } => {
                (Place::DropIn, Inputs::read(self.paths, bytes, self.managed_account(wanted)))
            }
            Step::RenewHostCertificate { bytes } => {
                (Place::HostCertificate, Inputs::read(self.paths, bytes, None))
            }
            _ => return None,
        };
        self.failed_trials.held(place, &inputs, self.now)
    }

    /// Ends a trial of sshd's files that somebody began and did not live to end.
    pub(crate) fn take_back_trial(&self, outcome: &mut Outcome) {
        match sshd::take_back(&self.site()) {
            Ok(false) => {}
            Ok(true) => tracing::warn!("{TAKEN_BACK}"),
            Err(error) => {
                outcome.failed = true;
                outcome.problems.push(sshd_problem(&error));
            }
        }
    }

    fn site(&self) -> Site<'_, T> {
        let Self { paths, disk, tools, state, .. } = self;
        Site { paths, disk, tools, state }
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
    pub(super) fn prove_sshd(&self, wanted: &Wanted, outcome: &mut Outcome) {
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
}

fn sshd_problem(error: &SshdError) -> Problem {
    let code = match error {
        SshdError::Conflict(_) => Code::SshdConflict,
        SshdError::NotShown(_) => Code::CertificateNotShown,
        SshdError::Shadowed(_) => Code::ShadowedBy,
        _ => Code::SshdRefused,
    };
    Problem::caused(code, error)
}
