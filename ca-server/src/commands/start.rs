//! From a configuration to an application: what `serve` and the administrators' commands share.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use sallyport_domain::Clock;
use sallyport_entra::{HttpClient, Issuer};
use sallyport_store_sqlite::SqliteStore;

use crate::app::App;
use crate::config::Config;
use crate::serve::root_pem;
use crate::signer::Keys;
use sallyport_client::SystemClock;

/// For each request to the issuer.
const ISSUER_TIMEOUT: Duration = Duration::from_secs(5);

/// The right to open the store: one process owns it. Given back when dropped, or when the process dies.
#[derive(Debug)]
pub(super) struct Ownership {
    _lock: File,
}

impl Ownership {
    /// `None` while another process has it.
    pub(super) fn take(config: &Config) -> anyhow::Result<Option<Self>> {
        check_user(config)?;
        let path = config.directory.join("sallyport.lock");
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .with_context(|| {
                format!("{} cannot be opened; run as the user that owns the CA's directory", path.display())
            })?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Self { _lock: lock })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error).context("the store's lock cannot be taken"),
        }
    }
}

/// Files that root makes here are files that the server cannot open.
fn check_user(config: &Config) -> anyhow::Result<()> {
    let directory = &config.directory;
    let owner = std::fs::metadata(directory)
        .with_context(|| format!("{} cannot be read", directory.display()))?
        .uid();
    if owner == nix::unistd::geteuid().as_raw() {
        return Ok(());
    }
    bail!(
        "{} belongs to another user\n  run the same command as that user: sudo -u '#{owner}' …",
        directory.display()
    )
}

/// What the bootstrap document tells clients to trust: the private root while some listener uses it, else what their
/// systems trust.
pub(super) fn tls_roots(config: &Config) -> anyhow::Result<Vec<String>> {
    if !config.uses_private_root() {
        return Ok(Vec::new());
    }
    let root = root_pem(&config.tls_path())?;
    let root = root.with_context(|| {
        let path = config.tls_path().join("root.pem");
        format!(
            "{} is missing: name tls_certificate and tls_key in [[listen]], or put it back",
            path.display()
        )
    })?;
    Ok(vec![root])
}

/// Opens keys and store. The issuer is not asked for anything: a server starts while it is away.
pub(super) async fn start(config: Config, _ownership: &Ownership) -> anyhow::Result<App> {
    let keys = Keys::load(&config.keys_path()).context("the keys of this CA cannot be used")?;
    let tls_roots = tls_roots(&config)?;
    let store = SqliteStore::open(&config.store_path())
        .with_context(|| format!("{} cannot be opened", config.store_path().display()))?;
    let tls = sallyport_trust_roots::system(sallyport_trust_roots::extra_roots_from_environment().as_deref())
        .context("the system's TLS roots cannot be read")?;
    let http = HttpClient::new(tls, ISSUER_TIMEOUT)?;
    let issuer = Issuer::new(config.ca.issuer.clone(), http);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let app = App::new(config, keys, store.into_store(), issuer, clock, tls_roots);
    app.prepare().await?;
    Ok(app)
}
