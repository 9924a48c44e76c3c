use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use sallyport_client::SystemClock;

use super::load_config;
use super::start::tls_roots;
use crate::app::SharedClock;
use crate::config::{Tls, write_duration};
use crate::serve::check_tls;
use crate::signer::Keys;

/// Reads everything that `serve` reads first, and opens nothing else.
pub(super) fn run(path: &Path) -> anyhow::Result<()> {
    let config = load_config(path)?;
    let keys = Keys::load(&config.keys_path()).context("the keys of this CA cannot be used")?;
    tls_roots(&config)?;
    for listen in &config.listen {
        let checked = check_tls(listen, &config.tls_path(), SharedClock(Arc::new(SystemClock)));
        checked.with_context(|| format!("TLS on {} cannot be set up", listen.address))?;
    }
    println!("{} is fine", path.display());
    println!("  fingerprint   {}", keys.fingerprint());
    println!("  tenant        {}", config.ca.tenant);
    println!("  client id     {}", config.ca.client_id);
    println!("  issuer        {}", config.ca.issuer);
    println!(
        "  host domains  {}",
        if config.ca.host_domains.is_empty() {
            "none: no host can be enrolled".to_owned()
        } else {
            config.ca.host_domains.to_string()
        }
    );
    println!("  device login  {}", config.login.device.as_str());
    println!("  names         {}", config.names.expression.source().replace('\n', " "));
    let ranges: Vec<String> = config.names.uid_ranges.iter().map(ToString::to_string).collect();
    println!("  uids          {}", ranges.join(" "));
    println!("  lease         {}", write_duration(config.hosts.lease));
    for listen in &config.listen {
        let tls = match &listen.tls {
            Tls::Files { certificate, .. } => format!("TLS from {}", certificate.display()),
            Tls::Plain => "plain HTTP, on loopback".to_owned(),
            Tls::Private { .. } => "TLS under the private root".to_owned(),
        };
        println!("  listen        {} ({tls})", listen.address);
    }
    Ok(())
}
