use std::env;
use std::path::PathBuf;

use crate::failure::Failure;

/// Where this program keeps its files: the XDG base directories, on every system.
#[derive(Clone, Debug)]
pub(crate) struct Folders {
    /// `$XDG_CONFIG_HOME/sallyport`.
    pub(crate) config: PathBuf,
    /// `$XDG_STATE_HOME/sallyport`.
    pub(crate) state: PathBuf,
    pub(crate) home: PathBuf,
}

impl Folders {
    pub(crate) fn from_environment() -> Result<Self, Failure> {
        let home = env::home_dir().filter(|home| home.is_absolute()).ok_or_else(|| {
            Failure::new("your home directory is not known", "export HOME=/path/to/your/home, then try again")
        })?;
        let base = |variable: &str, default: &str| {
            // The specification: a relative path is to be ignored.
            let set = env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
            set.unwrap_or_else(|| home.join(default)).join("sallyport")
        };
        let (config, state) = (base("XDG_CONFIG_HOME", ".config"), base("XDG_STATE_HOME", ".local/state"));
        Ok(Self { config, state, home })
    }

    pub(crate) fn settings(&self) -> PathBuf {
        self.config.join("config.toml")
    }

    pub(crate) fn ssh_config(&self) -> PathBuf {
        self.config.join("ssh_config")
    }

    pub(crate) fn known_hosts(&self) -> PathBuf {
        self.config.join("known_hosts")
    }

    pub(crate) fn users_ssh_config(&self) -> PathBuf {
        self.home.join(".ssh/config")
    }

    pub(crate) fn state_file(&self) -> PathBuf {
        self.state.join("state.json")
    }

    /// The newest certificate in the agent: ssh is told to offer it first, and finds its key in the agent by it.
    pub(crate) fn identity_certificate(&self) -> PathBuf {
        self.state.join("identity-cert.pub")
    }
}
