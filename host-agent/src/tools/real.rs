use std::ffi::OsStr;
use std::io;
use std::os::unix::fs::lchown;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use jiff::Timestamp;
use nix::unistd::{Gid, Group, Uid, User};
use sallyport_domain::PosixName;

use super::{Elsewhere, Output, Tools, run};
use crate::accounts::{Owner, Place, look};
use crate::disk::{self, Access, Disk};
use crate::paths::Paths;
use crate::principals::ExpiryNotation;
use crate::sessions::{self, SessionsLeft};
use crate::sshd::reload;
use crate::sshd::shown::Shown;
use crate::sshd::watchman::Watchman;

/// From this version on sshd takes a `Z` at the end of expiry-time.
const UTC_SINCE: (u32, u32) = (9, 1);

/// sudo of sudo.ws and sudo-rs name the checker differently.
const VISUDO: [&str; 2] = ["visudo", "visudo-rs"];

/// The host that we run on.
#[derive(Debug)]
pub(crate) struct RealTools {
    paths: Paths,
    visudo: OnceLock<Option<&'static str>>,
    notafter: OnceLock<bool>,
    openssh: OnceLock<Option<(u32, u32)>>,
}

impl RealTools {
    pub(crate) fn new(paths: Paths) -> Self {
        Self { paths, visudo: OnceLock::new(), notafter: OnceLock::new(), openssh: OnceLock::new() }
    }

    fn visudo(&self) -> Option<&'static str> {
        *self.visudo.get_or_init(|| {
            let answers = |program: &&&str| run(program, &["--version".as_ref()]).is_ok();
            VISUDO.iter().find(answers).copied()
        })
    }

    fn probe_notafter(&self) -> bool {
        let is_sudo_ws =
            run("sudo", &["-V".as_ref()]).is_ok_and(|out| out.stdout.starts_with("Sudo version"));
        let probe = self.paths.state().join("sudo-probe");
        let rule = b"root ALL=(ALL:ALL) NOTAFTER=20380101000000Z NOPASSWD: ALL # probe\n";
        let written = Disk::new().replace_unsynced(&probe, rule, Access::Mode(0o440)).is_ok();
        let taken = is_sudo_ws && written && self.check_sudoers(&probe).is_ok();
        // It says nothing and grants nothing; the next probe replaces it.
        let _ = disk::remove(&probe);
        taken
    }

    /// Version of OpenSSH, major and minor.
    fn openssh(&self) -> Option<(u32, u32)> {
        *self.openssh.get_or_init(|| {
            let output = sshd(&["-V".as_ref()]).ok()?;
            version_in(&(output.stderr + &output.stdout))
        })
    }
}

/// Who has the number, as uid or as gid; a group of the account's own name is no other.
fn holder_elsewhere(name: &PosixName, number: u32) -> Option<String> {
    if let Ok(Some(user)) = User::from_uid(Uid::from_raw(number)) {
        return Some(user.name);
    }
    let group = Group::from_gid(Gid::from_raw(number)).ok()??;
    (group.name != name.as_str()).then(|| format!("group {}", group.name))
}

