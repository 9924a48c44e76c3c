use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;

use anyhow::{Context, bail};
use sallyport_audit::{Event, EventName};
use sallyport_domain::Clock;
use sallyport_store_sqlite::SqliteStore;

use super::start::Ownership;
use crate::app::ensure_default;
use crate::cli::Init;
use crate::config::{self, Template};
use crate::private_file;
use crate::serve::create_root;
use crate::signer::Keys;
use sallyport_client::SystemClock;

const CONFIG: &str = "sallyport.toml";

/// Checks what was said before anything is made; makes the configuration last, so that a CA with one is whole.
pub(super) async fn run(asked: &Init) -> anyhow::Result<()> {
    let path = asked.directory.join(CONFIG);
    if path.exists() {
        bail!(
            "{} exists: there is a CA here already\n  run: sallyport-ca check --config {0}",
            path.display()
        );
    }
    let text = template(asked);
    let now = SystemClock.now();
    let checked = config::check_text(&path, &text)?;
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&asked.directory)
        .with_context(|| format!("{} cannot be made", asked.directory.display()))?;
    for directory in [checked.keys_path(), checked.tls_path()] {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)
            .with_context(|| format!("{} cannot be made", directory.display()))?;
    }
    let keys = Keys::create(&checked.keys_path())?;
    if checked.uses_private_root() {
        create_root(&checked.tls_path(), now).context("the private TLS root cannot be made")?;
    }
    let _ownership = Ownership::take(&checked)?;
    let store = SqliteStore::open(&checked.store_path())?.into_store();
    let (fingerprint, tenant) = (keys.fingerprint(), checked.ca.tenant);
    store
        .write(move |tx| {
            let event = Event::new(EventName::CaInitialized, now);
            tx.append(&event.with("fingerprint", fingerprint.to_string()))?;
            ensure_default(tx, tenant, now)
        })
        .await?;
    private_file::create(&path, 0o600, text.as_bytes())
        .with_context(|| format!("{} cannot be written", path.display()))?;
    println!("{fingerprint}");
    eprintln!("This is the fingerprint that people and hosts pin (--ca-fingerprint).");
    if asked.host_domain.is_empty() {
        eprintln!("No host can be enrolled until host_domains is set in {}.", path.display());
    }
    eprintln!("  run: sallyport-ca serve --config {}", path.display());
    Ok(())
}

fn template(asked: &Init) -> String {
    let domains: Vec<String> = asked.host_domain.iter().map(ToString::to_string).collect();
    let issuer = asked.issuer.clone().unwrap_or_else(|| config::entra_issuer(&asked.tenant));
    config::template(&Template {
        tenant: &asked.tenant,
        client_id: &asked.client_id,
        issuer: &issuer,
        host_domains: &domains,
        device: asked.device_login.as_str(),
        address: &asked.listen.to_string(),
        tls_names: &asked.tls_name,
    })
}
