use std::path::{Path, PathBuf};

/// Where everything lies on a host. Only tests have a root other than `/`.
#[derive(Clone, Debug)]
pub(crate) struct Paths {
    root: PathBuf,
}

macro_rules! places {
    ($($(#[$doc:meta])* $name:ident = $path:literal;)*) => {
        impl Paths {
            $($(#[$doc])* pub(crate) fn $name(&self) -> PathBuf { self.at($path) })*
        }
    };
}

places! {
    /// POSIX account databases; see shadow(5).
    etc = "etc";
    passwd = "etc/passwd";
    group = "etc/group";
    shadow = "etc/shadow";
    gshadow = "etc/gshadow";
    /// The file that lckpwdf(3) locks.
    account_lock = "etc/.pwd.lock";
    homes = "home";
    skeleton = "etc/skel";

    sudoers_main = "etc/sudoers";
    sudoers_directory = "etc/sudoers.d";
    /// No dot and no tilde in the name: sudo ignores such files without a word.
    sudoers = "etc/sudoers.d/50-sallyport";

    ssh_directory = "etc/ssh";
    sshd_config = "etc/ssh/sshd_config";
    drop_ins = "etc/ssh/sshd_config.d";
    /// 00: the first value of a keyword wins.
    drop_in = "etc/ssh/sshd_config.d/00-sallyport.conf";
    trust = "etc/ssh/sallyport";
    user_ca = "etc/ssh/sallyport/user_ca.pub";
    krl = "etc/ssh/sallyport/revoked.krl";
    host_certificate = "etc/ssh/sallyport/ssh_host_key-cert.pub";
    principals = "etc/ssh/sallyport/principals";

    config = "etc/sallyport-host.toml";
    state = "var/lib/sallyport-host";
    lock = "run/sallyport-host.lock";
    /// The end of a lease that could not be written down in the state directory.
    lease_note = "run/sallyport-host.lease";
    proc = "proc";
    sshd_pid = "run/sshd.pid";
    systemd = "run/systemd/system";
}

impl Paths {
    pub(crate) fn system() -> Self {
        Self { root: PathBuf::from("/") }
    }

    #[cfg(test)]
    pub(crate) fn under(root: &Path) -> Self {
        Self { root: root.to_path_buf() }
    }

    pub(crate) fn at(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    pub(crate) fn principals_of(&self, name: &str) -> PathBuf {
        self.principals().join(name)
    }
}
