//! The documents say what is there: their links lead somewhere, the tests that they name exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

#[test]
fn every_link_leads_to_a_file() -> Result<()> {
    let mut broken = Vec::new();
    for page in pages()? {
        let text = fs::read_to_string(&page)?;
        let folder = page.parent().context("a page lies in a folder")?;
        for target in links(&text) {
            let path = target.split('#').next().unwrap_or_default();
            if !path.is_empty() && !folder.join(path).exists() {
                broken.push(format!("{} -> {target}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    Ok(())
}

#[test]
fn the_index_of_decisions_is_complete() -> Result<()> {
    let folder = root().join("docs/decisions");
    let index = fs::read_to_string(folder.join("README.md"))?;
    let listed: BTreeSet<&str> = links(&index).collect();
    for page in markdown(&folder)? {
        let name = page.file_name().and_then(|name| name.to_str()).context("a record has a name")?;
        assert!(
            name == "README.md" || listed.contains(name),
            "docs/decisions/README.md does not list {name}"
        );
    }
    Ok(())
}

#[test]
fn the_tests_that_the_architecture_names_exist() -> Result<()> {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md"))?;
    let invariants = page.split("## Invariants").nth(1).context("the table of invariants is gone")?;
    let named =
        invariants.lines().filter(|line| line.starts_with('|')).flat_map(|row| quoted(last_cell(row)));
    let named: BTreeSet<&str> = named.collect();
    assert!(named.len() > 20, "the table names its tests: {named:?}");
    let sources = sources()?;
    let missing: Vec<_> = named.iter().filter(|name| !sources.contains(&format!("fn {name}("))).collect();
    assert!(missing.is_empty(), "no such tests: {missing:?}");
    Ok(())
}

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn pages() -> Result<Vec<PathBuf>> {
    let folders = [root(), root().join("docs"), root().join("docs/decisions")];
    Ok(folders.iter().map(|folder| markdown(folder)).collect::<Result<Vec<_>>>()?.concat())
}

fn markdown(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    Ok(entries.into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "md")).collect())
}

/// What stands between `](` and `)`, addresses elsewhere left out.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|target| !target.contains("://"))
}

fn last_cell(row: &str) -> &str {
    row.trim_end_matches(['|', ' ']).rsplit('|').next().unwrap_or_default()
}

fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// Everything that is Rust and ours, in one text.
fn sources() -> Result<String> {
    let mut folders: Vec<PathBuf> =
        ["ca-server", "client-cli", "crates", "host-agent", "tests"].map(|room| root().join(room)).into();
    let mut text = String::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() && !path.ends_with("node_modules") {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                text.push_str(&fs::read_to_string(path)?);
            }
        }
    }
    Ok(text)
}
