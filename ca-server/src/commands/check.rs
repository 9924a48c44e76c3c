use std::path::Path;

use anyhow::Context;

use super::load_config;
use crate::config::{Tls, write_duration};
use crate::signer::Keys;

/// Reads everything that `serve` reads first, and opens nothing else.
pub(super) fn run(path: &Path) -> anyhow::Result<()> {
    let config = load_config(path)?;
    let keys = Keys::load(&config.keys_path()).context("the keys of this CA cannot be used")?;
    println!("{} is fine", path.display());
    println!("  fingerprint   {}", keys.fingerprint());
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
