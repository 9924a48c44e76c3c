use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::loopback::{Answer, Asked, Loopback};
use crate::minting::{CLIENT, KID, claims, expect, header, jwk, key, mint, now, other_key, with};
use crate::{Flaw, TokenError};

/// One fetch of the keys is two requests: the document, then the set.
const FETCH: usize = 2;

struct Fixture {
    server: Loopback,
    issuer: Issuer,
    expect: Expect,
}

impl Fixture {
    async fn start() -> Self {
        let server = Loopback::start(|_| Answer::error("503 Service Unavailable", "{}")).await;
        let url = server.url();
        let http = HttpClient::new(sallyport_trust_roots::unverified().unwrap(), Duration::from_secs(2));
        let issuer = Issuer::new(&url, http.unwrap());
        Self { issuer, expect: Expect { issuer: url, ..expect() }, server }
    }

    async fn serving(kids: &[&str]) -> Self {
        let fixture = Self::start().await;
        fixture.publish(kids);
        fixture
    }

    /// From now on the issuer publishes one key under each of these names.
    fn publish(&self, kids: &[&str]) {
        let keys: Vec<Value> =
            kids.iter().map(|kid| with(jwk(kid, key()), json!({"issuer": null}))).collect();
        let url = self.server.url();
        self.server.answer_with(move |asked| published(asked, &url, &json!({"keys": keys})));
    }

    fn go_down(&self) {
        self.server.answer_with(|_| Answer::error("503 Service Unavailable", "{}"));
    }

    fn token(&self, kid: &str) -> String {
        let claims = with(claims(), json!({"iss": self.expect.issuer}));
        mint(&with(header(), json!({"kid": kid})), &claims, key())
    }

    async fn judge(&self, kid: &str, seconds_later: i64) -> Result<(), VerifyError> {
        let now = now() + SignedDuration::from_secs(seconds_later);
        let expect = Expect { token_max_age: SignedDuration::from_hours(24), ..self.expect.clone() };
        self.issuer.verify(&self.token(kid), &expect, now).await.map(|_| ())
    }
}

fn document(url: &str) -> Value {
    json!({
        "issuer": url, "jwks_uri": format!("{url}/keys"), "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"), "response_types_supported": ["code"],
        "subject_types_supported": ["pairwise"], "id_token_signing_alg_values_supported": ["RS256"],
    })
}

fn published(asked: &Asked, url: &str, keys: &Value) -> Answer {
    match (asked.line.as_str(), asked.body.as_str()) {
        ("GET /.well-known/openid-configuration", "") => Answer::json(document(url)),
        ("GET /keys", "") => Answer::json(keys),
        _ => Answer::error("404 Not Found", "{}"),
    }
}

fn unknown(kid: &str) -> Result<(), VerifyError> {
    Err(VerifyError::Token(TokenError::UnknownKey { kid: kid.to_owned() }))
}

#[tokio::test]
async fn the_first_token_fetches_the_keys_and_later_ones_do_not() {
    let fixture = Fixture::serving(&[KID]).await;
    assert_eq!(fixture.server.asked(), 0, "new() touched the network");
    for _ in 0..5 {
        assert_eq!(fixture.judge(KID, 0).await, Ok(()));
    }
    assert_eq!(fixture.server.asked(), FETCH);
}

#[tokio::test]
async fn an_unknown_key_is_fetched_once_a_minute_at_most() {
    let fixture = Fixture::serving(&[KID]).await;
    assert_eq!(fixture.judge(KID, 0).await, Ok(()));
    fixture.publish(&[KID, "key-2"]);
    assert_eq!(fixture.judge("key-2", 59).await, unknown("key-2"));
    assert_eq!(fixture.server.asked(), FETCH);
    assert_eq!(fixture.judge("key-2", 60).await, Ok(()));
    for second in 61..119 {
        assert_eq!(fixture.judge("key-3", second).await, unknown("key-3"));
    }
    assert_eq!(fixture.server.asked(), 2 * FETCH);
}

