use std::process::ExitCode;

use anyhow::Result;
use sallyport_client::SystemClock;
use sallyport_domain::Clock;

use crate::agent::Agent;
use crate::sync;

/// Where the agent does not run, sshd and sudo end the lease by themselves; sessions and groups have no end in a file.
/// Says nothing while there is nothing to do: it is run again and again.
pub(super) fn lapse(agent: &Agent, dry_run: bool) -> Result<ExitCode> {
    let now = SystemClock.now();
    let enrolment = agent.enrolment()?;
    if !agent.has_lapsed(&enrolment, now) {
        return Ok(ExitCode::SUCCESS);
    }
    if dry_run {
        for step in agent.rehearse(&enrolment, None, now)?.iter().flat_map(|plan| &plan.steps) {
            println!("{step}");
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut done = agent.step(&enrolment, Vec::new(), now)?;
    if done.look_again {
        std::thread::sleep(sync::SECOND_LOOK);
        done = agent.step(&enrolment, Vec::new(), SystemClock.now())?;
    }
    for problem in &done.applied.problems {
        eprintln!("{}: {}", problem.code, problem.detail);
    }
    Ok(if done.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
