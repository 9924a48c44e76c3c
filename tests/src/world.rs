//! A tenant, a certificate authority that trusts it, and people who come and go.

mod answer;
mod record;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use reqwest::{Client, Method, RequestBuilder};
use sallyport_client::AdminClient;
use sallyport_entra_sim::provision::{Mapping, Provisioner, Report, Token};
use sallyport_entra_sim::{MintRequest, Options, Sim, Tenant, TenantError, User};
use sallyport_protocol::{IssueUserReply, IssueUserRequest, Problem, ProblemCode, path};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

pub use self::answer::Answer;
pub use self::record::Record;
use crate::applicant::Applicant;
use crate::ca::{Ca, Issuer};

pub const CLIENT: &str = "c11e0001-5a5a-4b4b-8c8c-0000000000c1";
pub const TENANT: &str = "7b1e4c52-0d3a-4f6e-9a41-5c2f8e90d311";
/// The group that is granted `env=prod`.
pub const GROUP: &str = "engineers";
pub const PASSWORD: &str = "correct horse";

/// Everything that a login needs. Dropped, it is gone: the fields in this order.
#[derive(Debug)]
pub struct World {
    pub ca: Ca,
    pub http: Client,
    pub sim: Sim,
    pub scim_token: String,
    /// One provisioning cycle at a time: a job has one memory.
    cycle: Mutex<()>,
    runtime: Runtime,
    folder: TempDir,
}

/// Somebody in the tenant.
#[derive(Clone, Debug)]
pub struct Someone {
    pub oid: String,
    pub upn: String,
}

impl World {
    /// A running CA with one granted group and nobody in it. `arguments` go to `init`, `settings` to the server.
    ///
    /// # Errors
    /// Something does not come up.
    pub fn new(arguments: &[&str], settings: &[(&str, &str)]) -> Result<Self> {
        let (folder, runtime) = (tempfile::tempdir()?, runtime()?);
        let sim = runtime.block_on(async { simulator(TcpListener::bind("127.0.0.1:0").await?) })?;
        let issuer = Issuer { client_id: CLIENT, tenant: TENANT, url: &sim.issuer() };
        let ca = Ca::init(folder.path(), issuer, arguments)?;
        let mut ca = settings.iter().fold(ca, |ca, (name, value)| ca.with(name, value));
        ca.start()?;
        Self::around(folder, runtime, sim, ca)
    }

    /// A world around a CA that runs: whatever its issuer is, people are provisioned from `sim`.
    ///
    /// # Errors
    /// Something does not come up.
    pub fn around(folder: TempDir, runtime: Runtime, sim: Sim, ca: Ca) -> Result<Self> {
        let http = sallyport_entra_sim::http_client(&[])?;
        let scim_token = ca.command(&["scim-token", "create"])?.ok()?;
        let world = Self { ca, http, sim, scim_token, cycle: Mutex::default(), runtime, folder };
        world.provision()?;
        world.ca.command(&["admin", "grant", "add", "--group", GROUP, "--tag", "env=prod"])?.ok()?;
        Ok(world)
    }

    /// A world that tests share: each with people of its own, none touches what belongs to all. It is gone with its
    /// last user.
    ///
    /// # Errors
    /// As [`World::new`].
    pub fn shared() -> Result<Arc<Self>> {
        static SHARED: Mutex<Weak<World>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(world) = shared.upgrade() {
            return Ok(world);
        }
        let world = Arc::new(Self::new(&["--host-domain", "*.corp.test"], &[])?);
        *shared = Arc::downgrade(&world);
        Ok(world)
    }

    /// Waits for something asynchronous.
    pub fn wait<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    #[must_use]
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    #[must_use]
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }
}

/// People.
impl World {
    /// Somebody new, provisioned, and in the granted group.
    ///
    /// # Errors
    /// The tenant or the CA refuses them.
    pub fn engineer(&self, name: &str) -> Result<Someone> {
        let someone = self.hire(name, json!({}), true)?;
        self.provision()?;
        Ok(someone)
    }

