use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::check::Check;
use super::raw::RawListen;
use super::{Listen, Surface, Tls};

impl Check {
    pub(super) fn listens(&mut self, raw: Vec<RawListen>) -> Option<Vec<Listen>> {
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
