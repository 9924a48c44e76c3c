use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::shown::{self, Shown};
use crate::paths::Paths;
use crate::sessions;
use crate::tools::run;

/// Debian's unit is `ssh`, everybody else's `sshd`.
const UNITS: [&str; 2] = ["ssh.service", "sshd.service"];
const PATIENCE: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_millis(20);
const SCANS: usize = 3;
const SCAN_PAUSE: Duration = Duration::from_millis(300);

/// Has a running sshd read its configuration again. The caller has checked the configuration: a HUP with a bad one
/// ends sshd.
pub(crate) fn reload(paths: &Paths, addresses: &[SocketAddr]) -> Result<(), String> {
    let before = listener(paths).map(|process| paths.proc().join(process.to_string()));
    let before = before.map(|process| (sockets(&process), process));
    let running = if paths.systemd().exists() { reload_unit()? } else { reload_process(paths)? };
    if !running {
        return Ok(());
    }
    if let Some((old, process)) = before {
        wait_for_new_sockets(&process, &old);
    }
    wait_for_answer(addresses)
}

/// The signal is only the beginning: until sshd closes its sockets and opens new ones, it is the old one that answers.
/// Whether the new one does is asked afterwards, also when this waited in vain.
fn wait_for_new_sockets(process: &Path, old: &BTreeSet<PathBuf>) {
    let begun = Instant::now();
    while !old.is_empty() && process.exists() && begun.elapsed() < PATIENCE {
        let now = sockets(process);
        if !now.is_empty() && now.is_disjoint(old) {
            return;
        }
        thread::sleep(RETRY);
    }
}

/// The sockets of a process, but those that it was given as standard streams.
fn sockets(process: &Path) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
    let own = entries.filter(|entry| !matches!(entry.file_name().to_str(), Some("0" | "1" | "2")));
    let targets = own.filter_map(|entry| fs::read_link(entry.path()).ok());
    targets.filter(|target| target.to_string_lossy().starts_with("socket:")).collect()
}

/// `false` when no unit of sshd's is active.
fn reload_unit() -> Result<bool, String> {
    let systemctl = |verb: &str, unit: &str| {
        run("systemctl", &[verb, unit].map(OsStr::new)).map_err(|error| format!("systemctl: {error}"))
    };
    for unit in UNITS {
        if systemctl("is-active", unit)?.success {
            return systemctl("reload", unit)?.into_result().map(|_| true);
        }
    }
    Ok(false)
}

/// A service that ended over a configuration which is taken back by now. What fails here shows in the reload.
pub(crate) fn start_failed_unit() {
    let systemctl = |verb: &str, unit: &str| run("systemctl", &[verb, unit].map(OsStr::new));
    for unit in UNITS {
        if systemctl("is-failed", unit).is_ok_and(|output| output.success) {
            tracing::warn!("{unit} had failed; it is started again");
            // Without it, a unit that failed too often in a row is not started.
            let _ = systemctl("reset-failed", unit);
            let _ = systemctl("start", unit);
        }
    }
}

/// `false` when no sshd listens.
fn reload_process(paths: &Paths) -> Result<bool, String> {
    let Some(listener) = listener(paths) else { return Ok(false) };
    kill(Pid::from_raw(listener), Signal::SIGHUP).map_err(|errno| format!("cannot signal sshd: {errno}"))?;
    Ok(true)
}

fn listener(paths: &Paths) -> Option<i32> {
    let proc = paths.proc();
    let noted = fs::read_to_string(paths.sshd_pid()).ok().and_then(|text| text.trim().parse().ok());
    // The number may have passed to somebody else since it was noted.
    noted.filter(|process: &i32| is_sshd(&proc.join(process.to_string()))).or_else(|| listener_in(&proc))
}

/// Without a pid file: sshd's listener says so in its title.
fn listener_in(proc: &Path) -> Option<i32> {
    let entries = fs::read_dir(proc).ok()?.flatten();
    let mut numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    numbers.find(|process| {
        let process = proc.join(process.to_string());
        let title = fs::read(process.join("cmdline")).unwrap_or_default();
        let title = String::from_utf8_lossy(&title);
        title.starts_with("sshd:") && title.contains("[listener]") && is_sshd(&process)
    })
}

/// Any process may give itself any name and title. Whose it is and what it runs, the kernel says.
fn is_sshd(process: &Path) -> bool {
    let status = fs::read_to_string(process.join("status")).unwrap_or_default();
    let program = fs::read_link(process.join("exe")).unwrap_or_default();
    let program = program.file_name().and_then(OsStr::to_str).unwrap_or_default();
    // After an update the listener runs a file that is not there any more.
    sessions::real_uid(&status) == Some(0) && matches!(program, "sshd" | "sshd (deleted)")
}

