#[cfg(test)]
mod tests;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use sallyport_client::{Ca, ClientError};
use sallyport_domain::Generation;
use sallyport_protocol::{HostCertificateRequest, Report, ReportProblem, SnapshotReply};

use crate::apply::{Hands, Outcome};
use crate::config::{Config, ConfigError};
use crate::disk::{Disk, DiskError};
use crate::host_key::{HostKey, HostKeyError};
use crate::lock::{AgentLock, AgentLockError};
use crate::paths::Paths;
use crate::plan::{Abilities, Plan, Wanted};
use crate::problem::{Code, Problem};
use crate::receive::{Expected, Refusal, Word, judge_reply};
use crate::sshd::{check_host_certificate, read_host_certificate};
use crate::state::{Accepted, Applied, Enrolment, State, StateError, Words};
use crate::tools::{RealTools, Tools};

/// Others can shadow our sudo rules at any time; finding it out within this is soon enough for the log's sake.
const SUDO_PROOF_EVERY: Duration = Duration::from_mins(10);

/// The agent on its host: everything but the network.
pub(crate) struct Agent {
    pub(crate) paths: Paths,
    pub(crate) disk: Disk,
    pub(crate) tools: RealTools,
    pub(crate) state: State,
    /// Words of the CA that hold and that a full disk did not take: they count all the same.
    unsaved: Mutex<Words>,
    /// When sudo was last asked what it grants.
    sudo_proof: Mutex<Option<Instant>>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum AgentError {
    #[error("the CA cannot be talked to")]
    Client(#[source] Box<ClientError>),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error(transparent)]
    HostKey(#[from] HostKeyError),
    #[error(transparent)]
    Lock(#[from] AgentLockError),
    #[error("the machine key is gone; run: sallyport-host leave, and enroll again")]
    NoMachineKey,
    #[error(
        "/etc/sallyport-host.toml names another CA than the one this host is enrolled with; run: sallyport-host leave, and enroll again"
    )]
    OtherCa,
    #[error("a step ended in a fault of this program")]
    Panicked,
    #[error("the answer was not taken")]
    Refused(#[from] Refusal),
    #[error(transparent)]
    State(#[from] StateError),
}

/// Where the host stands with its CA.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position {
    /// The generation to ask after.
    pub(crate) accepted: Generation,
    pub(crate) lease_until: Option<Timestamp>,
}

/// What a step came to.
#[derive(Debug, Default)]
pub(crate) struct StepDone {
    pub(crate) applied: Applied,
    pub(crate) lease_until: Option<Timestamp>,
    pub(crate) failed: bool,
    pub(crate) look_again: bool,
}

impl AgentError {
    /// Whether there is no CA to be in step with: never was, or `leave` was said.
    pub(crate) fn is_not_enrolled(&self) -> bool {
        matches!(self, Self::Config(ConfigError::Missing(_)) | Self::State(StateError::NotEnrolled))
    }
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
        }
    }
}

impl Agent {
    pub(crate) fn new(paths: Paths) -> Self {
        let (tools, state) = (RealTools::new(paths.clone()), State::new(&paths));
        Self {
            paths,
            disk: Disk::new(),
            tools,
            state,
            unsaved: Mutex::default(),
            sudo_proof: Mutex::default(),
        }
    }

    /// The enrolment, with the address that the configuration says now.
    pub(crate) fn enrolment(&self) -> Result<Enrolment, AgentError> {
        let config = Config::read(&self.paths)?;
        let enrolment = self.state.enrolment()?;
        if config.ca_fingerprint != enrolment.ca.fingerprint() {
            return Err(AgentError::OtherCa);
        }
        let roots = enrolment.ca.tls_roots().to_vec();
        Ok(Enrolment { ca: Ca::new(config.ca, config.ca_fingerprint, roots), ..enrolment })
    }

    pub(crate) fn machine_key(&self) -> Result<ssh_key::PrivateKey, AgentError> {
        self.state.machine_key()?.ok_or(AgentError::NoMachineKey)
    }

    pub(crate) fn position(&self, enrolment: &Enrolment) -> Position {
        match self.accepted(enrolment) {
            Ok(Some(accepted)) => {
                Position { accepted: accepted.generation, lease_until: Some(accepted.lease_until) }
            }
            Ok(None) | Err(_) => Position { accepted: Generation::ZERO, lease_until: None },
        }
    }

    /// Judges an answer of the CA and keeps it when it holds.
    pub(crate) fn receive(
        &self,
        enrolment: &Enrolment,
        reply: SnapshotReply,
        asked: Generation,
        nonce: String,
        now: Timestamp,
    ) -> Result<(), AgentError> {
        let _lock = AgentLock::take(&self.paths.lock())?;
        let word = self.judge(enrolment, reply, asked, nonce, now)?;
        match word {
            Word::Lease(lease) => self.unsaved().lease = Some(lease),
            Word::Snapshot(snapshot) => *self.unsaved() = Words { lease: None, snapshot: Some(snapshot) },
        }
        Ok(())
    }

    fn unsaved(&self) -> MutexGuard<'_, Words> {
        self.unsaved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accepted(&self, enrolment: &Enrolment) -> Result<Option<Accepted>, StateError> {
        self.state.accepted(enrolment, &self.unsaved())
    }