    /// Somebody new, provisioned, and in no group.
    ///
    /// # Errors
    /// As [`World::engineer`].
    pub fn stranger(&self, name: &str) -> Result<Someone> {
        let someone = self.hire(name, json!({}), false)?;
        self.provision()?;
        Ok(someone)
    }

    /// Somebody new in the tenant, with more members of a `[[user]]`, whom the next cycle provisions.
    ///
    /// # Errors
    /// The tenant refuses them.
    pub fn hire(&self, upn: &str, more: Value, engineer: bool) -> Result<Someone> {
        let upn = if upn.contains('@') { upn.to_owned() } else { format!("{upn}@contoso.test") };
        let mut user = json!({ "oid": Sim::new_oid(), "upn": upn, "password": PASSWORD });
        if let (Some(user), Value::Object(more)) = (user.as_object_mut(), more) {
            user.extend(more);
        }
        let user: User = serde_json::from_value(user)?;
        let oid = user.oid;
        self.edit(|tenant| {
            if engineer {
                tenant.group_mut(GROUP)?.members.insert(oid);
            }
            tenant.users.push(user);
            Ok(())
        })?;
        Ok(Someone { oid: oid.to_string(), upn })
    }

    /// Changes the tenant, while no cycle runs.
    ///
    /// # Errors
    /// The tenant does not take it.
    pub fn edit<T>(&self, change: impl FnOnce(&mut Tenant) -> Result<T, TenantError>) -> Result<T> {
        let _still = self.still();
        Ok(self.sim.edit(change)?)
    }

    /// Runs a provisioning cycle, in which every request succeeds.
    ///
    /// # Errors
    /// One did not.
    pub fn provision(&self) -> Result<Report> {
        let _still = self.still();
        let report = self.wait(self.provisioner()?.run(None, &mut |_| {}))?;
        ensure!(report.failures.is_empty(), "{:?}", report.failures);
        Ok(report)
    }

    fn still(&self) -> MutexGuard<'_, ()> {
        self.cycle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The provisioning service, pointed from the tenant at the CA.
    ///
    /// # Errors
    /// There is no usable token.
    pub fn provisioner(&self) -> Result<Provisioner> {
        let token = Token::new(&self.scim_token).context("no token")?;
        let (from, to) = (self.sim.base().parse()?, format!("{}{}", self.ca.url(), path::SCIM).parse()?);
        Ok(Provisioner::new(self.http.clone(), from, to, token, None, Mapping::default()))
    }
}

/// Logins.
impl World {
    /// # Errors
    /// There is no randomness to be had.
    pub fn applicant(&self) -> Result<Applicant> {
        Applicant::new(self.ca.fingerprint())
    }

    /// The token that this person would get, with a nonce or without.
    ///
    /// # Errors
    /// There is no such person.
    pub fn token(&self, someone: &Someone, nonce: Option<&str>) -> Result<String> {
        self.mint(someone, nonce, MintRequest::default())
    }

    /// A token that begins with what this person would get.
    ///
    /// # Errors
    /// There is no such person.
    pub fn mint(&self, someone: &Someone, nonce: Option<&str>, changes: MintRequest) -> Result<String> {
        let (user, nonce) = (Some(someone.oid.clone()), nonce.map(str::to_owned));
        Ok(self.sim.mint(&MintRequest { user, nonce, ..changes })?)
    }

    /// A browser login, up to the request for a certificate.
    ///
    /// # Errors
    /// There is no such person.
    pub fn sign_in(&self, someone: &Someone) -> Result<(Applicant, IssueUserRequest)> {
        let applicant = self.applicant()?;
        let token = self.token(someone, Some(&applicant.nonce()?))?;
        let request = applicant.browser(&token)?;
        Ok((applicant, request))
    }

    /// A browser login and its certificate.
    ///
    /// # Errors
    /// The CA refuses.
    pub fn log_in(&self, someone: &Someone) -> Result<(Applicant, IssueUserReply)> {
        let (applicant, request) = self.sign_in(someone)?;
        let reply = self.issue(&request)?;
        Ok((applicant, reply))
    }

