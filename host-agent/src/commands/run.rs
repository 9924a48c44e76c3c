use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};

use super::{runtime, watch};
use crate::agent::Agent;
use crate::sync;

/// Until SIGTERM or SIGINT. A step that is under way is left where it is: whatever instant it is stopped at, the
/// host's files are whole, and the next start finishes the work. Reboots do not wait for us.
pub(super) fn run(agent: Agent) -> Result<ExitCode> {
    let runtime = runtime()?;
    let agent = Arc::new(agent);
    let outcome = runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        tokio::select! {
            ended = sync::run(Arc::clone(&agent)) => ended.map_err(anyhow::Error::from),
            _ = terminate.recv() => Ok(()),
            _ = interrupt.recv() => Ok(()),
        }
    });
    runtime.shutdown_background();
    if outcome.is_err() {
        // Not in step with any CA; still nobody else may come to end what was begun.
        watch::clear_up(&agent)?;
    }
    outcome.map(|()| ExitCode::SUCCESS)
}
