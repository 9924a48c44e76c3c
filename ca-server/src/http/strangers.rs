//! An address that only ever sends what nobody signed is answered at the door, before anything is computed for it.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use jiff::SignedDuration;
use sallyport_policy::Rate;

use super::Failure;
use super::client_address::ClientAddress;
use crate::app::{Shared, SharedClock};

/// A fleet behind one address is refused once a host after a restart of the server (`clock_skew`), and goes on: the
/// burst is above what one address may have of connections, the rate above what honest mistakes add up to.
const UNPROVEN: Rate = Rate { burst: 4096, every: SignedDuration::from_millis(20) };
/// Addresses remembered, twice.
const MOST: usize = 50_000;

/// How often each address sent something that proved nothing.
#[derive(Clone, Debug)]
pub(super) struct Strangers {
    unproven: Arc<Shared<IpAddr>>,
    clock: SharedClock,
}

impl Strangers {
    pub(super) fn new(clock: SharedClock) -> Self {
        Self::with_rate(UNPROVEN, clock)
    }

    fn with_rate(rate: Rate, clock: SharedClock) -> Self {
        Self { unproven: Arc::new(Shared::new(rate, MOST)), clock }
    }
}

/// Refuses an address that has to wait; counts answers that say that nothing was proven.
pub(super) async fn at_the_door(
    State(strangers): State<Strangers>,
    request: Request,
    next: Next,
) -> Response {
    let Some(address) = request.extensions().get::<ClientAddress>().and_then(|client| counted(client.0))
    else {
        return next.run(request).await;
    };
    if let Err(refusal) = strangers.unproven.look(&address, strangers.clock.0.now()) {
        return Failure::from(refusal).into_response();
    }
    let response = next.run(request).await;
    if is_unproven(&response) {
        // Over the limit by now: the next one is told.
        let _ = strangers.unproven.take(address, strangers.clock.0.now());
    }
    response
}

/// What counts as one address: in IPv6 a network of 64 bits, which anybody has. On loopback is root, or a proxy whose word
/// does not count (`proxies` in `[[listen]]`) and that is everybody.
fn counted(address: IpAddr) -> Option<IpAddr> {
    let address = address.to_canonical();
    let counted = match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    };
    (!address.is_loopback()).then_some(counted)
}

