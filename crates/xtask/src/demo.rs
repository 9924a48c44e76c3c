//! `cargo xtask demo`: builds the programs, then hands over to the story (tests/src/bin/demo.rs).

use std::os::unix::process::CommandExt as _;

use anyhow::{Context as _, Result, bail};

use crate::privilege::root_command;
use crate::steps::{self, Steps};
use crate::test::cargo;
use crate::{paths, setup};

pub(crate) fn run(keep: bool) -> Result<()> {
    let mut steps = Steps::of("demo");
    steps.step("set-up", setup::run)?;
    steps.step("build", || steps::run(cargo().args(["build", "--workspace", "--bins", "--locked"])))?;
    let Some(mut story) = root_command("env") else {
        bail!(
            "the demonstration makes network namespaces and mounts, so it needs root\n  \
             run it as root, or let sudo work without a password"
        );
    };
    let binaries = paths::binaries()?;
    story.arg(format!("{}={}", paths::BIN_DIR, binaries.display())).arg(binaries.join("demo"));
    if keep {
        story.arg("--keep");
    }
    // In place of this process: an interrupt from the terminal then reaches the story alone, and the prompt
    // comes back when it has cleared up.
    Err(story.exec()).context("cannot start the demonstration")
}
