//! A host that does as it is told, for tests of the hands.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::lchown;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use sallyport_domain::PosixName;

use super::{Elsewhere, Tools};
use crate::accounts::{Owner, Place, look};
use crate::paths::Paths;
use crate::principals::ExpiryNotation;
use crate::sessions::SessionsLeft;
use crate::sshd::shown::Shown;
use crate::sshd::watchman::Watchman;

#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own for a test to turn")]
pub(crate) struct FakeTools {
    pub(crate) calls: Mutex<Vec<String>>,
    pub(crate) elsewhere: BTreeMap<String, Elsewhere>,
    pub(crate) main_sudoers_refused: Option<PathBuf>,
    pub(crate) no_visudo: bool,
    pub(crate) no_watchman: bool,
    /// sshd -t fails while this file exists.
    pub(crate) sshd_refuses_while: Option<PathBuf>,
    /// What sshd -T says about our keywords; `None`: what our drop-in says.
    pub(crate) effective: Option<String>,
    /// Any sudoers file with this text is refused.
    pub(crate) sudoers_refused_with: Option<String>,
    /// The drop-in, to tell what is effective by.
    pub(crate) drop_in: Option<PathBuf>,
    pub(crate) reload_fails: bool,
    pub(crate) sessions_stay: bool,
    /// What sshd shows; `None`: no sshd runs.
    pub(crate) shown: Option<Shown>,
    pub(crate) sudo_grants_nothing: bool,
    /// What every home looks like; `None`: as it is.
    pub(crate) home: Option<Place>,
}

impl FakeTools {
    pub(crate) fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    fn note(&self, call: String) {
        self.calls.lock().unwrap().push(call);
    }
}

/// The whole text below a sudoers file, includes followed.
fn sudoers_text(main: &Path) -> String {
    let mut text = std::fs::read_to_string(main).unwrap_or_default();
    let included: Vec<String> =
        text.lines().filter_map(|line| line.strip_prefix("@includedir ")).map(ToOwned::to_owned).collect();
    for directory in included {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            text += &std::fs::read_to_string(entry.path()).unwrap_or_default();
        }
    }
    text
}

impl Tools for FakeTools {
    fn user_elsewhere(&self, name: &PosixName, _uid: u32, _gid: u32) -> Option<Elsewhere> {
        self.elsewhere.get(name.as_str()).cloned()
    }

    fn group_elsewhere(&self, name: &PosixName, _gid: u32) -> Option<Elsewhere> {
        self.elsewhere.get(name.as_str()).cloned()
    }

    fn gid_is_free(&self, _gid: u32) -> bool {
        true
    }

    fn has_visudo(&self) -> bool {
        !self.no_visudo
    }

    fn check_sudoers(&self, main: &Path) -> Result<(), String> {
        self.note(format!("visudo {}", main.display()));
        if self.main_sudoers_refused.as_deref() == Some(main) {
            return Err("refused in place".into());
        }
        match &self.sudoers_refused_with {
            Some(bad) if sudoers_text(main).contains(bad) => Err("syntax error".into()),
            _ => Ok(()),
        }
    }

    fn sudo_takes_notafter(&self) -> bool {
        true
    }

    fn sudo_grants_all(&self, _name: &PosixName) -> bool {
        !self.sudo_grants_nothing
    }

    fn expiry_notation(&self) -> ExpiryNotation {
        ExpiryNotation::Utc
    }

    fn check_sshd(&self, config: Option<&Path>) -> Result<(), String> {
        self.note(format!("sshd -t {}", config.map(|path| path.display().to_string()).unwrap_or_default()));
        match &self.sshd_refuses_while {
            Some(path) if path.exists() => Err("bad configuration option".into()),
            _ => Ok(()),
        }
    }

    fn effective_sshd(&self, user: &str) -> Result<String, String> {
        if let Some(text) = &self.effective {
            return Ok(text.clone());
        }
        let drop_in = self.drop_in.as_ref().and_then(|path| std::fs::read_to_string(path).ok());
        let keys = if user == "root" || drop_in.is_none() { ".ssh/authorized_keys" } else { "none" };
        let ours = drop_in
            .unwrap_or_default()
            .lines()
            .map(|line| line.trim().to_lowercase() + "\n")
            .collect::<String>();
        Ok(format!("authorizedkeysfile {keys}\n{}", ours.replace("authorizedkeysfile none\n", "")))
    }

    fn reload_sshd(&self) -> Result<(), String> {
        self.note("reload".into());
        if self.reload_fails { Err("no".into()) } else { Ok(()) }
    }

    fn revive_sshd(&self) -> Result<(), String> {
        let done = self.reload_sshd();
        self.note("revive".into());
        done
    }

    fn shown_host_certificate(&self, kind: &str) -> Shown {
        self.note(format!("shown {kind}"));
        self.shown.clone().unwrap_or(Shown::Nobody)
    }

    fn post_watchman(&self) -> Result<Watchman, String> {
        if self.no_watchman { Err("no more processes".into()) } else { Ok(Watchman::default()) }
    }

    fn end_sessions(&self, name: &PosixName, uid: u32) -> Result<(), SessionsLeft> {
        self.note(format!("end {name} {uid}"));
        if self.sessions_stay { Err(SessionsLeft { count: 1 }) } else { Ok(()) }
    }

    fn accounts_changed(&self) {}

    fn shell(&self) -> String {
        "/bin/bash".into()
    }

    fn look_at_home(&self, paths: &Paths, name: &PosixName, uid: u32) -> Place {
        self.note(format!("look at {name}"));
        match &self.home {
            Some(place) => place.clone(),
            None => look(paths, &paths.homes().join(name.as_str()), uid),
        }
    }

    fn give(&self, path: &Path, owner: Owner) -> io::Result<()> {
        match lchown(path, Some(owner.uid), Some(owner.gid)) {
            // Tests need not be root.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            result => result,
        }
    }
}