#[tokio::test]
async fn a_failing_issuer_is_not_hammered_and_the_last_good_keys_stay() {
    let fixture = Fixture::serving(&[KID]).await;
    assert_eq!(fixture.judge(KID, 0).await, Ok(()));
    fixture.go_down();
    for second in 60..120 {
        assert_eq!(fixture.judge("key-2", second).await, Err(VerifyError::Unreachable));
        assert_eq!(fixture.judge(KID, second).await, Ok(()));
    }
    // The failing answer is one request: the document.
    assert_eq!(fixture.server.asked(), FETCH + 1);
    fixture.publish(&["key-2"]);
    assert_eq!(fixture.judge("key-2", 120).await, Ok(()));
}

#[tokio::test]
async fn without_any_keys_the_issuer_is_tried_again_soon() {
    let fixture = Fixture::start().await;
    for second in [0, 1, 4] {
        assert_eq!(fixture.judge(KID, second).await, Err(VerifyError::Unreachable));
    }
    assert_eq!(fixture.server.asked(), 1);
    fixture.publish(&[KID]);
    assert_eq!(fixture.judge(KID, 5).await, Ok(()));
}

#[tokio::test]
async fn an_issuer_that_is_not_there_is_unreachable() {
    let http = HttpClient::new(sallyport_trust_roots::unverified().unwrap(), Duration::from_secs(5));
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let url = format!("http://{free}");
    let issuer = Issuer::new(&url, http.unwrap());
    let expect = Expect { issuer: url.clone(), ..expect() };
    let token = mint(&header(), &with(claims(), json!({"iss": url})), key());
    assert_eq!(issuer.verify(&token, &expect, now()).await, Err(VerifyError::Unreachable));
    assert!(issuer.refresh_if_due(now() + SignedDuration::from_mins(2)).await.is_err());
}

#[tokio::test]
async fn a_token_that_is_not_for_us_fetches_nothing() {
    let fixture = Fixture::serving(&[KID]).await;
    let foreign = Expect { audience: "someone-else".to_owned(), ..fixture.expect.clone() };
    let outcome = fixture.issuer.verify(&fixture.token("key-9"), &foreign, now()).await;
    assert_eq!(outcome, Err(VerifyError::Token(TokenError::WrongAudience)));
    let garbage = fixture.issuer.verify("a.b.c", &fixture.expect, now()).await;
    assert_eq!(garbage, Err(VerifyError::Token(TokenError::Invalid(Flaw::Malformed))));
    assert_eq!(fixture.server.asked(), 0);
    assert_eq!(CLIENT, fixture.expect.audience);
}

#[tokio::test]
async fn many_at_once_share_one_fetch() {
    let fixture = Arc::new(Fixture::serving(&[KID]).await);
    let all: Vec<_> = (0..20)
        .map(|_| {
            let fixture = fixture.clone();
            tokio::spawn(async move { fixture.judge(KID, 0).await })
        })
        .collect();
    for one in all {
        assert_eq!(one.await.unwrap(), Ok(()));
    }
    assert_eq!(fixture.server.asked(), FETCH);
}

#[tokio::test]
async fn a_caller_who_hangs_up_does_not_waste_the_attempt() {
    let fixture = Fixture::serving(&[KID]).await;
    {
        let mut asking = Box::pin(fixture.judge(KID, 0));
        // Polled once, so that the fetch has begun, then dropped.
        std::future::poll_fn(|context| {
            let _ = asking.as_mut().poll(context);
            std::task::Poll::Ready(())
        })
        .await;
    }
    assert_eq!(fixture.judge(KID, 1).await, Ok(()));
    assert_eq!(fixture.server.asked(), FETCH);
}

#[tokio::test]
async fn a_known_key_does_not_wait_for_a_fetch_that_hangs() {
    let fixture = Arc::new(Fixture::serving(&[KID]).await);
    assert_eq!(fixture.judge(KID, 0).await, Ok(()));
    fixture.server.answer_with(|_| Answer { stalls: true, ..Answer::json("") });
    let waiting = fixture.clone();
    let waiting = tokio::spawn(async move { waiting.judge("key-2", 60).await });
    while fixture.server.asked() == FETCH {
        tokio::task::yield_now().await;
    }
    assert_eq!(fixture.judge(KID, 60).await, Ok(()));
    assert!(!waiting.is_finished(), "the fetch did not hang");
    assert_eq!(waiting.await.unwrap(), Err(VerifyError::Unreachable));
}

