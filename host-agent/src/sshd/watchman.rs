//! A process that outlives us: when we die while sshd's configuration is on trial, it takes the trial back.

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};

/// The hidden command that a watchman runs.
pub(crate) const COMMAND: &str = "watch-sshd";

/// A trial takes seconds. One that is not over by then hangs, and is taken back under it.
const PATIENCE: Duration = Duration::from_mins(2);

/// Posted: while this lives, he waits. Dropped without [`Watchman::dismiss`], or gone with its process, he acts.
#[derive(Debug, Default)]
pub(crate) struct Watchman(Option<Child>);

impl Watchman {
    /// Starts one: this very program, apart from our process group, so that what ends us by a key does not end him.
    pub(crate) fn post() -> io::Result<Self> {
        let child = Command::new("/proc/self/exe")
            .arg0("sallyport-host")
            .arg(COMMAND)
            .env_clear()
            .env("PATH", crate::tools::PATH)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(Self(Some(child)))
    }

    /// The trial is over, and its record gone: he sees that and goes.
    pub(crate) fn dismiss(self) {
        if let Some(mut child) = self.0 {
            drop(child.stdin.take());
            // He is not needed any more; how he ends says nothing.
            let _ = child.wait();
        }
    }
}

/// Waits until whoever posted us is done or dead, two minutes at most. `false`: they hang.
///
/// A service manager that stops the agent tells all of its processes to end; this one does its work first.
pub(crate) fn stand_by() -> io::Result<bool> {
    let deaf = SigSet::from_iter([Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM]);
    deaf.thread_block()?;
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        // Nothing is ever written: the pipe ends with its other end.
        let _ = io::stdin().read_to_end(&mut Vec::new());
        let _ = sender.send(());
    });
    Ok(receiver.recv_timeout(PATIENCE).is_ok())
}
