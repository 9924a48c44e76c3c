use std::path::PathBuf;

use jiff::Timestamp;
use sallyport_client::SystemClock;
use sallyport_domain::Clock;
use sallyport_protocol::Fingerprint;
use serde::Serialize;

use crate::agent::{Agent, AgentError};
use crate::certificate::{Certificate, Standing};
use crate::failure::Failure;
use crate::files;
use crate::folders::Folders;
use crate::place::certificate_beside;
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
    valid: bool,
    /// The login session, when this program brought the certificate.
    session: Option<String>,
    /// The key that signed it.
    signing_ca: Fingerprint,
    /// Absent: in the ssh-agent.
    file: Option<PathBuf>,
}

/// What certificates there are, until when, for which principals, from which login.
pub(crate) fn status(folders: &Folders, ui: Ui) -> Result<(), Failure> {
    let now = SystemClock.now();
    let state = State::load(folders);
    let in_agent = match Agent::from_environment() {
        Ok(mut agent) => agent.certificates()?,
        Err(AgentError::Missing) => {
            ui.say("No ssh-agent is running for this terminal: SSH_AUTH_SOCK is not set.");
            Vec::new()
        }
        Err(error) => return Err(error.into()),
    };
    let mut shown: Vec<Shown> =
        in_agent.iter().filter(|held| held.is_ours()).map(|held| show(held, None, &state, now)).collect();
    shown.extend(in_files(&state, now));
    if ui.is_json() {
        ui.json(&shown);
    } else if shown.is_empty() {
        ui.say("You are not signed in.\n  run: sallyport login");
    } else {
        let texts: Vec<String> = shown.iter().map(|shown| shown.to_text(now)).collect();
        ui.data(texts.join("\n\n"));
    }
    Ok(())
}

/// Those that were kept with --no-agent, as far as they still are.
fn in_files(state: &State, now: Timestamp) -> Vec<Shown> {
    let read = |file: &PathBuf| {
        let text = files::read(&certificate_beside(file)).ok().flatten()?;
        let certificate = Certificate::from_line(text.trim()).ok()?;
        Some(show(&certificate, Some(file.clone()), state, now))
    };
    state.records().iter().filter_map(|record| record.file.as_ref()).filter_map(read).collect()
}

fn show(certificate: &Certificate, file: Option<PathBuf>, state: &State, now: Timestamp) -> Shown {
    Shown {
        serial: certificate.serial,
        name: certificate.person().map(ToOwned::to_owned),
        principals: certificate.principals.clone(),
        valid_until: certificate.valid_before(),
        valid: certificate.standing(now) == Standing::Valid,
        session: state.session(certificate).map(ToOwned::to_owned),
        signing_ca: certificate.signing_ca(),
        file,
    }
}

impl Shown {
    fn to_text(&self, now: Timestamp) -> String {
        let until = match self.valid_until {
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

    #[test]
    fn says_until_when_absolutely_and_relatively() {
        let certificate = Made::user(7, NOW, NOW + 42_780).read();
        let text = show(&certificate, None, &State::default(), at(NOW)).to_text(at(NOW));
        assert!(text.contains("Signed in as: ada@contoso.test"), "{text}");
        assert!(text.contains("Valid until:  2027-01-15T19:53:00Z [valid for 11h53m]"), "{text}");
        assert!(
            text.contains("u:01J8ZQ3V5T8Y4M2N6P7R9S0A1B, ada, g:sre") || text.contains("ada, g:sre"),
            "{text}"
        );
        let later = at(NOW + 42_780);
        assert!(
            show(&certificate, None, &State::default(), later).to_text(later).contains("[not valid now]")
        );
    }
}
