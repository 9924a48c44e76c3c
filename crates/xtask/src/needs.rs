//! The one list of what the tests and the demonstration need.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde::Deserialize;

const LIST: &str = include_str!("../needs.toml");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Needs {
    pub(crate) debian: Vec<Debian>,
    pub(crate) node: Vec<Node>,
    pub(crate) python: Vec<Python>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Debian {
    #[serde(default)]
    pub(crate) files: Vec<PathBuf>,
    pub(crate) package: String,
    #[serde(default)]
    pub(crate) provides: Vec<String>,
    #[serde(default)]
    pub(crate) python_modules: Vec<String>,
    /// What the installation does to the machine beyond adding files.
    pub(crate) remark: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Python {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) programs: Vec<PathBuf>,
    pub(crate) sha256: Vec<String>,
    pub(crate) version: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Node {
    /// Relative to the repository's root.
    pub(crate) folder: PathBuf,
}

impl Needs {
    pub(crate) fn read() -> Result<Self> {
        toml::from_str(LIST).context("crates/xtask/needs.toml does not parse")
    }
}

#[cfg(test)]
mod tests {
    use super::Needs;

    #[test]
    fn the_list_parses_and_every_wheel_is_pinned_by_hash() {
        let needs = Needs::read().unwrap();
        assert!(!needs.debian.is_empty());
        for python in &needs.python {
            assert!(python.sha256.iter().all(|hash| hash.len() == 64), "{}", python.name);
            assert!(!python.sha256.is_empty(), "{}", python.name);
        }
    }
}
