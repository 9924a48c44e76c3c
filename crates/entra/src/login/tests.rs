use std::collections::HashMap;
use std::net::Ipv6Addr;
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::form_urlencoded;

use super::*;
use crate::loopback::{Answer, Asked, Loopback};
use crate::minting::{CLIENT, claims, header, key, mint, with};

/// Far more than any of these takes.
const LONG: Duration = Duration::from_secs(20);

/// A token endpoint's canary: must turn up nowhere but in the tokens themselves.
const CANARY: &str = "canary-refresh-token";

type Form = HashMap<String, String>;

/// A provider whose token endpoint answers from a list, and what it was sent.
struct Provider {
    server: Loopback,
    forms: mpsc::Receiver<Form>,
}

impl Provider {
    async fn start(device: Value, replies: Vec<Answer>) -> Self {
        let server = Loopback::start(|_| Answer::error("404 Not Found", "{}")).await;
        let url = server.url();
        let (sender, forms) = mpsc::channel();
        let mut replies = replies.into_iter();
        server.answer_with(move |asked| match asked.line.as_str() {
            "GET /.well-known/openid-configuration" => Answer::json(document(&url)),
            "GET /keys" => Answer::json(json!({"keys": []})),
            "POST /devicecode" => Answer::json(&device),
            "POST /token" => {
                sender.send(form(asked)).unwrap();
                replies.next().unwrap()
            }
            other => panic!("nobody should ask for {other}"),
        });
        Self { server, forms }
    }

    async fn login(&self) -> Login {
        Login::discover(&self.server.url(), CLIENT, http()).await.unwrap()
    }

    fn form(&self) -> Form {
        self.forms.try_recv().unwrap()
    }
}

fn http() -> HttpClient {
    HttpClient::new(sallyport_trust_roots::unverified().unwrap(), Duration::from_secs(5)).unwrap()
}

fn document(url: &str) -> Value {
    json!({
        "issuer": url, "jwks_uri": format!("{url}/keys"), "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"), "device_authorization_endpoint": format!("{url}/devicecode"),
        "response_types_supported": ["code"], "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
    })
}

fn form(asked: &Asked) -> Form {
    form_urlencoded::parse(asked.body.as_bytes()).into_owned().collect()
}

fn id_token() -> String {
    mint(&header(), &claims(), key())
}

fn tokens() -> Answer {
    Answer::json(json!({
        "token_type": "Bearer", "expires_in": 3599, "access_token": "a", "scope": "openid profile",
        "id_token": id_token(), "refresh_token": CANARY,
    }))
}

/// As Entra writes its errors.
fn refusal(error: &str, number: u32) -> Answer {
    Answer::error(
        "400 Bad Request",
        json!({
            "error": error, "error_description": format!("AADSTS{number}: No.\r\nTrace ID: 0a1b"),
            "error_codes": [number], "timestamp": "2026-11-21 09:00:00Z", "trace_id": "0a1b",
        }),
    )
}

fn device_reply() -> Value {
    json!({
        "device_code": "dev-1", "user_code": "FJ3K9QWZT", "expires_in": 900,
        "verification_uri": "https://login.contoso.test/devicelogin", "message": "To sign in, …",
    })
}

async fn visit(port: u16, target: &str) -> String {
    say(port, &format!("GET {target} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n")).await
}

async fn say(port: u16, text: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    reply
}

fn query(browser: &BrowserLogin) -> Form {
    browser.authorize_url().query_pairs().into_owned().collect()
}

#[tokio::test]
async fn the_browser_is_sent_with_everything_that_binds_the_answer() {
    let provider = Provider::start(Value::Null, Vec::new()).await;
    let login = provider.login().await;
    let browser = BrowserLogin::start(&login, "the-nonce", Some("mara.lind@contoso.test")).await.unwrap();
    let sent = query(&browser);
    let redirect = format!("http://localhost:{}", browser.port());
    for (name, value) in [
        ("client_id", CLIENT),
        ("response_type", "code"),
        ("redirect_uri", redirect.as_str()),
        ("scope", "openid profile offline_access"),
        ("nonce", "the-nonce"),
        ("code_challenge_method", "S256"),
        ("login_hint", "mara.lind@contoso.test"),
    ] {
        assert_eq!(sent.get(name).map(String::as_str), Some(value), "{name}");
    }
    let again = query(&BrowserLogin::start(&login, "the-nonce", None).await.unwrap());
    assert!(!again.contains_key("login_hint"));
    for fresh in ["state", "code_challenge", "redirect_uri"] {
        assert_ne!(sent[fresh], again[fresh], "{fresh} is the same in two sign-ins");
    }
}

