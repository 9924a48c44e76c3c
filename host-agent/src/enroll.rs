use std::ffi::OsStr;

use anyhow::{Context, Result, bail};
use jiff::{SignedDuration, Timestamp};
use rand::rngs::OsRng;
use sallyport_client::{CaUrl, ClientError, HostClient, SystemClock, bootstrap};
use sallyport_domain::{Clock, HostName};
use sallyport_protocol::{Bootstrap, EnrollRequest, Fingerprint};
use ssh_key::{Algorithm, PrivateKey, PublicKey};

use crate::agent::Agent;
use crate::config::Config;
use crate::sshd::{HostCertificate, TrustError, check_host_certificate};
use crate::state::{Enrolment, StateError};
use crate::tools::run;

/// How far this host's clock may be behind a certificate of this minute. The CA dates it back by as much again.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// What the administrator said.
pub(crate) struct Invitation {
    pub(crate) ca: CaUrl,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) token: String,
    pub(crate) names: Vec<HostName>,
    pub(crate) observe: bool,
}

/// Introduces this host to the CA. Nothing of sshd, sudo or the accounts is changed before the first snapshot.
pub(crate) async fn enroll(agent: &Agent, invitation: Invitation) -> Result<Enrolment> {
    match agent.state.enrolment() {
        Err(StateError::NotEnrolled) => {}
        Ok(there) => bail!(
            "this host is enrolled as {} with {}; to start over, run: sallyport-host leave",
            there.name,
            there.ca.url()
        ),
        Err(error) => return Err(error).context("to start over, run: sallyport-host leave"),
    }
    let Invitation { ca, fingerprint, token, names, observe } = invitation;
    let (document, trusted) = bootstrap(&ca, fingerprint).await?;
    let machine_key = machine_key(agent).context("to start over, run: sallyport-host leave")?;
    let host_key = agent.key_to_certify(None)?;
    let proof = host_key.prove(fingerprint, &machine_key)?;
    let request = EnrollRequest {
        token,
        names: if names.is_empty() { vec![own_name()?] } else { names },
        machine_key: machine_key.public_key().to_openssh()?,
        host_key: proof.host_key,
        host_key_signature: proof.signature,
        observe,
    };
    let answer = HostClient::new(&trusted, machine_key)?.enroll(&request).await;
    let reply =
        answer.map_err(|error| if is_known_to_have_failed(&error) { error.into() } else { again(error) })?;
    let now = SystemClock.now();
    let Bootstrap { host_ca_keys, .. } = document;
    let certificate = usable(&reply.certificate, host_key.public_key(), &host_ca_keys, now).map_err(again)?;
    let enrolment = Enrolment {
        ca: trusted,
        host: reply.host,
        name: reply.name,
        tags: reply.tags,
        host_ca_keys,
        observe,
    };
    agent.state.save_host_certificate(&agent.disk, &certificate.line).map_err(again)?;
    Config::write(&agent.paths, &agent.disk, &ca, fingerprint).map_err(again)?;
    // Last: from here on the host counts as enrolled.
    agent.state.save_enrolment(&agent.disk, &enrolment).map_err(again)?;
    Ok(enrolment)
}

/// The CA may count this host as enrolled already. Asked the same by the same machine key, it answers the same.
fn again(error: impl std::error::Error + Send + Sync + 'static) -> anyhow::Error {
    anyhow::Error::new(error).context(
        "this host is not enrolled yet, though the CA may know it already; when what follows is mended, run the same \
         sallyport-host enroll again, with the same token",
    )
}

/// The CA refused: nothing came of the request, and its words name what to do.
fn is_known_to_have_failed(error: &ClientError) -> bool {
    error.problem().is_some() && !error.may_pass()
}

