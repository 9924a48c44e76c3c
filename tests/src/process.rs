//! Programs that run beside the test: their output in files, their end tied to ours.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{PATIENCE, wait_until};

/// The path of one of the workspace's programs, freshly built.
///
/// `cargo test` builds a package's programs only for that package's own integration tests, so the first
/// call builds them all. `SALLYPORT_BIN_DIR` names a folder of ready programs instead.
///
/// # Errors
/// The build failed, or there is no such program.
pub fn bin(name: &str) -> Result<PathBuf> {
    let path = bin_dir()?.join(name);
    if !path.is_file() {
        bail!("{} is missing: is there a program of that name in the workspace?", path.display());
    }
    Ok(path)
}

/// The folder with the workspace's programs.
///
/// # Errors
/// As [`bin`].
pub fn bin_dir() -> Result<&'static Path> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match BUILT.get_or_init(|| build().map_err(|error| format!("{error:#}"))) {
        Ok(folder) => Ok(folder),
        Err(message) => Err(anyhow!(message.clone())),
    }
}

fn build() -> Result<PathBuf> {
    if let Some(folder) = env::var_os("SALLYPORT_BIN_DIR") {
        return Ok(folder.into());
    }
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--workspace", "--bins", "--locked", "--offline", "--quiet"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .status()
        .context("cannot run cargo")?;
    if !status.success() {
        bail!("the programs do not build: cargo build --workspace --bins");
    }
    // target/debug/deps/it-… or target/debug/demo
    let exe = env::current_exe()?;
    let folder = exe.parent().context("a program without a folder")?;
    let folder =
        if folder.ends_with("deps") { folder.parent().context("deps without target")? } else { folder };
    Ok(folder.to_owned())
}

/// A command that the kernel kills when this process ends, however it ends. For [`Process::start`].
#[must_use]
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

/// A running program. Dropped, it is killed and waited for.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// The program is the child of `child`, in a host's process namespace.
    inside: bool,
    name: String,
    stderr: PathBuf,
    stdout: PathBuf,
}

impl Process {
    /// Starts `command`, made by [`command`], with its output in `folder/name.out` and `folder/name.err`.
    ///
    /// # Errors
    /// The files or the process cannot be made.
    pub fn start(name: &str, mut command: Command, folder: &Path) -> Result<Self> {
        command.stdin(Stdio::null());
        Self::spawn(name, command, folder, false)
    }

    /// As [`Process::start`], with a standard input that [`Process::type_line`] writes to.
    ///
    /// # Errors
    /// As [`Process::start`].
    pub fn interactive(name: &str, mut command: Command, folder: &Path) -> Result<Self> {
        command.stdin(Stdio::piped());
        Self::spawn(name, command, folder, false)
    }

    pub(crate) fn spawn(name: &str, mut command: Command, folder: &Path, inside: bool) -> Result<Self> {
        let stdout = folder.join(format!("{name}.out"));
        let stderr = folder.join(format!("{name}.err"));
        command
            .stdout(File::create(&stdout).with_context(|| format!("cannot make {}", stdout.display()))?)
            .stderr(File::create(&stderr).with_context(|| format!("cannot make {}", stderr.display()))?);
        let child = spawn(command).with_context(|| format!("cannot start {name}"))?;
        Ok(Self { child, inside, name: name.to_owned(), stderr, stdout })
    }

    /// The program's process id, as seen from outside of any host.
    ///
    /// # Errors
    /// It has ended.
    pub fn id(&self) -> Result<u32> {
        let what = format!("{} to have begun", self.name);
        wait_until(&what, PATIENCE, || self.id_by_now())
    }

    /// All standard output so far.
    #[must_use]
    pub fn stdout(&self) -> String {
        fs::read_to_string(&self.stdout).unwrap_or_default()
    }