#[tokio::test]
async fn the_job_refreshes_hourly() {
    let fixture = Fixture::serving(&[KID]).await;
    let at = |minutes| now() + SignedDuration::from_mins(minutes);
    for minute in [0, 1, 30, 59] {
        fixture.issuer.refresh_if_due(at(minute)).await.unwrap();
    }
    assert_eq!(fixture.server.asked(), FETCH);
    fixture.publish(&["key-2"]);
    fixture.issuer.refresh_if_due(at(60)).await.unwrap();
    assert_eq!(fixture.server.asked(), 2 * FETCH);
    // A key that the issuer took back counts no more.
    assert_eq!(fixture.judge(KID, 3601).await, unknown(KID));

    fixture.go_down();
    assert!(fixture.issuer.refresh_if_due(at(120)).await.is_err());
    fixture.issuer.refresh_if_due(at(120) + SignedDuration::from_secs(59)).await.unwrap();
    assert_eq!(fixture.server.asked(), 2 * FETCH + 1);
    assert!(fixture.issuer.has_keys());
}

#[tokio::test]
async fn a_clock_that_was_set_back_does_not_stop_the_fetching() {
    let fixture = Fixture::serving(&[KID]).await;
    assert_eq!(fixture.judge(KID, 0).await, Ok(()));
    fixture.publish(&["key-2"]);
    assert_eq!(fixture.judge("key-2", -60).await, Ok(()));
}

#[tokio::test]
async fn documents_that_are_not_believed() {
    let fixture = Fixture::start().await;
    let url = fixture.server.url();
    let good = document(&url);
    let bad = [
        ("another issuer", Answer::json(with(good.clone(), json!({"issuer": "https://login.evil.test"})))),
        ("a slash more", Answer::json(with(good.clone(), json!({"issuer": format!("{url}/")})))),
        (
            "keys over plain HTTP",
            Answer::json(with(good.clone(), json!({"jwks_uri": "http://login.test/k"}))),
        ),
        ("keys from a file", Answer::json(with(good.clone(), json!({"jwks_uri": "file:///etc/passwd"})))),
        ("too large", Answer::json(with(good.clone(), json!({"padding": "x".repeat(300_000)})))),
        ("not JSON", Answer::json("<html>")),
        (
            "a redirect",
            Answer { head: format!("Location: {url}/elsewhere\r\n"), ..Answer::error("302 Found", &good) },
        ),
    ];
    for (minute, (name, answer)) in (0..).zip(bad) {
        let mut answer = Some(answer);
        fixture.server.answer_with(move |_| {
            answer.take().unwrap_or_else(|| Answer::json(json!({"keys": [jwk(KID, other_key())]})))
        });
        let outcome = fixture.issuer.refresh_if_due(now() + SignedDuration::from_mins(minute)).await;
        assert!(outcome.is_err(), "{name} was believed");
    }
    assert!(!fixture.issuer.has_keys());
    // The control: nothing else kept those out.
    fixture.publish(&[KID]);
    fixture.issuer.refresh_if_due(now() + SignedDuration::from_hours(1)).await.unwrap();
}

#[tokio::test]
async fn a_set_without_usable_keys_does_not_replace_a_good_one() {
    let fixture = Fixture::serving(&[KID]).await;
    fixture.issuer.refresh_if_due(now()).await.unwrap();
    fixture.publish(&[]);
    let later = fixture.issuer.refresh_if_due(now() + SignedDuration::from_hours(2)).await;
    assert!(matches!(later, Err(DiscoveryError::NoUsableKey { .. })), "{later:?}");
    assert_eq!(fixture.judge(KID, 0).await, Ok(()));
}

#[tokio::test]
async fn plain_http_to_another_machine_is_refused_before_any_request() {
    let http = HttpClient::new(sallyport_trust_roots::unverified().unwrap(), Duration::from_secs(5));
    let issuer = Issuer::new("http://login.contoso.test/v2.0", http.unwrap());
    let outcome = issuer.refresh_if_due(now()).await;
    assert!(matches!(outcome, Err(DiscoveryError::Insecure(_))), "{outcome:?}");
}
