//! From the sign-in page to the certificate: the flows of the command line, the issuers' real pages, and the CA.

use std::time::Duration;

use anyhow::{Context as _, Result};
use sallyport_client::SystemClock;
use sallyport_domain::Clock as _;
use sallyport_entra::{BrowserLogin, DeviceLogin, HttpClient, Login, Tokens};
use sallyport_entra_sim::Sim;
use sallyport_tests::world::{self, CLIENT, PASSWORD, TENANT};
use sallyport_tests::{Account, Browser, Ca, Issuer, OidcProvider, Person, Someone, World, wait_until};
use secrecy::ExposeSecret as _;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::spawn_blocking;

const LONG: Duration = Duration::from_secs(30);

/// A world, the issuer that its CA trusts, and somebody there.
struct Scene {
    world: World,
    issuer: String,
    someone: Someone,
    _provider: Option<OidcProvider>,
}

impl Scene {
    fn at_the_look_alike() -> Result<Self> {
        let world = World::new(&["--device-login", "on"], &[])?;
        let (someone, issuer) = (world.engineer("flora")?, world.sim.issuer());
        Ok(Self { world, issuer, someone, _provider: None })
    }

    fn at_the_foreign_provider() -> Result<Self> {
        let (folder, runtime) = (tempfile::tempdir()?, world::runtime()?);
        let someone = Someone { oid: Sim::new_oid().to_string(), upn: "flora@contoso.test".to_owned() };
        let account = Account::member(TENANT, &someone.oid, &someone.upn);
        let provider = OidcProvider::start(folder.path(), TENANT, CLIENT, &[account])?;
        let issuer = provider.issuer().to_owned();
        let trusted = Issuer { client_id: CLIENT, tenant: TENANT, url: &issuer };
        let mut ca = Ca::init(folder.path(), trusted, &["--device-login", "on"])?;
        ca.start()?;
        let sim = runtime.block_on(async { world::simulator(TcpListener::bind("127.0.0.1:0").await?) })?;
        let world = World::around(folder, runtime, sim, ca)?;
        world.hire(&someone.upn, json!({ "oid": someone.oid }), true)?;
        world.provision()?;
        Ok(Self { world, issuer, someone, _provider: Some(provider) })
    }

    async fn login(&self) -> Result<Login> {
        let http = HttpClient::new(sallyport_trust_roots::unverified()?, Duration::from_secs(10))?;
        Ok(Login::discover(&self.issuer, CLIENT, http).await?)
    }

    /// A person goes through the pages.
    async fn at_the_browser(&self, url: &str, code: Option<&str>) -> Result<()> {
        let (url, upn, code) = (url.to_owned(), self.someone.upn.clone(), code.map(str::to_owned));
        let pages = move || {
            let person = Person { code: code.as_deref(), ..Person::new(&upn, PASSWORD) };
            Browser::new()?.sign_in(&url, person).map(drop)
        };
        spawn_blocking(pages).await?
    }

    async fn browser_login(&self, nonce: &str) -> Result<Tokens> {
        let browser = BrowserLogin::start(&self.login().await?, nonce, Some(&self.someone.upn)).await?;
        let url = browser.authorize_url().to_string();
        let (page, callback) = tokio::join!(self.at_the_browser(&url, None), browser.wait(LONG));
        page?;
        Ok(browser.exchange(callback?).await?)
    }

    async fn device_login(&self) -> Result<Tokens> {
        let device = DeviceLogin::start(&self.login().await?).await?;
        self.at_the_browser(device.verification_uri(), Some(device.user_code())).await?;
        Ok(device.poll().await?)
    }
}

/// Signs in, and renews without a human.
fn by_browser(scene: &Scene) -> Result<()> {
    let world = &scene.world;
    let applicant = world.applicant()?;
    let tokens = world.wait(scene.browser_login(&applicant.nonce()?))?;
    let first = world.issue(&applicant.browser(tokens.id_token.expose_secret())?)?;
    assert!(first.principals.contains(&"flora".to_owned()), "{first:?}");

    // RS256 gives the same token for the same claims, and this provider puts no id into them.
    let second = SystemClock.now().as_second();
    wait_until("the next second", LONG, || (SystemClock.now().as_second() > second).then_some(()))?;
    let refresh_token = tokens.refresh_token.context("no refresh token")?;
    let renewed = world.wait(async { anyhow::Ok(scene.login().await?.refresh(&refresh_token).await?) })?;
    let next = world.applicant()?;
    let request = next.renewal(renewed.id_token.expose_secret(), &applicant, &first.certificate)?;
    let second = world.issue(&request)?;
    assert_eq!((&second.session, second.principals), (&first.session, first.principals));
    assert_ne!(second.serial, first.serial);
    Ok(())
}

fn by_device(scene: &Scene) -> Result<()> {
    let world = &scene.world;
    let tokens = world.wait(scene.device_login())?;
    let reply = world.issue(&world.applicant()?.device(tokens.id_token.expose_secret())?)?;
    assert!(reply.principals.contains(&"flora".to_owned()), "{reply:?}");
    Ok(())
}

#[test]
fn by_browser_at_the_look_alike() -> Result<()> {
    by_browser(&Scene::at_the_look_alike()?)
}

#[test]
fn by_browser_at_the_foreign_provider() -> Result<()> {
    by_browser(&Scene::at_the_foreign_provider()?)
}

#[test]
fn by_device_at_the_look_alike() -> Result<()> {
    by_device(&Scene::at_the_look_alike()?)
}

#[test]
fn by_device_at_the_foreign_provider() -> Result<()> {
    by_device(&Scene::at_the_foreign_provider()?)
}
