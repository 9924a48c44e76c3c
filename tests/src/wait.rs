//! Waiting for a condition, never for a time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How long a test waits for what should be there in a moment, on a machine that does ten other things. What is promised
/// in seconds is measured by the demonstration and the benchmarks, on a machine that does not.
pub const PATIENCE: Duration = Duration::from_mins(1);

const PAUSE: Duration = Duration::from_millis(10);

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Asks `condition` until it gives a value, for `within` at most. `what` completes "waited for …".
///
/// # Errors
/// The time is over, or [`interrupt`] was called.
pub fn wait_until<T>(what: &str, within: Duration, mut condition: impl FnMut() -> Option<T>) -> Result<T> {
    let begun = Instant::now();
    loop {
        if let Some(value) = condition() {
            return Ok(value);
        }
        if INTERRUPTED.load(Ordering::Relaxed) {
            bail!("interrupted while waiting for {what}");
        }
        if begun.elapsed() >= within {
            bail!("waited {:.1} s in vain for {what}", within.as_secs_f64());
        }
        thread::sleep(PAUSE);
    }
}

/// Makes every wait end at once, in all threads and for good: somebody wants this process to stop.
pub fn interrupt() {
    INTERRUPTED.store(true, Ordering::Relaxed);
}

/// Whether [`interrupt`] was called.
#[must_use]
pub fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}