/// Where sshd listens, by `sshd -T`; an unspecified address is reached over loopback.
pub(crate) fn listen_addresses(effective: &str) -> Vec<SocketAddr> {
    let reachable = |address: SocketAddr| {
        let ip = match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        SocketAddr::new(ip, address.port())
    };
    let lines = effective.lines().filter_map(|line| line.strip_prefix("listenaddress "));
    lines.filter_map(|address| address.trim().parse().ok()).map(reachable).collect()
}

fn wait_for_answer(addresses: &[SocketAddr]) -> Result<(), String> {
    let begun = Instant::now();
    while !addresses.is_empty() && !addresses.iter().any(answers) {
        if begun.elapsed() > PATIENCE {
            return Err("sshd did not answer after it was told to reload".into());
        }
        thread::sleep(RETRY);
    }
    Ok(())
}

/// Asks as a client that has never been here, up to the certificate: ssh's own tool knows every key exchange that
/// this sshd may insist on.
pub(crate) fn shown_certificate(addresses: &[SocketAddr], kind: &str) -> Shown {
    let Some(address) = addresses.iter().find(|address| answers(address)) else { return Shown::Nobody };
    let (ip, port) = (address.ip().to_string(), address.port().to_string());
    let question = ["-c", "-t", kind, "-T", "5", "-p", &port, &ip].map(OsStr::new);
    // A busy sshd drops connections at random (MaxStartups).
    for _ in 0..SCANS {
        match run("ssh-keyscan", &question) {
            Ok(output) => {
                if let Some(blob) = shown::in_scan(&output.stdout) {
                    return Shown::Certificate(blob);
                }
            }
            Err(error) => return Shown::Unknown(format!("ssh-keyscan: {error}")),
        }
        thread::sleep(SCAN_PAUSE);
    }
    Shown::Nothing
}

fn answers(address: &SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect_timeout(address, Duration::from_secs(1)) else { return false };
    let mut banner = [0u8; 4];
    stream.set_read_timeout(Some(Duration::from_secs(2))).is_ok()
        && stream.read_exact(&mut banner).is_ok()
        && &banner == b"SSH-"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unspecified_addresses_are_tried_on_loopback() {
        let text = "port 22\nlistenaddress [::]:22\nlistenaddress 0.0.0.0:22\nlistenaddress 10.1.2.3:2222\n";
        let found: Vec<String> = listen_addresses(text).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["[::1]:22", "127.0.0.1:22", "10.1.2.3:2222"]);
    }

    const LISTENER: &str = "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups";

    fn process(paths: &Paths, number: i32, title: &str, uid: u32, program: &str) {
        let directory = paths.proc().join(number.to_string());
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("cmdline"), title).unwrap();
        fs::write(directory.join("comm"), "sshd\n").unwrap();
        fs::write(directory.join("status"), format!("Name:\tsshd\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\n"))
            .unwrap();
        std::os::unix::fs::symlink(program, directory.join("exe")).unwrap();
    }

    #[test]
    fn the_listener_is_known_by_its_title() {
        for program in ["/usr/sbin/sshd", "/usr/sbin/sshd (deleted)"] {
            let root = tempfile::tempdir().unwrap();
            let paths = Paths::under(root.path());
            process(&paths, 7, "sshd: ada [priv]", 0, program);
            process(&paths, 8, LISTENER, 0, program);
            process(&paths, 9, "bash", 0, "/bin/bash");
            assert_eq!(listener(&paths), Some(8));
        }
    }

    #[test]
    fn somebody_who_calls_a_process_sshd_gets_no_signal() {
        let root = tempfile::tempdir().unwrap();
        let paths = Paths::under(root.path());
        process(&paths, 7, LISTENER, 70_001, "/usr/sbin/sshd");
        process(&paths, 8, LISTENER, 0, "/usr/bin/perl");
        assert_eq!(listener(&paths), None);
        // A pid file that was left behind, its number somebody else's by now.
        fs::create_dir_all(paths.at("run")).unwrap();
        for stale in ["7\n", "8\n"] {
            fs::write(paths.sshd_pid(), stale).unwrap();
            assert_eq!(listener(&paths), None, "{stale}");
        }
        process(&paths, 6, LISTENER, 0, "/usr/sbin/sshd");
        assert_eq!(listener(&paths), Some(6));
        fs::write(paths.sshd_pid(), "6\n").unwrap();
        assert_eq!(listener(&paths), Some(6));
    }
}
