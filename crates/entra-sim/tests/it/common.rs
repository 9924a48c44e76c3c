//! A running simulator and a browser for it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use sallyport_entra_sim::{Options, Sim, Tenant};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use url::Url;

pub(crate) const TENANT: &str = "7b1e4c52-0d3a-4f6e-9a41-5c2f8e90d311";
pub(crate) const CLIENT: &str = "c11e0001-5a5a-4b4b-8c8c-0000000000c1";
pub(crate) const MARA: &str = "0a0a0a0a-1111-4222-8333-444455556666";
pub(crate) const SRE: &str = "3c3c3c3c-2222-4333-8444-555566667777";
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const REDIRECT: &str = "http://localhost:53682";
pub(crate) const FILE: &str = r#"
tenant = "7b1e4c52-0d3a-4f6e-9a41-5c2f8e90d311"
client_id = "c11e0001-5a5a-4b4b-8c8c-0000000000c1"
[[user]]
oid = "0a0a0a0a-1111-4222-8333-444455556666"
upn = "mara.lind@contoso.test"
password = "correct horse"
given_name = "Mara"
family_name = "Lind"
[[user]]
oid = "0b0b0b0b-1111-4222-8333-444455556666"
upn = "omar.haddad@contoso.test"
password = "battery staple"
given_name = "Omar"
family_name = "Haddad"
[[user]]
oid = "0d0d0d0d-1111-4222-8333-444455556666"
upn = "idle@contoso.test"
password = "idle"
given_name = "Ida"
family_name = "Idle"
enabled = false
[[group]]
oid = "3c3c3c3c-2222-4333-8444-555566667777"
name = "ssh-prod-admins"
members = ["0a0a0a0a-1111-4222-8333-444455556666"]
"#;

pub(crate) async fn start() -> Sim {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    Sim::start(Tenant::from_toml(FILE).unwrap(), listener, Options::default()).unwrap()
}

/// Follows no redirects.
pub(crate) fn client() -> Client {
    // Fails when another test of this process was first, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().redirect(Policy::none()).build().unwrap()
}

/// A browser that follows nothing by itself and keeps one cookie.
pub(crate) struct Browser {
    pub(crate) client: Client,
    pub(crate) cookie: Option<String>,
}

impl Browser {
    pub(crate) fn new() -> Self {
        Self { client: client(), cookie: None }
    }

    pub(crate) async fn get(&mut self, url: &str) -> Response {
        let request = self.client.get(url);
        self.send(request).await
    }

    pub(crate) async fn post(&mut self, url: &str, form: &BTreeMap<String, String>) -> Response {
        let request = self.client.post(url).header("content-type", FORM).body(encode(form));
        self.send(request).await
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> Response {
        let request = match &self.cookie {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        };
        let response = request.send().await.unwrap();
        if let Some(cookie) = response.headers().get("set-cookie") {
            self.cookie = Some(cookie.to_str().unwrap().split(';').next().unwrap().to_owned());
        }
        response
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

pub(crate) fn encode(form: &BTreeMap<String, String>) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish()
}

/// The forms of a page: where each goes, and its fields with their values.
pub(crate) fn forms(html: &str) -> Vec<(String, BTreeMap<String, String>)> {
    html.split("<form ")
        .skip(1)
        .map(|form| {
            let form = form.split("</form>").next().unwrap();
            let fields = form.split("<input ").skip(1).map(|input| {
                let input = input.split('>').next().unwrap();
                (attribute(input, "name").unwrap(), attribute(input, "value").unwrap_or_default())
            });
            (attribute(form, "action").unwrap(), fields.collect())
        })
        .collect()
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!("{name}=\""))?;
    let value = rest.split('"').next()?;
    Some(
        value
            .replace("&quot;", "\"")
            .replace("&#39;", "'")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&"),
    )
}

/// An authorization request; `changes` replace parameters, an empty value takes one away.
pub(crate) fn authorize_url(sim: &Sim, changes: &[(&str, &str)]) -> String {
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    let mut params: BTreeMap<&str, &str> = [
        ("client_id", CLIENT),
        ("response_type", "code"),
        ("redirect_uri", REDIRECT),
        ("response_mode", "query"),
        ("scope", "openid profile offline_access"),
        ("state", "st&te"),
        ("nonce", "n-1"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ]
    .into();
    params.extend(changes.iter().copied());
    params.retain(|_, value| !value.is_empty());
    let mut url = Url::parse(&format!("{}/{TENANT}/oauth2/v2.0/authorize", sim.base())).unwrap();
    url.query_pairs_mut().extend_pairs(params);
    url.into()
}

/// Opens the address, fills in the form, and gives the answer to the submitted form.
pub(crate) async fn sign_in(browser: &mut Browser, url: &str, name: &str, password: &str) -> Response {
    let page = browser.get(url).await;
    assert_eq!(page.status(), 200);
    let (action, mut fields) = forms(&page.text().await.unwrap()).pop().unwrap();
    fields.insert("loginfmt".to_owned(), name.to_owned());
    fields.insert("passwd".to_owned(), password.to_owned());
    browser.post(&action, &fields).await
}

/// The parameters that a redirect brings back.
pub(crate) fn landed(response: &Response) -> BTreeMap<String, String> {
    assert_eq!(response.status(), 302);
    let location = Url::parse(response.headers()["location"].to_str().unwrap()).unwrap();
    location.query_pairs().into_owned().collect()
}

/// Posts to the token endpoint: status and body.
pub(crate) async fn token(sim: &Sim, form: &[(&str, &str)]) -> (u16, Value) {
    post_form(&format!("{}/{TENANT}/oauth2/v2.0/token", sim.base()), form).await
}

pub(crate) async fn post_form(url: &str, form: &[(&str, &str)]) -> (u16, Value) {
    let form = form.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    let response = client().post(url).header("content-type", FORM).body(encode(&form)).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

pub(crate) async fn redeem(sim: &Sim, code: &str) -> (u16, Value) {
    token(
        sim,
        &[
            ("client_id", CLIENT),
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ],
    )
    .await
}

/// Decodes a token's part without verifying anything.
pub(crate) fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// Checks the signature with the published keys, and gives the claims.
pub(crate) async fn verified(sim: &Sim, token: &str) -> Value {
    use rsa::signature::Verifier as _;
    let keys = format!("{}/{TENANT}/discovery/v2.0/keys", sim.base());
    let keys: Value = client().get(keys).send().await.unwrap().json().await.unwrap();
    let kid = &part(token, 0)["kid"];
    let key =
        keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == *kid).expect("a published key");
    let number = |name: &str| {
        rsa::BigUint::from_bytes_be(&URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap())
    };
    let key = rsa::RsaPublicKey::new(number("n"), number("e")).unwrap();
    let (input, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let signature = rsa::pkcs1v15::Signature::try_from(signature.as_slice()).unwrap();
    rsa::pkcs1v15::VerifyingKey::<Sha256>::new(key)
        .verify(input.as_bytes(), &signature)
        .expect("a good signature");
    part(token, 1)
}
