//! A trial that failed is not repeated at each round: every one has sshd read its configuration twice. It is worth
//! repeating when something that it hung on is another, and now and then in case that was something unseen.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::trial::Place;
use crate::disk;
use crate::paths::Paths;
use crate::problem::Problem;

/// Doubled with each trial that fails.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(10);
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(1);
const LARGEST_FILE: u64 = 4 * 1024 * 1024;

/// What a trial hangs on, as far as files tell.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Inputs {
    bytes: Vec<u8>,
    /// Whom sshd is asked about.
    managed: Option<String>,
    files: BTreeMap<PathBuf, Option<Vec<u8>>>,
    /// Inode, size and time of the program.
    sshd: Option<(u64, u64, i64)>,
}

impl Inputs {
    pub(crate) fn read(paths: &Paths, bytes: &[u8], managed: Option<String>) -> Self {
        let entries = fs::read_dir(paths.drop_ins()).into_iter().flatten().flatten();
        let theirs = entries.map(|entry| entry.path()).filter(|path| *path != paths.drop_in());
        let named = [paths.sshd_config(), paths.host_certificate()];
        let files = theirs.chain(named).map(|path| {
            let content = disk::read(&path, LARGEST_FILE).unwrap_or_default();
            (path, content)
        });
        let program = fs::metadata(paths.at("usr/sbin/sshd")).ok();
        Self {
            bytes: bytes.to_vec(),
            managed,
            files: files.collect(),
            sshd: program.map(|program| (program.ino(), program.size(), program.mtime())),
        }
    }
}

/// The trials that failed, for as long as this process lives: whoever starts it, or says `apply --once`, has them
/// repeated at once.
#[derive(Debug, Default)]
pub(crate) struct FailedTrials(Mutex<BTreeMap<Place, Failed>>);

#[derive(Debug)]
struct Failed {
    inputs: Inputs,
    problem: Problem,
    pause: SignedDuration,
    times: u32,
    last: Timestamp,
}

impl Failed {
    fn next(&self) -> Timestamp {
        self.last.saturating_add(self.pause).unwrap_or(self.last)
    }

    fn told(&self) -> Problem {
        let Problem { code, detail } = &self.problem;
        let (times, last, next) = (self.times, self.last, self.next());
        let again =
            "or when sshd, its configuration or ours is another; at once: sallyport-host apply --once";
        Problem::new(
            *code,
            format!("{detail} (failed {times} times, the last at {last}; tried again after {next}, {again})"),
        )
    }
}

impl FailedTrials {
    /// What is wrong, when the trial is not worth repeating yet.
    pub(crate) fn held(&self, place: Place, inputs: &Inputs, now: Timestamp) -> Option<Problem> {
        let failed = self.lock();
        let failed = failed.get(&place)?;
        // A clock that was set back holds nothing for longer than it was meant to be.
        let is_soon = now >= failed.last && now < failed.next();
        (is_soon && failed.inputs == *inputs).then(|| failed.told())
    }

    /// Notes a trial that failed; what to say of it.
    pub(crate) fn failed(&self, place: Place, inputs: Inputs, problem: Problem, now: Timestamp) -> Problem {
        let mut failed = self.lock();
        let before = failed.remove(&place).filter(|before| before.inputs == inputs);
        let (pause, times) = before.map_or((FIRST_PAUSE, 1), |before| {
            ((before.pause * 2).min(LONGEST_PAUSE), before.times.saturating_add(1))
        });
        let noted = Failed { inputs, problem, pause, times, last: now };
        let told = noted.told();
        failed.insert(place, noted);
        told
    }

    /// It went well, or there is nothing to try any more.
    pub(crate) fn forget(&self, place: Place) {
        self.lock().remove(&place);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Place, Failed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Code;
    use crate::testing::{NOW, TestHost, at};

    fn fail(trials: &FailedTrials, inputs: &Inputs, now: i64) -> Problem {
        let problem = Problem::new(Code::SshdRefused, "no");
        trials.failed(Place::DropIn, inputs.clone(), problem, at(now))
    }

    #[test]
    fn it_is_held_for_longer_and_longer_and_says_until_when() {
        let host = TestHost::new();
        let inputs = Inputs::read(&host.paths, b"ours", None);
        let (trials, mut now) = (FailedTrials::default(), NOW);
        for (times, pause) in [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600].into_iter().enumerate()
        {
            let told = fail(&trials, &inputs, now);
            assert!(told.detail.starts_with(&format!("no (failed {} times", times + 1)), "{told}");
            assert!(told.detail.contains(&format!("again after {}", at(now + pause))), "{told}");
            assert_eq!(trials.held(Place::DropIn, &inputs, at(now + pause - 1)), Some(told));
            assert_eq!(trials.held(Place::DropIn, &inputs, at(now + pause)), None);
            assert_eq!(trials.held(Place::DropIn, &inputs, at(now - 1)), None, "the clock was set back");
            assert_eq!(trials.held(Place::HostCertificate, &inputs, at(now)), None);
            now += pause;
        }
        trials.forget(Place::DropIn);
        assert_eq!(trials.held(Place::DropIn, &inputs, at(now)), None);
    }

    #[test]
    fn whatever_it_hung_on_makes_it_worth_repeating() {
        let host = TestHost::new();
        let (paths, trials) = (&host.paths, FailedTrials::default());
        let inputs = || Inputs::read(paths, b"ours", None);
        fs::create_dir_all(paths.at("usr/sbin")).unwrap();
        for changed in [
            paths.sshd_config(),
            paths.drop_ins().join("50-theirs.conf"),
            paths.host_certificate(),
            paths.at("usr/sbin/sshd"),
        ] {
            fs::create_dir_all(changed.parent().unwrap()).unwrap();
            fail(&trials, &inputs(), NOW);
            assert!(trials.held(Place::DropIn, &inputs(), at(NOW)).is_some());
            fs::write(&changed, "another\n").unwrap();
            assert_eq!(trials.held(Place::DropIn, &inputs(), at(NOW)), None, "{}", changed.display());
        }
        fail(&trials, &inputs(), NOW);
        for other in [Inputs::read(paths, b"other", None), Inputs::read(paths, b"ours", Some("ada".into()))] {
            assert_eq!(trials.held(Place::DropIn, &other, at(NOW)), None);
        }
        // What is on trial there is told by the bytes.
        fs::write(paths.drop_in(), "ours\n").unwrap();
        assert!(trials.held(Place::DropIn, &inputs(), at(NOW)).is_some());
        assert!(fail(&trials, &Inputs::read(paths, b"other", None), NOW).detail.contains("failed 1 times"));
    }
}
