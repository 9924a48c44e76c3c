use std::io::Read;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use sallyport_client::bootstrap;

use super::runtime;
use crate::agent::Agent;
use crate::cli::Enroll;
use crate::enroll::{self, Invitation};
use crate::lock::AgentLock;

/// A token is 256 random bits in some spelling; a file of another kind was meant to be named.
const LONGEST_TOKEN: u64 = 4096;

pub(super) fn enroll(agent: &Agent, arguments: Enroll) -> Result<ExitCode> {
    let runtime = runtime()?;
    if arguments.dry_run {
        let (_, ca) = runtime.block_on(bootstrap(&arguments.ca, arguments.ca_fingerprint))?;
        let own =
            if arguments.principal.is_empty() { vec![enroll::own_name()?] } else { arguments.principal };
        let names: Vec<&str> = own.iter().map(sallyport_domain::HostName::as_str).collect();
        println!("ask {} for a certificate as {}", ca.url(), names.join(", "));
        return Ok(ExitCode::SUCCESS);
    }
    let invitation = Invitation {
        token: token(&arguments.token)?,
        ca: arguments.ca,
        fingerprint: arguments.ca_fingerprint,
        names: arguments.principal,
        observe: arguments.observe,
    };
    let enrolment = runtime.block_on(enroll::enroll(agent, invitation))?;
    eprintln!("enrolled as {} with {}", enrolment.name, enrolment.ca.url());
    if enrolment.observe {
        eprintln!(
            "  next: sallyport-host apply --dry-run   (what it would do; to let it: sallyport-host enforce)"
        );
    } else {
        eprintln!("  next: sallyport-host run   (as a service: see sallyport-host.service)");
    }
    Ok(ExitCode::SUCCESS)
}

/// The token itself, from the file after `@`, or from standard input for `-`.
fn token(argument: &str) -> Result<String> {
    let text = match argument.strip_prefix('@') {
        Some(path) => {
            let file =
                std::fs::File::open(path).with_context(|| format!("cannot read the token from {path}"))?;
            read(file).with_context(|| format!("cannot read the token from {path}"))?
        }
        None if argument == "-" => {
            read(std::io::stdin()).context("cannot read the token from standard input")?
        }
        None => argument.to_owned(),
    };
    let token = text.trim();
    if token.is_empty() {
        bail!("the enrolment token is empty; make one with: sallyport-ca enroll-token create --name PATTERN");
    }
    Ok(token.to_owned())
}

fn read(source: impl Read) -> std::io::Result<String> {
    let mut text = String::new();
    source.take(LONGEST_TOKEN).read_to_string(&mut text)?;
    Ok(text)
}

/// From observing to live.
pub(super) fn enforce(agent: &Agent, dry_run: bool) -> Result<ExitCode> {
    let mut enrolment = agent.enrolment()?;
    if !enrolment.observe {
        eprintln!("this host is live already");
        return Ok(ExitCode::SUCCESS);
    }
    if dry_run {
        println!("begin to change this host; what would be done first, says: sallyport-host apply --dry-run");
        return Ok(ExitCode::SUCCESS);
    }
    // A service that is running keeps what the CA says of itself in the same file.
    let _lock = AgentLock::take(&agent.paths.lock())?;
    enrolment = agent.enrolment()?;
    enrolment.observe = false;
    agent.state.save_enrolment(&agent.disk, &enrolment)?;
    eprintln!("this host is live from now on");
    eprintln!("  next: sallyport-host apply --once   (a running service follows within a minute)");
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_may_lie_in_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "secret\n").unwrap();
        assert_eq!(token(&format!("@{}", file.path().display())).unwrap(), "secret");
        assert_eq!(token("plain").unwrap(), "plain");
        let missing = token("@/nowhere/token").unwrap_err();
        assert!(format!("{missing:#}").contains("/nowhere/token"));
        std::fs::write(file.path(), "\n").unwrap();
        assert!(token(&format!("@{}", file.path().display())).is_err());
    }
}
