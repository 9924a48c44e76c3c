//! `cargo xtask setup`: everything in needs.toml is there afterwards, or named exactly.

use std::fs::{self, File};

use anyhow::{Context as _, Result};

use crate::needs::Needs;
use crate::{debian, node, paths, python};

pub(crate) fn run() -> Result<()> {
    let needs = Needs::read()?;
    let _alone = lock()?;
    debian::install(&needs.debian)?;
    python::install(&needs.python)?;
    node::install(&needs.node)
}

/// Two set-ups of one checkout at the same time would write into each other's half-made folders.
fn lock() -> Result<File> {
    let tools = paths::tools();
    fs::create_dir_all(&tools).with_context(|| format!("cannot make {}", tools.display()))?;
    let lock = File::create(tools.join(".lock")).context("cannot make .tools/.lock")?;
    lock.lock().context("cannot lock .tools/.lock")?;
    Ok(lock)
}
