//! `cargo xtask bench`: builds what it measures, optimised, and measures it (tests/examples/bench).

use std::ffi::OsString;
use std::process::Command;

use anyhow::Result;

use crate::paths;
use crate::steps::{self, Steps};
use crate::test::cargo;

/// `what`: handed on to the benchmark.
pub(crate) fn run(what: &[OsString]) -> Result<()> {
    let mut steps = Steps::of("bench");
    steps.step("build", || {
        let mut build = cargo();
        // In one call: what is built for one package alone may have other features, and is then built twice.
        build.args(["build", "--release", "--locked", "--package", "sallyport-ca-server"]);
        build.args(["--package", "sallyport-tests", "--bin", "sallyport-ca", "--example", "bench"]);
        steps::run(&mut build)
    })?;
    steps.step("measure", || {
        let folder = paths::binaries()?.with_file_name("release");
        steps::run(Command::new(folder.join("examples/bench")).args(what).env(paths::BIN_DIR, &folder))
    })
}
