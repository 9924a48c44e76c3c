use std::collections::BTreeSet;
use std::fs;

use crate::paths::Paths;

/// Names that this distribution gives to system accounts and groups, whether they exist yet or not: a package
/// installed tomorrow must not find a person under its name.
pub(crate) fn system_names(paths: &Paths) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for master in ["usr/share/base-passwd/passwd.master", "usr/share/base-passwd/group.master"] {
        let text = fs::read_to_string(paths.at(master)).unwrap_or_default();
        names.extend(text.lines().filter_map(|line| line.split(':').next()).map(ToOwned::to_owned));
    }
    for directory in ["usr/lib/sysusers.d", "etc/sysusers.d"] {
        let Ok(entries) = fs::read_dir(paths.at(directory)) else { continue };
        for entry in entries.flatten() {
            let text = fs::read_to_string(entry.path()).unwrap_or_default();
            names.extend(text.lines().filter_map(sysusers_name));
        }
    }
    names.remove("");
    names
}

/// The name of a `u` or `g` line; see sysusers.d(5).
fn sysusers_name(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    let kind = words.next()?;
    let name = words.next()?;
    matches!(kind.get(..1), Some("u" | "g")).then(|| name.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_of_the_distribution_are_read() {
        let root = tempfile::tempdir().unwrap();
        let paths = Paths::under(root.path());
        fs::create_dir_all(paths.at("usr/lib/sysusers.d")).unwrap();
        fs::create_dir_all(paths.at("usr/share/base-passwd")).unwrap();
        fs::write(paths.at("usr/lib/sysusers.d/a.conf"), "# c\nu! chrony - \"x\"\ng render -\nm a b\n")
            .unwrap();
        fs::write(paths.at("usr/share/base-passwd/group.master"), "games:*:60:\n").unwrap();
        let names = system_names(&paths);
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["chrony", "games", "render"]);
    }
}
