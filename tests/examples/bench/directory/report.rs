//! The tables.

use std::fmt;
use std::time::Duration;

use super::Size;
use super::big_group::{Both, Crowd, Waits};
use super::cycle::Operations;
use super::grant::Granted;
use super::reference::Reference;

/// Time of an operation, large to small: it should stay under this.
const GOAL: f64 = 1.5;

/// One initial cycle.
pub(crate) struct Cycle {
    pub(crate) size: Size,
    /// How many directories of that size the figures are of.
    pub(crate) rounds: usize,
    pub(crate) operations: Operations,
    /// Bytes, with the log.
    pub(crate) database: u64,
    /// Bytes of memory that the CA had at most.
    pub(crate) peak: u64,
    /// What a preview of everybody's name took afterwards.
    pub(crate) preview: Duration,
}

pub(crate) struct Report {
    pub(crate) reference: Reference,
    pub(crate) small: Cycle,
    pub(crate) large: Cycle,
    pub(crate) crowd: Crowd,
    pub(crate) granted: Granted,
}

impl Cycle {
    /// Takes another of the same size as the same measurement, gone on with.
    pub(crate) fn and(&mut self, more: Self) {
        for (what, waits) in more.operations {
            self.operations.entry(what).or_default().extend(waits);
        }
        self.operations.values_mut().for_each(|waits| waits.sort_unstable());
        self.rounds += more.rounds;
        self.peak = self.peak.max(more.peak);
    }

    fn took(&self) -> Duration {
        self.operations.values().flatten().sum()
    }

    fn requests(&self) -> usize {
        self.operations.values().map(Vec::len).sum()
    }

    fn mean(&self, what: &str) -> f64 {
        let waits = self.operations.get(what).map(Vec::as_slice).unwrap_or_default();
        micros(waits.iter().sum()) / number(waits.len())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Sallyport: an initial provisioning cycle over HTTP, one request at a time\n")?;
        self.operations(f)?;
        self.totals(f)?;
        self.crowd(f)?;
        self.granted(f)?;
        let verdict = |worst: f64| if worst <= GOAL { "" } else { ", over the goal" };
        let (worst, member) = (self.worst(), self.worst_member());
        writeln!(
            f,
            "\nGoal: no operation over {GOAL} times its time in the small directory. Reached: {worst:.2}{}.",
            verdict(worst)
        )?;
        write!(
            f,
            "Goal: one member costs no more in {} than in ten: at most {GOAL} times as much (p50). Reached: \
             {member:.2}{}.",
            self.crowd.members,
            verdict(member)
        )
    }
}

impl Report {
    fn worst(&self) -> f64 {
        let ratio = |what: &&str| self.large.mean(what) / self.small.mean(what);
        self.small
            .operations
            .keys()
            .filter(|what| self.large.operations.contains_key(**what))
            .map(ratio)
            .fold(0.0, f64::max)
    }

    fn worst_member(&self) -> f64 {
        let both = [&self.crowd.ungranted, &self.granted.one_member];
        both.into_iter().flat_map(Both::ratios).fold(0.0, f64::max)
    }

    fn operations(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Reference { alone, together } = self.reference;
        writeln!(
            f,
            "{:<28}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}{:>8}{:>9}",
            "times in µs", "p50", "p99", "mean", "p50", "p99", "mean", "ratio", "to row"
        )?;
        for (what, small) in &self.small.operations {
            let Some(large) = self.large.operations.get(what) else { continue };
            let (a, b) = (self.small.mean(what), self.large.mean(what));
            writeln!(
                f,
                "{what:<28}{:>10.0}{:>10.0}{a:>10.0}{:>10.0}{:>10.0}{b:>10.0}{:>8.2}{:>9.1}",
                micros(quantile(small, 500)),
                micros(quantile(small, 990)),
                micros(quantile(large, 500)),
                micros(quantile(large, 990)),
                b / a,
                b / micros(alone),
            )?;
        }
        writeln!(
            f,
            "\nThe first three columns: {}; the next three: {}. \"ratio\" is large to small;\n\"to row\" is large to \
             one row inserted with a durable commit of its own ({:.0} µs; {:.1} µs where many share one).\n",
            of(self.small.size),
            of(self.large.size),
            micros(alone),
            micros(together),
        )
    }