#[tokio::test]
async fn browser_login_from_the_visit_to_the_tokens() {
    let provider = Provider::start(Value::Null, vec![tokens()]).await;
    let browser = BrowserLogin::start(&provider.login().await, "n", None).await.unwrap();
    let sent = query(&browser);
    let target = format!("/?code=c-1&state={}&session_state=x", sent["state"]);
    let (page, callback) = tokio::join!(visit(browser.port(), &target), browser.wait(LONG));
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("close this page"), "{page}");

    let tokens = browser.exchange(callback.unwrap()).await.unwrap();
    assert_eq!(tokens.id_token.expose_secret(), id_token());
    assert_eq!(tokens.refresh_token.unwrap().expose_secret(), CANARY);
    let form = provider.form();
    assert_eq!(form["grant_type"], "authorization_code");
    assert_eq!(form["code"], "c-1");
    assert_eq!(form["client_id"], CLIENT);
    assert_eq!(form["redirect_uri"], sent["redirect_uri"]);
    assert!(!form.contains_key("client_secret"), "a public client has no secret");
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"]));
    assert_eq!(challenge, sent["code_challenge"]);
}

#[tokio::test]
async fn strangers_do_not_end_the_sign_in() {
    let provider = Provider::start(Value::Null, Vec::new()).await;
    let browser = BrowserLogin::start(&provider.login().await, "n", None).await.unwrap();
    let (port, state) = (browser.port(), query(&browser)["state"].clone());
    let strangers = async {
        // Browsers connect ahead and say nothing.
        let _silent = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        drop(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
        for (target, status) in [
            ("/favicon.ico", "404"),
            ("/", "400"),
            ("/?code=evil&state=guessed", "400"),
            ("/?error=access_denied&state=guessed", "400"),
            ("/?error=access_denied", "400"),
            (format!("/elsewhere?code=c&state={state}").as_str(), "404"),
        ] {
            let page = visit(port, target).await;
            assert!(page.starts_with(&format!("HTTP/1.1 {status}")), "{target}: {page}");
        }
        let posted = say(port, &format!("POST /?code=c&state={state} HTTP/1.1\r\n\r\n")).await;
        assert!(posted.starts_with("HTTP/1.1 400"), "{posted}");
        let endless = say(port, &format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(40_000))).await;
        assert!(endless.starts_with("HTTP/1.1 400"), "{endless}");
        visit(port, &format!("/?code=good&state={state}")).await
    };
    let (page, callback) = tokio::join!(strangers, browser.wait(LONG));
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    assert_eq!(callback.unwrap().0.secret(), "good");
}

