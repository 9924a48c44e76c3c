//! What each command does, in words for people; the work is elsewhere.

mod apply;
mod doctor;
mod enroll;
mod lapse;
mod leave;
mod recover;
mod run;
mod status;
mod watch;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::agent::Agent;
use crate::cli::Command;

pub(crate) fn execute(agent: Agent, command: Command) -> Result<ExitCode> {
    if !nix::unistd::geteuid().is_root() {
        bail!("sallyport-host changes and reads what is root's alone; run it with sudo");
    }
    match command {
        Command::Apply(arguments) => apply::apply(&agent, &arguments),
        Command::Doctor(arguments) => doctor::doctor(&agent, arguments.format),
        Command::Enforce(arguments) => enroll::enforce(&agent, arguments.dry_run),
        Command::Enroll(arguments) => enroll::enroll(&agent, arguments),
        Command::Lapse(arguments) => lapse::lapse(&agent, arguments.dry_run),
        Command::Leave(arguments) => leave::leave(&agent, arguments.dry_run),
        Command::Recover(arguments) => recover::recover(&agent, arguments.dry_run),
        Command::Run => run::run(agent),
        Command::Status(arguments) => status::status(&agent, arguments.format),
        Command::WatchSshd => watch::watch(&agent),
    }
}

/// Nothing here computes: one thread for the network is enough, others are made for what blocks.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
