//! A grant to the crowd, added and removed, and the crowd's group deleted: how long it takes, and how long another write
//! waits meanwhile.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::big_group::{Both, Crowd, Scim};
use super::stage::Stage;

/// Writes that are timed while nothing else happens.
const IDLE: usize = 300;
/// How often it is looked whether a deletion came to everybody.
const PAUSE: Duration = Duration::from_millis(20);

/// One command or request, and the writes beside it, shortest wait first.
pub(crate) struct Beside {
    pub(crate) took: Duration,
    pub(crate) waits: Vec<Duration>,
}

pub(crate) struct Granted {
    pub(crate) idle: Vec<Duration>,
    pub(crate) add: Beside,
    pub(crate) remove: Beside,
    /// One member more or less, where both groups have a grant.
    pub(crate) one_member: Both,
    /// Until the last member of the deleted group has left.
    pub(crate) delete: Beside,
    /// Until the directory had its answer.
    pub(crate) answered: Duration,
}

pub(crate) fn measure(stage: &Stage, crowd: &Crowd) -> Result<Granted> {
    let scim = Scim::new(stage)?;
    let probe = Probe { stage, scim, crowd };
    let mut idle = Vec::new();
    for turn in 0..IDLE {
        idle.push(probe.write(turn)?);
    }
    idle.sort_unstable();
    let to = |group| ["admin", "grant", "add", "--format", "json", "--tag", "env=bench", "--group", group];
    let (add, printed) = probe.beside(|| stage.run(&to(&crowd.group)))?;
    let large = grant_id(&printed)?;
    let small = grant_id(&stage.run(&to(&crowd.small))?)?;
    let groups = [crowd.small.as_str(), crowd.group.as_str()];
    let one_member = stage.runtime.block_on(probe.scim.one_member(&crowd.newcomer, groups))?;
    // The writes that are timed beside the others are those of before.
    stage.run(&["admin", "grant", "remove", &small])?;
    let (remove, _) = probe.beside(|| stage.run(&["admin", "grant", "remove", &large]))?;
    stage.run(&to(&crowd.group))?;
    let (delete, answered) = probe.beside(|| {
        let began = Instant::now();
        stage.runtime.block_on(probe.scim.delete(&crowd.group))?;
        let answered = began.elapsed();
        while stage.is_settling()? {
            std::thread::sleep(PAUSE);
        }
        Ok(answered)
    })?;
    Ok(Granted { idle, add, remove, one_member, delete, answered })
}

fn grant_id(printed: &str) -> Result<String> {
    let printed: serde_json::Value = serde_json::from_str(printed)?;
    let id = printed.pointer("/0/id").and_then(serde_json::Value::as_str);
    id.map(str::to_owned).context("no grant was printed")
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

    /// Writes one after the other for as long as the work takes.
    fn beside<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<(Beside, T)> {
        std::thread::scope(|scope| {
            let began = Instant::now();
            let running = scope.spawn(work);
            let mut waits = Vec::new();
            while !running.is_finished() {
                waits.push(self.write(waits.len())?);
            }
            let took = began.elapsed();
            let outcome =
                running.join().map_err(|_| anyhow::anyhow!("the thread of the work panicked"))??;
            waits.sort_unstable();
            Ok((Beside { took, waits }, outcome))
        })
    }
}
