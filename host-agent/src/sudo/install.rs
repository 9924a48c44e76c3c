use std::fs;
use std::path::Path;

use crate::disk::{self, Access, Disk, DiskError};
use crate::paths::Paths;
use crate::tools::Tools;

/// visudo fails on any other mode.
const MODE: u32 = 0o440;
const LARGEST_FILE: u64 = 16 * 1024 * 1024;

#[derive(Debug, thiserror::Error)]
pub(crate) enum SudoError {
    #[error("sudo is not installed: there is no visudo to check rules with")]
    Missing,
    #[error("visudo refuses the new rules ({0}); the rules of before stay")]
    Refused(String),
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// How the new rules came to stand.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum SudoOutcome {
    /// Checked together with everything else that sudo reads.
    Checked,
    /// Checked alone: the rest of sudo's configuration was broken before we came.
    RestIsBroken(String),
}

/// Puts the rules in place: checked together with all that sudo reads, renamed, checked again, and taken back when
/// the second check fails.
pub(crate) fn install(
    paths: &Paths,
    disk: &Disk,
    tools: &impl Tools,
    bytes: &[u8],
) -> Result<SudoOutcome, SudoError> {
    if !tools.has_visudo() {
        return Err(SudoError::Missing);
    }
    let outcome = check_candidate(paths, tools, bytes)?;
    // A link or a directory is nothing to bring back.
    let before = disk::read(&paths.sudoers(), LARGEST_FILE).unwrap_or_default();
    disk::directory(&paths.sudoers_directory(), 0o750)?;
    disk.replace(&paths.sudoers(), bytes, Access::Mode(MODE))?;
    if outcome == SudoOutcome::Checked
        && let Err(refusal) = tools.check_sudoers(&paths.sudoers_main())
    {
        restore(paths, disk, before.as_deref())?;
        return Err(SudoError::Refused(refusal));
    }
    Ok(outcome)
}

fn restore(paths: &Paths, disk: &Disk, before: Option<&[u8]>) -> Result<(), DiskError> {
    match before {
        Some(bytes) => disk.replace(&paths.sudoers(), bytes, Access::Mode(MODE)),
        None => disk::remove(&paths.sudoers()).and_then(|()| disk.sync_directory(&paths.sudoers())),
    }
}

fn check_candidate(paths: &Paths, tools: &impl Tools, bytes: &[u8]) -> Result<SudoOutcome, SudoError> {
    let scratch = Scratch::new(paths)?;
    let alone = scratch.directory.join("alone");
    Scratch::write(&alone, bytes)?;
    tools.check_sudoers(&alone).map_err(SudoError::Refused)?;
    let main = scratch.copy_set(paths)?;
    let rest = tools.check_sudoers(&main);
    Scratch::write(&scratch.directory.join("sudoers.d").join(our_name(paths)), bytes)?;
    match (rest, tools.check_sudoers(&main)) {
        (_, Ok(())) => Ok(SudoOutcome::Checked),
        (Err(broken), Err(_)) => Ok(SudoOutcome::RestIsBroken(broken)),
        (Ok(()), Err(refusal)) => Err(SudoError::Refused(refusal)),
    }
}

fn our_name(paths: &Paths) -> std::ffi::OsString {
    paths.sudoers().file_name().unwrap_or_default().to_os_string()
}

/// Whether sudo reads the directory that our file is in.
pub(crate) fn wired(paths: &Paths) -> bool {
    let main = disk::read(&paths.sudoers_main(), LARGEST_FILE).ok().flatten().unwrap_or_default();
    String::from_utf8_lossy(&main).lines().any(|line| include_of(line) == Some("/etc/sudoers.d"))
}

/// The directory that a line includes: `@includedir`, or `#includedir` as it was written before sudo 1.9.1.
fn include_of(line: &str) -> Option<&str> {
    let rest = line.trim_start();
    let rest = rest.strip_prefix("@includedir").or_else(|| rest.strip_prefix("#includedir"))?;
    rest.starts_with([' ', '\t']).then(|| rest.trim().trim_end_matches('/'))
}

/// A directory of root's alone in which the rules are tried; gone when dropped.
struct Scratch {
    directory: std::path::PathBuf,
}

impl Scratch {
    fn new(paths: &Paths) -> Result<Self, SudoError> {
        let directory = paths.state().join("scratch-sudo");
        let scratch = Self { directory };
        scratch.clear();
        disk::directory(&scratch.directory, 0o700)?;
        disk::directory(&scratch.directory.join("sudoers.d"), 0o700)?;
        Ok(scratch)
    }

    fn clear(&self) {
        // What could not be removed makes the next step fail, with the reason.
        let _ = fs::remove_dir_all(&self.directory);
    }

    fn write(path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
        Disk::new().replace_unsynced(path, bytes, Access::Mode(MODE))
    }

