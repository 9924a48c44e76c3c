use std::ffi::OsStr;

use anyhow::{Context, Result, bail};
use rand::rngs::OsRng;
use sallyport_client::{CaUrl, HostClient, SystemClock, bootstrap};
use sallyport_domain::{Clock, HostName};
use sallyport_protocol::{Bootstrap, EnrollRequest, Fingerprint};
use ssh_key::{Algorithm, PrivateKey};

use crate::agent::Agent;
use crate::config::Config;
use crate::host_key::HostKey;
use crate::sshd::check_host_certificate;
use crate::state::{Enrolment, StateError};
use crate::tools::run;

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
    let machine_key = machine_key(agent)?;
    let host_key = HostKey::load(&agent.paths, None)?;
    let proof = host_key.prove(fingerprint, &machine_key)?;
    let request = EnrollRequest {
        token,
        names: if names.is_empty() { vec![own_name()?] } else { names },
        machine_key: machine_key.public_key().to_openssh()?,
        host_key: proof.host_key,
        host_key_signature: proof.signature,
        observe,
    };
    let reply = HostClient::new(&trusted, machine_key)?.enroll(&request).await?;
    let now = SystemClock.now();
    let Bootstrap { host_ca_keys, .. } = document;
    let certificate = check_host_certificate(&reply.certificate, host_key.public_key(), &host_ca_keys, now)
        .context("the CA's answer cannot be used")?;
    let enrolment = Enrolment {
        ca: trusted,
        host: reply.host,
        name: reply.name,
        tags: reply.tags,
        host_ca_keys,
        observe,
    };
    agent.state.save_host_certificate(&agent.disk, &certificate.line)?;
    Config::write(&agent.paths, &agent.disk, &ca, fingerprint)?;
    // Last: from here on the host counts as enrolled.
    agent.state.save_enrolment(&agent.disk, &enrolment)?;
    Ok(enrolment)
}

/// Made once and kept before it is used: an answer that is lost on the way leaves a key that the CA knows.
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
