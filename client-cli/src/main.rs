//! `sallyport`: sign in at Entra, and plain `ssh` works for the rest of the day.

mod advice;
mod agent;
mod browser;
mod certificate;
mod cli;
mod commands;
mod failure;
mod files;
mod folders;
mod intent;
mod issued;
mod lock;
mod place;
mod revoked;
mod settings;
mod sign_in;
mod span;
mod ssh_config;
mod state;
mod ui;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};
use crate::failure::Failure;
use crate::folders::Folders;
use crate::ui::Ui;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let ui = Ui::new(cli.format());
    match run(cli, ui) {
        Ok(code) => code,
        Err(failure) => {
            ui.failure(&failure);
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli, ui: Ui) -> Result<ExitCode, Failure> {
    let folders = Folders::from_environment()?;
    match cli.command {
        Command::Config(args) => commands::config(&args, &folders, ui)?,
        Command::Inspect(args) => commands::inspect(&args, ui)?,
        Command::Login(args) => commands::login(args, &folders, ui)?,
        Command::Logout(args) => commands::logout(&args, &folders, ui)?,
        Command::Status(_) => return commands::status(&folders, ui),
    }
    Ok(ExitCode::SUCCESS)
}
