use std::time::Duration;

use jiff::Timestamp;
use rand::rngs::OsRng;
use sallyport_client::{ClientError, SystemClock, UserClient, bootstrap};
use sallyport_domain::Clock;
use sallyport_protocol::{
    Bootstrap, CertificateProof, Fingerprint, IssueUserReply, IssueUserRequest, LoginRandom, Namespace,
    login_nonce, sign_armored,
};
use secrecy::{ExposeSecret, SecretString};
use ssh_key::{Algorithm, PrivateKey, PublicKey};
use tokio::runtime::{self, Runtime};
use tokio::time::{Instant, sleep};

use crate::certificate::{Certificate, Standing};
use crate::cli::LoginArgs;
use crate::failure::Failure;
use crate::folders::Folders;
use crate::intent::{Login, Way};
use crate::issued::{self, IssuedError};
use crate::lock;
use crate::place::Place;
use crate::revoked::Revocations;
use crate::settings::Settings;
use crate::sign_in;
use crate::span;
use crate::state::{self, Record, State};
use crate::ui::{Event, Ui};

/// A certificate that ends sooner is worth a new login.
const STILL_GOOD_SECONDS: i64 = 60;
/// The CA gives the same certificate to the same question for two minutes: a lost answer is asked for again.
const ASK_AGAIN_FOR: Duration = Duration::from_secs(90);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Signs the person in, and puts the certificate where it was asked for.
pub(crate) fn login(args: LoginArgs, folders: &Folders, ui: Ui) -> Result<(), Failure> {
    let remembered = Settings::load(&folders.settings())?.ca;
    let intent = Login::from_args(args, remembered)?;
    let mut place = Place::open(&intent.keep)?;

    let runtime = runtime()?;
    if runtime.block_on(already(&intent, &mut place, &State::load(folders), ui))? {
        return Ok(());
    }
    let mut waited = false;
    let _lock = lock::login(&folders.state, intent.ca.fingerprint, || {
        waited = true;
        ui.say("Another login for this CA is under way; waiting for it to end.");
    })?;
    if waited && runtime.block_on(already(&intent, &mut place, &State::load(folders), ui))? {
        return Ok(());
    }

    let login = Obtaining { intent: &intent, ui };
    let Some(obtained) = runtime.block_on(login.run(&mut place, folders))? else { return Ok(()) };
    place.keep(&obtained, folders, ui)?;
    remember(&intent, &obtained, &place, folders)?;
    tell(&obtained, ui);
    Ok(())
}

/// One thread is enough for one person.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        Failure::because("the system gives no event queue", &error, "ulimit -n, and raise it")
    })
}

/// A new key and the certificate for it, checked.
pub(crate) struct Obtained {
    pub(crate) key: PrivateKey,
    pub(crate) certificate: Certificate,
    pub(crate) reply: IssueUserReply,
    pub(crate) bootstrap: Bootstrap,
    pub(crate) now: Timestamp,
}

impl Obtained {
    /// The keys that sign this CA's user certificates.
    pub(crate) fn signers(&self) -> Vec<Fingerprint> {
        fingerprints(&self.bootstrap)
    }
}

fn fingerprints(bootstrap: &Bootstrap) -> Vec<Fingerprint> {
    state::keys(&bootstrap.user_ca_keys).iter().map(Fingerprint::of).collect()
}

/// Whether there is nothing to do, and then says so.
async fn already(intent: &Login, place: &mut Place, state: &State, ui: Ui) -> Result<bool, Failure> {
    let signers = state.signing_keys(intent.ca.fingerprint);
    report_existing(intent, place, signers, state, ui).await
}

