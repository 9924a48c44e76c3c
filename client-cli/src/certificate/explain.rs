//! What a certificate says, and what that means.

use std::fmt::Write;

use jiff::Timestamp;
use sallyport_protocol::Fingerprint;
use serde::Serialize;

use super::reader::Reader;
use super::{Certificate, Kind, Signature, Standing};
use crate::span;

/// `inspect --format json`: one of these a certificate.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Explained {
    r#type: String,
    kind: &'static str,
    public_key: Key,
    signing_ca: SigningCa,
    key_id: String,
    /// What the key id says, when a Sallyport CA wrote it.
    sallyport: Option<Sallyport>,
    serial: u64,
    /// RFC 3339; absent: since ever.
    valid_after: Option<Timestamp>,
    /// RFC 3339; absent: for ever.
    valid_before: Option<Timestamp>,
    valid_now: bool,
    validity: String,
    principals: Vec<Named>,
    critical_options: Vec<Named>,
    extensions: Vec<Named>,
}

#[derive(Clone, Debug, Serialize)]
struct Key {
    algorithm: String,
    fingerprint: Fingerprint,
}

#[derive(Clone, Debug, Serialize)]
struct SigningCa {
    #[serde(flatten)]
    key: Key,
    signature_algorithm: String,
    /// `holds`, `broken` or `unchecked`.
    signature: &'static str,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
struct Sallyport {
    user: String,
    name: String,
    request: String,
}

#[derive(Clone, Debug, Serialize)]
struct Named {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    meaning: String,
}

pub(crate) fn explain(certificate: &Certificate, now: Timestamp) -> Explained {
    let standing = certificate.standing(now);
    let sallyport = certificate.is_ours().then(|| sallyport(&certificate.key_id)).flatten();
    let principal = |name: &String| Named {
        meaning: principal_meaning(name, certificate.kind, sallyport.is_some()),
        name: name.clone(),
        value: None,
    };
    let principals = certificate.principals.iter().map(principal).collect();
    Explained {
        r#type: certificate.algorithm.clone(),
        kind: match certificate.kind {
            Kind::Host => "host",
            Kind::Other(_) => "unknown",
            Kind::User => "user",
        },
        public_key: key(&certificate.public_key),
        signing_ca: SigningCa {
            key: key(&certificate.signing_key),
            signature_algorithm: certificate.signature_algorithm(),
            signature: match certificate.signature() {
                Signature::Broken => "broken",
                Signature::Holds => "holds",
                Signature::Unchecked => "unchecked",
            },
        },
        key_id: certificate.key_id.clone(),
        sallyport,
        serial: certificate.serial,
        valid_after: certificate.valid_after(),
        valid_before: certificate.valid_before(),
        valid_now: standing == Standing::Valid,
        validity: validity(certificate, standing, now),
        principals,
        critical_options: certificate.critical_options.iter().map(|option| named(option, critical)).collect(),
        extensions: certificate.extensions.iter().map(|option| named(option, extension)).collect(),
    }
}

fn key(blob: &[u8]) -> Key {
    let algorithm = Reader::new(blob).text().unwrap_or_default();
    Key { algorithm, fingerprint: Fingerprint::of_blob(blob) }
}

/// `sallyport v1 u:<id> <upn> req=<request id>`.
fn sallyport(key_id: &str) -> Option<Sallyport> {
    let mut words = key_id.split(' ').skip(2);
    let (user, name, request) = (words.next()?, words.next()?, words.next()?);
    if words.next().is_some() {
        return None;
    }
    let request = request.strip_prefix("req=")?.to_owned();
    Some(Sallyport { user: user.to_owned(), name: name.to_owned(), request })
}

fn validity(certificate: &Certificate, standing: Standing, now: Timestamp) -> String {
    let ago = |at: Timestamp| span::between(at, now);
    match (standing, certificate.valid_after(), certificate.valid_before()) {
        (Standing::NotYet, Some(after), _) => format!("not yet; begins in {}", ago(after)),
        (Standing::Ended, _, Some(before)) => format!("ended {} ago", ago(before)),
        (Standing::Valid, _, Some(before)) => format!("valid for another {}", ago(before)),
        (Standing::Valid, _, None) => "valid, and never ends".to_owned(),
        _ => "never valid".to_owned(),
    }
}

fn principal_meaning(name: &str, kind: Kind, ours: bool) -> String {
    let meaning = match kind {
        Kind::Host => "a name that the host may answer to",
        Kind::User if ours && name.starts_with("u:") => {
            "the person, for ever: hosts with the Sallyport agent know them by it"
        }
        Kind::User if ours && name.contains(':') => "assigned by your administrators",
        Kind::User if ours => "the account's name, for hosts without the Sallyport agent",
        Kind::User => "what a host's sshd compares with the account's name or its list",
        Kind::Other(_) => "unknown",
    };
    meaning.to_owned()
}

fn critical(name: &str) -> Option<&'static str> {
    Some(match name {
        "force-command" => "whatever is asked for, this runs",
        "source-address" => "good from these addresses only",
        "verify-required" => "each signature needs the person: PIN or touch verified by the security key",
        _ => return None,
    })
}

