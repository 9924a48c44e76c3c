//! Numbered steps with the time that each took.

use std::fmt::Display;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::wait;

/// Tells a story on standard output.
#[derive(Debug)]
pub struct Narrator {
    number: u32,
    /// In steps: what somebody tries by hand between them is their own time.
    spent: Duration,
}

impl Default for Narrator {
    fn default() -> Self {
        Self::new()
    }
}

impl Narrator {
    #[must_use]
    pub fn new() -> Self {
        Self { number: 0, spent: Duration::ZERO }
    }

    /// One step: its title, what `act` tells of it with [`Narrator::tell`], and its time.
    ///
    /// # Errors
    /// It failed; or somebody has interrupted the story, and it did not begin.
    pub fn step<T>(&mut self, title: &str, act: impl FnOnce() -> Result<T>) -> Result<T> {
        if wait::interrupted() {
            bail!("interrupted before the step '{title}'");
        }
        let begun = self.announce(title);
        let outcome = act();
        let took = self.spend(begun);
        match outcome {
            Ok(value) => {
                println!("    ({took})");
                Ok(value)
            }
            Err(error) => Err(error.context(format!("step {}, '{title}', failed after {took}", self.number))),
        }
    }

    /// A step that is taken even after an interrupt, and cannot fail.
    pub fn last_step(&mut self, title: &str, act: impl FnOnce()) {
        let begun = self.announce(title);
        act();
        println!("    ({})", self.spend(begun));
    }

    /// A line inside a step: what a person would see.
    pub fn tell(line: impl Display) {
        for line in line.to_string().lines() {
            println!("    {line}");
        }
    }

    /// A note between steps.
    pub fn aside(&self, title: &str, lines: &[String]) {
        println!("\n{title}");
        for line in lines {
            println!("    {line}");
        }
    }

    /// The end.
    pub fn close(&self) {
        println!("\n{} steps in {}", self.number, Seconds(self.spent));
    }

    fn spend(&mut self, begun: Instant) -> Seconds {
        let took = begun.elapsed();
        self.spent += took;
        Seconds(took)
    }

    fn announce(&mut self, title: &str) -> Instant {
        self.number += 1;
        println!("\n{:2}. {title}", self.number);
        Instant::now()
    }
}

struct Seconds(Duration);

impl Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2} s", self.0.as_secs_f64())
    }
}
