//! The real parts: an issuer with people and groups, and a CA that was told of them.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sallyport_entra_sim::provision::{Mapping, Provisioner, Token};
use sallyport_entra_sim::{MintRequest, Options, Sim, Tenant};
use sallyport_protocol::Fingerprint;
use sallyport_tests::process::{self, bin, bin_dir};
use sallyport_tests::{Process, command};
use ssh_key::PublicKey;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

const PEOPLE: usize = 200;
const GROUPS: usize = 20;
const GROUPS_OF_A_PERSON: usize = 4;

const START: Duration = Duration::from_secs(30);

/// Everything of one run. Dropped, it is gone.
pub(crate) struct Stage {
    sim: Sim,
    ca: Process,
    address: SocketAddr,
    fingerprint: Fingerprint,
    user_ca: PublicKey,
    /// The issuer lives in it.
    runtime: Runtime,
    folder: TempDir,
}

impl Stage {
    pub(crate) fn set_up() -> Result<Self> {
        // Beside the programs: /tmp may lie in memory, where a durable write costs nothing.
        let folder = tempfile::tempdir_in(bin_dir()?)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let sim = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            anyhow::Ok(Sim::start(tenant()?, listener, Options::default())?)
        })?;
        let fingerprint = init(&folder, &sim)?;
        let mut serve = process::command(bin("sallyport-ca")?);
        serve.arg("serve").arg("--config").arg(config(&folder));
        let mut ca = Process::start("sallyport-ca", serve, folder.path())?;
        ca.wait_for_line("ready: ", START)?;
        let line = ca.wait_for_line("listening on http://", START)?;
        let address = line.rsplit('/').next().context("no address")?.parse()?;
        let user_ca = PublicKey::read_openssh_file(&folder.path().join("ca/keys/user_ca.pub"))?;
        let stage = Self { sim, ca, address, fingerprint, user_ca, runtime, folder };
        stage.provision()?;
        stage.grant()?;
        Ok(stage)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn ca_id(&self) -> Result<u32> {
        self.ca.id()
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// What signs people's certificates.
    pub(crate) fn user_ca(&self) -> &PublicKey {
        &self.user_ca
    }

    /// The ID token of one more browser login, by one of the people in turn.
    pub(crate) fn token(&self, number: usize, nonce: String) -> Result<String> {
        let user = Some(address_of(number % PEOPLE));
        Ok(self.sim.mint(&MintRequest { user, nonce: Some(nonce), ..MintRequest::default() })?)
    }

    /// How many events the audit holds, once it has been folded and compared with the tables.
    pub(crate) fn verified_audit(&self) -> Result<u64> {
        let verdict = self.run(&["audit", "verify", "--format", "json"])?;
        let verdict: serde_json::Value = serde_json::from_str(&verdict)?;
        verdict.get("events").and_then(serde_json::Value::as_u64).context("a verdict without a number")
    }

    fn provision(&self) -> Result<()> {
        let token = self.run(&["scim-token", "create", "--name", "bench"])?;
        let token = Token::new(&token).context("no SCIM token")?;
        let from = self.sim.base().parse()?;
        let to = format!("http://{}/scim/v2", self.address).parse()?;
        let client = sallyport_entra_sim::http_client(&[])?;
        let service = Provisioner::new(client, from, to, token, None, Mapping::default());
        let report = self.runtime.block_on(service.run(None, &mut |_| {}))?;
        ensure!(report.failures.is_empty(), "provisioning failed: {:?}", report.failures);
        Ok(())
    }

    fn grant(&self) -> Result<()> {
        for group in 0..GROUPS {
            self.run(&["admin", "grant", "add", "--group", &name_of(group), "--tag", "env=bench"])?;
        }
        Ok(())
    }

    fn run(&self, arguments: &[&str]) -> Result<String> {
        let mut ca = command::limited(bin("sallyport-ca")?);
        command::run(ca.args(arguments).arg("--config").arg(config(&self.folder)))?.ok()
    }
}

fn config(folder: &TempDir) -> std::path::PathBuf {
    folder.path().join("ca/sallyport.toml")
}

fn init(folder: &TempDir, sim: &Sim) -> Result<Fingerprint> {
    let tenant = sim.tenant();
    let mut init = command::limited(bin("sallyport-ca")?);
    init.arg("init").arg(folder.path().join("ca")).args(["--listen", "127.0.0.1:0"]);
    init.args(["--tenant", &tenant.tenant.to_string(), "--client-id", &tenant.client_id.to_string()]);
    Ok(command::run(init.args(["--issuer", &sim.issuer()]))?.ok()?.parse()?)
}

fn tenant() -> Result<Tenant> {
    let oids: Vec<_> = (0..PEOPLE).map(|_| Sim::new_oid().to_string()).collect();
    let head = format!("tenant = \"{}\"\nclient_id = \"{}\"\n", Sim::new_oid(), Sim::new_oid());
    let user = |(number, oid)| {
        format!("[[user]]\noid = \"{oid}\"\nupn = \"{}\"\npassword = \"x\"\n", address_of(number))
    };
    let group = |group| {
        let members = oids.iter().enumerate().filter(|(person, _)| is_member(*person, group));
        let members: Vec<_> = members.map(|(_, oid)| oid).collect();
        let (oid, name) = (Sim::new_oid(), name_of(group));
        format!("[[group]]\noid = \"{oid}\"\nname = \"{name}\"\nmembers = {members:?}\n")
    };
    let users = oids.iter().enumerate().map(user);
    let text: String = std::iter::once(head).chain(users).chain((0..GROUPS).map(group)).collect();
    Ok(Tenant::from_toml(&text)?)
}

fn is_member(person: usize, group: usize) -> bool {
    (group + GROUPS - person % GROUPS) % GROUPS < GROUPS_OF_A_PERSON
}

fn address_of(person: usize) -> String {
    format!("person.{person}@contoso.test")
}

fn name_of(group: usize) -> String {
    format!("team-{group}")
}