    /// Asks for a certificate.
    ///
    /// # Errors
    /// The CA's [`Problem`], or no answer of its.
    pub fn issue(&self, request: &IssueUserRequest) -> Result<IssueUserReply> {
        let answer = self.send(self.request(Method::POST, path::USER_CERTIFICATE).json(request))?;
        match answer.status {
            200 => answer.read(),
            _ => Err(answer.problem()?.into()),
        }
    }

    /// Asks for a certificate that must be refused with this code, and of which nothing may be left behind.
    ///
    /// # Errors
    /// It was issued, refused otherwise, or intended all the same.
    pub fn refused(&self, request: &IssueUserRequest, code: ProblemCode) -> Result<Problem> {
        let intended = self.record()?.certificates_for(&request.public_key);
        let problem = match self.issue(request) {
            Ok(reply) => bail!("serial {} was issued instead of {code}", reply.serial),
            Err(error) => error.downcast::<Problem>()?,
        };
        ensure!(problem.code == code, "{code} was expected, not: {problem}");
        let now = self.record()?.certificates_for(&request.public_key);
        ensure!(now == intended, "refused with {code}, and intended all the same: {now:?}");
        Ok(problem)
    }
}

/// The server.
impl World {
    /// A request to the CA; `path` may have a query.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.ca.url()))
    }

    /// # Errors
    /// There is no answer, or none that can be read.
    pub fn send(&self, request: RequestBuilder) -> Result<Answer> {
        self.wait(Answer::to(request))
    }

    /// A SCIM request with the token; `path` begins after `/scim/v2`.
    ///
    /// # Errors
    /// As [`World::send`].
    pub fn scim(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer> {
        let mut request =
            self.request(method, &format!("{}{path}", path::SCIM)).bearer_auth(&self.scim_token);
        if let Some(body) = body {
            request = request.header("content-type", "application/scim+json; charset=utf-8");
            request = request.body(body.to_string());
        }
        self.send(request)
    }

    /// The administrators' requests, over the socket.
    ///
    /// # Errors
    /// No client can be made.
    pub fn admin(&self) -> Result<AdminClient> {
        Ok(AdminClient::over_socket(&self.ca.folder().join("admin.sock"))?)
    }

    /// Every event so far.
    ///
    /// # Errors
    /// The server does not answer.
    pub fn record(&self) -> Result<Record> {
        let admin = self.admin()?;
        let mut events: Vec<Value> = Vec::new();
        loop {
            let after = events.last().and_then(|event| event.get("seq")).and_then(Value::as_u64);
            let more = self.wait(admin.audit(after.unwrap_or_default()))?;
            if more.is_empty() {
                return Ok(Record::new(events));
            }
            events.extend(more);
        }
    }

    /// The person as administrators see them.
    ///
    /// # Errors
    /// Nobody, or more than one, has this `userName`.
    pub fn view(&self, upn: &str) -> Result<sallyport_protocol::admin::UserView> {
        let mut users = self.wait(self.admin()?.users())?;
        users.retain(|user| user.user_name == upn);
        match (users.pop(), users.len()) {
            (Some(user), 0) => Ok(user),
            (None, _) => Err(anyhow!("nobody is called {upn}")),
            _ => Err(anyhow!("more than one person is called {upn}")),
        }
    }
}

/// For everything in this process that is asynchronous.
///
/// # Errors
/// There are no threads to be had.
pub fn runtime() -> Result<Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

/// A tenant with one group and nobody in it. Inside a runtime only.
///
/// # Errors
/// It does not come up.
pub fn simulator(listener: TcpListener) -> Result<Sim> {
    let group = Sim::new_oid();
    let tenant = format!(
        "tenant = \"{TENANT}\"\nclient_id = \"{CLIENT}\"\n[[group]]\noid = \"{group}\"\nname = \"{GROUP}\"\n"
    );
    Ok(Sim::start(Tenant::from_toml(&tenant)?, listener, Options::default())?)
}
