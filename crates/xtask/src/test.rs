//! `cargo xtask test`: all that must hold before a change lands, in one profile.

use std::process::Command;

use anyhow::Result;

use crate::privilege::Privilege;
use crate::steps::{self, Steps};
use crate::{paths, setup};

pub(crate) fn run() -> Result<()> {
    let mut steps = Steps::of("test");
    steps.step("set-up", setup::run)?;
    steps.step("formatting", || steps::run(cargo().args(["fmt", "--all", "--check"])))?;
    steps.step("licences, bans and sources", || {
        steps::run(deny().args(["check", "bans", "licenses", "sources"]))
    })?;
    steps.step("lints", || {
        let mut clippy = cargo();
        clippy.args(["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]);
        steps::run(&mut clippy)
    })?;
    steps
        .step("build", || steps::run(cargo().args(["build", "--workspace", "--all-targets", "--locked"])))?;
    steps.step("tests", || {
        let mut tests = cargo();
        tests.args(["test", "--workspace", "--locked"]).env(paths::BIN_DIR, paths::binaries()?);
        steps::run(as_root(&mut tests)?)
    })?;
    steps.summary();
    Ok(())
}

/// Cargo in the repository's root, whatever folder the caller stands in.
///
/// Without what `cargo run` told this program of its own package: ring's build script looks at such variables, and
/// would be run anew, with all that stands on it, whenever somebody goes from `cargo xtask` to plain cargo and back.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(paths::root());
    for (name, _) in std::env::vars_os() {
        if is_of_our_package(&name.to_string_lossy()) {
            cargo.env_remove(name);
        }
    }
    cargo
}

fn is_of_our_package(variable: &str) -> bool {
    variable.starts_with("CARGO_PKG_") || variable.starts_with("CARGO_MANIFEST_")
}

fn deny() -> Command {
    let mut deny = Command::new(paths::tool("cargo-deny"));
    deny.current_dir(paths::root()).args(["--locked", "--workspace", "--log-level", "error"]);
    deny
}

/// Fake hosts need root. Where the caller is not root but sudo is free, cargo still builds as the caller
/// and only the test binaries run as root, through cargo's runner. Where neither is so, the tests of
/// hosts fail and say why: a test that silently did not run proves nothing.
fn as_root(cargo: &mut Command) -> Result<&mut Command> {
    if Privilege::of_caller() == Privilege::Sudo {
        let arch = std::env::consts::ARCH.to_uppercase();
        let xtask = paths::binaries()?.join("xtask");
        cargo.env(
            format!("CARGO_TARGET_{arch}_UNKNOWN_LINUX_GNU_RUNNER"),
            format!("{} as-root", xtask.display()),
        );
    }
    Ok(cargo)
}