fn extension(name: &str) -> Option<&'static str> {
    Some(match name {
        "no-touch-required" => "a signature by a security key counts without a touch",
        "permit-X11-forwarding" => "X11 may be forwarded",
        "permit-agent-forwarding" => "the ssh-agent may be forwarded",
        "permit-port-forwarding" => "ports may be forwarded",
        "permit-pty" => "a terminal may be opened",
        "permit-user-rc" => "~/.ssh/rc is run",
        _ => return None,
    })
}

fn named((name, data): &(String, Vec<u8>), meaning: fn(&str) -> Option<&'static str>) -> Named {
    let value = (!data.is_empty()).then(|| option_value(data));
    let meaning = meaning(name).unwrap_or("unknown to this program: ssh decides").to_owned();
    Named { name: name.clone(), value, meaning }
}

/// OpenSSH puts a string into the string; anything else shows as hex.
fn option_value(data: &[u8]) -> String {
    let mut reader = Reader::new(data);
    let inner =
        reader.string().filter(|_| reader.left() == 0).and_then(|inner| std::str::from_utf8(inner).ok());
    inner.map_or_else(
        || {
            data.iter().fold("hex ".to_owned(), |mut hex, byte| {
                // Writing to a String cannot fail.
                let _ = write!(hex, "{byte:02x}");
                hex
            })
        },
        ToOwned::to_owned,
    )
}

impl Explained {
    /// In the order of `ssh-keygen -L`.
    pub(crate) fn to_text(&self) -> String {
        let mut lines = vec![
            format!("Type:             {} {} certificate", self.r#type, self.kind),
            format!("Public key:       {} {}", self.public_key.algorithm, self.public_key.fingerprint),
            format!(
                "Signing CA:       {} {} (using {}; {})",
                self.signing_ca.key.algorithm,
                self.signing_ca.key.fingerprint,
                self.signing_ca.signature_algorithm,
                match self.signing_ca.signature {
                    "holds" => "the signature holds",
                    "broken" => "THE SIGNATURE DOES NOT HOLD",
                    _ => "the signature was not checked",
                }
            ),
            format!("Key ID:           \"{}\"", self.key_id),
        ];
        if let Some(Sallyport { user, name, request }) = &self.sallyport {
            lines.push(format!("                  {name}, the person {user}, by request {request}"));
        }
        lines.push(format!("Serial:           {}", self.serial));
        lines.push(format!(
            "Valid:            from {} to {}: {}",
            self.valid_after.map_or("ever".into(), |at| at.to_string()),
            self.valid_before.map_or("forever".into(), |at| at.to_string()),
            self.validity
        ));
        let none = if self.kind == "user" { "(none: no account may be entered)" } else { "(none)" };
        lines.extend(section("Principals:", &self.principals, none));
        lines.extend(section("Critical options:", &self.critical_options, "(none)"));
        lines.extend(section("Extensions:", &self.extensions, "(none)"));
        lines.join("\n")
    }
}

fn section(title: &str, entries: &[Named], none: &str) -> Vec<String> {
    if entries.is_empty() {
        return vec![format!("{title:<18}{none}")];
    }
    let shown = |entry: &Named| match &entry.value {
        Some(value) => format!("{} {value}", entry.name),
        None => entry.name.clone(),
    };
    let width = entries.iter().map(|entry| shown(entry).chars().count()).max().unwrap_or(0);
    let line = |entry: &Named| format!("    {:<width$}  {}", shown(entry), entry.meaning);
    std::iter::once(title.to_owned()).chain(entries.iter().map(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_id_of_ours_is_read_and_others_are_not() {
        let ours = sallyport("sallyport v1 u:01J8 ada@contoso.test req=01K2").unwrap();
        assert_eq!(
            (ours.user.as_str(), ours.name.as_str(), ours.request.as_str()),
            ("u:01J8", "ada@contoso.test", "01K2")
        );
        for other in
            ["", "ada", "sallyport v1 u:01J8", "sallyport v1 u:1 a req=2 more", "sallyport v1 u:1 a b"]
        {
            assert_eq!(sallyport(other), None, "{other}");
        }
    }

    #[test]
    fn option_values_are_unwrapped_or_shown_as_hex() {
        assert_eq!(option_value(b"\0\0\0\x02ls"), "ls");
        assert_eq!(option_value(b"\0\0\0\x05ls"), "hex 000000056c73");
        assert_eq!(option_value(b"\0\0\0\x01\xff"), "hex 00000001ff");
    }
}