    fn totals(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for cycle in [&self.small, &self.large] {
            let seconds = cycle.took().as_secs_f64();
            let rows = number(cycle.size.users + cycle.size.groups + cycle.size.groups * cycle.size.members);
            let all = rows * number(cycle.rounds);
            writeln!(
                f,
                "{} times {}: {} requests in {seconds:.1} s, {:.0} a second; {:.0} rows of users, groups and memberships a \
                 second;\n  database {:.1} MiB, {:.0} bytes a row; peak memory of the CA {:.1} MiB;\n  `names preview` of \
                 everybody, as JSON: {:.2} s, {:.1} µs each",
                cycle.rounds,
                of(cycle.size),
                cycle.requests(),
                number(cycle.requests()) / seconds,
                all / seconds,
                mebibytes(cycle.database),
                mebibytes(cycle.database) * 1024.0 * 1024.0 / rows,
                mebibytes(cycle.peak),
                cycle.preview.as_secs_f64(),
                micros(cycle.preview) / number(cycle.size.users),
            )?;
        }
        writeln!(f)
    }

    fn crowd(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members = self.crowd.members;
        for (how, both) in [("", &self.crowd.ungranted), (", granted both", &self.granted.one_member)] {
            let Both { few, many } = both;
            for (what, few, many) in [("add", &few.add, &many.add), ("remove", &few.remove, &many.remove)] {
                let [small, large] = [few, many].map(|waits| micros(quantile(waits, 500)));
                let [small_tail, large_tail] = [few, many].map(|waits| micros(quantile(waits, 990)));
                writeln!(
                    f,
                    "{what} one member{how}: p50 {small:.0} µs in a group of ten, {large:.0} µs in one of {members} \
                     (ratio {:.2}); p99 {small_tail:.0} and {large_tail:.0}",
                    large / small
                )?;
            }
        }
        Ok(())
    }
}

impl Both {
    /// Large to small, of the medians.
    fn ratios(&self) -> [f64; 2] {
        let of = |waits: fn(&Waits) -> &Vec<Duration>| {
            let [few, many] = [&self.few, &self.many].map(|both| micros(quantile(waits(both), 500)));
            many / few
        };
        [of(|waits| &waits.add), of(|waits| &waits.remove)]
    }
}

impl Report {
    fn granted(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Granted { idle, add, remove, delete, answered, .. } = &self.granted;
        let usual = micros(quantile(idle, 500));
        let all = self.crowd.members;
        let deleted =
            format!("the granted group of {all} deleted (answered after {:.0} µs)", micros(*answered));
        for (what, beside) in [
            (format!("a grant added to all {all}"), add),
            (format!("a grant removed from all {all}"), remove),
            (deleted, delete),
        ] {
            let [median, tail, longest] = [500, 990, 1000].map(|part| micros(quantile(&beside.waits, part)));
            writeln!(
                f,
                "{what}: {:.2} s; another write meanwhile: p50 {median:.0} µs, p99 {tail:.0}, longest \
                 {longest:.0} (ratios to the idle p50, {usual:.0} µs: {:.1}, {:.1}, {:.1})",
                beside.took.as_secs_f64(),
                median / usual,
                tail / usual,
                longest / usual,
            )?;
        }
        Ok(())
    }
}

fn of(size: Size) -> String {
    format!("{} users, {} groups, {} memberships", size.users, size.groups, size.groups * size.members)
}

/// The wait that this many of a thousand did not exceed.
fn quantile(sorted: &[Duration], thousandths: usize) -> Duration {
    let last = sorted.len().saturating_sub(1);
    sorted.get(last * thousandths / 1000).copied().unwrap_or_default()
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

fn mebibytes(bytes: u64) -> f64 {
    number(usize::try_from(bytes / 1024).unwrap_or(usize::MAX)) / 1024.0
}
