use std::ffi::OsStr;
use std::io::{self, Read};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A check that takes longer hangs, and must not hold the agent.
const PATIENCE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(2);
/// Nothing that we read is longer.
const LONGEST_OUTPUT: u64 = 1024 * 1024;

/// Where programs are looked for, whatever started us.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What a program said.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    pub(crate) success: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Output {
    /// The complaint, in one line that fits a report.
    pub(crate) fn complaint(&self) -> String {
        let said = if self.stderr.trim().is_empty() { &self.stdout } else { &self.stderr };
        let line = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
        line.chars().take(400).collect()
    }

    pub(crate) fn into_result(self) -> Result<Self, String> {
        if self.success { Ok(self) } else { Err(self.complaint()) }
    }
}

/// Runs a program in the C locale with nothing of our environment but a plain PATH, and gives up on one that hangs.
pub(crate) fn run(program: &str, arguments: &[&OsStr]) -> io::Result<Output> {
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("LC_ALL", "C")
        .env("PATH", PATH)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    let success = wait(&mut child)?;
    let text = |reader: thread::JoinHandle<Vec<u8>>| {
        String::from_utf8_lossy(&reader.join().unwrap_or_default()).into_owned()
    };
    Ok(Output { success, stdout: text(stdout), stderr: text(stderr) })
}

fn collect(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(pipe) = pipe {
            // A broken pipe ends the output; what came counts.
            let _ = pipe.take(LONGEST_OUTPUT).read_to_end(&mut bytes);
        }
        bytes
    })
}

fn wait(child: &mut Child) -> io::Result<bool> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.success());
        }
        if begun.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            return Err(io::Error::new(io::ErrorKind::TimedOut, "it did not answer in 20 seconds"));
        }
        thread::sleep(POLL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Output {
        run("sh", &["-c".as_ref(), script.as_ref()]).unwrap()
    }

    #[test]
    fn output_and_outcome_are_told_apart() {
        let good = sh("echo out; echo err >&2");
        assert!(good.success);
        assert_eq!((good.stdout.as_str(), good.stderr.as_str()), ("out\n", "err\n"));
        assert_eq!(sh("echo one >&2; echo two >&2; exit 3").into_result().unwrap_err(), "one; two");
    }

    #[test]
    fn nothing_of_our_environment_is_passed_on() {
        assert_eq!(sh("echo $HOME$LC_ALL").stdout, "C\n");
    }

    #[test]
    fn a_missing_program_is_an_error() {
        assert!(run("/nowhere/visudo", &[]).is_err());
    }
}