async fn report_existing(
    intent: &Login,
    place: &mut Place,
    signers: &[Fingerprint],
    state: &State,
    ui: Ui,
) -> Result<bool, Failure> {
    if intent.force {
        return Ok(false);
    }
    let now = SystemClock.now();
    let held = place.certificates()?;
    let good: Vec<_> = held.iter().filter_map(|held| good(held, intent, signers, state, now)).collect();
    if good.is_empty() {
        return Ok(false);
    }
    let revocations = Revocations::ask(&intent.ca).await;
    let standing = good.iter().find(|(held, _)| revocations.revokes(held) != Some(true));
    let Some(&(certificate, until)) = standing else {
        ui.say("The CA has revoked your certificate; this is a new login.");
        return Ok(false);
    };
    if revocations.revokes(certificate).is_none() {
        ui.say("The CA did not answer: whether your certificate was revoked is not known.");
    }
    ui.event(&Event::Certificate {
        serial: certificate.serial,
        valid_until: until,
        principals: &certificate.principals,
        session: state.session(certificate),
    });
    ui.say(format!(
        "You are signed in as {} until {until} [valid for {}]. A new login: sallyport login --force",
        certificate.person().unwrap_or("somebody"),
        span::between(now, until)
    ));
    Ok(true)
}

/// Ours, of this CA, of the person that is meant, and good for a while.
fn good<'a>(
    held: &'a Certificate,
    intent: &Login,
    signers: &[Fingerprint],
    state: &State,
    now: Timestamp,
) -> Option<(&'a Certificate, Timestamp)> {
    let until = held.valid_before()?;
    let lasts = until.as_second().saturating_sub(now.as_second()) >= STILL_GOOD_SECONDS;
    let meant = intent.asked_as.as_ref().is_none_or(|asked| {
        let same = |known: Option<&str>| known.is_some_and(|known| known.eq_ignore_ascii_case(asked));
        same(held.person()) || same(state.asked_as(held))
    });
    let ours = held.is_ours() && signers.contains(&held.signing_ca());
    (ours && meant && lasts && held.standing(now) == Standing::Valid).then_some((held, until))
}

struct Obtaining<'a> {
    intent: &'a Login,
    ui: Ui,
}

impl Obtaining<'_> {
    /// `None`: with what the CA says of itself now, a certificate was found after all.
    async fn run(&self, place: &mut Place, folders: &Folders) -> Result<Option<Obtained>, Failure> {
        let pinned = &self.intent.ca;
        let asking = bootstrap(&pinned.url, pinned.fingerprint);
        let (bootstrap, ca) =
            patiently(self.ui, format!("Asking the CA at {} …", pinned.url), asking).await?;
        let state = State::load(folders);
        Settings::remember_first(&folders.settings(), pinned);
        // Known keys were asked after before: nothing was found, or what was found is revoked.
        let signers = fingerprints(&bootstrap);
        let news = signers != state.signing_keys(pinned.fingerprint);
        if news && report_existing(self.intent, place, &signers, &state, self.ui).await? {
            return Ok(None);
        }
        let client = UserClient::new(ca)?;
        let key = PrivateKey::random(&mut OsRng, Algorithm::Ed25519).map_err(|error| no_key(&error))?;
        let request = self.request(&bootstrap, &key).await?;
        let asking = self.issue(&client, &request);
        let reply = patiently(self.ui, "Asking the CA for a certificate …".into(), asking).await?;
        let now = SystemClock.now();
        let signers = state::keys(&bootstrap.user_ca_keys);
        let certificate = check(&reply, key.public_key(), &signers, now)?;
        Ok(Some(Obtained { key, certificate, reply, bootstrap, now }))
    }

    /// The person's word and the key's own, in one question.
    async fn request(&self, bootstrap: &Bootstrap, key: &PrivateKey) -> Result<IssueUserRequest, Failure> {
        let (id_token, nonce_random) = self.sign_in(bootstrap, key).await?;
        let ttl_seconds = self.intent.ttl.map(|ttl| ttl.seconds().into());
        let proof = CertificateProof {
            ca: self.intent.ca.fingerprint,
            id_token: id_token.expose_secret(),
            public_key: Fingerprint::of(key.public_key()),
            ttl_seconds,
            asked_as: self.intent.asked_as.as_deref(),
        };
        let signature =
            sign_armored(key, Namespace::Certificate, &proof.message()).map_err(|error| no_key(&error))?;
        Ok(IssueUserRequest {
            id_token: id_token.expose_secret().to_owned(),
            nonce_random,
            public_key: key.public_key().to_openssh().map_err(|error| no_key(&error))?,
            ttl_seconds,
            asked_as: self.intent.asked_as.clone(),
            signature,
            previous: None,
        })
    }

    /// The ID token and, when its nonce binds it to the key, the random part of that nonce.
    async fn sign_in(
        &self,
        bootstrap: &Bootstrap,
        key: &PrivateKey,
    ) -> Result<(SecretString, Option<String>), Failure> {
        if self.intent.way == Way::Device && bootstrap.device_login == "off" {
            return Err(Failure::new(
                "this CA takes no logins by device code (device_login_off)",
                "sallyport login --no-browser, and paste the address that the browser elsewhere ended on",
            ));
        }
        let issuer = sign_in::discover(bootstrap);
        let issuer =
            patiently(self.ui, format!("Asking the issuer at {} …", bootstrap.issuer), issuer).await?;
        match self.intent.way {
            Way::Device => Ok((sign_in::with_device(&issuer, bootstrap, self.ui).await?, None)),
            way @ (Way::Browser | Way::Pasted) => {
                let blob = key.public_key().to_bytes().map_err(|error| no_key(&error))?;
                let random = LoginRandom::generate(&mut OsRng);
                let nonce = login_nonce(&blob, &random);
                let asked_as = self.intent.asked_as.as_deref();
                let token = sign_in::with_browser(&issuer, &nonce, asked_as, way, self.ui).await?;
                Ok((token, Some(random.to_text())))
            }
        }
    }

    /// Asks until there is an answer: the very same question is safe to repeat.
    async fn issue(
        &self,
        client: &UserClient,
        request: &IssueUserRequest,
    ) -> Result<IssueUserReply, ClientError> {
        let begun = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            match client.issue(request).await {
                Err(error) if error.may_pass() && begun.elapsed() + pause < ASK_AGAIN_FOR => {
                    self.ui
                        .say(format!("No certificate yet: {error}. Asking again in {} s.", pause.as_secs()));
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                decided => return decided,
            }
        }
    }
}

