use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use jiff::SignedDuration;
use sallyport_domain::{HostPattern, HostPatterns};
use url::Url;

use super::raw::{RawConfig, RawListen, RawLogin};
use super::{
    CaSection, CertificatesSection, Config, DeviceLogin, HostsSection, Listen, LoginSection,
    PrincipalsSection, Surface, Tls, parse_duration,
};

/// Environment variables that begin so override the file: `SALLYPORT_CA_<SECTION>_<KEY>`.
const ENVIRONMENT: &str = "SALLYPORT_CA_";
/// Sections that the environment may override; `[[listen]]` is a list and may not.
const SECTIONS: [&str; 6] = ["ca", "login", "certificates", "hosts", "names", "principals"];

/// Fields that `init` was told, and how.
const FLAGS: [(&str, &str); 6] = [
    ("ca.tenant", "--tenant"),
    ("ca.client_id", "--client-id"),
    ("ca.issuer", "--issuer"),
    ("ca.host_domains", "--host-domain"),
    ("listen[0].address", "--listen"),
    ("login.device", "--device-login"),
];
/// Where Entra's issuers are, in all its clouds.
const ENTRA: [&str; 3] =
    ["https://login.microsoftonline.", "https://login.partner.microsoftonline.", "https://sts.windows.net"];

/// A certificate may not outlive a day, whatever the file says: hosts revoke by serial until it ends.
const USER_TTL_CEILING: SignedDuration = SignedDuration::from_hours(24);
/// The shortest certificate: below it, clock differences decide.
const USER_TTL_FLOOR: SignedDuration = SignedDuration::from_mins(5);
/// Under ten seconds a lease ends between two polls.
const LEASE_FLOOR: SignedDuration = SignedDuration::from_secs(10);
/// Entra dates `iat` back by five minutes: a shorter age refuses every token.
const TOKEN_AGE_FLOOR: SignedDuration = SignedDuration::from_mins(6);

