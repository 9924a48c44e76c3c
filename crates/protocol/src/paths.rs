/// Every route, once. Programs never write a path by hand.
pub mod path {
    pub const ADMIN: &str = "/api/v1";
    pub const BOOTSTRAP: &str = "/.well-known/sallyport";
    pub const HEALTH: &str = "/healthz";
    pub const HOST_CERTIFICATE: &str = "/v1/hosts/self/certificate";
    pub const HOST_ENROLL: &str = "/v1/hosts/enroll";
    pub const HOST_KEYS: &str = "/v1/ca/host-keys";
    pub const HOST_REPORT: &str = "/v1/hosts/self/report";
    pub const HOST_SNAPSHOT: &str = "/v1/hosts/self/snapshot";
    pub const KRL: &str = "/v1/krl";
    pub const METRICS: &str = "/metrics";
    pub const READY: &str = "/readyz";
    pub const SCIM: &str = "/scim/v2";
    /// OAuth 2 client credentials for the directory (RFC 6749 section 4.4).
    pub const SCIM_TOKEN: &str = "/scim/token";
    pub const USER_CERTIFICATE: &str = "/v1/certificates/user";
    pub const USER_KEYS: &str = "/v1/ca/user-keys";
}
