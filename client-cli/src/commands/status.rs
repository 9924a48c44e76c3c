use std::path::PathBuf;
use std::process::ExitCode;

use jiff::Timestamp;
use sallyport_client::SystemClock;
use sallyport_domain::Clock;
use sallyport_protocol::Fingerprint;
use serde::Serialize;

use crate::agent::{Agent, AgentError};
use crate::certificate::{Certificate, Standing};
use crate::failure::{Failure, chain};
use crate::files;
use crate::folders::Folders;
use crate::place::certificate_beside;
use crate::revoked::Revocations;
use crate::settings::Settings;
use crate::span;
use crate::state::State;
use crate::ui::Ui;

/// `status --format json`: one of these a certificate.
#[derive(Debug, Serialize)]
struct Shown {
    serial: u64,
    /// The address by which the directory knew the person.
    name: Option<String>,
    principals: Vec<String>,
    valid_until: Option<Timestamp>,
    /// By its dates, and not revoked as far as is known.
    valid: bool,
    /// The CA's word; `None` when it did not answer.
    revoked: Option<bool>,
    /// The login session, when this program brought the certificate.
    session: Option<String>,
    /// The key that signed it.
    signing_ca: Fingerprint,
    /// Absent: in the ssh-agent.
    file: Option<PathBuf>,
}

/// What certificates there are, until when, for which principals, from which login. Succeeds when one is valid.
pub(crate) fn status(folders: &Folders, ui: Ui) -> Result<ExitCode, Failure> {
    let now = SystemClock.now();
    let state = State::load(folders);
    let in_files = in_files(&state);
    let in_agent = match Agent::from_environment().and_then(|mut agent| agent.certificates()) {
        Ok(certificates) => certificates,
        Err(AgentError::Missing) => {
            ui.say("No ssh-agent is running for this terminal: SSH_AUTH_SOCK is not set.");
            Vec::new()
        }
        // As in a terminal multiplexer that outlived its agent: what is in files counts all the same.
        Err(error) if !in_files.is_empty() => {
            ui.say(chain(&error));
            Vec::new()
        }
        Err(error) => return Err(error.into()),
    };
    let mut held: Vec<Held> = in_agent
        .into_iter()
        .filter(Certificate::is_ours)
        .map(|certificate| Held { certificate, file: None })
        .collect();
    held.extend(in_files);
    let revocations = if held.is_empty() { Revocations::default() } else { ask(folders)? };
    let shown: Vec<Shown> = held.iter().map(|held| show(held, &state, &revocations, now)).collect();
    if ui.is_json() {
        ui.json(&shown);
    } else if shown.is_empty() {
        ui.say("You are not signed in.\n  run: sallyport login");
    } else {
        let texts: Vec<String> = shown.iter().map(|shown| shown.to_text(now)).collect();
        ui.data(texts.join("\n\n"));
    }
    let valid = shown.iter().any(|shown| shown.valid);
    Ok(if valid { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A certificate of ours, and where it is.
struct Held {
    certificate: Certificate,
    /// `None`: in the ssh-agent.
    file: Option<PathBuf>,
}

/// What the remembered CA says of them, if it says anything.
fn ask(folders: &Folders) -> Result<Revocations, Failure> {
    let Some(ca) = Settings::load(&folders.settings())?.ca else { return Ok(Revocations::default()) };
    Ok(super::login::runtime()?.block_on(Revocations::ask(&ca)))
}

/// Those that were kept with --no-agent, as far as they still are.
fn in_files(state: &State) -> Vec<Held> {
    let read = |file: &PathBuf| {
        let text = files::read(&certificate_beside(file)).ok().flatten()?;
        let certificate = Certificate::from_line(text.trim()).ok()?;
        Some(Held { certificate, file: Some(file.clone()) })
    };
    state.records().iter().filter_map(|record| record.file.as_ref()).filter_map(read).collect()
}

fn show(held: &Held, state: &State, revocations: &Revocations, now: Timestamp) -> Shown {
    let certificate = &held.certificate;
    let revoked = revocations.revokes(certificate);
    Shown {
        serial: certificate.serial,
        name: certificate.person().map(ToOwned::to_owned),
        principals: certificate.principals.clone(),
        valid_until: certificate.valid_before(),
        valid: certificate.standing(now) == Standing::Valid && revoked != Some(true),
        revoked,
        session: state.session(certificate).map(ToOwned::to_owned),
        signing_ca: certificate.signing_ca(),
        file: held.file.clone(),
    }
}

impl Shown {
    fn to_text(&self, now: Timestamp) -> String {
        let until = match self.valid_until {
            Some(until) if self.revoked == Some(true) => {
                format!("{until} [revoked by the CA; sign in anew: sallyport login]")
            }
            Some(until) if self.valid => format!("{until} [valid for {}]", span::between(now, until)),
            Some(until) => format!("{until} [not valid now]"),
            None => "forever".to_owned(),
        };
        let place = self.file.as_ref().map_or("the ssh-agent".into(), |file| file.display().to_string());
        [
            format!("Signed in as: {}", self.name.as_deref().unwrap_or("(not said)")),
            format!("Valid until:  {until}"),
            format!("Principals:   {}", self.principals.join(", ")),
            format!("Serial:       {}", self.serial),
            format!("Session:      {}", self.session.as_deref().unwrap_or("(not known here)")),
            format!("Signed by:    {}", self.signing_ca),
            format!("Kept in:      {place}"),
        ]
        .join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::tests::{Made, NOW, at};
    use crate::revoked::tests::revoking;

    #[test]
    fn says_until_when_absolutely_and_relatively() {
        let held = Held { certificate: Made::user(7, NOW, NOW + 42_780).read(), file: None };
        let show = |now: i64, revocations: &Revocations| {
            show(&held, &State::default(), revocations, at(now)).to_text(at(now))
        };
        let text = show(NOW, &Revocations::default());
        assert!(text.contains("Signed in as: ada@contoso.test"), "{text}");
        assert!(text.contains("Valid until:  2027-01-15T19:53:00Z [valid for 11h53m]"), "{text}");
        assert!(
            text.contains("u:01J8ZQ3V5T8Y4M2N6P7R9S0A1B, ada, g:sre") || text.contains("ada, g:sre"),
            "{text}"
        );
        assert!(show(NOW + 42_780, &Revocations::default()).contains("[not valid now]"));
        let ca = Made::user(7, NOW, NOW + 42_780).ca;
        assert!(show(NOW, &revoking(ca.public_key(), 7)).contains("[revoked by the CA"));
        assert!(show(NOW, &revoking(ca.public_key(), 8)).contains("[valid for"));
    }
}