/// Refusals of people and hosts who proved who they are count elsewhere, as theirs.
fn is_unproven(response: &Response) -> bool {
    let status = match response.extensions().get::<Failure>() {
        Some(failure) => failure.code().status(),
        None => response.status().as_u16(),
    };
    [StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED, StatusCode::PAYLOAD_TOO_LARGE]
        .iter()
        .any(|counted| counted.as_u16() == status)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use axum::Router;
    use axum::body::Body;
    use axum::http::Uri;
    use ipnet::IpNet;
    use jiff::Timestamp;
    use sallyport_domain::Clock;
    use sallyport_protocol::ProblemCode;
    use tower::ServiceExt;

    use super::super::client_address;
    use super::*;
    use crate::serve::Peer;

    const RATE: Rate = Rate { burst: 3, every: SignedDuration::from_secs(10) };
    const ELSEWHERE: &str = "198.51.100.7";

    struct Hand(Mutex<i64>);

    impl Clock for Hand {
        fn now(&self) -> Timestamp {
            Timestamp::from_second(1_800_000_000 + *self.0.lock().unwrap()).unwrap()
        }
    }

    struct Door {
        hand: Arc<Hand>,
        router: Router,
    }

    async fn answer(uri: Uri) -> Result<StatusCode, Failure> {
        Err(Failure::new(
            match uri.path() {
                "/unsigned" => ProblemCode::WrongSignature,
                "/malformed" => ProblemCode::Malformed,
                "/known" => ProblemCode::NoGrant,
                "/scim" => return Ok(StatusCode::UNAUTHORIZED),
                _ => return Ok(StatusCode::OK),
            },
            "no",
        ))
    }

    impl Door {
        fn new() -> Self {
            Self::behind(&[])
        }

        fn behind(proxies: &[&str]) -> Self {
            let proxies: Arc<[IpNet]> = proxies.iter().map(|proxy| proxy.parse().unwrap()).collect();
            let hand = Arc::new(Hand(Mutex::new(0)));
            let strangers = Strangers::with_rate(RATE, SharedClock(hand.clone()));
            let layer = axum::middleware::from_fn_with_state(strangers, at_the_door);
            let router = Router::new()
                .fallback(answer)
                .layer(layer)
                .layer(axum::middleware::from_fn_with_state(proxies, client_address::note));
            Self { hand, router }
        }

        /// Whether the request got past the door.
        async fn passes(&self, from: &str, path: &str) -> bool {
            self.forwarded(from, None, path).await
        }

        /// With what a proxy on the way says of whom the request came from.
        async fn forwarded(&self, from: &str, said: Option<&str>, path: &str) -> bool {
            let mut request = Request::builder().uri(path).body(Body::empty()).unwrap();
            if let Some(said) = said {
                request.headers_mut().insert("X-Forwarded-For", said.parse().unwrap());
            }
            request.extensions_mut().insert(Peer(from.parse().unwrap()));
            let response = self.router.clone().oneshot(request).await.unwrap();
            response.extensions().get::<Failure>().map(Failure::code) != Some(ProblemCode::TooMany)
        }
    }

    #[tokio::test]
    async fn an_address_that_proves_nothing_waits_and_others_do_not() {
        let door = Door::new();
        for path in ["/unsigned", "/malformed", "/scim"] {
            assert!(door.passes(ELSEWHERE, path).await, "{path}");
        }
        assert!(!door.passes(ELSEWHERE, "/unsigned").await);
        assert!(!door.passes(ELSEWHERE, "/fine").await);
        assert!(door.passes("198.51.100.8", "/unsigned").await);
        *door.hand.0.lock().unwrap() = 10;
        assert!(door.passes(ELSEWHERE, "/fine").await);
    }

    #[tokio::test]
    async fn answers_to_the_proven_do_not_count() {
        let door = Door::new();
        for _ in 0..10 {
            assert!(door.passes(ELSEWHERE, "/fine").await);
            assert!(door.passes(ELSEWHERE, "/known").await);
        }
    }

    #[tokio::test]
    async fn a_proxy_on_this_machine_is_everybody() {
        let door = Door::new();
        for from in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            for _ in 0..5 {
                assert!(door.passes(from, "/unsigned").await);
            }
        }
    }

    #[tokio::test]
    async fn clients_behind_a_trusted_proxy_are_counted_one_by_one() {
        for proxy in ["127.0.0.1", "198.51.100.1"] {
            let door = Door::behind(&["127.0.0.1/32", "198.51.100.1/32"]);
            let first = Some("203.0.113.9, 192.0.2.7");
            for _ in 0..3 {
                assert!(door.forwarded(proxy, first, "/unsigned").await);
            }
            assert!(!door.forwarded(proxy, first, "/fine").await);
            // A forged beginning does not make another address of it.
            assert!(!door.forwarded(proxy, Some("203.0.113.10, 192.0.2.7"), "/fine").await);
            assert!(door.forwarded(proxy, Some("192.0.2.8"), "/fine").await, "through the same proxy");
        }
    }

    #[tokio::test]
    async fn what_a_stranger_says_of_where_it_comes_from_does_not_count() {
        let door = Door::behind(&["127.0.0.1/32"]);
        for said in ["192.0.2.1", "192.0.2.2", "127.0.0.1"] {
            assert!(door.forwarded(ELSEWHERE, Some(said), "/unsigned").await);
        }
        assert!(!door.forwarded(ELSEWHERE, Some("192.0.2.3"), "/fine").await);
    }

    #[tokio::test]
    async fn a_network_of_64_bits_is_one_address() {
        let door = Door::new();
        for host in 1..=3 {
            assert!(door.passes(&format!("2001:db8::{host}"), "/unsigned").await);
        }
        assert!(!door.passes("2001:db8::4", "/fine").await);
        assert!(door.passes("2001:db8:0:1::4", "/fine").await);
        for _ in 0..3 {
            assert!(door.passes("::ffff:198.51.100.7", "/unsigned").await);
        }
        assert!(!door.passes(ELSEWHERE, "/fine").await, "the same address in another spelling");
    }
}
