//! One file a command. Each prints its data on stdout and its talk on stderr.

mod admin;
mod audit;
mod backend;
mod check;
mod connections;
mod directory;
mod doctor;
mod init;
mod names;
mod provisioning;
mod serve;
mod start;
mod table;
mod tokens;

use std::path::Path;

use crate::cli::{Cli, Command};
use crate::config::{Config, ConfigError};

/// # Errors
/// What the command ends with; printed once, by `main`.
pub async fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Init(asked) => init::run(&asked).await,
        Command::Check => check::run(&cli.config),
        Command::Serve => serve::run(&cli.config).await,
        Command::Doctor(output) => doctor::run(&cli.config, output).await,
        Command::Connection(asked) => connections::run(&cli.config, asked).await,
        Command::Admin(asked) => admin::run(&cli.config, asked).await,
        Command::ScimToken(asked) => tokens::scim(&cli.config, asked).await,
        Command::EnrollToken(asked) => tokens::enroll(&cli.config, asked).await,
        Command::Provisioning(asked) => provisioning::run(&cli.config, asked).await,
        Command::Names(asked) => names::run(&cli.config, asked).await,
        Command::Audit(asked) => audit::run(&cli.config, asked).await,
    }
}

fn load_config(path: &Path) -> Result<Config, ConfigError> {
    crate::config::load(path, std::env::vars())
}