#[tokio::test]
async fn the_browser_may_come_by_ipv6() {
    let provider = Provider::start(Value::Null, Vec::new()).await;
    let browser = BrowserLogin::start(&provider.login().await, "n", None).await.unwrap();
    let state = &query(&browser)["state"];
    // A machine without IPv6 has nobody to come that way.
    let Ok(mut stream) = TcpStream::connect((Ipv6Addr::LOCALHOST, browser.port())).await else { return };
    let request = format!("GET /?code=six&state={state} HTTP/1.1\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    assert_eq!(browser.wait(LONG).await.unwrap().0.secret(), "six");
}

#[tokio::test]
async fn a_refusal_reaches_the_page_and_the_terminal() {
    let provider = Provider::start(Value::Null, Vec::new()).await;
    let browser = BrowserLogin::start(&provider.login().await, "n", None).await.unwrap();
    let state = &query(&browser)["state"];
    let target = format!(
        "/?error=access_denied&error_description=AADSTS50105%3A+%3Cb%3Enot+assigned%3C%2Fb%3E&state={state}"
    );
    let (page, outcome) = tokio::join!(visit(browser.port(), &target), browser.wait(LONG));
    assert!(page.contains("&lt;b&gt;not assigned") && !page.contains("<b>"), "{page}");
    let Err(LoginError::Refused(error)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(error.code(), Some(50105));
}

#[tokio::test]
async fn a_browser_that_never_comes() {
    let provider = Provider::start(Value::Null, Vec::new()).await;
    let browser = BrowserLogin::start(&provider.login().await, "n", None).await.unwrap();
    let outcome = browser.wait(Duration::from_millis(10)).await;
    assert!(matches!(outcome, Err(LoginError::TimedOut)), "{outcome:?}");
}

#[tokio::test]
async fn a_pasted_address_does_as_well() {
    let provider = Provider::start(Value::Null, vec![tokens()]).await;
    let browser = BrowserLogin::start(&provider.login().await, "n", None).await.unwrap();
    let sent = query(&browser);
    assert!(browser.accept_pasted(browser.authorize_url().as_str()).is_err());
    let pasted = format!("{}/?code=c-2&state={}\n", sent["redirect_uri"], sent["state"]);
    let callback = browser.accept_pasted(&pasted).unwrap();
    browser.exchange(callback).await.unwrap();
    assert_eq!(provider.form()["code"], "c-2");
}

#[tokio::test]
async fn a_code_that_was_used_is_told_as_such() {
    let provider = Provider::start(Value::Null, vec![refusal("invalid_grant", 54005)]).await;
    let browser = BrowserLogin::start(&provider.login().await, "n", None).await.unwrap();
    let sent = query(&browser);
    let pasted = format!("{}/?code=c&state={}", sent["redirect_uri"], sent["state"]);
    let callback = browser.accept_pasted(&pasted).unwrap();
    let outcome = browser.exchange(callback).await;
    let Err(LoginError::Refused(error)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(
        (error.error(), error.code(), error.advice()),
        ("invalid_grant", Some(54005), "sign in again")
    );
}

/// Polls, and gives the pauses that were made between the questions.
async fn poll(provider: &Provider) -> (Result<Tokens, LoginError>, Vec<u64>) {
    let device = DeviceLogin::start(&provider.login().await).await.unwrap();
    assert_eq!(device.user_code(), "FJ3K9QWZT");
    assert_eq!(device.verification_uri(), "https://login.contoso.test/devicelogin");
    let pauses = Mutex::new(Vec::new());
    let outcome = device
        .poll_with(|pause| {
            pauses.lock().unwrap().push(pause.as_secs());
            async {}
        })
        .await;
    (outcome, pauses.into_inner().unwrap())
}

#[tokio::test]
async fn device_login_keeps_to_the_interval() {
    let pending = || refusal("authorization_pending", 70016);
    let replies = vec![pending(), pending(), refusal("slow_down", 0), pending(), tokens()];
    let provider = Provider::start(device_reply(), replies).await;
    let (outcome, pauses) = poll(&provider).await;
    assert_eq!(outcome.unwrap().id_token.expose_secret(), id_token());
    // Five seconds where the issuer names no interval, five more from `slow_down` on.
    assert_eq!(pauses, [5, 5, 10, 10]);
    let form = provider.form();
    assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:device_code");
    assert_eq!((form["device_code"].as_str(), form["client_id"].as_str()), ("dev-1", CLIENT));

    let quick = with(device_reply(), json!({"interval": 2}));
    let (outcome, pauses) = poll(&Provider::start(quick, vec![pending(), tokens()]).await).await;
    assert!(outcome.is_ok());
    assert_eq!(pauses, [2]);
    let absurd = with(device_reply(), json!({"interval": 86_400}));
    let (_, pauses) = poll(&Provider::start(absurd, vec![pending(), tokens()]).await).await;
    assert_eq!(pauses, [60]);
}

#[tokio::test]
async fn device_login_declined_expired_blocked() {
    for error in ["authorization_declined", "access_denied"] {
        let declined = Answer::error("400 Bad Request", json!({"error": error}));
        let (outcome, _) = poll(&Provider::start(device_reply(), vec![declined]).await).await;
        assert!(matches!(outcome, Err(LoginError::Declined)), "{outcome:?}");
    }
    let expired = Provider::start(device_reply(), vec![refusal("expired_token", 70020)]).await;
    let (outcome, _) = poll(&expired).await;
    assert!(matches!(outcome, Err(LoginError::Expired)), "{outcome:?}");
    let blocked = Provider::start(device_reply(), vec![refusal("invalid_grant", 53003)]).await;
    let (outcome, _) = poll(&blocked).await;
    let Err(LoginError::Refused(error)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(error.code(), Some(53003));
}

#[tokio::test]
async fn a_device_reply_that_would_trick_a_person() {
    for trick in [
        json!({"user_code": "\u{1b}[2Jfree beer"}),
        json!({"user_code": ""}),
        json!({"user_code": "A".repeat(65)}),
        json!({"verification_uri": "http://login.evil.test/devicelogin"}),
        json!({"verification_uri": "javascript:alert(1)"}),
    ] {
        let provider = Provider::start(with(device_reply(), trick.clone()), Vec::new()).await;
        let outcome = DeviceLogin::start(&provider.login().await).await;
        assert!(matches!(outcome, Err(LoginError::BadReply(_))), "{trick}: {outcome:?}");
    }
}

#[tokio::test]
async fn refreshing() {
    let replies = vec![tokens(), refusal("invalid_grant", 50173)];
    let provider = Provider::start(Value::Null, replies).await;
    let login = provider.login().await;
    let old = SecretString::from("old");
    let tokens = login.refresh(&old).await.unwrap();
    assert_eq!(tokens.refresh_token.unwrap().expose_secret(), CANARY);
    let form = provider.form();
    assert_eq!((form["grant_type"].as_str(), form["refresh_token"].as_str()), ("refresh_token", "old"));
    assert_eq!(form["scope"], "openid profile offline_access");
    let outcome = login.refresh(&old).await;
    assert!(matches!(outcome, Err(LoginError::Refused(_))), "{outcome:?}");
}

#[tokio::test]
async fn refreshing_where_a_scope_was_not_granted() {
    let replies = vec![refusal("invalid_scope", 70011), tokens()];
    let provider = Provider::start(Value::Null, replies).await;
    provider.login().await.refresh(&SecretString::from("old")).await.unwrap();
    assert!(provider.form().contains_key("scope"));
    let second = provider.form();
    assert!(!second.contains_key("scope"), "{second:?}");
    assert_eq!(second["refresh_token"], "old");
}

#[tokio::test]
async fn answers_that_make_no_sense_are_not_repeated() {
    let without_id = json!({"token_type": "Bearer", "access_token": CANARY, "refresh_token": CANARY});
    let twisted = json!({"token_type": "Bearer", "access_token": "a", "id_token": CANARY});
    let replies = vec![
        Answer::json(without_id),
        Answer::json(twisted),
        Answer::json(CANARY),
        Answer::error("500 Internal Server Error", CANARY),
        Answer { head: "Content-Type: text/html\r\n".to_owned(), ..tokens() },
        Answer {
            head: "Location: http://127.0.0.1:1/\r\n".to_owned(),
            ..Answer::error("307 Temporary", CANARY)
        },
    ];
    let count = replies.len();
    let provider = Provider::start(Value::Null, replies).await;
    let login = provider.login().await;
    for _ in 0..count {
        let error = login.refresh(&SecretString::from("old")).await.unwrap_err();
        assert!(matches!(error, LoginError::BadReply(_)), "{error:?}");
        assert!(!format!("{error} {error:?}").contains(CANARY), "{error:?}");
    }
}

#[tokio::test]
async fn secrets_do_not_print() {
    let provider = Provider::start(device_reply(), vec![tokens()]).await;
    let login = provider.login().await;
    let browser = BrowserLogin::start(&login, "n", None).await.unwrap();
    let state = query(&browser)["state"].clone();
    let device = DeviceLogin::start(&login).await.unwrap();
    let tokens = login.refresh(&SecretString::from("old")).await.unwrap();
    let printed = format!("{login:?} {browser:?} {device:?} {tokens:?}");
    for secret in [CANARY, &state, "dev-1", &id_token()[..40]] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
}

#[tokio::test]
async fn addresses_that_are_not_followed() {
    let provider = Provider::start(Value::Null, Vec::new()).await;
    let url = provider.server.url();
    let changes = [
        json!({"authorization_endpoint": "http://login.evil.test/authorize"}),
        json!({"authorization_endpoint": "javascript:alert(1)"}),
        json!({"token_endpoint": null}),
        json!({"issuer": "https://login.evil.test"}),
    ];
    for change in changes {
        let document = with(document(&url), change.clone());
        provider.server.answer_with(move |asked| match asked.line.as_str() {
            "GET /keys" => Answer::json(json!({"keys": []})),
            _ => Answer::json(&document),
        });
        assert!(Login::discover(&url, CLIENT, http()).await.is_err(), "{change}");
    }
    let document = with(document(&url), json!({"token_endpoint": "http://login.evil.test/token"}));
    provider.server.answer_with(move |asked| match asked.line.as_str() {
        "GET /keys" => Answer::json(json!({"keys": []})),
        _ => Answer::json(&document),
    });
    let login = Login::discover(&url, CLIENT, http()).await.unwrap();
    let outcome = login.refresh(&SecretString::from("old")).await;
    assert!(matches!(outcome, Err(LoginError::Http(HttpError::Insecure { .. }))), "{outcome:?}");
}
