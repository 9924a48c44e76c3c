//! A grant to the crowd, added and removed: how long it takes, and how long another write waits meanwhile.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use sallyport_tests::command;

use super::big_group::{Crowd, Scim};
use super::stage::Stage;

/// Writes that are timed while nothing else happens.
const IDLE: usize = 300;

/// One command, and the writes beside it, shortest wait first.
pub(crate) struct Beside {
    pub(crate) took: Duration,
    pub(crate) waits: Vec<Duration>,
}

pub(crate) struct Granted {
    pub(crate) idle: Vec<Duration>,
    pub(crate) add: Beside,
    pub(crate) remove: Beside,
}

pub(crate) fn measure(stage: &Stage, crowd: &Crowd) -> Result<Granted> {
    let scim = Scim::new(stage)?;
    let probe = Probe { stage, scim, crowd };
    let mut idle = Vec::new();
    for turn in 0..IDLE {
        idle.push(probe.write(turn)?);
    }
    idle.sort_unstable();
    let group = ["admin", "grant", "add", "--format", "json", "--group", &crowd.group];
    let (add, printed) = probe.beside(&[&group[..], &["--tag", "env=bench"]].concat())?;
    let printed: serde_json::Value = serde_json::from_str(&printed)?;
    let grant =
        printed.pointer("/0/id").and_then(serde_json::Value::as_str).context("no grant was printed")?;
    let (remove, _) = probe.beside(&["admin", "grant", "remove", grant])?;
    Ok(Granted { idle, add, remove })
}

struct Probe<'s> {
    stage: &'s Stage,
    scim: Scim,
    crowd: &'s Crowd,
}

impl Probe<'_> {
    /// One durable write: somebody joins a small group, or leaves it.
    fn write(&self, turn: usize) -> Result<Duration> {
        let op = if turn.is_multiple_of(2) { "Add" } else { "Remove" };
        let member = std::slice::from_ref(&self.crowd.newcomer);
        self.stage.runtime.block_on(self.scim.change(&self.crowd.small, op, member))
    }

    /// Writes one after the other for as long as the command runs.
    fn beside(&self, arguments: &[&str]) -> Result<(Beside, String)> {
        std::thread::scope(|scope| {
            let began = Instant::now();
            let running = scope.spawn(|| command::run(&mut self.stage.command(arguments)?)?.ok());
            let mut waits = Vec::new();
            while !running.is_finished() {
                waits.push(self.write(waits.len())?);
            }
            let took = began.elapsed();
            let printed = running.join().map_err(|_| anyhow::anyhow!("the command's thread panicked"))??;
            waits.sort_unstable();
            Ok((Beside { took, waits }, printed))
        })
    }
}