/// The certificate, when it is right for this host. A clock that is a little behind catches up: until then the agent
/// reports it and shows sshd no certificate.
fn usable(
    line: &str,
    host_key: &PublicKey,
    host_ca_keys: &[String],
    now: Timestamp,
) -> Result<HostCertificate, TrustError> {
    match check_host_certificate(line, host_key, host_ca_keys, now) {
        Err(TrustError::ClockBehind { from, .. }) if from.duration_since(now) <= CLOCK_TOLERANCE => {
            check_host_certificate(line, host_key, host_ca_keys, from)
        }
        judged => judged,
    }
}

/// Made once and kept before it is used, also by an enrolment that came to nothing: an answer that is lost on the way
/// leaves a key that the CA knows, and the next attempt speaks with it.
fn machine_key(agent: &Agent) -> Result<PrivateKey> {
    if let Some(key) = agent.state.machine_key()? {
        return Ok(key);
    }
    let key = PrivateKey::random(&mut OsRng, Algorithm::Ed25519).context("cannot make a machine key")?;
    agent.state.save_machine_key(&agent.disk, &key)?;
    Ok(key)
}

/// The qualified name, as the resolver knows it, else the bare one.
pub(crate) fn own_name() -> Result<HostName> {
    let qualified = run("hostname", &[OsStr::new("--fqdn")]).ok().filter(|output| output.success);
    let qualified = qualified.map(|output| output.stdout.trim().to_owned()).filter(|name| name.contains('.'));
    let name = match qualified {
        Some(name) => name,
        None => nix::unistd::gethostname().context("this host has no name")?.to_string_lossy().into_owned(),
    };
    name.parse()
        .with_context(|| format!("the host's name {name:?} cannot be used; say it with --principal NAME"))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use sallyport_protocol::{Problem, ProblemCode};
    use ssh_key::certificate::{Builder, CertType};

    use super::*;
    use crate::testing::{NOW, TestHost, at, key};

    #[test]
    fn a_clock_that_is_a_little_behind_holds_no_enrolment_back_and_another_is_named() {
        let (ca, host) = (key(1), key(2));
        let from = u64::try_from(NOW).unwrap();
        let (mut rng, data) = (ChaCha8Rng::from_seed([9; 32]), host.public_key().key_data().clone());
        let mut builder = Builder::new_with_random_nonce(&mut rng, data, from, from + 3_600).unwrap();
        builder.cert_type(CertType::Host).unwrap().valid_principal("web.contoso.test").unwrap();
        let line = builder.sign(&ca).unwrap().to_openssh().unwrap();
        let judge = |ca: &PrivateKey, now| {
            usable(&line, host.public_key(), &[ca.public_key().to_openssh().unwrap()], at(now))
        };
        for now in [NOW, NOW - 300] {
            assert!(judge(&ca, now).is_ok(), "{now}");
            assert!(judge(&key(3), now).is_err(), "by another CA, at {now}");
        }
        let said = format!("{:#}", again(judge(&ca, NOW - 86_400).unwrap_err()));
        for part in
            ["behind its CA's by at least 24h", "set it", "sallyport-host enroll again", "the same token"]
        {
            assert!(said.contains(part), "{part} is not in: {said}");
        }
    }

    #[test]
    fn a_lost_answer_is_told_from_a_refusal() {
        let problem = |code| ClientError::Problem(Box::new(Problem::new(code, "because")));
        assert!(is_known_to_have_failed(&problem(ProblemCode::Conflict)));
        assert!(!is_known_to_have_failed(&problem(ProblemCode::Internal)));
        let garbage = ClientError::Protocol { url: "https://ca.contoso.test".into(), found: "HTML".into() };
        assert!(!is_known_to_have_failed(&garbage));
    }

    #[test]
    fn the_next_attempt_speaks_with_the_same_machine_key() {
        let host = TestHost::new();
        let first = machine_key(&Agent::new(host.paths.clone())).unwrap();
        let second = machine_key(&Agent::new(host.paths.clone())).unwrap();
        assert_eq!(first.public_key(), second.public_key());
    }
}
