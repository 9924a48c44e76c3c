use std::process::ExitCode;

use anyhow::Result;
use jiff::Timestamp;
use sallyport_client::SystemClock;
use sallyport_domain::Clock;

use crate::agent::Agent;

/// Where the agent does not run, sshd and sudo end the lease by themselves; sessions and groups have no end in a file.
/// Says nothing while there is nothing to do: it is run again and again.
pub(super) fn lapse(agent: &Agent, dry_run: bool) -> Result<ExitCode> {
    let now = SystemClock.now();
    if dry_run {
        rehearse(agent, now);
        return Ok(ExitCode::SUCCESS);
    }
    let outcome = agent.lapse(now)?;
    for problem in &outcome.problems {
        eprintln!("{problem}");
    }
    Ok(if outcome.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn rehearse(agent: &Agent, now: Timestamp) {
    let Some(ending) = agent.lapsed(now) else {
        eprintln!("nothing to do: a lease goes on, or this host never had one");
        return;
    };
    for step in &ending.plan.steps {
        println!("{step}");
    }
    for problem in &ending.plan.problems {
        eprintln!("{problem}");
    }
    if ending.plan.steps.is_empty() {
        eprintln!("nothing to do: the lease is over, and nothing is left of it that could be taken away");
    }
}
