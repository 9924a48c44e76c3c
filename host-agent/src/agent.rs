mod certificate;
mod lapse;
mod step;
mod words;

#[cfg(test)]
mod tests;

use std::sync::Mutex;
use std::time::Instant;

use jiff::Timestamp;
use sallyport_client::{Ca, ClientError};
use sallyport_domain::Generation;

use crate::config::{Config, ConfigError};
use crate::disk::{Disk, DiskError};
use crate::host_key::HostKeyError;
use crate::lock::AgentLockError;
use crate::paths::Paths;
use crate::receive::Refusal;
use crate::sshd::FailedTrials;
use crate::state::{Enrolment, State, StateError, Words};
use crate::tools::RealTools;

pub(crate) use step::StepDone;

/// The agent on its host: everything but the network.
pub(crate) struct Agent {
    pub(crate) paths: Paths,
    pub(crate) disk: Disk,
    pub(crate) tools: RealTools,
    pub(crate) state: State,
    /// Words of the CA that hold and that a full disk did not take: they count all the same.
    unsaved: Mutex<Words>,
    /// What sshd did not take.
    failed_trials: FailedTrials,
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

impl AgentError {
    /// Whether there is no CA to be in step with: never was, or `leave` was said.
    pub(crate) fn is_not_enrolled(&self) -> bool {
        matches!(self, Self::Config(ConfigError::Missing(_)) | Self::State(StateError::NotEnrolled))
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
            failed_trials: FailedTrials::default(),
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
}
