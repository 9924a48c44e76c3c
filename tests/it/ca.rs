//! The certificate authority from outside: its real program, asked over HTTP and by its commands.

mod administration;
mod certificates;
mod connections;
mod credentials;
mod devices;
mod directory;
mod expressions;
mod flows;
mod full_disk;
mod groups;
mod interrupted;
mod issuers;
mod keys_and_proofs;
mod kills;
mod lifetimes;
mod machines;
mod meaning;
mod names;
mod naming;
mod operations;
mod persons;
mod posix_groups;
mod previews;
mod renewals;
mod requests;
mod revocations;
mod routes;
mod scim;
mod throttles;
mod tls;
mod tokens;

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use sallyport_entra_sim::MintRequest;
use sallyport_tests::command;
use serde_json::{Map, Value};

/// What stock OpenSSH reads in a certificate.
fn ssh_keygen_l(folder: &Path, certificate: &str) -> Result<String> {
    let file = folder.join("some-cert.pub");
    std::fs::write(&file, format!("{certificate}\n"))?;
    command::run(Command::new("ssh-keygen").arg("-L").arg("-f").arg(file))?.ok()
}

/// The lines that stand indented under `heading` in what `ssh-keygen -L` prints.
fn listed(printed: &str, heading: &str) -> Result<Vec<String>> {
    let mut lines = printed.lines().skip_while(|line| !line.trim_start().starts_with(heading));
    let heading = lines.next().with_context(|| format!("no {heading} in {printed}"))?;
    let depth = |line: &str| line.len() - line.trim_start().len();
    let under = lines.take_while(|line| depth(line) > depth(heading));
    Ok(under.map(|line| line.trim().to_owned()).collect())
}

/// A token with some claims replaced, added or (null) taken away.
fn claims(changes: Value) -> MintRequest {
    MintRequest { claims: object(changes), ..MintRequest::default() }
}

fn header(changes: Value) -> MintRequest {
    MintRequest { header: object(changes), ..MintRequest::default() }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        other => panic!("{other} is no object"),
    }
}

/// The same token with other unused bits at the end of the signature's base64.
fn respell(token: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut bytes = token.as_bytes().to_vec();
    // 256 bytes of RS256 are 341 letters and one that carries four bits.
    let last = bytes.last_mut().expect("a token");
    let value = ALPHABET.iter().position(|letter| letter == last).expect("base64url");
    assert_eq!(value % 4, 0, "the last two bits are unused");
    *last = ALPHABET[value + 1];
    String::from_utf8(bytes).expect("text")
}
