use sallyport_client::SystemClock;
use sallyport_domain::Clock;

use crate::agent::{Agent, AgentError};
use crate::certificate::Certificate;
use crate::cli::LogoutArgs;
use crate::failure::Failure;
use crate::files;
use crate::folders::Folders;
use crate::settings::Settings;
use crate::state::State;
use crate::ui::Ui;

/// Takes our certificates, with their keys, out of the agent.
pub(crate) fn logout(args: &LogoutArgs, folders: &Folders, ui: Ui) -> Result<(), Failure> {
    let state = State::load(folders);
    let ca = if args.all { None } else { Settings::load(&folders.settings())?.ca };
    let signers = ca.map(|ca| state.signing_keys(ca.fingerprint).to_vec()).filter(|keys| !keys.is_empty());
    // Without a known CA there is nothing to tell ours apart by, and all of them go.
    let meant = |held: &Certificate| {
        held.is_ours() && signers.as_ref().is_none_or(|keys| keys.contains(&held.signing_ca()))
    };

    let removed = from_agent(meant)?;
    forget_identity(folders)?;
    match removed {
        0 => ui.say("You were not signed in: the ssh-agent holds no certificate of yours."),
        1 => ui.say("Signed out: 1 certificate and its key are gone from the ssh-agent."),
        more => {
            ui.say(format!("Signed out: {more} certificates and their keys are gone from the ssh-agent."));
        }
    }
    let now = SystemClock.now();
    for record in state.records().iter().filter(|record| record.valid_until > now) {
        if let Some(file) = &record.file {
            ui.say(format!(
                "{} was written by --no-agent and is still there, good until {}.",
                file.display(),
                record.valid_until
            ));
        }
    }
    Ok(())
}

/// Nobody can be signed in where there is no agent.
fn from_agent(meant: impl Fn(&Certificate) -> bool) -> Result<usize, Failure> {
    let mut agent = match Agent::from_environment() {
        Ok(agent) => agent,
        Err(AgentError::Missing) => return Ok(0),
        Err(error) => return Err(error.into()),
    };
    let mut removed = 0;
    for certificate in agent.certificates()?.iter().filter(|held| meant(held)) {
        agent.remove(certificate)?;
        removed += 1;
    }
    Ok(removed)
}

fn forget_identity(folders: &Folders) -> Result<(), Failure> {
    files::remove(&folders.identity_certificate()).map_err(|error| {
        Failure::because(
            "you are signed out, but a public file stayed",
            &error,
            "rm it by hand; it opens nothing",
        )
    })
}
