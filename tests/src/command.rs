//! Commands that run to their end, inside a limit.

use std::ffi::OsStr;
use std::io::Write as _;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context as _, Result, bail};

/// Goes before a command: none of the bench's may take longer than a minute. One that hangs is killed, and
/// fails with 137.
pub(crate) const LIMIT: [&str; 3] = ["timeout", "--signal=KILL", "60"];

/// What a command left behind.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub command: String,
    pub status: ExitStatus,
    pub stderr: String,
    pub stdout: String,
}

impl Outcome {
    #[must_use]
    pub fn success(&self) -> bool {
        self.status.success()
    }

    /// Its standard output without the last line's end.
    ///
    /// # Errors
    /// The command failed; the error shows everything that it said.
    pub fn ok(self) -> Result<String> {
        if !self.success() {
            bail!("{self}");
        }
        Ok(self.stdout.trim_end().to_owned())
    }

    /// What it said, on both streams, when it was meant to fail.
    ///
    /// # Errors
    /// The command succeeded.
    pub fn refused(self) -> Result<String> {
        if self.success() {
            bail!("should have failed: {self}");
        }
        Ok(self.stdout + &self.stderr)
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { command, status, stderr, stdout } = self;
        write!(f, "{status} from: {command}\n--- stdout\n{stdout}--- stderr\n{stderr}")
    }
}

/// A command under the time limit, with nothing on its standard input.
#[must_use]
pub fn limited(program: impl AsRef<OsStr>) -> Command {
    let [timeout, arguments @ ..] = LIMIT;
    let mut command = Command::new(timeout);
    command.args(arguments).arg(program).stdin(Stdio::null());
    command
}

/// Runs a command to its end.
///
/// # Errors
/// It could not be started. A command that fails is an [`Outcome`].
pub fn run(command: &mut Command) -> Result<Outcome> {
    let line = line(command);
    let output = command.output().with_context(|| format!("cannot run: {line}"))?;
    Ok(Outcome {
        command: line,
        status: output.status,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
    })
}

/// Runs a command to its end with `input` on its standard input.
///
/// # Errors
/// It could not be started, or did not take the input.
pub fn run_with_input(command: &mut Command, input: &[u8]) -> Result<Outcome> {
    let line = line(command);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run: {line}"))?;
    let mut stdin = child.stdin.take().context("no standard input")?;
    // On a thread of its own: a command that prints before it has read everything would block us both.
    let output = std::thread::scope(|scope| {
        scope.spawn(move || {
            // A command that does not read its input to the end is judged by its exit status.
            drop(stdin.write_all(input));
        });
        child.wait_with_output()
    })?;
    Ok(Outcome {
        command: line,
        status: output.status,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
    })
}

/// The command line for messages, without the wrapper that limits its time.
fn line(command: &Command) -> String {
    let words: Vec<_> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    words.join(" ").replace(&format!("{} ", LIMIT.join(" ")), "")
}
