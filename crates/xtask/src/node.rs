//! npm modules of the peers under tests/peers, with the Node.js that PyPI brought.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::needs::Node;
use crate::{paths, steps};

pub(crate) fn install(needs: &[Node]) -> Result<()> {
    needs.iter().try_for_each(|need| install_folder(&paths::root().join(&need.folder)))
}

fn install_folder(folder: &Path) -> Result<()> {
    let lock = folder.join("package-lock.json");
    let wanted = fs::read_to_string(&lock).with_context(|| format!("cannot read {}", lock.display()))?;
    let stamp = folder.join("node_modules/.installed");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    eprintln!("installing the npm modules of {}", folder.display());
    // No package may run code of its own at install time, and what is kept for another time is kept in here.
    steps::run(
        Command::new(paths::tool("node"))
            .arg(paths::tool("npm-cli.js"))
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--silent"])
            .arg("--cache")
            .arg(paths::tools().join("npm"))
            .env("NODE_DISABLE_COMPILE_CACHE", "1")
            .current_dir(folder),
    )?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))
}
