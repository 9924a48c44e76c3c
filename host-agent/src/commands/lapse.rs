use std::process::ExitCode;

use anyhow::Result;
use sallyport_client::SystemClock;
use sallyport_domain::Clock;

use crate::agent::Agent;
use crate::state::Enrolment;
use crate::sync;

/// Where the agent does not run, sshd and sudo end the lease by themselves; sessions and groups have no end in a file.
/// Says nothing while there is nothing to do: it is run again and again.
pub(super) fn lapse(agent: &Agent, dry_run: bool) -> Result<ExitCode> {
    let now = SystemClock.now();
    let enrolment = agent.enrolment()?;
    let has_lapsed = agent.has_lapsed(&enrolment, now);
    if dry_run {
        rehearse(agent, &enrolment, has_lapsed)?;
    }
    if dry_run || !has_lapsed {
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

fn rehearse(agent: &Agent, enrolment: &Enrolment, has_lapsed: bool) -> Result<()> {
    if !has_lapsed {
        eprintln!("nothing to do: no lease that is over is known here");
        return Ok(());
    }
    let Some(plan) = agent.rehearse(enrolment, None, SystemClock.now())? else {
        eprintln!("the CA's last word is lost: what our own files say of the lease would count");
        return Ok(());
    };
    for step in &plan.steps {
        println!("{step}");
    }
    Ok(())
}
