//! The foreign OpenID Provider does what the login tests need of it.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use anyhow::Result;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use reqwest::Client;
use sallyport_tests::browser::Page;
use sallyport_tests::{Account, Browser, OidcProvider, Person};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

const CLIENT: &str = "c11e0001-5a5a-4b4b-8c8c-0000000000c1";
const OBJECT: &str = "0a0a0a0a-1111-4222-8333-444455556666";
const TENANT: &str = "7b1e4c52-0d3a-4f6e-9a41-5c2f8e90d311";
const UPN: &str = "alice@contoso.test";
const VERIFIER: &str = "a-verifier-that-is-long-enough-for-rfc-7636-section-4";

#[test]
fn a_browser_login_gives_a_token_with_entras_claims_and_a_refresh_token() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let provider = provider(&folder)?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let callback = format!("http://localhost:{}", listener.local_addr()?.port());
    let listening = std::thread::spawn(move || one_request(&listener));

    let page = Browser::new()?.sign_in(&authorize(&provider, &callback), Person::new(UPN, "any"))?;
    assert_eq!(page.body, "signed in");
    assert_eq!(page.parameter("state")?, "a-state");
    assert!(listening.join().expect("the listener does not panic")?.starts_with("GET /?code="));

    let code = page.parameter("code")?;
    let tokens = token(
        &provider,
        &[
            ("client_id", CLIENT),
            ("grant_type", "authorization_code"),
            ("redirect_uri", &callback),
            ("code", &code),
            ("code_verifier", VERIFIER),
        ],
    )?;
    let claims = claims(&tokens)?;
    assert_eq!((claims["oid"].as_str(), claims["tid"].as_str()), (Some(OBJECT), Some(TENANT)));
    assert_eq!((claims["nonce"].as_str(), claims["aud"].as_str()), (Some("a-nonce"), Some(CLIENT)));
    assert_eq!((claims["preferred_username"].as_str(), claims["ver"].as_str()), (Some(UPN), Some("2.0")));

    let refresh = tokens["refresh_token"].as_str().expect("a refresh token");
    let refreshed = token(
        &provider,
        &[("client_id", CLIENT), ("grant_type", "refresh_token"), ("refresh_token", refresh)],
    )?;
    assert_eq!(self::claims(&refreshed)?["oid"], OBJECT);
    Ok(())
}

#[test]
fn a_browser_keeps_the_callback_to_be_pasted_when_told_so() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let provider = provider(&folder)?;
    // Nobody listens on this port.
    let page = Browser::new()?
        .keep_callbacks()
        .sign_in(&authorize(&provider, "http://localhost:1"), Person::new(UPN, "any"))?;
    assert!(page.status.is_none());
    assert!(!page.parameter("code")?.is_empty());
    Ok(())
}

#[test]
fn a_device_code_is_pending_until_a_person_approves_it() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let provider = provider(&folder)?;
    let (device, page) = device(&provider)?;
    let poll = [
        ("client_id", CLIENT),
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("device_code", device["device_code"].as_str().expect("a device code")),
    ];
    assert_eq!(token(&provider, &poll)?["error"], "authorization_pending");
    let user_code = device["user_code"].as_str().expect("a user code");
    Browser::new()?.sign_in(&page, Person::new(UPN, "any").with_code(user_code))?;
    assert_eq!(claims(&token(&provider, &poll)?)?["oid"], OBJECT);
    Ok(())
}

#[test]
fn a_stranger_does_not_get_in() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let provider = provider(&folder)?;
    let url = authorize(&provider, "http://localhost:1");
    let stranger = Person::new("eve@contoso.test", "any");
    let outcome: Result<Page> = Browser::new()?.keep_callbacks().sign_in(&url, stranger);
    assert!(outcome.map_or(true, |page| page.parameter("code").is_err()));
    Ok(())
}

fn provider(folder: &tempfile::TempDir) -> Result<OidcProvider> {
    OidcProvider::start(folder.path(), TENANT, CLIENT, &[Account::member(TENANT, OBJECT, UPN)])
}

fn authorize(provider: &OidcProvider, callback: &str) -> String {
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    let parameters = [
        ("client_id", CLIENT),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
        ("nonce", "a-nonce"),
        ("redirect_uri", callback),
        ("response_type", "code"),
        ("scope", "openid profile offline_access"),
        ("state", "a-state"),
    ];
    let endpoint = format!("{}/oauth2/v2.0/authorize", provider.issuer());
    url::Url::parse_with_params(&endpoint, parameters).expect("an address").into()
}

fn device(provider: &OidcProvider) -> Result<(Value, String)> {
    let url = format!("{}/oauth2/v2.0/devicecode", provider.issuer());
    let device = post(&url, &[("client_id", CLIENT), ("scope", "openid profile offline_access")])?;
    let page = device["verification_uri"].as_str().expect("a page").to_owned();
    Ok((device, page))
}

fn token(provider: &OidcProvider, form: &[(&str, &str)]) -> Result<Value> {
    post(&format!("{}/oauth2/v2.0/token", provider.issuer()), form)
}

fn post(url: &str, form: &[(&str, &str)]) -> Result<Value> {
    drop(rustls::crypto::ring::default_provider().install_default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let request = Client::new().post(url).form(form);
    Ok(runtime.block_on(async { request.send().await?.json().await })?)
}

fn claims(tokens: &Value) -> Result<Value> {
    let token = tokens["id_token"].as_str().unwrap_or_else(|| panic!("no ID token in {tokens}"));
    let payload = token.split('.').nth(1).expect("three parts");
    Ok(serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload)?)?)
}

fn one_request(listener: &TcpListener) -> Result<String> {
    let (mut stream, _) = listener.accept()?;
    let mut request = [0; 4096];
    let length = stream.read(&mut request)?;
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nsigned in")?;
    Ok(String::from_utf8_lossy(&request[..length]).into_owned())
}
