//! npm's `oidc-provider`: a certified OpenID Provider that this project did not write.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::{PATIENCE, Process, process};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// A running provider with people in it. Any password signs in; the login is the account's name.
#[derive(Debug)]
pub struct OidcProvider {
    issuer: String,
    process: Process,
}

/// One person: the login, and the claims that their ID tokens carry beside `sub`.
#[derive(Clone, Debug)]
pub struct Account {
    pub claims: Value,
    pub login: String,
}

impl Account {
    /// A member of the tenant, with the claims that Entra's v2 tokens have.
    #[must_use]
    pub fn member(tenant: &str, object_id: &str, upn: &str) -> Self {
        let claims = json!({ "oid": object_id, "preferred_username": upn, "tid": tenant, "ver": "2.0" });
        Self { claims, login: upn.to_owned() }
    }
}

impl OidcProvider {
    /// Starts a provider on a free port of 127.0.0.1: code flow with PKCE for `http://localhost` on any port,
    /// device flow, refresh tokens; all for one public client. Its log is in `folder`.
    ///
    /// # Errors
    /// Node.js or the module is missing, which `cargo xtask setup` installs, or it does not come up.
    pub fn start(folder: &Path, tenant: &str, client_id: &str, accounts: &[Account]) -> Result<Self> {
        let node = Path::new(ROOT).join(".tools/bin/node");
        let module = Path::new(ROOT).join("tests/peers/oidc-provider");
        if !node.exists() || !module.join("node_modules/oidc-provider").exists() {
            bail!("the peer oidc-provider is not installed\n  run: cargo xtask setup");
        }
        let users: Vec<_> = accounts
            .iter()
            .map(|Account { claims, login }| json!({ "claims": claims, "login": login }))
            .collect();
        let settings = json!({ "client_id": client_id, "tenant": tenant, "users": users });
        let mut command = process::command(node);
        command.arg(module.join("provider.mjs")).arg(settings.to_string());
        let mut process = Process::start("oidc-provider", command, folder)?;
        let line = process.wait_for_line("issuer: ", PATIENCE)?;
        let issuer = line.strip_prefix("issuer: ").context("no issuer")?.to_owned();
        Ok(Self { issuer, process })
    }

    /// The issuer to configure: `http://127.0.0.1:PORT/TENANT/v2.0`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The process, to end it in the middle of things.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}