    /// Writes down what the CA said. A disk that does not take it holds nothing else back.
    fn save_words(&self) -> Option<Problem> {
        let mut unsaved = self.unsaved();
        if unsaved.is_empty() {
            return None;
        }
        match self.state.save_words(&self.disk, &unsaved) {
            Ok(()) => {
                *unsaved = Words::default();
                None
            }
            Err(error) => Some(Problem::caused(Code::StepFailed, &error)),
        }
    }

    fn judge(
        &self,
        enrolment: &Enrolment,
        reply: SnapshotReply,
        asked: Generation,
        nonce: String,
        now: Timestamp,
    ) -> Result<Word, AgentError> {
        let applied = self.state.applied().unwrap_or_default().generation;
        let floor = applied.max(self.position(enrolment).accepted);
        let trusted = enrolment.ca.fingerprint();
        let expected = Expected { trusted, host: enrolment.host, floor, asked, nonce };
        Ok(judge_reply(reply, &expected, now)?)
    }

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
        let unsaved = self.save_words();
        let mut outcome = match self.accepted(enrolment) {
            Ok(Some(accepted)) => {
                done.lease_until = Some(accepted.lease_until);
                let outcome = self.bring_in_step(enrolment, &accepted, &before, now);
                if !outcome.failed && !enrolment.observe && accepted.lease_until > now {
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
        done.applied.problems = outcome.problems.into_iter().map(ReportProblem::from).collect();
        done.failed = outcome.failed;
        done.look_again = outcome.look_again;
        if done.applied != before {
            // On a full disk the host is in step all the same; the report still says so.
            if let Err(error) = self.state.save_applied(&self.disk, &done.applied) {
                tracing::warn!("cannot note what was applied: {}", crate::problem::chain(&error));
            }
        }
        Ok(done)
    }

    /// The enrolment as it is under the lock: since the caller read it, `leave` may have been said, and what was heard
    /// before does not count any more then, or `enforce`. One that cannot be read now is as it was.
    fn still_enrolled(&self, known: &Enrolment) -> Result<Enrolment, AgentError> {
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

    /// A host that lost the CA's last word still keeps to the lease. Once something was applied, somebody may have
    /// access even where no file of ours is left to tell.
    fn without_word(&self, enrolment: &Enrolment, before: &Applied, now: Timestamp) -> Outcome {
        if enrolment.observe {
            return Outcome::default();
        }
        let had_access = before.generation > Generation::ZERO;
        self.hands(now, false).end_written_lease(self.abilities(), had_access)
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

    /// The content of an answer, judged and not kept; `None` for a lease.
    pub(crate) fn peek(
        &self,
        enrolment: &Enrolment,
        reply: SnapshotReply,
        asked: Generation,
        nonce: String,
        now: Timestamp,
    ) -> Result<Option<Accepted>, AgentError> {
        match self.judge(enrolment, reply, asked, nonce, now)? {
            Word::Lease(_) => Ok(None),
            Word::Snapshot(stored) => Ok(Some(stored.open(enrolment)?)),
        }
    }

    fn hands(&self, now: Timestamp, prove_sudo: bool) -> Hands<'_, RealTools> {
        let Self { paths, disk, tools, state, .. } = self;
        Hands { paths, disk, tools, state, now, prove_sudo }
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

    fn host_key(&self) -> Result<HostKey, AgentError> {
        let configured = Config::read(&self.paths)?.host_key;
        Ok(HostKey::load(&self.paths, configured.as_ref())?)
    }

    fn good_certificate(&self, enrolment: &Enrolment, now: Timestamp) -> Result<Option<String>, Problem> {
        let refused = |error: &dyn std::error::Error| Problem::caused(Code::CertificateRefused, error);
        let Some(line) = self.state.host_certificate().map_err(|error| refused(&error))? else {
            return Ok(None);
        };
        let key = self.host_key().map_err(|error| refused(&error))?;
        let good = check_host_certificate(&line, key.public_key(), &enrolment.host_ca_keys, now);
        good.map(|certificate| Some(certificate.line)).map_err(|error| refused(&error))
    }

    /// The request for a new host certificate, when the one that is here is past half its life or not right.
    pub(crate) fn certificate_request(
        &self,
        enrolment: &Enrolment,
        now: Timestamp,
    ) -> Result<Option<HostCertificateRequest>, AgentError> {
        if let Ok(Some(line)) = self.good_certificate(enrolment, now)
            && read_host_certificate(&line).is_ok_and(|certificate| now < certificate.half_life())
        {
            return Ok(None);
        }
        let proof = self.host_key()?.prove(enrolment.ca.fingerprint(), &self.machine_key()?)?;
        Ok(Some(HostCertificateRequest { host_key: proof.host_key, host_key_signature: proof.signature }))
    }

    /// Keeps a certificate of the CA when it is right for this host.
    pub(crate) fn keep_certificate(
        &self,
        enrolment: &Enrolment,
        line: &str,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let refused = |error: &dyn std::error::Error| Problem::caused(Code::CertificateRefused, error);
        let key = self.host_key().map_err(|error| refused(&error))?;
        let good = check_host_certificate(line, key.public_key(), &enrolment.host_ca_keys, now)
            .map_err(|error| refused(&error))?;
        self.state.save_host_certificate(&self.disk, &good.line).map_err(|error| refused(&error))
    }
}

/// What sudo's last proof found, while it is not asked again.
fn carried(before: &Applied) -> impl Iterator<Item = Problem> {
    let shadowed = before.problems.iter().filter(|problem| problem.code == Code::SudoShadowed.as_str());
    shadowed.map(|problem| Problem::new(Code::SudoShadowed, problem.detail.clone()))
}
