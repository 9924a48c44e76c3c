use std::process::ExitCode;

use anyhow::{Result, bail};
use sallyport_client::SystemClock;
use sallyport_domain::Clock;

use super::runtime;
use crate::agent::{Agent, StepDone};
use crate::cli::Apply;
use crate::problem::{Code, Problem};
use crate::state::Enrolment;
use crate::sync;

/// Exit code 0: this host is what the CA's newest word says, problems with single accounts aside.
pub(super) fn apply(agent: &Agent, arguments: &Apply) -> Result<ExitCode> {
    if arguments.once && arguments.dry_run.dry_run {
        bail!("--once brings the host in step and --dry-run does not; say one of them");
    }
    let enrolment = agent.enrolment()?;
    if arguments.dry_run.dry_run { rehearse(agent, &enrolment) } else { apply_once(agent, &enrolment) }
}

fn apply_once(agent: &Agent, enrolment: &Enrolment) -> Result<ExitCode> {
    let client = sync::client(agent, enrolment)?;
    let runtime = runtime()?;
    let asked = agent.position(enrolment).accepted;
    let problem = match runtime.block_on(client.snapshot(asked, 0)) {
        Ok((reply, nonce)) => {
            let taken = agent.receive(enrolment, reply, asked, nonce, SystemClock.now());
            taken.err().map(|error| Problem::caused(Code::SnapshotRefused, &error))
        }
        Err(error) => Some(sync::unreachable(&error)),
    };
    let in_trouble = problem.is_some();
    let problems: Vec<Problem> = problem.into_iter().collect();
    let mut done = agent.step(enrolment, problems.clone(), SystemClock.now())?;
    if done.look_again {
        std::thread::sleep(sync::SECOND_LOOK);
        done = agent.step(enrolment, problems, SystemClock.now())?;
    }
    say(enrolment, &done);
    if !in_trouble && let Err(error) = runtime.block_on(client.report(&done.report())) {
        eprintln!("the report did not reach the CA: {}", crate::problem::chain(&error));
    }
    Ok(if in_trouble || done.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn say(enrolment: &Enrolment, done: &StepDone) {
    for problem in &done.applied.problems {
        eprintln!("{}: {}", problem.code, problem.detail);
    }
    if enrolment.observe {
        eprintln!("observing: nothing was changed; to begin, run: sallyport-host enforce");
    } else {
        eprintln!("generation {} is applied", done.applied.generation);
    }
}

fn rehearse(agent: &Agent, enrolment: &Enrolment) -> Result<ExitCode> {
    let client = sync::client(agent, enrolment)?;
    let asked = agent.position(enrolment).accepted;
    let fresh = match runtime()?.block_on(client.snapshot(asked, 0)) {
        Ok((reply, nonce)) => agent.peek(enrolment, reply, asked, nonce, SystemClock.now())?,
        Err(error) => {
            eprintln!("{}; this is what the last good snapshot would do", sync::unreachable(&error));
            None
        }
    };
    let Some(plan) = agent.rehearse(enrolment, fresh, SystemClock.now())? else {
        bail!("there is no snapshot yet: the CA could not be reached")
    };
    for step in &plan.steps {
        println!("{step}");
    }
    for problem in &plan.problems {
        eprintln!("{problem}");
    }
    if plan.steps.is_empty() {
        eprintln!("nothing to do: the host is in step");
    }
    Ok(ExitCode::SUCCESS)
}
