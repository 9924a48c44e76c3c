//! The demonstration: the whole story on real parts, told step by step. Run it with `cargo xtask demo`.

mod narrator;
mod story;

use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::signal::unix::{SignalKind, signal};

pub use self::narrator::Narrator;
use crate::wait;

/// Tells the story. With `keep`, stays up at its end until it is interrupted. Whatever happens, an interrupt
/// included, nothing is left behind.
///
/// # Errors
/// A step failed, or somebody interrupted it.
pub fn run(keep: bool) -> Result<()> {
    listen_for_interrupts()?;
    let mut narrator = Narrator::new();
    let stage = story::tell(&mut narrator)?;
    if keep {
        narrator.aside("Everything stays up until you press Ctrl-C. To try by hand:", &stage.by_hand());
        while !wait::interrupted() {
            thread::sleep(Duration::from_millis(50));
        }
    }
    narrator.last_step("Everything is taken away again", || drop(stage));
    narrator.close();
    Ok(())
}

/// The first interrupt ends every wait, so that the story fails where it is and clears up on its way out. A
/// second one ends the process at once: what it started goes with it.
fn listen_for_interrupts() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate) = {
        let _context = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    thread::Builder::new()
        .name("interrupts".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                for attempt in 0_u8.. {
                    tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
                    if attempt > 0 {
                        std::process::exit(130);
                    }
                    eprintln!("\ninterrupted: clearing up");
                    wait::interrupt();
                }
            });
        })
        .context("cannot listen for interrupts")?;
    Ok(())
}
