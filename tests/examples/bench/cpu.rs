//! Processor time as the kernel counts it: what a certificate costs, whatever else the machine does meanwhile.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// A tick of /proc/PID/stat: `USER_HZ` is 100 on every machine that this runs on (`proc_pid_stat(5)`).
const TICK: Duration = Duration::from_millis(10);

/// User and system time of all threads, ended ones too.
pub(crate) fn of_process(id: u32) -> Result<Duration> {
    let path = format!("/proc/{id}/stat");
    let stat = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    // The second field is the program's name in brackets, and may hold anything.
    let (_, fields) = stat.rsplit_once(')').context("a stat file without a name")?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next().and_then(|field| field.parse::<u32>().ok());
    let (user, system) = ticks().zip(ticks()).context("a stat file without times")?;
    Ok(TICK * (user + system))
}

pub(crate) fn of_this_thread() -> Result<Duration> {
    let path = "/proc/thread-self/schedstat";
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    let nanoseconds = text.split_ascii_whitespace().next().and_then(|field| field.parse().ok());
    Ok(Duration::from_nanos(nanoseconds.context("a schedstat file without a time")?))
}
