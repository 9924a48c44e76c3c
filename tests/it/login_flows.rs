//! Signing in and judging what comes back, against two issuers: our look-alike, and a provider that we did not write.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow, ensure};
use jiff::{SignedDuration, Timestamp};
use sallyport_entra::{
    BrowserLogin, DeviceLogin, DiscoveryError, Expect, HttpClient, Issuer, Login, LoginError, TokenError,
    Tokens, Verified, VerifyError,
};
use sallyport_entra_sim::{MintKey, MintRequest, Options, SelfSigned, Sim, Tenant};
use sallyport_tests::browser::Page;
use sallyport_tests::{Account, Browser, OidcProvider, Person};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::spawn_blocking;

const CLIENT: &str = "c11e0001-5a5a-4b4b-8c8c-0000000000c1";
const GUEST: &str = "guest@fabrikam.test";
const NONCE: &str = "nonce-that-the-caller-derives-from-its-key";
const OBJECT: &str = "0a0a0a0a-1111-4222-8333-444455556666";
const PASSWORD: &str = "correct horse";
const TENANT: &str = "7b1e4c52-0d3a-4f6e-9a41-5c2f8e90d311";
const UPN: &str = "alice@contoso.test";

const LONG: Duration = Duration::from_secs(30);

/// An issuer, and what belongs to it for as long as it runs.
enum Provider {
    LookAlike(Sim),
    Foreign { provider: OidcProvider, _folder: TempDir },
}

impl Provider {
    async fn look_alike() -> Result<Self> {
        sim(Options::default()).await.map(Self::LookAlike)
    }

    fn foreign() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let account = Account::member(TENANT, OBJECT, UPN);
        let provider = OidcProvider::start(folder.path(), TENANT, CLIENT, &[account])?;
        Ok(Self::Foreign { provider, _folder: folder })
    }

    fn url(&self) -> String {
        match self {
            Self::LookAlike(sim) => sim.issuer(),
            Self::Foreign { provider, .. } => provider.issuer().to_owned(),
        }
    }

    async fn login(&self) -> Result<Login> {
        Ok(Login::discover(&self.url(), CLIENT, http()?).await?)
    }

    /// What the CA makes of the tokens.
    async fn judge(&self, tokens: &Tokens) -> Result<Verified> {
        let issuer = Issuer::new(self.url(), http()?);
        Ok(issuer.verify(tokens.id_token.expose_secret(), &expect(self.url())?, now()).await?)
    }
}

async fn sim(options: Options) -> Result<Sim> {
    let tenant = format!(
        "tenant = \"{TENANT}\"\nclient_id = \"{CLIENT}\"\n\
         [[user]]\noid = \"{OBJECT}\"\nupn = \"{UPN}\"\npassword = \"{PASSWORD}\"\n\
         [[user]]\noid = \"{}\"\nupn = \"{GUEST}\"\npassword = \"{PASSWORD}\"\nguest = true\n",
        Sim::new_oid()
    );
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    Ok(Sim::start(Tenant::from_toml(&tenant)?, listener, options)?)
}

fn http() -> Result<HttpClient> {
    // Plain HTTP on loopback: there is nothing to verify.
    Ok(HttpClient::new(sallyport_trust_roots::unverified()?, Duration::from_secs(10))?)
}

fn expect(issuer: String) -> Result<Expect> {
    Ok(Expect {
        issuer,
        audience: CLIENT.to_owned(),
        tenants: vec![TENANT.parse()?],
        token_max_age: SignedDuration::from_mins(15),
        guests: false,
    })
}

#[expect(clippy::disallowed_methods, reason = "the issuers run by the machine's clock")]
fn now() -> Timestamp {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::UNIX_EPOCH + elapsed
}

/// A person signs in at `url`; `keep` leaves the callback in the address bar.
async fn sign_in(url: &str, who: &'static str, keep: bool) -> Result<Page> {
    let url = url.to_owned();
    let at_browser = move || {
        let browser = Browser::new()?;
        let mut browser = if keep { browser.keep_callbacks() } else { browser };
        browser.sign_in(&url, Person::new(who, PASSWORD))
    };
    spawn_blocking(at_browser).await?
}

async fn approve_device(device: &DeviceLogin) -> Result<Page> {
    let (page, code) = (device.verification_uri().to_owned(), device.user_code().to_owned());
    let at_browser = move || Browser::new()?.sign_in(&page, Person::new(UPN, PASSWORD).with_code(&code));
    spawn_blocking(at_browser).await?
}

fn is_alice(verified: &Verified) -> Result<()> {
    ensure!(verified.subject.tenant.to_string() == TENANT, "{verified:?}");
    ensure!(verified.subject.object.to_string() == OBJECT, "{verified:?}");
    ensure!(verified.preferred_username.as_deref() == Some(UPN), "{verified:?}");
    Ok(())
}

