//! The host's own certificate.

use jiff::Timestamp;
use sallyport_protocol::HostCertificateRequest;

use super::{Agent, AgentError};
use crate::config::Config;
use crate::host_key::HostKey;
use crate::problem::{Code, Problem};
use crate::sshd::{check_host_certificate, read_host_certificate};
use crate::state::Enrolment;

impl Agent {
    fn host_key(&self) -> Result<HostKey, AgentError> {
        let configured = Config::read(&self.paths)?.host_key;
        Ok(HostKey::load(&self.paths, configured.as_ref())?)
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