fn version_in(text: &str) -> Option<(u32, u32)> {
    let rest = text.split_once("OpenSSH_")?.1;
    let (major, rest) = rest.split_once('.')?;
    let minor: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn sshd(arguments: &[&OsStr]) -> Result<Output, String> {
    let places = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"];
    let program = places.iter().find(|place| Path::new(place).exists()).ok_or("sshd is not installed")?;
    run(program, arguments).map_err(|error| format!("sshd: {error}"))
}

impl Tools for RealTools {
    fn user_elsewhere(&self, name: &PosixName, uid: u32, gid: u32) -> Option<Elsewhere> {
        if matches!(User::from_name(name.as_str()), Ok(Some(_))) {
            return Some(Elsewhere::Name("a user of another name service".into()));
        }
        if let Ok(Some(group)) = Group::from_name(name.as_str())
            && group.gid.as_raw() != gid
        {
            return Some(Elsewhere::Name("a group of another name service".into()));
        }
        let other = Some(gid).filter(|gid| *gid != uid);
        std::iter::once(uid).chain(other).find_map(|number| {
            let who = holder_elsewhere(name, number)?;
            Some(Elsewhere::Number { number, who })
        })
    }

    fn group_elsewhere(&self, name: &PosixName, gid: u32) -> Option<Elsewhere> {
        if matches!(User::from_name(name.as_str()), Ok(Some(_))) {
            return Some(Elsewhere::Name("a user of another name service".into()));
        }
        if matches!(Group::from_name(name.as_str()), Ok(Some(_))) {
            return Some(Elsewhere::Name("a group of another name service".into()));
        }
        let who = holder_elsewhere(name, gid)?;
        Some(Elsewhere::Number { number: gid, who })
    }

    fn gid_is_free(&self, gid: u32) -> bool {
        matches!(Group::from_gid(Gid::from_raw(gid)), Ok(None))
    }

    fn has_visudo(&self) -> bool {
        self.visudo().is_some()
    }

    fn check_sudoers(&self, main: &Path) -> Result<(), String> {
        let visudo = self.visudo().ok_or("visudo is not installed")?;
        let output = run(visudo, &["-c".as_ref(), "-f".as_ref(), main.as_os_str()]);
        output.map_err(|error| format!("{visudo}: {error}"))?.into_result().map(|_| ())
    }

    fn sudo_takes_notafter(&self) -> bool {
        *self.notafter.get_or_init(|| self.probe_notafter())
    }

    fn sudo_grants_all(&self, name: &PosixName) -> bool {
        let list = ["-n", "-l", "-U", name.as_str()].map(OsStr::new);
        let lists_all = run("sudo", &list).is_ok_and(|out| out.stdout.contains("NOPASSWD: ALL"));
        // Listing one command asks for the verdict: the last rule that matches, whatever file it stands in.
        let one = ["-n", "-l", "-U", name.as_str(), "/bin/sh"].map(OsStr::new);
        lists_all && run("sudo", &one).is_ok_and(|out| out.success)
    }

    fn expiry_notation(&self) -> ExpiryNotation {
        match self.openssh() {
            Some(version) if version >= UTC_SINCE => ExpiryNotation::Utc,
            _ => ExpiryNotation::Local(local_stamp),
        }
    }

    fn check_sshd(&self, config: Option<&Path>) -> Result<(), String> {
        let mut arguments = vec![OsStr::new("-t")];
        if let Some(path) = config {
            arguments.extend([OsStr::new("-f"), path.as_os_str()]);
        }
        sshd(&arguments)?.into_result().map(|_| ())
    }

    fn effective_sshd(&self, user: &str) -> Result<String, String> {
        let who = format!("user={user},host=localhost,addr=127.0.0.1");
        Ok(sshd(&["-T", "-C", &who].map(OsStr::new))?.into_result()?.stdout)
    }

    fn reload_sshd(&self) -> Result<(), String> {
        let addresses = reload::listen_addresses(&self.effective_sshd("root")?);
        reload::reload(&self.paths, &addresses)
    }

    fn revive_sshd(&self) -> Result<(), String> {
        if self.paths.systemd().exists() {
            reload::start_failed_unit();
        }
        self.reload_sshd()
    }

    fn shown_host_certificate(&self, kind: &str) -> Shown {
        match self.effective_sshd("root") {
            Ok(effective) => reload::shown_certificate(&reload::listen_addresses(&effective), kind),
            Err(why) => Shown::Unknown(why),
        }
    }

    fn post_watchman(&self) -> Result<Watchman, String> {
        Watchman::post().map_err(|error| error.to_string())
    }

    fn end_sessions(&self, name: &PosixName, uid: u32) -> Result<(), SessionsLeft> {
        if self.paths.systemd().exists() && sessions::any(&self.paths.proc(), uid) {
            // Tidies logind's books and the user's slice; what it leaves running is killed below.
            let _ = run("loginctl", &["terminate-user", name.as_str()].map(OsStr::new));
        }
        sessions::end(&self.paths.proc(), uid)
    }

    fn accounts_changed(&self) {
        let sockets: [PathBuf; 2] = [self.paths.at("run/nscd/socket"), self.paths.at("var/run/nscd/socket")];
        if sockets.iter().any(|socket| socket.exists()) {
            for table in ["passwd", "group"] {
                // A cache that does not answer has nothing to tell wrongly for long.
                let _ = run("nscd", &["-i", table].map(OsStr::new));
            }
        }
    }

    fn shell(&self) -> String {
        let shell = if self.paths.at("bin/bash").exists() { "/bin/bash" } else { "/bin/sh" };
        shell.to_owned()
    }

    fn look_at_home(&self, paths: &Paths, name: &PosixName, uid: u32) -> Place {
        look(paths, &paths.homes().join(name.as_str()), uid)
    }

    fn give(&self, path: &Path, owner: Owner) -> io::Result<()> {
        lchown(path, Some(owner.uid), Some(owner.gid))
    }
}

/// The time in the zone of this host, as date(1) knows it.
fn local_stamp(at: Timestamp) -> Option<String> {
    let when = format!("@{}", at.as_second());
    let output = run("date", &["-d", &when, "+%Y%m%d%H%M%S"].map(OsStr::new)).ok()?.into_result().ok()?;
    Some(output.stdout.trim().to_owned()).filter(|stamp| stamp.len() == 14)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_found_in_what_sshd_prints() {
        assert_eq!(version_in("unknown option -- V\nOpenSSH_9.2p1 Debian-2, OpenSSL 3.0\n"), Some((9, 2)));
        assert_eq!(version_in("OpenSSH_10.0p2"), Some((10, 0)));
        assert_eq!(version_in("OpenSSH_8.9p1 Ubuntu"), Some((8, 9)));
        assert_eq!(version_in("dropbear"), None);
        assert!((10, 0) >= UTC_SINCE && (9, 0) < UTC_SINCE);
    }

    #[test]
    fn local_time_is_a_stamp_of_fourteen_digits() {
        let stamp = local_stamp(Timestamp::from_second(1_800_000_000).unwrap()).unwrap();
        assert!(stamp.bytes().all(|byte| byte.is_ascii_digit()), "{stamp}");
    }
}
