//! Steps with a name and a time, and commands that say what failed.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// Runs the steps of a chore one after the other and says where it is.
#[derive(Debug)]
pub(crate) struct Steps {
    chore: &'static str,
    done: Vec<(&'static str, Duration)>,
}

impl Steps {
    pub(crate) fn of(chore: &'static str) -> Self {
        Self { chore, done: Vec::new() }
    }

    pub(crate) fn step(&mut self, name: &'static str, work: impl FnOnce() -> Result<()>) -> Result<()> {
        eprintln!("== {}: {name}", self.chore);
        let begun = Instant::now();
        let outcome = work();
        let took = begun.elapsed();
        match outcome {
            Ok(()) => eprintln!("== {}: {name}: done in {}", self.chore, Seconds(took)),
            Err(error) => {
                return Err(error.context(format!(
                    "{}: the step '{name}' failed after {}",
                    self.chore,
                    Seconds(took)
                )));
            }
        }
        self.done.push((name, took));
        Ok(())
    }

    /// A closing table of where the time went.
    pub(crate) fn summary(&self) {
        eprintln!("== {}: all steps passed", self.chore);
        for (name, took) in &self.done {
            eprintln!("   {:>9}  {name}", Seconds(*took).to_string());
        }
        let total: Duration = self.done.iter().map(|(_, took)| *took).sum();
        eprintln!("   {:>9}  in all", Seconds(total).to_string());
    }
}

/// Runs a command to its end; anything but success is an error that repeats the command line.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = line(command);
    let status = command.status().with_context(|| format!("cannot start: {line}"))?;
    if !status.success() {
        bail!("{status} from: {line}");
    }
    Ok(())
}

fn line(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|arg| arg.to_string_lossy().into_owned()));
    words.join(" ")
}

struct Seconds(Duration);

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.1} s", self.0.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{Steps, run};

    #[test]
    fn a_failed_step_is_named_with_its_command() {
        let error = Steps::of("test").step("fmt", || run(Command::new("false").arg("--check"))).unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains("the step 'fmt' failed after"), "{text}");
        assert!(text.contains("from: false --check"), "{text}");
    }
}
