//! One step: what is known is brought about, or only looked at.

use std::sync::{MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use sallyport_domain::UidRange;
use sallyport_protocol::{LocalNames, Report, ReportProblem};

use super::{Agent, AgentError};
use crate::accounts::{AccountFiles, Foreign, foreign, strays};
use crate::apply::{Hands, Outcome};
use crate::lock::AgentLock;
use crate::plan::{Abilities, Plan, Wanted};
use crate::problem::{Code, Problem};
use crate::sshd::{self, Site, SshdError};
use crate::state::{Accepted, Applied, Enrolment, Words};
use crate::tools::{RealTools, Tools};

/// Others can shadow our sudo rules at any time; finding it out within this is soon enough for the log's sake.
const SUDO_PROOF_EVERY: Duration = Duration::from_mins(10);

/// What a step came to.
#[derive(Debug, Default)]
pub(crate) struct StepDone {
    pub(crate) applied: Applied,
    pub(crate) lease_until: Option<Timestamp>,
    pub(crate) failed: bool,
    pub(crate) held: bool,
    pub(crate) look_again: bool,
    /// What is local here and not ours, for the CA's ledger.
    pub(crate) local: Option<LocalNames>,
}

impl StepDone {
    /// A step that did not come to its end.
    pub(crate) fn failed(before: &Applied, problem: Problem) -> Self {
        let applied = Applied { generation: before.generation, problems: vec![problem.into()] };
        Self { applied, failed: true, ..Self::default() }
    }

    pub(crate) fn report(&self) -> Report {
        Report {
            applied: self.applied.generation,
            lease_until: self.lease_until,
            agent: env!("CARGO_PKG_VERSION").to_owned(),
            problems: self.applied.problems.clone(),
            local: self.local.clone(),
        }
        .fitting()
    }
}

impl Agent {
    /// Brings the host in step with the last good word of the CA, or only looks when it is observing.
    pub(crate) fn step(
        &self,
        enrolment: &Enrolment,
        extra: Vec<Problem>,
        now: Timestamp,
    ) -> Result<StepDone, AgentError> {
        let _lock = AgentLock::take(&self.paths.lock())?;
        let enrolment = &self.still_enrolled(enrolment)?;
        let before = self.state.applied().unwrap_or_default();
        let mut done = StepDone { applied: before.clone(), ..StepDone::default() };
        let mut ranges = Vec::new();
        let unsaved = self.save_words();
        let mut outcome = match self.accepted(enrolment) {
            Ok(Some(accepted)) => {
                done.lease_until = Some(accepted.lease_until);
                ranges.clone_from(&accepted.content.uid_ranges);
                let outcome = self.bring_in_step(enrolment, &accepted, &before, now);
                let whole = !outcome.failed && !outcome.held;
                if whole && !enrolment.observe && accepted.lease_until > now {
                    done.applied.generation = accepted.generation;
                }
                outcome
            }
            Ok(None) => self.without_word(enrolment, &before, now),
            // What is damaged grants nothing and takes nothing away before its time; it is asked for anew.
            Err(error) => {
                let mut outcome = self.without_word(enrolment, &before, now);
                outcome.problems.push(Problem::caused(Code::SnapshotRefused, &error));
                outcome
            }
        };
        outcome.problems.extend(unsaved);
        outcome.problems.extend(extra);
        let local = self.local_names(&ranges);
        outcome.problems.extend(local.as_ref().and_then(Foreign::problem));
        done.local = local.map(|local| local.told);
        done.applied.problems = outcome.problems.into_iter().map(ReportProblem::from).collect();
        done.failed = outcome.failed;
        done.held = outcome.held;
        done.look_again = outcome.look_again;
        if done.applied != before {
            // On a full disk the host is in step all the same; the report still says so.
            if let Err(error) = self.state.save_applied(&self.disk, &done.applied) {
                tracing::warn!("cannot note what was applied: {}", crate::problem::chain(&error));
            }
        }
        Ok(done)
    }

    /// Unknown where the account files or the ledger cannot be read: then the CA goes on with what it heard before.
    fn local_names(&self, ranges: &[UidRange]) -> Option<Foreign> {
        let files = AccountFiles::read(&self.paths).ok()?;
        let ledger = self.state.ledger().ok()?;
        // With a ledger that is lost, our own accounts would count as strangers.
        if !strays(&files, &ledger, ranges).is_empty() {
            return None;
        }
        let ranges = if ranges.is_empty() { &[UidRange::DEFAULT] } else { ranges };
        Some(foreign(&files, &ledger, ranges))
    }

    /// The enrolment as it is under the lock: since the caller read it, `leave` may have been said, and what was heard
    /// before does not count any more then, or `enforce`. One that cannot be read now is as it was.
    pub(super) fn still_enrolled(&self, known: &Enrolment) -> Result<Enrolment, AgentError> {
        match self.enrolment() {
            Ok(current) => {
                if current.host != known.host {
                    *self.unsaved() = Words::default();
                }
                Ok(current)
            }
            Err(gone) if gone.is_not_enrolled() => {
                *self.unsaved() = Words::default();
                Err(gone)
            }
            Err(_) => Ok(known.clone()),
        }
    }

    /// Keeps what the CA says of itself now, unless `leave` was said meanwhile.
    pub(crate) fn keep_ca(&self, fresh: &Enrolment) -> Result<Enrolment, AgentError> {
        let _lock = AgentLock::take(&self.paths.lock())?;
        let current = self.still_enrolled(fresh)?;
        if current.host != fresh.host {
            return Ok(current);
        }
        let Enrolment { ca, host_ca_keys, .. } = fresh.clone();
        let kept = Enrolment { ca, host_ca_keys, ..current };
        self.state.save_enrolment(&self.disk, &kept)?;
        Ok(kept)
    }

    /// A host that lost the CA's last word still keeps to the lease.
    fn without_word(&self, enrolment: &Enrolment, before: &Applied, now: Timestamp) -> Outcome {
        if enrolment.observe {
            return Outcome::default();
        }
        let mut outcome = self.hands(now, false).end_written_lease(before.had_access());
        self.hands(now, false).take_back_trial(&mut outcome);
        outcome
    }

    fn bring_in_step(
        &self,
        enrolment: &Enrolment,
        accepted: &Accepted,
        before: &Applied,
        now: Timestamp,
    ) -> Outcome {
        let wanted = self.wanted(enrolment, accepted, now);
        if enrolment.observe {
            let plan = self.hands(now, false).rehearse(&wanted);
            return Outcome { problems: plan.problems, ..Outcome::default() };
        }
        let due = self.sudo_proof_due();
        let mut outcome = self.hands(now, due).bring_in_step(&wanted);
        if outcome.sudo_proved {
            *self.sudo_proof() = Some(Instant::now());
        } else {
            outcome.problems.extend(carried(before));
        }
        outcome
    }

    /// What a step would do with this answer of the CA, or without one, touching nothing.
    pub(crate) fn rehearse(
        &self,
        enrolment: &Enrolment,
        fresh: Option<Accepted>,
        now: Timestamp,
    ) -> Result<Option<Plan>, AgentError> {
        let accepted = match fresh {
            Some(accepted) => Some(accepted),
            None => self.accepted(enrolment)?,
        };
        let Some(accepted) = accepted else { return Ok(None) };
        let wanted = self.wanted(enrolment, &accepted, now);
        Ok(Some(self.hands(now, false).rehearse(&wanted)))
    }

    /// For those who only come to clear up. The caller holds the lock, unless whoever holds it hangs.
    pub(crate) fn take_back_trial(&self) -> Result<bool, SshdError> {
        sshd::take_back(&self.sshd_site())
    }

    pub(crate) fn sshd_site(&self) -> Site<'_, RealTools> {
        let Self { paths, disk, tools, state, .. } = self;
        Site { paths, disk, tools, state }
    }

    pub(super) fn hands(&self, now: Timestamp, prove_sudo: bool) -> Hands<'_, RealTools> {
        let Self { paths, disk, tools, state, failed_trials, .. } = self;
        Hands { paths, disk, tools, state, failed_trials, now, prove_sudo }
    }

    fn sudo_proof(&self) -> MutexGuard<'_, Option<Instant>> {
        self.sudo_proof.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sudo_proof_due(&self) -> bool {
        self.sudo_proof().is_none_or(|at| at.elapsed() > SUDO_PROOF_EVERY)
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            expiry: self.tools.expiry_notation(),
            has_visudo: self.tools.has_visudo(),
            sudo_ends: self.tools.sudo_takes_notafter(),
            shell: self.tools.shell(),
        }
    }

    fn wanted(&self, enrolment: &Enrolment, accepted: &Accepted, now: Timestamp) -> Wanted {
        let (certificate, problem) = match self.good_certificate(enrolment, now) {
            Ok(line) => (line, None),
            Err(problem) => (None, Some(problem)),
        };
        let mut wanted = Wanted::new(accepted, certificate, self.abilities(), now);
        wanted.problems.extend(problem);
        wanted
    }
}

/// What sudo's last proof found, while it is not asked again.
fn carried(before: &Applied) -> impl Iterator<Item = Problem> {
    let shadowed = before.problems.iter().filter(|problem| problem.code == Code::SudoShadowed.as_str());
    shadowed.map(|problem| Problem::new(Code::SudoShadowed, problem.detail.clone()))
}