/// Says what is being waited for, once it takes over a second.
async fn patiently<T>(ui: Ui, line: String, work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    tokio::select! {
        done = &mut work => return done,
        () = sleep(Duration::from_secs(1)) => ui.say(line),
    }
    work.await
}

fn no_key(error: &dyn std::error::Error) -> Failure {
    Failure::because("no key could be made", error, "sallyport login again")
}

fn check(
    reply: &IssueUserReply,
    key: &PublicKey,
    signers: &[PublicKey],
    now: Timestamp,
) -> Result<Certificate, Failure> {
    issued::check(reply, key, signers, now).map_err(|error| {
        let run = match error {
            IssuedError::NotNow => "date, to check this machine's clock; then sallyport login again",
            _ => {
                "sallyport login again; if it goes on, tell your administrator: this is not how a CA answers"
            }
        };
        Failure::because("the CA's certificate was refused", &error, run)
    })
}

fn remember(intent: &Login, obtained: &Obtained, place: &Place, folders: &Folders) -> Result<(), Failure> {
    Settings::remember(&folders.settings(), &intent.ca)?;
    State::change(folders, obtained.now, |state| {
        state.learn(intent.ca.fingerprint, &obtained.bootstrap);
        state.note(Record {
            signing_ca: obtained.certificate.signing_ca(),
            serial: obtained.reply.serial,
            session: obtained.reply.session.clone(),
            asked_as: intent.asked_as.clone(),
            valid_until: obtained.reply.valid_until,
            file: place.file(),
        });
    })
}

fn tell(obtained: &Obtained, ui: Ui) {
    let IssueUserReply { serial, valid_until, principals, session, .. } = &obtained.reply;
    ui.event(&Event::Certificate {
        serial: *serial,
        valid_until: *valid_until,
        principals,
        session: Some(session),
    });
    ui.say(format!(
        "Signed in as {} until {valid_until} [valid for {}]; principals: {}",
        obtained.certificate.person().unwrap_or("somebody"),
        span::between(obtained.now, *valid_until),
        principals.join(", ")
    ));
}
