use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Certificate, Client};
use serde::Deserialize;
use serde_json::Value;

use super::{CLIENT_ID, HOST_DOMAIN, TENANT, folder};
use crate::command::{self, Outcome};
use crate::{EntraSim, Lab, PATIENCE, Process, bin, process, wait_until};

/// Names and values in the server's environment.
type Settings = Vec<(String, String)>;

/// A running `sallyport-ca`, in a folder of its own.
#[derive(Debug)]
pub struct Authority {
    config: PathBuf,
    fingerprint: String,
    folder: PathBuf,
    process: Process,
    settings: Settings,
    trust: PathBuf,
    url: String,
}

/// One line of `sallyport-ca admin host ls --format json`.
#[derive(Clone, Debug, Deserialize)]
pub struct HostState {
    pub name: String,
    pub state: String,
    pub generation: u64,
    pub applied_generation: u64,
    pub problems: Vec<serde_json::Value>,
}

impl Authority {
    /// `sallyport-ca init` and `serve`, over TLS at the lab's own address, for the tenant at `entra`.
    ///
    /// # Errors
    /// It does not come up; the error shows what it said.
    pub fn start(lab: &Lab, entra: &EntraSim) -> Result<Self> {
        Self::start_with(lab, entra, &[])
    }

    /// The same, with settings of the configuration: `("SALLYPORT_CA_HOSTS_LEASE", "10s")`.
    ///
    /// # Errors
    /// As [`Authority::start`].
    pub fn start_with(lab: &Lab, entra: &EntraSim, settings: &[(&str, &str)]) -> Result<Self> {
        let folder = folder(lab, "ca")?;
        let listen = format!("{}:8443", lab.gateway());
        let mut init = command::limited(bin("sallyport-ca")?);
        init.arg("init").arg(&folder).args(["--tenant", TENANT, "--client-id", CLIENT_ID]);
        init.args(["--issuer", entra.issuer(), "--listen", &listen, "--host-domain", HOST_DOMAIN]);
        init.args(["--device-login", "on"]);
        let fingerprint = command::run(&mut init)?.ok()?.trim().to_owned();
        let config = folder.join("sallyport.toml");
        let trust = entra.root().to_owned();
        let settings: Settings =
            settings.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let process = serve(&config, &folder, &trust, &settings)?;
        Ok(Self { config, fingerprint, folder, process, settings, trust, url: format!("https://{listen}") })
    }

    /// Starts the server again after [`Authority::process`] was used to end it.
    ///
    /// # Errors
    /// It does not come up.
    pub fn restart(&mut self) -> Result<()> {
        self.process = serve(&self.config, &self.folder, &self.trust, &self.settings)?;
        Ok(())
    }

    /// What people and hosts pin.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The private TLS root, for programs that are not ours.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.folder.join("tls/root.pem")
    }

    /// The server, to end it in the middle of things.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// A command of `sallyport-ca` about this CA: `["admin", "user", "ls"]`.
    ///
    /// # Errors
    /// It cannot be started. A command that fails is an [`Outcome`].
    pub fn command(&self, arguments: &[&str]) -> Result<Outcome> {
        command::run(command::limited(bin("sallyport-ca")?).args(arguments).arg("--config").arg(&self.config))
    }

    /// One cycle of the tenant's provisioning service into this CA.
    ///
    /// # Errors
    /// A request failed.
    pub fn provision(&self, entra: &EntraSim, cycle: &str) -> Result<Outcome> {
        let token = format!("@{}", self.scim_token()?.display());
        let scim = format!("{}/scim/v2", self.url);
        let root = self.root();
        let root = root.to_str().context("the lab's folder has a plain name")?;
        let arguments =
            ["provision", "--scim-url", &scim, "--token", &token, "--cycle", cycle, "--ca-file", root];
        let outcome = entra.command(&arguments)?;
        outcome.clone().ok()?;
        Ok(outcome)
    }

    /// A SCIM request of the tenant's, which has to succeed; `path` begins after `/scim/v2`.
    ///
    /// # Errors
    /// It is refused, or there is no answer.
    pub fn scim(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        // A second call in this process finds the first one's choice, which is the same.
        drop(rustls::crypto::ring::default_provider().install_default());
        let root = Certificate::from_pem(&std::fs::read(self.root())?)?;
        let client = Client::builder().no_proxy().add_root_certificate(root).build()?;
        let url = format!("{}/scim/v2{path}", self.url);
        let token = std::fs::read_to_string(self.scim_token()?)?;
        let mut request = client.request(method.parse()?, url).bearer_auth(token.trim());
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/scim+json").body(body.to_string());
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (status, body) = runtime.block_on(async {
            let response = request.send().await?;
            Ok::<_, reqwest::Error>((response.status(), response.text().await?))
        })?;
        ensure!(status.is_success(), "{method} {path}: {status}: {body}");
        Ok(serde_json::from_str(&body)?)
    }

    /// The file with the directory's token, made if need be.
    fn scim_token(&self) -> Result<PathBuf> {
        let token = self.folder.join("scim-token");
        if !token.exists() {
            std::fs::write(&token, self.command(&["scim-token", "create"])?.ok()?)?;
        }
        Ok(token)
    }

    /// The same for a person's shell.
    #[must_use]
    pub fn provision_by_hand(&self, entra: &EntraSim) -> String {
        let (token, root) = (self.folder.join("scim-token"), self.root());
        let (sim, ca) = (entra.url().unwrap_or_default(), &self.url);
        format!(
            "entra-sim provision --sim {sim} --scim-url {ca}/scim/v2 --token @{} --ca-file {}",
            token.display(),
            root.display()
        )
    }

    /// The configuration, for `--config`.
    #[must_use]
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// Everything that every enrolled host said last.
    ///
    /// # Errors
    /// The command fails.
    pub fn hosts(&self) -> Result<Vec<HostState>> {
        let json = self.command(&["admin", "host", "ls", "--format", "json"])?.ok()?;
        serde_json::from_str(&json).context("the list of hosts does not read")
    }

    /// Waits until every host has applied its newest generation.
    ///
    /// # Errors
    /// They have not in time; the error shows how far each is.
    pub fn wait_for_hosts(&self, within: Duration) -> Result<()> {
        let settled = || {
            let hosts = self.hosts().ok()?;
            hosts.iter().all(|host| host.applied_generation >= host.generation).then_some(())
        };
        wait_until("every host to have applied its newest generation", within, settled)
            .with_context(|| format!("{:#?}", self.hosts()))
    }
}

fn serve(config: &Path, folder: &Path, trust: &Path, settings: &Settings) -> Result<Process> {
    let mut serve = process::command(bin("sallyport-ca")?);
    serve.args(["serve", "--config"]).arg(config).env("SSL_CERT_FILE", trust).envs(settings.iter().cloned());
    let mut process = Process::start("sallyport-ca", serve, folder)?;
    process.wait_for_line("ready: ", PATIENCE)?;
    Ok(process)
}
