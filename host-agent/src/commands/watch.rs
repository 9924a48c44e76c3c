use std::process::ExitCode;

use anyhow::Result;

use crate::agent::Agent;
use crate::lock::AgentLock;
use crate::sshd::{TAKEN_BACK, watchman};

/// What stands by while sshd's configuration is on trial; see `sshd/watchman.rs`.
pub(super) fn watch(agent: &Agent) -> Result<ExitCode> {
    let done_or_dead = watchman::stand_by()?;
    if matches!(agent.state.trial(), Ok(None)) {
        return Ok(ExitCode::SUCCESS);
    }
    if done_or_dead {
        clear_up(agent)?;
    } else {
        // Whoever hangs holds the lock. Both of us only ever replace whole files, and the next run looks again.
        tracing::warn!("a change of sshd's configuration hangs; it is taken back");
        agent.take_back_trial()?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Takes back what an interrupted run left unproved.
pub(super) fn clear_up(agent: &Agent) -> Result<()> {
    if matches!(agent.state.trial(), Ok(None)) {
        return Ok(());
    }
    let _lock = AgentLock::take(&agent.paths.lock())?;
    if agent.take_back_trial()? {
        tracing::warn!("{TAKEN_BACK}");
    }
    Ok(())
}
