//! The ssh-agent: what we add, find and take away. Only four of its messages are needed.

mod wire;

use std::env;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ssh_key::private::Ed25519Keypair;

use crate::certificate::Certificate;
use crate::failure::{Failure, chain};

/// Some agents ask the person before they add a key.
const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Debug, thiserror::Error)]
pub(crate) enum AgentError {
    #[error("no ssh-agent answers at {} (SSH_AUTH_SOCK)", path.display())]
    Gone { path: PathBuf, source: io::Error },
    #[error("no ssh-agent is running for this terminal: SSH_AUTH_SOCK is not set")]
    Missing,
    #[error("the agent at {} did not keep the certificate", path.display())]
    NotKept { path: PathBuf },
    #[error("the agent at {} refused to {what}", path.display())]
    Refused { path: PathBuf, what: &'static str },
    #[error("the agent at {} gave an answer that is none", path.display())]
    Senseless { path: PathBuf },
    #[error("the talk with the agent at {} broke off", path.display())]
    Talk { path: PathBuf, source: io::Error },
}

impl From<AgentError> for Failure {
    fn from(error: AgentError) -> Self {
        let run = match &error {
            AgentError::Gone { .. } | AgentError::Missing => {
                "eval \"$(ssh-agent)\", then the same again; or, without an agent: \
                 sallyport login --no-agent --out ~/.ssh/id_sallyport"
            }
            AgentError::NotKept { .. } | AgentError::Refused { .. } => {
                "ssh-add -l, to see which agent this is; OpenSSH's own is started by eval \"$(ssh-agent)\". \
                 Without an agent: sallyport login --no-agent --out ~/.ssh/id_sallyport"
            }
            AgentError::Senseless { .. } | AgentError::Talk { .. } => {
                "ssh-add -l, to see whether the agent works; a new one is started by eval \"$(ssh-agent)\""
            }
        };
        Self::new(chain(&error), run)
    }
}

/// A connection to the agent that `SSH_AUTH_SOCK` names.
#[derive(Debug)]
pub(crate) struct Agent {
    path: PathBuf,
    stream: UnixStream,
}

impl Agent {
    pub(crate) fn from_environment() -> Result<Self, AgentError> {
        let path = env::var_os("SSH_AUTH_SOCK").filter(|path| !path.is_empty()).ok_or(AgentError::Missing)?;
        Self::connect(Path::new(&path))
    }

    pub(crate) fn connect(path: &Path) -> Result<Self, AgentError> {
        let path = path.to_owned();
        let connect = || {
            let stream = UnixStream::connect(&path)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            Ok(stream)
        };
        match connect() {
            Ok(stream) => Ok(Self { path, stream }),
            Err(source) => Err(AgentError::Gone { path, source }),
        }
    }

    /// Every certificate in the agent that can be read; plain keys are not our business.
    pub(crate) fn certificates(&mut self) -> Result<Vec<Certificate>, AgentError> {
        let answer = self.ask(&wire::request_identities())?;
        let blobs = wire::identities(&answer).ok_or_else(|| self.senseless())?;
        Ok(blobs.iter().filter_map(|blob| Certificate::from_blob(blob).ok()).collect())
    }

    /// Adds key and certificate as one identity, until `lifetime` seconds from now, and looks whether it is there.
    pub(crate) fn add(
        &mut self,
        certificate: &Certificate,
        key: &Ed25519Keypair,
        comment: &str,
        lifetime: u32,
    ) -> Result<(), AgentError> {
        let request =
            wire::add_certificate(certificate, key, comment, lifetime).ok_or_else(|| self.senseless())?;
        self.command(&request, "take the certificate")?;
        let kept = self.certificates()?.iter().any(|held| held.blob == certificate.blob);
        if kept { Ok(()) } else { Err(AgentError::NotKept { path: self.path.clone() }) }
    }

    pub(crate) fn remove(&mut self, certificate: &Certificate) -> Result<(), AgentError> {
        let request = wire::remove(&certificate.blob).ok_or_else(|| self.senseless())?;
        self.command(&request, "give the certificate up")
    }

    fn command(&mut self, request: &[u8], what: &'static str) -> Result<(), AgentError> {
        match wire::outcome(&self.ask(request)?) {
            Some(true) => Ok(()),
            Some(false) => Err(AgentError::Refused { path: self.path.clone(), what }),
            None => Err(self.senseless()),
        }
    }

    fn ask(&mut self, request: &[u8]) -> Result<Vec<u8>, AgentError> {
        let answer = self.stream.write_all(request).and_then(|()| wire::read_message(&mut self.stream));
        answer.map_err(|source| AgentError::Talk { path: self.path.clone(), source })
    }

    fn senseless(&self) -> AgentError {
        AgentError::Senseless { path: self.path.clone() }
    }
}

#[cfg(test)]
mod tests;
