//! `sallyport-host`: keeps one Linux host in step with its CA.

mod accounts;
mod agent;
mod apply;
mod cli;
mod commands;
mod config;
mod disk;
mod enroll;
mod host_key;
mod lease;
mod lock;
mod paths;
mod plan;
mod principals;
mod problem;
mod receive;
mod seen;
mod sessions;
mod sshd;
mod state;
mod sudo;
mod sync;
#[cfg(test)]
mod testing;
mod tools;

use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use crate::agent::Agent;
use crate::cli::Cli;
use crate::paths::Paths;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_env("SALLYPORT_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .init();
    match commands::execute(Agent::new(Paths::system()), cli.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
