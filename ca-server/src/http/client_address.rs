//! Where a request comes from: the peer, or what a proxy of ours says.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::Response;
use ipnet::IpNet;

use crate::serve::Peer;

const FORWARDED: &str = "x-forwarded-for";
/// Proxies in a row that are believed.
const MOST_HOPS: usize = 8;

/// An extension of every request that came over an address.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClientAddress(pub(super) IpAddr);

pub(super) async fn note(State(proxies): State<Arc<[IpNet]>>, mut request: Request, next: Next) -> Response {
    if let Some(Peer(peer)) = request.extensions().get::<Peer>().copied() {
        let client = client(peer, request.headers(), &proxies);
        request.extensions_mut().insert(ClientAddress(client));
    }
    next.run(request).await
}

/// From the right: each proxy of ours tells whom it got the request from. What somebody else wrote is not believed.
fn client(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> IpAddr {
    let ours = |address: IpAddr| proxies.iter().any(|proxy| proxy.contains(&address));
    let values = headers.get_all(FORWARDED).iter().filter_map(|value| value.to_str().ok());
    let said: Vec<&str> = values.flat_map(|value| value.split(',')).map(str::trim).collect();
    let mut client = peer.to_canonical();
    for hop in said.iter().rev().take(MOST_HOPS) {
        match address(hop) {
            Some(before) if ours(client) => client = before,
            _ => break,
        }
    }
    client
}

/// `192.0.2.7`, `192.0.2.7:443`, `2001:db8::7`, `[2001:db8::7]:443`.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    bare.parse().ok().or_else(with_port).map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn seen(peer: &str, said: &[&'static str], proxies: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in said {
            headers.append(FORWARDED, HeaderValue::from_static(value));
        }
        let proxies: Vec<IpNet> = proxies.iter().map(|proxy| proxy.parse().unwrap()).collect();
        client(peer.parse().unwrap(), &headers, &proxies).to_string()
    }

    #[test]
    fn only_proxies_of_ours_are_believed() {
        let ours = ["127.0.0.1/32", "10.0.0.0/8"];
        assert_eq!(seen("127.0.0.1", &["192.0.2.7"], &[]), "127.0.0.1", "nobody is believed unless told so");
        assert_eq!(seen("198.51.100.1", &["192.0.2.7"], &ours), "198.51.100.1", "a stranger says much");
        assert_eq!(seen("127.0.0.1", &["192.0.2.7"], &ours), "192.0.2.7");
        assert_eq!(seen("::ffff:127.0.0.1", &["192.0.2.7"], &ours), "192.0.2.7");
        assert_eq!(seen("127.0.0.1", &["203.0.113.9, 192.0.2.7"], &ours), "192.0.2.7", "a forged beginning");
        assert_eq!(seen("127.0.0.1", &["203.0.113.9", "192.0.2.7, 10.1.2.3"], &ours), "192.0.2.7");
    }

    #[test]
    fn what_cannot_be_read_is_where_it_ends() {
        let ours = ["127.0.0.1/32"];
        for said in ["", "unknown", "192.0.2.7, unknown", "999.0.0.1"] {
            assert_eq!(seen("127.0.0.1", &[said], &ours), "127.0.0.1", "{said}");
        }
        for (said, wanted) in [
            ("192.0.2.7:4711", "192.0.2.7"),
            ("[2001:db8::7]:443", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
        ] {
            assert_eq!(seen("127.0.0.1", &[said], &ours), wanted);
        }
    }
}
