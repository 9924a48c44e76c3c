//! The host's own certificate.

use std::path::PathBuf;

use jiff::Timestamp;
use sallyport_protocol::HostCertificateRequest;

use super::{Agent, AgentError};
use crate::config::Config;
use crate::host_key::{HostKey, served};
use crate::problem::{Code, Problem};
use crate::sshd::{check_host_certificate, read_host_certificate};
use crate::state::Enrolment;
use crate::tools::Tools;

impl Agent {
    /// The key to have certified: the configured one, or one that sshd uses.
    pub(crate) fn key_to_certify(&self, configured: Option<&PathBuf>) -> Result<HostKey, AgentError> {
        // An sshd that cannot say it now uses what it always uses.
        let served =
            self.tools.effective_sshd("root").map(|effective| served(&effective)).unwrap_or_default();
        Ok(HostKey::load(&self.paths, configured, &served)?)
    }

    fn host_key(&self) -> Result<HostKey, AgentError> {
        self.key_to_certify(Config::read(&self.paths)?.host_key.as_ref())
    }

    /// The key that a certificate is for, without asking sshd where the usual files tell.
    fn certified_key(&self, line: &str) -> Result<HostKey, AgentError> {
        match Config::read(&self.paths)?.host_key {
            None => HostKey::of_certificate(&self.paths, line).map_or_else(|| self.key_to_certify(None), Ok),
            configured => Ok(HostKey::load(&self.paths, configured.as_ref(), &[])?),
        }
    }

    pub(super) fn good_certificate(
        &self,
        enrolment: &Enrolment,
        now: Timestamp,
    ) -> Result<Option<String>, Problem> {
        let refused = |error: &dyn std::error::Error| Problem::caused(Code::CertificateRefused, error);
        let Some(line) = self.state.host_certificate().map_err(|error| refused(&error))? else {
            return Ok(None);
        };
        let key = self.certified_key(&line).map_err(|error| refused(&error))?;
        let good = check_host_certificate(&line, key.public_key(), &enrolment.host_ca_keys, now);
        good.map(|certificate| Some(certificate.line)).map_err(|error| refused(&error))
    }

    /// The request for a new host certificate, when the one that is here is past half its life or not right, or for
    /// a key that sshd does not use any more. Asks sshd: not for where others wait.
    pub(crate) fn certificate_request(
        &self,
        enrolment: &Enrolment,
        now: Timestamp,
    ) -> Result<Option<HostCertificateRequest>, AgentError> {
        let key = self.host_key()?;
        if let Ok(Some(line)) = self.good_certificate(enrolment, now)
            && key.is_certified_by(&line)
            && read_host_certificate(&line).is_ok_and(|certificate| now < certificate.half_life())
        {
            return Ok(None);
        }
        let proof = key.prove(enrolment.ca.fingerprint(), &self.machine_key()?)?;
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
        let key = self.certified_key(line).map_err(|error| refused(&error))?;
        let good = check_host_certificate(line, key.public_key(), &enrolment.host_ca_keys, now)
            .map_err(|error| refused(&error))?;
        self.state.save_host_certificate(&self.disk, &good.line).map_err(|error| refused(&error))
    }
}
