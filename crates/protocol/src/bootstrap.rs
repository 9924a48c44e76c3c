use sallyport_domain::{HostPatterns, TenantId};
use serde::{Deserialize, Serialize};

/// What a client or a host needs to start, signed in namespace `sallyport-bootstrap-v1`.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub struct Bootstrap {
    pub issuer: String,
    pub tenant: TenantId,
    pub client_id: String,
    /// `off`, `groups` or `on`.
    pub device_login: String,
    /// OpenSSH lines, for `TrustedUserCAKeys`.
    pub user_ca_keys: Vec<String>,
    /// OpenSSH lines, for `@cert-authority`.
    pub host_ca_keys: Vec<String>,
    pub host_domains: HostPatterns,
    /// PEM certificates to trust for this CA's own address; empty when the system's roots do.
    pub tls_roots: Vec<String>,
    /// Protocol versions spoken, newest last.
    pub versions: Vec<u32>,
}