    /// Copies all that sudo reads, but our own file, and gives the main file of the copy.
    fn copy_set(&self, paths: &Paths) -> Result<std::path::PathBuf, SudoError> {
        let ours = our_name(paths);
        let copies = self.directory.join("sudoers.d");
        for entry in fs::read_dir(paths.sudoers_directory()).into_iter().flatten().flatten() {
            let name = entry.file_name();
            // sudo itself skips names with a dot or an ending tilde.
            let skipped = name.to_str().is_none_or(|name| name.contains('.') || name.ends_with('~'));
            if skipped || name == ours {
                continue;
            }
            if let Ok(Some(bytes)) = disk::read(&entry.path(), LARGEST_FILE) {
                Self::write(&copies.join(name), &bytes)?;
            }
        }
        let main = disk::read(&paths.sudoers_main(), LARGEST_FILE)?.unwrap_or_default();
        let main = String::from_utf8_lossy(&main).into_owned();
        let moved = |line: &str| match include_of(line) {
            Some("/etc/sudoers.d") => format!("@includedir {}\n", copies.display()),
            _ => format!("{line}\n"),
        };
        let path = self.directory.join("sudoers");
        Self::write(&path, main.lines().map(moved).collect::<String>().as_bytes())?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;
    use crate::tools::fake::FakeTools;

    fn host() -> (tempfile::TempDir, Paths) {
        let root = tempfile::tempdir().unwrap();
        let paths = Paths::under(root.path());
        fs::create_dir_all(paths.sudoers_directory()).unwrap();
        fs::write(paths.sudoers_main(), "Defaults env_reset\n@includedir /etc/sudoers.d\n").unwrap();
        (root, paths)
    }

    #[test]
    fn rules_are_checked_alone_with_the_rest_and_in_place() {
        let (_root, paths) = host();
        let tools = FakeTools::default();
        let outcome = install(&paths, &Disk::new(), &tools, b"ada ALL=(ALL) ALL\n").unwrap();
        assert_eq!(outcome, SudoOutcome::Checked);
        assert_eq!(fs::metadata(paths.sudoers()).unwrap().mode() & 0o777, 0o440);
        assert_eq!(tools.calls().iter().filter(|call| call.starts_with("visudo")).count(), 4);
        assert!(!paths.state().join("scratch-sudo").exists());
    }

    #[test]
    fn refused_rules_change_nothing() {
        let (_root, paths) = host();
        fs::write(paths.sudoers(), "old\n").unwrap();
        let tools = FakeTools { sudoers_refused_with: Some("BAD".into()), ..FakeTools::default() };
        let error = install(&paths, &Disk::new(), &tools, b"BAD\n").unwrap_err();
        assert!(matches!(error, SudoError::Refused(_)));
        assert_eq!(fs::read(paths.sudoers()).unwrap(), b"old\n");
    }

    #[test]
    fn a_second_check_that_fails_brings_the_old_rules_back() {
        let (_root, paths) = host();
        fs::write(paths.sudoers(), "old\n").unwrap();
        let tools = FakeTools { main_sudoers_refused: Some(paths.sudoers_main()), ..FakeTools::default() };
        install(&paths, &Disk::new(), &tools, b"new\n").unwrap_err();
        assert_eq!(fs::read(paths.sudoers()).unwrap(), b"old\n");
    }

    #[test]
    fn the_breakage_of_others_does_not_hold_our_rules_back() {
        let (_root, paths) = host();
        fs::write(paths.sudoers_directory().join("99-local"), "BAD\n").unwrap();
        let tools = FakeTools { sudoers_refused_with: Some("BAD".into()), ..FakeTools::default() };
        let outcome = install(&paths, &Disk::new(), &tools, b"ada ALL=(ALL) ALL\n").unwrap();
        assert!(matches!(outcome, SudoOutcome::RestIsBroken(_)));
        assert!(paths.sudoers().exists());
    }

    #[test]
    fn without_sudo_there_is_no_file() {
        let (_root, paths) = host();
        let tools = FakeTools { no_visudo: true, ..FakeTools::default() };
        assert!(matches!(install(&paths, &Disk::new(), &tools, b"x"), Err(SudoError::Missing)));
        assert!(!paths.sudoers().exists());
    }

    #[test]
    fn both_spellings_of_the_include_count() {
        let (_root, paths) = host();
        assert!(wired(&paths));
        for (text, expected) in [
            ("#includedir /etc/sudoers.d/\n", true),
            ("# includedir /etc/sudoers.d\n", false),
            ("@includedir /etc/other\n", false),
            ("", false),
        ] {
            fs::write(paths.sudoers_main(), text).unwrap();
            assert_eq!(wired(&paths), expected, "{text}");
        }
    }
}