/// Everything that is wrong with a configuration, all at once.
#[derive(Debug)]
pub struct ConfigError {
    /// `None` while there is no file yet.
    path: Option<PathBuf>,
    problems: Vec<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "{} cannot be used", path.display())?,
            None => f.write_str("no CA can be made of these values")?,
        }
        for problem in &self.problems {
            write!(f, "\n  {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// Reads, overlays the environment and checks. Opens nothing but the file.
///
/// # Errors
/// [`ConfigError`] with every problem found: field, what is wrong, what to write instead.
pub fn load(path: &Path, environment: impl Iterator<Item = (String, String)>) -> Result<Config, ConfigError> {
    let fail = |problem: String| ConfigError { path: Some(path.to_owned()), problems: vec![problem] };
    let text = std::fs::read_to_string(path)
        .map_err(|error| fail(format!("it cannot be read: {error}; `sallyport-ca init DIR …` makes one")))?;
    check(path, &text, environment)
}

/// What [`load`] would say of the text that `init` is about to write there.
///
/// # Errors
/// As [`load`], in the words of the command line: nobody has seen the file.
pub fn check_text(path: &Path, text: &str) -> Result<Config, ConfigError> {
    let flag = |problem: String| {
        let known =
            FLAGS.iter().find_map(|(field, flag)| Some(format!("{flag}{}", problem.strip_prefix(field)?)));
        known.unwrap_or(problem)
    };
    check(path, text, std::iter::empty())
        .map_err(|error| ConfigError { path: None, problems: error.problems.into_iter().map(flag).collect() })
}

fn check(
    path: &Path,
    text: &str,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Config, ConfigError> {
    let fail = |problem: String| ConfigError { path: Some(path.to_owned()), problems: vec![problem] };
    let mut table: toml::Table =
        toml::from_str(text).map_err(|error| fail(format!("it is not TOML: {error}")))?;
    overlay(&mut table, environment).map_err(fail)?;
    let raw: RawConfig = serde_path_to_error::deserialize(table)
        .map_err(|error| fail(format!("{}: {}", error.path(), error.inner().message())))?;
    // The directory as an absolute path: later calls may come from elsewhere. A bare file name has an empty parent.
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = std::path::absolute(parent.unwrap_or(Path::new(".")))
        .map_err(|error| fail(format!("its directory cannot be found: {error}")))?;
    let mut check = Check { problems: Vec::new(), directory };
    let config = check.config(raw);
    match config {
        Some(config) if check.problems.is_empty() => Ok(config),
        _ => Err(ConfigError { path: Some(path.to_owned()), problems: check.problems }),
    }
}

fn overlay(
    table: &mut toml::Table,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<(), String> {
    for (name, value) in environment {
        let Some(rest) = name.strip_prefix(ENVIRONMENT) else { continue };
        let rest = rest.to_ascii_lowercase();
        // Flags of the command line share the prefix; they name no section.
        let Some((section, key)) = rest.split_once('_').filter(|(section, _)| SECTIONS.contains(section))
        else {
            continue;
        };
        let section = table.entry(section).or_insert_with(|| toml::Table::new().into());
        let section =
            section.as_table_mut().ok_or_else(|| format!("{name}: this section is no table in the file"))?;
        section.insert(key.to_owned(), environment_value(&value));
    }
    Ok(())
}

/// `true`, `42` and `["a"]` as TOML; anything else is a string as it stands.
fn environment_value(text: &str) -> toml::Value {
    let as_toml = toml::from_str::<toml::Table>(&format!("value = {text}")).ok();
    as_toml.and_then(|mut table| table.remove("value")).unwrap_or_else(|| text.into())
}

pub(super) struct Check {
    problems: Vec<String>,
    directory: PathBuf,
}

impl Check {
    pub(super) fn note<T>(&mut self, field: &str, problem: impl fmt::Display) -> Option<T> {
        self.problems.push(format!("{field}: {problem}"));
        None
    }

    pub(super) fn ok<T, E: fmt::Display>(&mut self, field: &str, result: Result<T, E>) -> Option<T> {
        result.map_or_else(|error| self.note(field, error), Some)
    }

    fn config(&mut self, raw: RawConfig) -> Option<Config> {
        let ca = self.ca(&raw.ca.tenant, raw.ca.client_id, raw.ca.issuer, &raw.ca.host_domains);
        let login = self.login(raw.login);
        let certificates =
            self.certificates(raw.certificates.user_ttl.as_deref(), raw.certificates.user_ttl_max.as_deref());
        let lease = self.duration("hosts.lease", raw.hosts.lease.as_deref(), SignedDuration::from_hours(72));
        let lease = lease.and_then(|lease| self.at_least("hosts.lease", lease, LEASE_FLOOR));
        let names = self.names(raw.names);
        let listen = self.listens(raw.listen);
        Some(Config {
            directory: self.directory.clone(),
            ca: ca?,
            login: login?,
            certificates: certificates?,
            hosts: HostsSection { lease: lease? },
            names: names?,
            principals: PrincipalsSection { posix_name: raw.principals.posix_name.unwrap_or(true) },
            listen: listen?,
        })
    }

    fn ca(
        &mut self,
        tenant: &str,
        client_id: String,
        issuer: Option<String>,
        host_domains: &[String],
    ) -> Option<CaSection> {
        let id = tenant.parse().map_err(
            |_| "this is not a tenant id: Entra's portal shows it as a GUID, \"Directory (tenant) ID\"",
        );
        let id = self.ok("ca.tenant", id);
        if client_id.trim().is_empty() {
            return self.note(
                "ca.client_id",
                "it is empty: copy \"Application (client) ID\" from the app registration",
            );
        }
        let issuer = self.issuer(issuer.unwrap_or_else(|| entra_issuer(tenant)));
        // Other providers have other ids.
        let of_entra =
            issuer.as_ref().is_some_and(|issuer| ENTRA.iter().any(|entra| issuer.starts_with(entra)));
        if of_entra && uuid::Uuid::try_parse(&client_id).is_err() {
            return self.note(
                "ca.client_id",
                "this is not a client id: the app registration shows it as a GUID, \"Application (client) ID\"",
            );
        }
        let domains: Result<Vec<HostPattern>, _> =
            host_domains.iter().map(|pattern| pattern.parse()).collect();
        let host_domains = self.ok("ca.host_domains", domains).map(HostPatterns::new);
        Some(CaSection { tenant: id?, client_id, issuer: issuer?, host_domains: host_domains? })
    }

    fn issuer(&mut self, text: String) -> Option<String> {
        let url = self
            .ok("ca.issuer", Url::parse(&text).map_err(|error| format!("{text:?} is not a URL ({error})")))?;
        match url.scheme() {
            "https" => Some(text),
            "http" if is_loopback(&url) => Some(text),
            _ => self.note("ca.issuer", "an issuer is https://; plain http:// is for loopback only"),
        }
    }

    fn login(&mut self, raw: RawLogin) -> Option<LoginSection> {
        let device = match raw.device.as_deref() {
            // Somebody who names groups believes that they hold.
            None | Some("off" | "on") if !raw.device_groups.is_empty() => self.note(
                "login.device_groups",
                "it holds with device = \"groups\" only; write that, or take the groups out",
            ),
            None | Some("off") => Some(DeviceLogin::Off),
            Some("on") => Some(DeviceLogin::On),
            Some("groups") if raw.device_groups.is_empty() => {
                self.note("login.device_groups", "device = \"groups\" needs at least one group")
            }
            Some("groups") => Some(DeviceLogin::Groups),
            Some(other) => {
                self.note("login.device", format!("{other:?} is unknown; write off, groups or on"))
            }
        };
        let age =
            self.duration("login.token_max_age", raw.token_max_age.as_deref(), SignedDuration::from_mins(15));
        let age = age.and_then(|age| self.at_least("login.token_max_age", age, TOKEN_AGE_FLOOR));
        Some(LoginSection {
            device: device?,
            device_groups: raw.device_groups,
            guests: raw.guests,
            token_max_age: age?,
        })
    }

    fn certificates(&mut self, ttl: Option<&str>, max: Option<&str>) -> Option<CertificatesSection> {
        let max = self.duration("certificates.user_ttl_max", max, USER_TTL_CEILING)?;
        let max = self.at_least("certificates.user_ttl_max", max, USER_TTL_FLOOR)?;
        if max > USER_TTL_CEILING {
            return self.note("certificates.user_ttl_max", "certificates here live 24h at most");
        }
        let default = SignedDuration::from_hours(16).min(max);
        let ttl = self.duration("certificates.user_ttl", ttl, default)?;
        let ttl = self.at_least("certificates.user_ttl", ttl, USER_TTL_FLOOR)?;
        if ttl > max {
            return self.note(
                "certificates.user_ttl",
                "it is longer than user_ttl_max; lower it, or raise user_ttl_max",
            );
        }
        Some(CertificatesSection { user_ttl: ttl, user_ttl_max: max })
    }

    fn duration(
        &mut self,
        field: &str,
        text: Option<&str>,
        default: SignedDuration,
    ) -> Option<SignedDuration> {
        text.map_or(Some(default), |text| self.ok(field, parse_duration(text)))
    }

    fn at_least(
        &mut self,
        field: &str,
        value: SignedDuration,
        floor: SignedDuration,
    ) -> Option<SignedDuration> {
        if value < floor {
            return self.note(field, format!("it is {} at least", super::write_duration(floor)));
        }
        Some(value)
    }

    fn listens(&mut self, raw: Vec<RawListen>) -> Option<Vec<Listen>> {
        if raw.is_empty() {
            return self
                .note("listen", "there is none; add a [[listen]] with an address such as 127.0.0.1:8443");
        }
        let mut seen = BTreeSet::new();
        let mut listens = Vec::new();
        for (index, entry) in raw.into_iter().enumerate() {
            let Some(listen) = self.listen(index, entry) else { continue };
            if listen.address.port() != 0 && !seen.insert(listen.address) {
                let _: Option<()> =
                    self.note(&format!("listen[{index}].address"), "it stands in two entries");
            }
            listens.push(listen);
        }
        Some(listens)
    }

    fn listen(&mut self, index: usize, raw: RawListen) -> Option<Listen> {
        let field = |name: &str| format!("listen[{index}].{name}");
        let address: Option<SocketAddr> = raw.address.parse().ok();
        let Some(address) = address else {
            return self
                .note(&field("address"), format!("{:?} is not IP:PORT, such as 0.0.0.0:8443", raw.address));
        };
        let mut surfaces = BTreeSet::new();
        for text in
            raw.surfaces.unwrap_or_else(|| ["login", "scim", "hosts", "ops"].map(str::to_owned).into())
        {
            match Surface::parse(&text) {
                Some(surface) => surfaces.extend([surface]),
                None => {
                    return self
                        .note(&field("surfaces"), format!("{text:?} is none of login, scim, hosts, ops"));
                }
            }
        }
        if surfaces.contains(&Surface::Admin) {
            return self.note(
                &field("surfaces"),
                "admin is served on DIR/admin.sock only; take it out of this list",
            );
        }
        let mut proxies = Vec::new();
        for text in &raw.proxies {
            let Some(proxy) = network(text) else {
                let problem = format!("{text:?} is no address and no network, such as 10.0.0.0/8");
                return self.note(&field("proxies"), problem);
            };
            proxies.push(proxy);
        }
        let tls = match (raw.tls_certificate, raw.tls_key) {
            (Some(certificate), Some(key)) => {
                Tls::Files { certificate: self.directory.join(certificate), key: self.directory.join(key) }
            }
            (None, None) if address.ip().is_loopback() && raw.tls_names.is_empty() => Tls::Plain,
            (None, None) => Tls::Private { names: raw.tls_names },
            _ => {
                return self
                    .note(&field("tls_key"), "tls_certificate and tls_key come together or not at all");
            }
        };
        Some(Listen { address, tls, surfaces, proxies })
    }
}

/// An address is a network of its own.
pub fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// Entra's own, for a tenant.
pub fn entra_issuer(tenant: &str) -> String {
    format!("https://login.microsoftonline.com/{tenant}/v2.0")
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "7b1e4c52-0d3a-4f6e-9a41-5c2f8e90d311";

    fn load_text(text: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("sallyport.toml");
        std::fs::write(&path, text).unwrap();
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        load(&path, environment).map_err(|error| error.to_string())
    }

    fn good() -> String {
        super::super::raw::template(&super::super::raw::Template {
            tenant: TENANT,
            client_id: "c11e0001-5a5a-4b4b-8c8c-0000000000c1",
            issuer: &entra_issuer(TENANT),
            host_domains: &["*.contoso.test".into()],
            device: "off",
            address: "127.0.0.1:8443",
            tls_names: &[],
        })
    }

    #[test]
    fn what_init_writes_is_what_the_server_reads() {
        let config = load_text(&good(), &[]).unwrap();
        assert_eq!(config.login.device, DeviceLogin::Off);
        assert_eq!(config.certificates.user_ttl, SignedDuration::from_hours(16));
        assert_eq!(config.listen[0].tls, Tls::Plain);
        assert!(config.principals.posix_name);
    }

    #[test]
    fn a_bare_file_name_lies_in_the_current_directory() {
        let config = check_text(Path::new("sallyport.toml"), &good()).unwrap();
        assert_eq!(config.directory, std::path::absolute(".").unwrap());
    }

    #[test]
    fn the_environment_overrides_the_file() {
        let environment = [
            ("SALLYPORT_CA_LOGIN_DEVICE", "on"),
            ("SALLYPORT_CA_LOGIN_GUESTS", "true"),
            ("SALLYPORT_CA_CONFIG", "x"),
        ];
        let config = load_text(&good(), &environment).unwrap();
        assert_eq!(config.login.device, DeviceLogin::On);
        assert!(config.login.guests);
    }

    #[test]
    fn every_problem_is_named_at_once() {
        let text = good()
            .replace(TENANT, "contoso")
            .replace("# lease = \"72h\"", "lease = \"5s\"")
            .replace("# user_ttl_max = \"24h\"", "user_ttl_max = \"48h\"");
        let error = load_text(&text, &[]).unwrap_err();
        for part in ["ca.tenant", "hosts.lease", "certificates.user_ttl_max", "10s"] {
            assert!(error.contains(part), "{part} is missing in: {error}");
        }
    }

    #[test]
    fn contradictions_are_refused_with_their_field() {
        let cases = [
            ("device = \"off\"", "device = \"groups\"", "login.device_groups"),
            ("device = \"off\"", "device = \"maybe\"", "login.device"),
            ("device = \"off\"", "device = \"on\"\ndevice_groups = [\"sre\"]", "login.device_groups"),
            ("# user_ttl = \"16h\"", "user_ttl = \"16h\"\nuser_ttl_max = \"8h\"", "certificates.user_ttl"),
            ("address = \"127.0.0.1:8443\"", "address = \"localhost\"", "listen[0].address"),
            ("\"login\", \"scim\"", "\"admin\", \"scim\"", "listen[0].surfaces"),
            ("*.contoso.test", "*", "ca.host_domains"),
            ("c11e0001-5a5a-4b4b-8c8c-0000000000c1", "sallyport", "ca.client_id"),
            ("# guests = false", "gusts = true", "login.gusts"),
            ("https://login.microsoftonline.com", "http://login.microsoftonline.com", "ca.issuer"),
            ("# tls_key", "tls_key", "listen[0].tls_key"),
            ("# proxies = [\"127.0.0.1\"]", "proxies = [\"proxy\"]", "listen[0].proxies"),
        ];
        for (from, to, field) in cases {
            let text = good().replacen(from, to, 1);
            assert_ne!(text, good(), "{from} is not in the template");
            let error = load_text(&text, &[]).unwrap_err();
            assert!(error.contains(field), "{field} is missing in: {error}");
        }
    }

    #[test]
    fn other_providers_may_have_other_client_ids() {
        let text = good()
            .replace("c11e0001-5a5a-4b4b-8c8c-0000000000c1", "sallyport")
            .replace("https://login.microsoftonline.com", "https://login.example.test");
        assert_eq!(load_text(&text, &[]).unwrap().ca.client_id, "sallyport");
    }

    #[test]
    fn init_is_told_of_flags_and_of_no_file() {
        let text = good().replace(TENANT, "contoso").replace("*.contoso.test", "*");
        let error = check_text(Path::new("/nowhere/sallyport.toml"), &text).unwrap_err().to_string();
        for part in ["--tenant", "--host-domain"] {
            assert!(error.contains(part), "{part} is missing in: {error}");
        }
        assert!(!error.contains("nowhere") && !error.contains("ca.tenant"), "{error}");
    }

    #[test]
    fn off_loopback_the_private_root_serves() {
        let text = good().replace("127.0.0.1:8443", "0.0.0.0:8443");
        assert!(matches!(load_text(&text, &[]).unwrap().listen[0].tls, Tls::Private { .. }));
    }
}
