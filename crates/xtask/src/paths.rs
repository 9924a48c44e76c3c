//! Where things are: the repository, its private tools, and programs of the system.

use std::env;
use std::path::{Path, PathBuf};

/// The repository's root folder.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// Tools that `setup` installs for this checkout alone. Outside target/, to outlive `cargo clean`.
pub(crate) fn tools() -> PathBuf {
    root().join(".tools")
}

/// A tool that `setup` linked into .tools/bin.
pub(crate) fn tool(name: &str) -> PathBuf {
    tools().join("bin").join(name)
}

/// Finds a program on PATH, or where Debian keeps the administrator's programs (not on a plain user's PATH).
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
}

/// The system's Python where there is one: a version manager's shim on PATH is slower and may be bare.
pub(crate) fn python() -> Option<PathBuf> {
    let system = PathBuf::from("/usr/bin/python3");
    if system.is_file() { Some(system) } else { program("python3") }
}

/// Tells the test bench that the workspace's programs are built, and where (tests/src/process.rs).
pub(crate) const BIN_DIR: &str = "SALLYPORT_BIN_DIR";

/// The folder of the workspace's binaries: cargo put them beside the one that is running. By its place, not
/// by what runs now: a build may just have replaced the file.
pub(crate) fn binaries() -> anyhow::Result<PathBuf> {
    let exe = env::current_exe()?;
    Ok(exe.parent().map(Path::to_owned).unwrap_or_default())
}
