//! A CA and a directory of the wanted size that it has not heard of yet.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use sallyport_entra_sim::provision::{Mapping, Provisioner, Token};
use sallyport_entra_sim::{Options, Sim, Tenant};
use sallyport_tests::process::{self, bin, bin_dir};
use sallyport_tests::{Process, command};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use super::Size;

const START: Duration = Duration::from_secs(30);

/// Everything of one cycle. Dropped, it is gone.
pub(crate) struct Stage {
    sim: Sim,
    ca: Process,
    address: SocketAddr,
    token: String,
    /// The directory lives in it.
    pub(crate) runtime: Runtime,
    folder: TempDir,
}

impl Stage {
    pub(crate) fn set_up(size: Size) -> Result<Self> {
        // Beside the programs: /tmp may lie in memory, where a durable write costs nothing.
        let folder = tempfile::tempdir_in(bin_dir()?)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let sim = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            anyhow::Ok(Sim::start(tenant(size)?, listener, Options::default())?)
        })?;
        init(&folder, &sim)?;
        let mut serve = process::command(bin("sallyport-ca")?);
        serve.arg("serve").arg("--config").arg(config(&folder)).env("SALLYPORT_LOG", "error");
        let mut ca = Process::start("sallyport-ca", serve, folder.path())?;
        ca.wait_for_line("ready: ", START)?;
        let line = ca.wait_for_line("listening on http://", START)?;
        let address = line.rsplit('/').next().context("no address")?.parse()?;
        let mut stage = Self { sim, ca, address, token: String::new(), runtime, folder };
        stage.token = stage.run(&["scim-token", "create", "--name", "bench"])?;
        Ok(stage)
    }

    /// A command of the CA, for which it may take a while; what it prints.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<String> {
        command::run(&mut self.command(arguments)?)?.ok()
    }

    /// Whether members of a group have yet to be looked at.
    pub(crate) fn is_settling(&self) -> Result<bool> {
        let store = rusqlite::Connection::open_with_flags(
            self.folder.path().join("ca/sallyport.db"),
            rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY,
        )?;
        Ok(store.query_row("SELECT EXISTS (SELECT 1 FROM unsettled_groups)", [], |row| row.get(0))?)
    }

    /// How long a preview of everybody's name takes, from start to end of the command.
    pub(crate) fn preview(&self) -> Result<Duration> {
        let mut command = self.command(&["names", "preview", "--format", "json"])?;
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let began = Instant::now();
        ensure!(command.status()?.success(), "the preview failed");
        Ok(began.elapsed())
    }

    fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut ca = process::command(bin("sallyport-ca")?);
        ca.args(arguments).arg("--config").arg(config(&self.folder));
        Ok(ca)
    }

    pub(crate) fn ca_id(&self) -> Result<u32> {
        self.ca.id()
    }

    /// Where SCIM is served.
    pub(crate) fn scim(&self) -> String {
        format!("http://{}/scim/v2", self.address)
    }

    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    pub(crate) fn provisioner(&self) -> Result<Provisioner> {
        let token = Token::new(&self.token).context("no SCIM token")?;
        let client = sallyport_entra_sim::http_client(&[])?;
        let (from, to) = (self.sim.base().parse()?, self.scim().parse()?);
        Ok(Provisioner::new(client, from, to, token, None, Mapping::default()))
    }

    /// The database with its log, in bytes.
    pub(crate) fn database_size(&self) -> Result<u64> {
        let database = self.folder.path().join("ca/sallyport.db");
        let log = self.folder.path().join("ca/sallyport.db-wal");
        Ok(fs::metadata(database)?.len() + fs::metadata(log)?.len())
    }
}

fn config(folder: &TempDir) -> PathBuf {
    folder.path().join("ca/sallyport.toml")
}

fn init(folder: &TempDir, sim: &Sim) -> Result<()> {
    let tenant = sim.tenant();
    let mut init = command::limited(bin("sallyport-ca")?);
    init.arg("init").arg(folder.path().join("ca")).args(["--listen", "127.0.0.1:0"]);
    init.args(["--tenant", &tenant.tenant.to_string(), "--client-id", &tenant.client_id.to_string()]);
    command::run(init.args(["--issuer", &sim.issuer()]))?.ok().map(drop)
}

/// Group `g` holds the people from `g * members` on, wrapping round: everybody is in as many as anybody else.
fn tenant(size: Size) -> Result<Tenant> {
    let oids: Vec<_> = (0..size.users).map(|_| Sim::new_oid().to_string()).collect();
    let head = format!("tenant = \"{}\"\nclient_id = \"{}\"\n", Sim::new_oid(), Sim::new_oid());
    let user = |(number, oid): (usize, &String)| {
        format!(
            "[[user]]\noid = \"{oid}\"\nupn = \"person.{number}@contoso.test\"\npassword = \"x\"\ngiven_name = \"Person\"\n\
             family_name = \"Number {number}\"\n"
        )
    };
    let group = |group: usize| {
        let members = oids.iter().cycle().skip(group * size.members % size.users).take(size.members);
        let members: Vec<_> = members.collect();
        format!("[[group]]\noid = \"{}\"\nname = \"team-{group}\"\nmembers = {members:?}\n", Sim::new_oid())
    };
    let users = oids.iter().enumerate().map(user);
    let text: String = std::iter::once(head).chain(users).chain((0..size.groups).map(group)).collect();
    Ok(Tenant::from_toml(&text)?)
}
