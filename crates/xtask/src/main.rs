//! `cargo xtask`: the project's own chores, each a single command that does its own set-up.

mod bench;
mod debian;
mod demo;
mod needs;
mod node;
mod paths;
mod privilege;
mod python;
mod setup;
mod steps;
mod test;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Set up, test and demonstrate Sallyport.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Measure: certificates a second beside raw signatures a second, or another part of the work
    Bench {
        /// certificates; directory [DIVIDED BY]: an initial provisioning cycle, small and large; or names
        #[arg(trailing_var_arg = true, default_value = "certificates")]
        what: Vec<OsString>,
    },
    /// Install what the tests and the demonstration need (crates/xtask/needs.toml)
    Setup,
    /// Set up, then check formatting, lints and licences, then run every test
    Test,
    /// Set up, build, then tell the whole story on real parts
    Demo {
        /// Stay up at the end, and print what to try by hand
        #[arg(long)]
        keep: bool,
    },
    /// Run a program as root: cargo's runner for the test binaries, where the caller is not root
    #[command(hide = true)]
    AsRoot {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        command: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse().chore) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(chore: Chore) -> Result<()> {
    match chore {
        Chore::AsRoot { command } => privilege::exec_as_root(&command),
        Chore::Bench { what } => bench::run(&what),
        Chore::Demo { keep } => demo::run(keep),
        Chore::Setup => setup::run(),
        Chore::Test => test::run(),
    }
}