async fn browser_login(provider: &Provider) -> Result<Tokens> {
    let browser = BrowserLogin::start(&provider.login().await?, NONCE, Some(UPN)).await?;
    let (page, callback) =
        tokio::join!(sign_in(browser.authorize_url().as_str(), UPN, false), browser.wait(LONG));
    let page = page?;
    ensure!(page.text().contains("close this page"), "the person sees: {}", page.text());
    Ok(browser.exchange(callback?).await?)
}

async fn a_browser_login_and_its_renewal(provider: &Provider) -> Result<()> {
    let tokens = browser_login(provider).await?;
    let first = provider.judge(&tokens).await?;
    is_alice(&first)?;
    assert_eq!(first.nonce.as_deref(), Some(NONCE));

    // RS256 gives the same token for the same claims, and not every issuer puts an id into them.
    while now().as_second() <= first.issued_at.as_second() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let refresh_token = tokens.refresh_token.context("no refresh token")?;
    let renewed = provider.login().await?.refresh(&refresh_token).await?;
    let second = provider.judge(&renewed).await?;
    is_alice(&second)?;
    assert_ne!(first.token_id, second.token_id, "each token counts once");
    Ok(())
}

async fn a_pasted_address(provider: &Provider) -> Result<()> {
    let browser = BrowserLogin::start(&provider.login().await?, NONCE, None).await?;
    let page = sign_in(browser.authorize_url().as_str(), UPN, true).await?;
    let callback = browser.accept_pasted(page.url.as_str())?;
    let verified = provider.judge(&browser.exchange(callback).await?).await?;
    is_alice(&verified)
}

