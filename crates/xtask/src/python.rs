//! PyPI packages, in a virtual environment of this checkout.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, anyhow};

use crate::needs::Python;
use crate::{paths, steps};

pub(crate) fn install(needs: &[Python]) -> Result<()> {
    let venv = paths::tools().join("python");
    let stamp = venv.join(".installed");
    let wanted = requirements(needs);
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) && all_linked(needs) {
        return Ok(());
    }
    // Anything else there is of an older list, half made, or of a checkout that moved: a new start is cheap.
    if venv.exists() {
        fs::remove_dir_all(&venv).with_context(|| format!("cannot remove {}", venv.display()))?;
    }
    eprintln!("installing {} PyPI packages into .tools/python", needs.len());
    let python = paths::python().ok_or_else(|| anyhow!("python3 is missing"))?;
    steps::run(Command::new(python).args(["-m", "venv"]).arg(&venv))?;
    let list = venv.join("requirements.txt");
    fs::write(&list, &wanted).with_context(|| format!("cannot write {}", list.display()))?;
    steps::run(
        Command::new(venv.join("bin/pip"))
            .args(["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"])
            .args(["--only-binary", ":all:", "--requirement"])
            .arg(&list),
    )?;
    link(needs, &venv)?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))
}

/// pip's own format; also the stamp that says what is installed.
fn requirements(needs: &[Python]) -> String {
    let mut list = String::new();
    for need in needs {
        list.extend([need.name.as_str(), "==", &need.version]);
        for hash in &need.sha256 {
            list.push_str(" --hash=sha256:");
            list.push_str(hash);
        }
        list.push('\n');
    }
    list
}

/// Follows the links: a virtual environment is bound to its path and to the Python that made it.
fn all_linked(needs: &[Python]) -> bool {
    needs.iter().flat_map(|need| &need.programs).all(|program| {
        program.file_name().is_some_and(|name| paths::tools().join("bin").join(name).is_file())
    })
}

fn link(needs: &[Python], venv: &Path) -> Result<()> {
    let bin = paths::tools().join("bin");
    fs::create_dir_all(&bin).with_context(|| format!("cannot make {}", bin.display()))?;
    let packages = site_packages(venv)?;
    for program in needs.iter().flat_map(|need| &need.programs) {
        let folder = if program.components().count() > 1 { packages.clone() } else { venv.join("bin") };
        let target = folder.join(program);
        let name = program.file_name().unwrap_or_default();
        let link = bin.join(name);
        if link.symlink_metadata().is_ok() {
            fs::remove_file(&link).with_context(|| format!("cannot replace {}", link.display()))?;
        }
        symlink(&target, &link).with_context(|| format!("cannot link {}", link.display()))?;
    }
    Ok(())
}

fn site_packages(venv: &Path) -> Result<PathBuf> {
    let lib = venv.join("lib");
    let entries = fs::read_dir(&lib).with_context(|| format!("cannot read {}", lib.display()))?;
    entries
        .flatten()
        .map(|entry| entry.path().join("site-packages"))
        .find(|path| path.is_dir())
        .ok_or_else(|| anyhow!("no site-packages below {}", lib.display()))
}
