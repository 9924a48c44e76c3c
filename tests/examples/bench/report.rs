//! The table.

use std::fmt;
use std::time::Duration;

/// Of the raw rate, at the busiest level.
const GOAL: f64 = 0.25;
const LATER: f64 = 0.5;

/// A row that one core did alone.
#[derive(Clone, Copy)]
pub(crate) struct Local {
    pub(crate) done: u32,
    pub(crate) took: Duration,
    pub(crate) cpu: Duration,
}

/// A row that was served.
pub(crate) struct Served {
    pub(crate) connections: usize,
    pub(crate) took: Duration,
    /// Shortest first.
    pub(crate) waits: Vec<Duration>,
    /// One sentence for each answer that was no certificate.
    pub(crate) faults: Vec<String>,
    /// Processor time of the CA, and of the load.
    pub(crate) ca: Duration,
    pub(crate) own: Duration,
}

pub(crate) struct Report {
    pub(crate) raw: Local,
    pub(crate) issued: Local,
    pub(crate) served: Vec<Served>,
    /// In the audit at the end.
    pub(crate) events: u64,
}

impl Local {
    pub(crate) fn rate(&self) -> f64 {
        f64::from(self.done) / self.took.as_secs_f64()
    }
}

impl Served {
    fn done(&self) -> f64 {
        f64::from(u32::try_from(self.waits.len()).unwrap_or(u32::MAX))
    }

    fn rate(&self) -> f64 {
        self.done() / self.took.as_secs_f64()
    }

    /// The wait that this many of a thousand answers did not exceed.
    fn wait(&self, thousandths: usize) -> Duration {
        let last = self.waits.len().saturating_sub(1);
        self.waits.get(last * thousandths / 1000).copied().unwrap_or_default()
    }
}

impl Report {
    pub(crate) fn errors(&self) -> usize {
        self.served.iter().map(|level| level.faults.len()).sum()
    }

    fn best(&self) -> f64 {
        self.served.iter().map(Served::rate).fold(0.0, f64::max) / self.raw.rate()
    }

    fn table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let raw = self.raw.rate();
        let line = |f: &mut fmt::Formatter<'_>, what: &str, rate: f64, cpu: f64| {
            write!(f, "{what:<44}{rate:>10.0}{:>8.2}{cpu:>9.1}", rate / raw)
        };
        writeln!(
            f,
            "{:<44}{:>10}{:>8}{:>9}{:>10}{:>10}{:>8}",
            "", "a second", "ratio", "CPU µs", "p50 ms", "p99 ms", "errors"
        )?;
        for (what, row) in
            [("1  raw signatures", &self.raw), ("2  certificates, recorded in memory", &self.issued)]
        {
            line(f, what, row.rate(), micros(row.cpu) / f64::from(row.done))?;
            writeln!(f)?;
        }
        for row in &self.served {
            let what = format!("3  certificates over HTTP, {} at once", row.connections);
            line(f, &what, row.rate(), micros(row.ca) / row.done())?;
            let [p50, p99] = [500, 990].map(|thousandths| micros(row.wait(thousandths)) / 1000.0);
            writeln!(f, "{p50:>10.2}{p99:>10.2}{:>8}", row.faults.len())?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Sallyport: certificates a second, and the ratio to raw signatures in this same run\n")?;
        self.table(f)?;
        let asked: f64 = self.served.iter().map(Served::done).sum();
        let own: Duration = self.served.iter().map(|level| level.own).sum();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        write!(
            f,
            "\n1  ed25519-dalek on one core: a key that is ready, 600 bytes.\n\
             2  On one core: content built and checked, kept in a list, signed, read back and compared.\n\
             3  sallyport-ca on plain HTTP and loopback, SQLite with synchronous=FULL. For each certificate: token \
             (RS256)\n   verified, nonce and the key's signature checked, person, groups and grants looked up, policy \
             asked, record and\n   audit on the disk before the answer. CPU is the CA's alone; the load takes its \
             {:.0} µs a request from the same\n   {cores} cores. Every answer was checked; the audit was folded: \
             {} events, no gap.\n\n\
             Goal: {GOAL:.2} of row 1 (then {LATER:.2}). Reached: {:.2}{}.",
            micros(own) / asked,
            self.events,
            self.best(),
            if self.best() >= GOAL { "" } else { ", short of the goal" },
        )?;
        for fault in self.served.iter().flat_map(|level| &level.faults).take(5) {
            write!(f, "\nfailed: {fault}")?;
        }
        Ok(())
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
