use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;

/// One address, how it is protected and what is served on it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listen {
    pub address: SocketAddr,
    pub tls: Tls,
    pub surfaces: BTreeSet<Surface>,
    /// Whose X-Forwarded-For is believed.
    pub proxies: Vec<IpNet>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Tls {
    /// PEM files that somebody else renews.
    Files { certificate: PathBuf, key: PathBuf },
    /// Loopback only.
    Plain,
    /// A leaf under the private root that `init` made, for these names besides the address.
    Private { names: Vec<String> },
}

/// A part of the HTTP interface. The administrators' part has the socket, and no address unless it is named.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Surface {
    Admin,
    Hosts,
    Login,
    Ops,
    Scim,
}

impl Surface {
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "admin" => Self::Admin,
            "hosts" => Self::Hosts,
            "login" => Self::Login,
            "ops" => Self::Ops,
            "scim" => Self::Scim,
            _ => return None,
        })
    }
}
