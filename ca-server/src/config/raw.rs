//! The file as it is typed. Every field is checked in [`super::load`].

use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConfig {
    pub(super) ca: RawCa,
    #[serde(default)]
    pub(super) login: RawLogin,
    #[serde(default)]
    pub(super) certificates: RawCertificates,
    #[serde(default)]
    pub(super) hosts: RawHosts,
    #[serde(default)]
    pub(super) names: RawNames,
    #[serde(default)]
    pub(super) principals: RawPrincipals,
    #[serde(default)]
    pub(super) scim: RawScim,
    #[serde(default)]
    pub(super) listen: Vec<RawListen>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCa {
    pub(super) tenant: String,
    pub(super) client_id: String,
    pub(super) issuer: Option<String>,
    #[serde(default)]
    pub(super) host_domains: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawLogin {
    pub(super) device: Option<String>,
    pub(super) device_groups: Vec<String>,
    pub(super) guests: bool,
    pub(super) token_max_age: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawCertificates {
    pub(super) user_ttl: Option<String>,
    pub(super) user_ttl_max: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawHosts {
    pub(super) lease: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawNames {
    pub(super) dots: Option<bool>,
    pub(super) expression: Option<String>,
    pub(super) reserved: Vec<String>,
    pub(super) uid_ranges: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawPrincipals {
    pub(super) posix_name: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawScim {
    pub(super) silent_after: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawListen {
    pub(super) address: String,
    pub(super) surfaces: Option<Vec<String>>,
    #[serde(default)]
    pub(super) proxies: Vec<String>,
    pub(super) tls_certificate: Option<String>,
    pub(super) tls_key: Option<String>,
    #[serde(default)]
    pub(super) tls_names: Vec<String>,
}

/// What `init` was told, for the file that it writes.
#[derive(Debug)]
pub struct Template<'a> {
    pub tenant: &'a str,
    pub client_id: &'a str,
    pub issuer: &'a str,
    pub host_domains: &'a [String],
    pub device: &'a str,
    pub address: &'a str,
    pub tls_names: &'a [String],
}

/// The first configuration file: what was said, and every other setting with its default as a comment.
pub fn template(said: &Template<'_>) -> String {
    let list = |items: &[String]| {
        let quoted: Vec<String> = items.iter().map(|item| format!("{item:?}")).collect();
        format!("[{}]", quoted.join(", "))
    };
    let Template { tenant, client_id, issuer, device, address, .. } = said;
    let domains = list(said.host_domains);
    let tls_names = match said.tls_names {
        [] => "# tls_names = [\"ca.example.com\"]   # names besides the address, for the private root's leaf"
            .to_owned(),
        names => format!("tls_names = {}", list(names)),
    };
    format!(
        r#"# Sallyport CA. `sallyport-ca check --config THIS` reads it as the server would.
# A value here is overridden by the environment: SALLYPORT_CA_LOGIN_DEVICE=on sets device in [login].

[ca]
tenant = "{tenant}"
client_id = "{client_id}"
issuer = "{issuer}"
# Hosts may be enrolled under these names only, and clients trust the host CA for no others (patterns of ssh_config).
host_domains = {domains}

[login]
device = "{device}"            # off, groups or on: a device code cannot be bound to a key, and is open to phishing
# device_groups = []       # ids or names, for device = "groups"
# guests = false
# token_max_age = "15m"    # Entra dates its tokens back by five minutes

[certificates]
# user_ttl = "16h"
# user_ttl_max = "24h"

[hosts]
# lease = "72h"            # how long a host goes on without a word from here

[names]
# expression = '''ToLower(Replace([userPrincipalName], , "(?<Suffix>@(.)*)", "Suffix", "", , ), )'''
#                          # Entra's mapping language; once people are here: sallyport-ca names preview, then names apply
# dots = true              # whether an account name may hold dots
# reserved = ["svc-*"]     # names that this site keeps for itself
# uid_ranges = ["70000-99999"]   # used up in this order; directories may send uidNumber instead

[principals]
# posix_name = true        # false where every host runs the agent

[scim]
# silent_after = "3h"      # Entra writes every 40 minutes: for this long without a word is an alarm

[[listen]]
address = "{address}"
surfaces = ["login", "scim", "hosts", "ops"]
{tls_names}
# tls_certificate = "/etc/ssl/ca.pem"   # PEM chain; without both files: plain HTTP on loopback, the private root elsewhere
# tls_key = "/etc/ssl/ca.key"
# proxies = ["127.0.0.1"]   # reverse proxies whose X-Forwarded-For says where a request comes from
"#
    )
}
