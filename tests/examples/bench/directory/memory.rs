//! Memory as the kernel counts it.

use std::fs;

use anyhow::{Context as _, Result};

/// The most that a process ever had in memory, in bytes (`VmHWM` of `proc_pid_status(5)`).
pub(crate) fn peak_of(id: u32) -> Result<u64> {
    let path = format!("/proc/{id}/status");
    let status = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").trim().parse()?;
    Ok(kilobytes * 1024)
}
