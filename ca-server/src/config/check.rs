//! From what was typed to what is meant, section by section. Every problem is noted, none ends the reading.

use std::fmt;
use std::path::PathBuf;

use jiff::SignedDuration;
use sallyport_domain::{HostPattern, HostPatterns};
use url::Url;

use super::raw::{RawConfig, RawLogin};
use super::{
    CaSection, CertificatesSection, Config, DeviceLogin, HostsSection, LoginSection, PrincipalsSection,
    ScimSection, parse_duration,
};

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

pub(super) struct Check {
    pub(super) problems: Vec<String>,
    pub(super) directory: PathBuf,
}

impl Check {
    pub(super) fn note<T>(&mut self, field: &str, problem: impl fmt::Display) -> Option<T> {
        self.problems.push(format!("{field}: {problem}"));
        None
    }

    pub(super) fn ok<T, E: fmt::Display>(&mut self, field: &str, result: Result<T, E>) -> Option<T> {
        result.map_or_else(|error| self.note(field, error), Some)
    }

    pub(super) fn config(&mut self, raw: RawConfig) -> Option<Config> {
        let ca = self.ca(&raw.ca.tenant, raw.ca.client_id, raw.ca.issuer, &raw.ca.host_domains);
        let login = self.login(raw.login);
        let certificates =
            self.certificates(raw.certificates.user_ttl.as_deref(), raw.certificates.user_ttl_max.as_deref());
        let lease = self.duration("hosts.lease", raw.hosts.lease.as_deref(), SignedDuration::from_hours(72));
        let lease = lease.and_then(|lease| self.at_least("hosts.lease", lease, LEASE_FLOOR));
        let names = self.names(raw.names);
        let silent = raw.scim.silent_after.as_deref();
        let silent = self.duration("scim.silent_after", silent, SignedDuration::from_hours(3));
        let listen = self.listens(raw.listen);
        Some(Config {
            directory: self.directory.clone(),
            ca: ca?,
            login: login?,
            certificates: certificates?,
            hosts: HostsSection { lease: lease? },
            names: names?,
            principals: PrincipalsSection { posix_name: raw.principals.posix_name.unwrap_or(true) },
            scim: ScimSection { silent_after: silent? },
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
