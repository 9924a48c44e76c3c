//! Hands on sudo.

use std::collections::BTreeSet;

use sallyport_domain::PosixName;

use super::{Hands, Outcome, StepResult, failed};
use crate::disk;
use crate::problem::{Code, Problem};
use crate::sudo::{self, Rule, SudoError, SudoOutcome};
use crate::tools::Tools;

/// How many accounts are asked about by effect after each run: enough to find what shadows our file.
const SUDO_SAMPLES: usize = 3;

impl<T: Tools> Hands<'_, T> {
    pub(super) fn remove_sudo(&self) -> StepResult {
        let path = self.paths.sudoers();
        disk::remove(&path).and_then(|()| self.disk.sync_directory(&path)).map_err(failed)
    }

    /// Takes the whole file away when it cannot be made smaller: who keeps sudo gets it back with the next good run.
    pub(super) fn narrow_sudo(&self, bytes: &[u8]) -> StepResult {
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

    pub(super) fn write_sudo(
        &self,
        bytes: &[u8],
        rules: &[Rule],
        absent: &BTreeSet<PosixName>,
    ) -> StepResult {
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

    pub(super) fn prove_sudo(&self, outcome: &mut Outcome) {
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
