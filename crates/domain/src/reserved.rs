//! Names that belong to systems, services and robots.

use std::collections::HashSet;
use std::sync::LazyLock;

/// Words, with `#` lines between them.
static LIST: &str = include_str!("reserved_names.txt");

static NAMES: LazyLock<HashSet<&'static str>> = LazyLock::new(|| words().collect());

/// Prefixes under which distributions and systemd make accounts.
const PREFIXES: [&str; 3] = ["_", "systemd-", "debian-"];

pub(crate) fn is_reserved(name: &str) -> bool {
    PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || NAMES.contains(name)
}

fn words() -> impl Iterator<Item = &'static str> {
    LIST.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PosixName;

    #[test]
    fn the_list_is_of_names_and_each_stands_once() {
        assert!(NAMES.len() > 800, "{}", NAMES.len());
        assert_eq!(words().count(), NAMES.len(), "some name stands twice");
        for word in words() {
            assert!(word.parse::<PosixName>().is_ok(), "{word}");
        }
    }
}