async fn a_device_login(provider: &Provider) -> Result<()> {
    let device = DeviceLogin::start(&provider.login().await?).await?;
    approve_device(&device).await?;
    let verified = provider.judge(&device.poll().await?).await?;
    is_alice(&verified)?;
    assert_eq!(verified.nonce, None, "a device login has no nonce");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_login_at_the_look_alike() -> Result<()> {
    a_browser_login_and_its_renewal(&Provider::look_alike().await?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_login_at_the_foreign_provider() -> Result<()> {
    a_browser_login_and_its_renewal(&Provider::foreign()?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn pasted_address_at_the_look_alike() -> Result<()> {
    a_pasted_address(&Provider::look_alike().await?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn pasted_address_at_the_foreign_provider() -> Result<()> {
    a_pasted_address(&Provider::foreign()?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn device_login_at_the_look_alike() -> Result<()> {
    a_device_login(&Provider::look_alike().await?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn device_login_at_the_foreign_provider() -> Result<()> {
    a_device_login(&Provider::foreign()?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_login_that_the_person_declines() -> Result<()> {
    let provider = Provider::look_alike().await?;
    let device = DeviceLogin::start(&provider.login().await?).await?;
    let (page, code) = (device.verification_uri().to_owned(), device.user_code().to_owned());
    spawn_blocking(move || decline(&page, &code)).await??;
    let outcome = device.poll().await;
    assert!(matches!(outcome, Err(LoginError::Declined)), "{outcome:?}");
    Ok(())
}

/// Goes through the device page up to the question whether it was oneself, and says no.
fn decline(page: &str, code: &str) -> Result<()> {
    let mut browser = Browser::new()?;
    let mut page = browser.open(page)?;
    for _ in 0..4 {
        let mut form = page.form().ok_or_else(|| anyhow!("no form on: {}", page.text()))?;
        let answers = [("otc", code), ("loginfmt", UPN), ("passwd", PASSWORD), ("decision", "decline")];
        for (name, answer) in answers {
            if form.fields.iter().any(|(field, _)| field == name) {
                form.set(name, answer);
            }
        }
        page = browser.submit(&page, &form)?;
        if page.text().contains("cancelled") {
            return Ok(());
        }
    }
    Err(anyhow!("nobody asked whether to go on: {}", page.text()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_person_gets_nothing_any_more() -> Result<()> {
    let provider = Provider::look_alike().await?;
    let refresh_token = browser_login(&provider).await?.refresh_token.context("no refresh token")?;
    let Provider::LookAlike(sim) = &provider else { unreachable!() };
    sim.set_enabled(UPN, false)?;
    let outcome = provider.login().await?.refresh(&refresh_token).await;
    let Err(LoginError::Refused(refusal)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(refusal.code(), Some(50057), "{refusal}");
    assert!(refusal.to_string().starts_with("the account is disabled"), "{refusal}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watched_code_is_worth_nothing_without_its_verifier() -> Result<()> {
    let provider = Provider::look_alike().await?;
    let login = provider.login().await?;
    let browser = BrowserLogin::start(&login, NONCE, None).await?;
    let page = sign_in(browser.authorize_url().as_str(), UPN, true).await?;
    let watched = browser.accept_pasted(page.url.as_str())?;
    let thief = BrowserLogin::start(&login, NONCE, None).await?;
    let outcome = thief.exchange(watched).await;
    assert!(matches!(outcome, Err(LoginError::Refused(_))), "{outcome:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_signs_in_at_the_issuer_but_not_here() -> Result<()> {
    let provider = Provider::look_alike().await?;
    let browser = BrowserLogin::start(&provider.login().await?, NONCE, None).await?;
    let page = sign_in(browser.authorize_url().as_str(), GUEST, true).await?;
    let callback = browser.accept_pasted(page.url.as_str())?;
    let tokens = browser.exchange(callback).await?;
    let error = provider.judge(&tokens).await.unwrap_err();
    let refused = VerifyError::Token(TokenError::GuestRefused);
    assert_eq!(error.downcast_ref::<VerifyError>(), Some(&refused), "{error}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_tokens_of_the_look_alike_prove_nothing() -> Result<()> {
    let sim = sim(Options::default()).await?;
    let issuer = Issuer::new(sim.issuer(), http()?);
    let expect = expect(sim.issuer())?;
    let alice = || MintRequest { user: Some(UPN.to_owned()), ..MintRequest::default() };
    let claims = |claims: Value| MintRequest { claims: object(claims), ..alice() };
    let header = |header: Value| MintRequest { header: object(header), ..alice() };
    issuer.verify(&sim.mint(&alice())?, &expect, now()).await?;
    let forged = [
        ("alg none", header(json!({"alg": "none"})), "Algorithm"),
        ("HS256", header(json!({"alg": "HS256"})), "Algorithm"),
        ("foreign key", MintRequest { key: MintKey::Foreign, ..alice() }, "Signature"),
        ("unknown kid", header(json!({"kid": "nobody's"})), "UnknownKey"),
        ("audience", claims(json!({"aud": "someone-else"})), "WrongAudience"),
        ("issuer", claims(json!({"iss": "https://login.evil.test/v2.0"})), "WrongIssuer"),
        ("tenant", claims(json!({"tid": OBJECT})), "WrongTenant"),
        ("oid", claims(json!({"oid": null})), "oid"),
        ("too old", MintRequest { age: 30 * 60, ..alice() }, "TooOld"),
        ("expired", MintRequest { age: 24 * 60 * 60, ..alice() }, "Expired"),
        ("not yet", MintRequest { age: -30 * 60, ..alice() }, "IssuedInFuture"),
        ("app only", claims(json!({"idtyp": "app"})), "AppOnly"),
    ];
    for (name, request, reason) in forged {
        let outcome = issuer.verify(&sim.mint(&request)?, &expect, now()).await;
        assert!(outcome.is_err() && format!("{outcome:?}").contains(reason), "{name}: {outcome:?}");
    }
    Ok(())
}

fn object(value: Value) -> serde_json::Map<String, Value> {
    match value {
        Value::Object(members) => members,
        other => panic!("{other} is no object"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn new_keys_are_found_and_withdrawn_ones_are_forgotten() -> Result<()> {
    let sim = sim(Options::default()).await?;
    let issuer = Issuer::new(sim.issuer(), http()?);
    let expect = Expect { token_max_age: SignedDuration::from_hours(2), ..expect(sim.issuer())? };
    let mint = || sim.mint(&MintRequest { user: Some(UPN.to_owned()), ..MintRequest::default() });
    let (start, later) = (now(), now() + SignedDuration::from_secs(61));
    let old = mint()?;
    issuer.verify(&old, &expect, start).await?;
    sim.rotate_keys(false)?;
    issuer.verify(&mint()?, &expect, later).await?;
    let outcome = issuer.verify(&old, &expect, later).await;
    assert!(matches!(outcome, Err(VerifyError::Token(TokenError::UnknownKey { .. }))), "{outcome:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_under_a_private_root() -> Result<()> {
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let tls = SelfSigned::generate(here, None)?;
    let root = tls.root_pem().to_owned();
    let sim = sim(Options { tls: Some(tls), ..Options::default() }).await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("root.pem");
    std::fs::write(&file, &root)?;
    let client = |tls| HttpClient::new(tls, Duration::from_secs(10));

    let named = client(sallyport_trust_roots::system(Some(&file))?)?;
    Login::discover(&sim.issuer(), CLIENT, named).await?;
    let pinned = client(sallyport_trust_roots::pinned(&[root])?)?;
    Login::discover(&sim.issuer(), CLIENT, pinned).await?;

    let other = SelfSigned::generate(here, None)?;
    let other = client(sallyport_trust_roots::pinned(&[other.root_pem()])?)?;
    let outcome = Login::discover(&sim.issuer(), CLIENT, other).await;
    assert!(matches!(outcome, Err(DiscoveryError::Http { .. })), "{outcome:?}");
    Ok(())
}
