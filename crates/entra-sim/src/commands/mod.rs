//! One file for each command.

pub(crate) mod directory;
pub(crate) mod provision;
pub(crate) mod serve;

use std::io::Read as _;
use std::path::PathBuf;

use anyhow::Context as _;
use sallyport_entra_sim::http_client;

/// The HTTP client: the system's roots, `SSL_CERT_FILE`'s and those named.
fn client(ca_files: &[PathBuf]) -> anyhow::Result<reqwest::Client> {
    let variable = std::env::var_os("SSL_CERT_FILE").filter(|value| !value.is_empty()).map(PathBuf::from);
    let files: Vec<PathBuf> = variable.into_iter().chain(ca_files.iter().cloned()).collect();
    Ok(http_client(&files)?)
}

/// A secret as typed, from `@FILE`, or from standard input (`-`).
fn secret(text: &str) -> anyhow::Result<String> {
    if text == "-" {
        let mut all = String::new();
        std::io::stdin().read_to_string(&mut all).context("cannot read standard input")?;
        return Ok(all.trim_end_matches(['\r', '\n']).to_owned());
    }
    match text.strip_prefix('@') {
        Some(path) => {
            let all = std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
            Ok(all.trim_end_matches(['\r', '\n']).to_owned())
        }
        None => Ok(text.to_owned()),
    }
}
