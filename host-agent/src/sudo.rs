//! The one sudoers file: user rules only, because a group's members keep their groups for as long as they stay
//! logged in.

mod install;

use std::collections::BTreeSet;
use std::fmt::Write;

use jiff::Timestamp;
use sallyport_domain::{PosixName, Uid, UserId};

use crate::lease;

pub(crate) use install::{SudoError, SudoOutcome, install, wired};

/// One person who may do everything here.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Rule {
    pub(crate) name: PosixName,
    pub(crate) uid: Uid,
    pub(crate) user: UserId,
}

/// The file's bytes. With `ends`, each rule ends by itself at that time; sudo before 1.8.20 and sudo-rs do not take it.
///
/// Names are validated and so need no quoting: no capital (an alias), no `%`, `+`, `#`, `!`, comma or blank.
pub(crate) fn render(rules: &[Rule], lease: Timestamp, ends: bool) -> Vec<u8> {
    let mut text = lease::header(lease);
    let end = if ends { format!("NOTAFTER={} ", lease::utc_stamp(lease)) } else { String::new() };
    for Rule { name, uid, user } in rules {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name} ALL=(ALL:ALL) {end}NOPASSWD: ALL # u:{user} uid={uid}");
    }
    text.into_bytes()
}

/// Whom a file of ours names. A line that we would not have written counts as its first word.
pub(crate) fn names_in(bytes: &[u8]) -> BTreeSet<String> {
    let text = String::from_utf8_lossy(bytes);
    let rules = text.lines().filter(|line| !line.starts_with('#'));
    rules.filter_map(|line| line.split_whitespace().next()).map(ToOwned::to_owned).collect()
}

/// The file without the rules of these people.
pub(crate) fn without(bytes: &[u8], names: &BTreeSet<PosixName>) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    let is_theirs =
        |line: &&str| line.split(' ').next().is_some_and(|first| names.iter().any(|n| n.as_str() == first));
    text.lines()
        .filter(|line| !is_theirs(line))
        .flat_map(|line| [line, "\n"])
        .collect::<String>()
        .into_bytes()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn rule() -> Rule {
        let at = Timestamp::from_second(1_800_000_000).unwrap();
        Rule {
            name: "ada".parse().unwrap(),
            uid: Uid::try_from(70_001).unwrap(),
            user: UserId::generate(at, &mut ChaCha8Rng::from_seed([42; 32])),
        }
    }

    #[test]
    fn a_rule_names_the_account_and_ends_with_the_lease() {
        let lease = "2026-11-24T23:15:00Z".parse().unwrap();
        let rule = rule();
        let user = rule.user;
        let text = String::from_utf8(render(&[rule], lease, true)).unwrap();
        let expected =
            format!("ada ALL=(ALL:ALL) NOTAFTER=20261124231500Z NOPASSWD: ALL # u:{user} uid=70001\n");
        assert!(text.ends_with(&expected), "{text}");
        assert_eq!(names_in(text.as_bytes()).into_iter().collect::<Vec<_>>(), ["ada"]);
    }

    #[test]
    fn an_older_sudo_gets_a_rule_without_an_end() {
        let text = String::from_utf8(render(&[rule()], Timestamp::UNIX_EPOCH, false)).unwrap();
        assert!(text.contains("ada ALL=(ALL:ALL) NOPASSWD: ALL"));
    }

    #[test]
    fn a_rule_is_left_out_by_its_whole_name() {
        let file = b"# x ada\nada ALL=(ALL) ALL\nadams ALL=(ALL) ALL\n";
        let names = BTreeSet::from(["ada".parse().unwrap()]);
        assert_eq!(without(file, &names), b"# x ada\nadams ALL=(ALL) ALL\n");
    }

    #[test]
    fn what_somebody_wrote_into_our_file_is_seen() {
        let names = names_in(b"# x\nALL ALL=(ALL) ALL\n\neve ALL=(ALL) NOPASSWD: ALL\n");
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["ALL", "eve"]);
    }
}
