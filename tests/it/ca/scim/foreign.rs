//! A SCIM client that is not ours judges the server by the RFCs, and by what the server announces of itself.

use std::path::Path;

use anyhow::{Result, ensure};
use sallyport_tests::{World, command};

const SCIM2: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.tools/bin/scim2");

/// Fewer checks than this, and the client has found less of the server than is there.
const CHECKS: usize = 149;

#[test]
fn scim2_test_finds_nothing_to_complain_of() -> Result<()> {
    ensure!(Path::new(SCIM2).exists(), "scim2 is not installed\n  run: cargo xtask setup");
    // Beside what Entra has written in its own manner, which is shown in ours.
    let world = World::new(&[], &[])?;
    world.engineer("foreign")?;
    let mut scim2 = command::limited(SCIM2);
    scim2.args(["--url", &format!("{}/scim/v2", world.ca.url()), "test", "--verbose"]);
    scim2.env("SCIM_CLI_HEADERS", format!("Authorization: Bearer {}", world.scim_token));
    // Every result that is not a success makes it fail.
    let said = command::run(&mut scim2)?.ok()?;
    let successes = said.lines().filter(|line| line.starts_with("SUCCESS ")).count();
    ensure!(successes >= CHECKS, "{successes} checks only:\n{said}");
    Ok(())
}