    /// All standard error so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap_or_default()
    }

    /// Whether it has not ended yet.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for a whole line, on either stream, that contains `text`, and gives that line.
    ///
    /// # Errors
    /// The time is over, or the program ended without saying so. The error shows what it did say.
    pub fn wait_for_line(&mut self, text: &str, within: Duration) -> Result<String> {
        let what = format!("{} to say '{text}'", self.name);
        let found = wait_until(&what, within, || {
            // Asked first: what it said just before its end is in the files by then.
            let running = self.is_running();
            match self.find_line(text) {
                Some(line) => Some(Some(line)),
                None if running => None,
                None => Some(None),
            }
        });
        match found {
            Ok(Some(line)) => Ok(line),
            Ok(None) => bail!("{} ended without saying '{text}'\n{}", self.name, self.said()),
            Err(error) => bail!("{error}\n{}", self.said()),
        }
    }

    /// Types one line on the standard input of an [`Process::interactive`] program.
    ///
    /// # Errors
    /// It has no such input, or no longer reads it.
    pub fn type_line(&mut self, line: &str) -> Result<()> {
        let stdin = self.child.stdin.as_mut().context("started without a standard input")?;
        writeln!(stdin, "{line}").with_context(|| format!("{} does not read its input", self.name))
    }

    /// Waits for the program's own end.
    ///
    /// # Errors
    /// It still runs when the time is over.
    pub fn wait(&mut self, within: Duration) -> Result<ExitStatus> {
        let what = format!("{} to end", self.name);
        let ended = wait_until(&what, within, || self.child.try_wait().ok().flatten());
        ended.map_err(|error| anyhow!("{error}\n{}", self.said()))
    }

    /// Sends a signal and returns at once.
    ///
    /// # Errors
    /// It has ended.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        if !self.is_running() {
            bail!("cannot send {signal}: {} has ended\n{}", self.name, self.said());
        }
        let id = Pid::from_raw(i32::try_from(self.id()?)?);
        kill(id, signal).with_context(|| format!("cannot send {signal} to {}", self.name))
    }

    /// SIGKILL, and waits until the kernel has taken the process away.
    ///
    /// # Errors
    /// It has ended before.
    pub fn kill(&mut self) -> Result<()> {
        self.signal(Signal::SIGKILL)?;
        self.wait(PATIENCE).map(drop)
    }

    /// SIGTERM, and waits for the program to end on its own terms.
    ///
    /// # Errors
    /// It has ended before, or does not end in ten seconds.
    pub fn terminate(&mut self) -> Result<ExitStatus> {
        self.signal(Signal::SIGTERM)?;
        self.wait(Duration::from_secs(10))
    }

    fn id_by_now(&self) -> Option<u32> {
        let id = self.child.id();
        if !self.inside {
            return Some(id);
        }
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).ok()?;
        children.split_whitespace().next()?.parse().ok()
    }

    fn find_line(&self, text: &str) -> Option<String> {
        [self.stdout(), self.stderr()].iter().find_map(|output| {
            output
                .split_inclusive('\n')
                .find(|line| line.ends_with('\n') && line.contains(text))
                .map(|line| line.trim_end().to_owned())
        })
    }

    fn said(&self) -> String {
        format!("{} said:\n--- stdout\n{}--- stderr\n{}", self.name, self.stdout(), self.stderr())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A program inside a host is killed before the nsenter outside that is its parent: an orphan would be
        // for the machine's own first process to wait for, and the host's end would wait for that.
        let program = self.id_by_now().and_then(|id| i32::try_from(id).ok());
        if !program.is_some_and(|id| self.is_running() && kill(Pid::from_raw(id), Signal::SIGKILL).is_ok()) {
            drop(self.child.kill());
        }
        drop(self.child.wait());
    }
}

/// The kernel's parent-death signal comes when the *thread* ends that made the child. So one thread, which
/// lives as long as the process, makes them all.
pub(crate) fn spawn(command: Command) -> std::io::Result<Child> {
    type Order = (Command, mpsc::Sender<std::io::Result<Child>>);
    static SPAWNER: OnceLock<mpsc::Sender<Order>> = OnceLock::new();
    let gone = || std::io::Error::other("the thread that starts processes is gone");
    let spawner = SPAWNER.get_or_init(|| {
        let (orders, inbox) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, reply) in inbox {
                drop(reply.send(command.spawn()));
            }
        });
        orders
    });
    let (reply, answer) = mpsc::channel();
    spawner.send((command, reply)).map_err(|_| gone())?;
    answer.recv().map_err(|_| gone())?
}
