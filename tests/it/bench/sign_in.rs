//! The browser signs people in at both providers, ours and the foreign one, with the same steps.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use anyhow::Result;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use reqwest::RequestBuilder;
use sallyport_tests::{Account, Browser, EntraSim, OidcProvider, Person};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

const CLIENT: &str = "c11e0001-5a5a-4b4b-8c8c-0000000000c1";
const OBJECT: &str = "0a0a0a0a-1111-4222-8333-444455556666";
const PASSWORD: &str = "correct horse";
const TENANT: &str = "7b1e4c52-0d3a-4f6e-9a41-5c2f8e90d311";
const UPN: &str = "alice@contoso.test";
const VERIFIER: &str = "a-verifier-that-is-long-enough-for-rfc-7636-section-4";

#[test]
fn a_browser_signs_in_at_the_foreign_provider() -> Result<()> {
    let folder = tempfile::tempdir()?;
    check_browser(foreign(&folder)?.issuer())
}

#[test]
fn a_browser_signs_in_at_the_look_alike() -> Result<()> {
    let folder = tempfile::tempdir()?;
    check_browser(look_alike(&folder)?.issuer())
}

#[test]
fn a_device_is_approved_at_the_foreign_provider() -> Result<()> {
    let folder = tempfile::tempdir()?;
    check_device(foreign(&folder)?.issuer())
}

#[test]
fn a_device_is_approved_at_the_look_alike() -> Result<()> {
    let folder = tempfile::tempdir()?;
    check_device(look_alike(&folder)?.issuer())
}

#[test]
fn a_callback_is_kept_to_be_pasted_when_the_browser_is_told_so() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let provider = foreign(&folder)?;
    // Nobody listens on this port.
    let url = authorize(&discover(provider.issuer())?, "http://localhost:1")?;
    let page = Browser::new()?.keep_callbacks().sign_in(&url, Person::new(UPN, PASSWORD))?;
    assert!(page.status.is_none());
    assert!(!page.parameter("code")?.is_empty());
    Ok(())
}

#[test]
fn a_wrong_password_is_an_error_with_the_pages_own_words() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let sim = look_alike(&folder)?;
    let url = authorize(&discover(sim.issuer())?, "http://localhost:1")?;
    let error = Browser::new()?.sign_in(&url, Person::new(UPN, "guess")).unwrap_err().to_string();
    assert!(error.contains("AADSTS50126"), "{error}");
    Ok(())
}

fn check_browser(issuer: &str) -> Result<()> {
    let discovery = discover(issuer)?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let callback = format!("http://localhost:{}", listener.local_addr()?.port());
    let listening = std::thread::spawn(move || one_request(&listener));

    let url = authorize(&discovery, &callback)?;
    let page = Browser::new()?.sign_in(&url, Person::new(UPN, PASSWORD))?;
    assert_eq!(page.body, "signed in");
    assert_eq!(page.parameter("state")?, "a-state");
    assert!(listening.join().expect("the listener does not panic")?.starts_with("GET /?"));

    let code = page.parameter("code")?;
    let tokens = token(
        &discovery,
        &[
            ("code", &code),
            ("code_verifier", VERIFIER),
            ("grant_type", "authorization_code"),
            ("redirect_uri", &callback),
        ],
    )?;
    let claims = claims(&tokens)?;
    for (claim, value) in [
        ("aud", CLIENT),
        ("nonce", "a-nonce"),
        ("oid", OBJECT),
        ("preferred_username", UPN),
        ("tid", TENANT),
        ("ver", "2.0"),
    ] {
        assert_eq!(claims[claim], value, "{claim}");
    }
    let refresh = tokens["refresh_token"].as_str().expect("a refresh token");
    let refreshed = token(&discovery, &[("grant_type", "refresh_token"), ("refresh_token", refresh)])?;
    assert_eq!(self::claims(&refreshed)?["oid"], OBJECT);
    Ok(())
}

fn check_device(issuer: &str) -> Result<()> {
    let discovery = discover(issuer)?;
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let device =
        post(&discovery["device_authorization_endpoint"], &[("scope", "openid profile offline_access")])?;
    let device_code = text(&device["device_code"]);
    let poll = [
        ("device_code", device_code.as_str()),
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
    ];
    assert_eq!(token(&discovery, &poll)?["error"], "authorization_pending");

    let user_code = text(&device["user_code"]);
    let person = Person::new(UPN, PASSWORD).with_code(&user_code);
    Browser::new()?.sign_in(&text(&device["verification_uri"]), person)?;
    assert_eq!(claims(&token(&discovery, &poll)?)?["oid"], OBJECT);
    Ok(())
}

fn foreign(folder: &tempfile::TempDir) -> Result<OidcProvider> {
    OidcProvider::start(folder.path(), TENANT, CLIENT, &[Account::member(TENANT, OBJECT, UPN)])
}

fn look_alike(folder: &tempfile::TempDir) -> Result<EntraSim> {
    let tenant = format!(
        "tenant = \"{TENANT}\"\nclient_id = \"{CLIENT}\"\n\
         [[user]]\noid = \"{OBJECT}\"\nupn = \"{UPN}\"\npassword = \"{PASSWORD}\"\n"
    );
    EntraSim::start(folder.path(), &tenant)
}

fn discover(issuer: &str) -> Result<Value> {
    json(client().get(format!("{issuer}/.well-known/openid-configuration")))
}

fn authorize(discovery: &Value, callback: &str) -> Result<String> {
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
    let endpoint = discovery["authorization_endpoint"].as_str().expect("an endpoint");
    Ok(url::Url::parse_with_params(endpoint, parameters)?.into())
}

fn token(discovery: &Value, form: &[(&str, &str)]) -> Result<Value> {
    post(&discovery["token_endpoint"], form)
}

fn post(endpoint: &Value, form: &[(&str, &str)]) -> Result<Value> {
    let form: Vec<_> = form.iter().chain(&[("client_id", CLIENT)]).collect();
    json(client().post(endpoint.as_str().expect("an endpoint")).form(&form))
}

fn client() -> reqwest::Client {
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::new()
}

fn json(request: RequestBuilder) -> Result<Value> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
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
