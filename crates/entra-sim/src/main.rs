//! `entra-sim`: the Entra look-alike as a program.

mod cli;
mod commands;

use std::process::ExitCode;

use clap::Parser as _;
use cli::{Cli, Command};
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let outcome = match cli.command {
        Command::Serve(args) => commands::serve::run(args).await,
        Command::Provision(args) => commands::provision::run(*args).await,
        Command::User(command) => commands::directory::user(command).await,
        Command::Group(command) => commands::directory::group(command).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
