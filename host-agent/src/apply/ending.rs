//! The end of a lease without a word of the CA to be in step with: everything goes that gives access, and nothing comes.

use super::{Hands, Outcome, worth_another_look};
use crate::plan::{self, Plan, Wanted};
use crate::seen::Seen;
use crate::state::Accepted;
use crate::tools::Tools;

/// What is to be taken away, now that a lease is over.
pub(crate) struct Ending {
    wanted: Wanted,
    seen: Seen,
    pub(crate) plan: Plan,
}

impl<T: Tools> Hands<'_, T> {
    /// `None` while a lease goes on: that of the CA's last word, or the latest in our own files. Each can be the newer
    /// one, because the other could not be written. `had_access` tells whether anybody could have access where neither
    /// is known.
    pub(crate) fn ending(&self, word: Option<&Accepted>, had_access: bool) -> Option<Ending> {
        let seen = self.scan(word.map_or(&[], |word| &word.content.uid_ranges));
        let until = word.map(|word| word.lease_until).max(seen.written_lease());
        if until.map_or(!had_access, |until| self.now < until) {
            return None;
        }
        let wanted = Wanted::nobody(until, word.is_some());
        let mut plan = plan::removals_of_all(&wanted, &seen);
        plan.problems.extend(wanted.problems.iter().cloned());
        Some(Ending { wanted, seen, plan })
    }

    pub(crate) fn end(&self, ending: Ending) -> Outcome {
        let Ending { wanted, seen, plan } = ending;
        let mut outcome = Outcome { look_again: worth_another_look(&plan, &seen), ..Outcome::default() };
        self.carry_out(&wanted, &seen.ledger, plan, &mut outcome);
        outcome.failed |= outcome.problems.iter().any(|problem| problem.code.holds_generation_back());
        outcome
    }

    /// What remains when the CA's last word is lost.
    pub(crate) fn end_written_lease(&self, had_access: bool) -> Outcome {
        let Some(ending) = self.ending(None, had_access) else { return Outcome::default() };
        self.sweep();
        self.end(ending)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use sallyport_domain::Generation;

    use super::*;
    use crate::lease;
    use crate::testing::{
        LEASE, NOW, TestHost, account, at, content, in_groups, read, wanted_content, with_groups,
    };

    const END: i64 = NOW + LEASE;

    /// ada has sudo, is in the host's group adm and in one that we made; all files carry a lease until `END`.
    fn host() -> (TestHost, impl Fn(i64) -> Accepted) {
        let host = TestHost::new();
        fs::write(host.paths.group(), "root:x:0:\nfrank:x:1000:\nadm:x:4:syslog\n").unwrap();
        fs::write(host.paths.gshadow(), "root:*::\nfrank:!::\nadm:*::syslog\n").unwrap();
        let ada = in_groups(&["research"], &["adm"], account("ada", 70_001, true));
        let content = with_groups(&[("research", 70_050)], content(vec![ada]));
        host.apply(&wanted_content(content.clone(), NOW), NOW);
        host.runs_with(900_001, 70_001, "4 70050");
        host.tools.calls.lock().unwrap().clear();
        let said = move |until| Accepted {
            generation: Generation::new(1),
            content: content.clone(),
            lease_until: at(until),
        };
        (host, said)
    }

    fn steps(plan: &Plan) -> Vec<String> {
        plan.steps.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn nothing_is_taken_while_any_lease_goes_on() {
        let (host, said) = host();
        let over = |now, word: Option<i64>, note: Option<i64>| {
            fs::remove_file(host.paths.lease_note()).ok();
            if let Some(until) = note {
                fs::write(host.paths.lease_note(), lease::header(at(until))).unwrap();
            }
            host.hands(now).ending(word.map(&said).as_ref(), false).is_some()
        };
        for (what, word, note, last) in [
            ("the CA's last word is older than our files", Some(NOW), None, END),
            ("it is newer", Some(END + 9), None, END + 9),
            ("it is lost", None, None, END),
            ("a newer one could not be written anywhere but in /run", Some(NOW), Some(END + 9), END + 9),
        ] {
            assert!(!over(last - 1, word, note), "{what}: ended too early");
            assert!(over(last, word, note), "{what}: goes on for ever");
        }
    }

    #[test]
    fn what_goes_is_what_the_agent_takes_and_nothing_comes_or_is_put_back() {
        let (host, said) = host();
        let word = said(END);
        let by_the_agent = host.steps(&wanted_content(word.content.clone(), END), END);
        // As somebody would who stopped the agent to be rid of it.
        for path in [host.paths.drop_in(), host.paths.krl(), host.paths.user_ca()] {
            fs::remove_file(path).unwrap();
        }
        let files = |host: &TestHost| {
            [host.paths.etc(), host.paths.drop_ins(), host.paths.trust(), host.paths.sudoers_directory()]
                .map(|directory| fs::read_dir(directory).unwrap().count())
        };
        let before = files(&host);
        let ending = host.hands(END).ending(Some(&word), true).unwrap();
        assert_eq!(steps(&ending.plan), by_the_agent);
        let outcome = host.hands(END).end(ending);
        assert!(!outcome.failed, "{:?}", outcome.problems);
        assert!(!host.paths.principals_of("ada").exists() && !host.paths.sudoers().exists());
        assert!(read(host.paths.shadow()).contains("ada:*:20833:0:99999:7::1:"));
        let group = read(host.paths.group());
        assert!(group.contains("adm:x:4:syslog\n") && group.contains("research:x:70050:\n"), "{group}");
        let calls = host.tools.calls();
        assert!(calls.contains(&"end ada 70001".to_owned()), "{calls:?}");
        assert!(calls.iter().all(|call| call.starts_with("end ")), "{calls:?}");
        // The rules of sudo are gone; everything else is where it was.
        assert_eq!(files(&host), [before[0], before[1], before[2], before[3] - 1]);
        // Once more: nothing that is done is done again.
        fs::remove_dir_all(host.paths.proc()).unwrap();
        let rest = host.hands(END + 300).ending(Some(&word), true).unwrap();
        host.hands(END + 300).end(rest);
        let rest = host.hands(END + 600).ending(Some(&word), true).unwrap();
        assert_eq!(steps(&rest.plan), Vec::<String>::new());
    }
}
