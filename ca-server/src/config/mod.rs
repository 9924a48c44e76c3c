//! Configuration in two steps: what was typed ([`raw`]), then what is meant. Whoever holds a [`Config`] holds one that
//! is whole and free of contradictions; every problem is reported at once, with file, field and remedy.

mod check;
mod check_listen;
mod duration;
mod listen;
mod load;
mod names;
mod raw;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::SignedDuration;
use sallyport_domain::{HostPatterns, NameRule, TenantId, UidRange};

use crate::app::Mapping;

pub use check::entra_issuer;
pub use check_listen::network;
pub use duration::{parse_duration, write_duration};
pub use listen::{Listen, Surface, Tls};
pub use load::{ConfigError, check_text, load};
pub use raw::{Template, template};

/// What the CA was told to be.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where keys, store and socket lie.
    pub directory: PathBuf,
    pub ca: CaSection,
    pub login: LoginSection,
    pub certificates: CertificatesSection,
    pub hosts: HostsSection,
    pub names: NamesSection,
    pub principals: PrincipalsSection,
    pub scim: ScimSection,
    pub listen: Vec<Listen>,
}

#[derive(Clone, Debug)]
pub struct CaSection {
    pub tenant: TenantId,
    pub client_id: String,
    /// As written: compared byte for byte with what tokens say.
    pub issuer: String,
    /// Outside these no host is enrolled; clients trust the host CA inside them only.
    pub host_domains: HostPatterns,
}

#[derive(Clone, Debug)]
pub struct LoginSection {
    pub device: DeviceLogin,
    /// Ids, object ids or names of the groups that may use the device code when `device = "groups"`.
    pub device_groups: Vec<String>,
    pub guests: bool,
    pub token_max_age: SignedDuration,
}

/// Whether a sign-in that cannot be bound to a key is accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DeviceLogin {
    Groups,
    Off,
    On,
}

impl DeviceLogin {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Groups => "groups",
            Self::Off => "off",
            Self::On => "on",
        }
    }
}

#[derive(Clone, Debug)]
pub struct CertificatesSection {
    pub user_ttl: SignedDuration,
    pub user_ttl_max: SignedDuration,
}

#[derive(Clone, Debug)]
pub struct HostsSection {
    /// How long a host may go on without a word from the CA.
    pub lease: SignedDuration,
}

/// How people become account names and numbers.
#[derive(Clone, Debug)]
pub struct NamesSection {
    /// In force until another one is applied; see [`crate::app::Naming`].
    pub expression: Arc<Mapping>,
    pub rule: NameRule,
    /// In the order in which they are used up.
    pub uid_ranges: Vec<UidRange>,
}

#[derive(Clone, Debug)]
pub struct PrincipalsSection {
    /// Whether certificates carry the POSIX name, for hosts without the agent.
    pub posix_name: bool,
}

#[derive(Clone, Debug)]
pub struct ScimSection {
    /// A directory that used to write and has not for this long is an alarm.
    pub silent_after: SignedDuration,
}

impl Config {
    /// Whether some address is served under the root that `init` made.
    pub fn uses_private_root(&self) -> bool {
        self.listen.iter().any(|listen| matches!(listen.tls, Tls::Private { .. }))
    }

    pub fn store_path(&self) -> PathBuf {
        self.directory.join("sallyport.db")
    }

    pub fn socket_path(&self) -> PathBuf {
        self.directory.join("admin.sock")
    }

    pub fn keys_path(&self) -> PathBuf {
        keys_path(&self.directory)
    }

    pub fn tls_path(&self) -> PathBuf {
        tls_path(&self.directory)
    }
}

pub fn keys_path(directory: &Path) -> PathBuf {
    directory.join("keys")
}

pub fn tls_path(directory: &Path) -> PathBuf {
    directory.join("tls")
}
