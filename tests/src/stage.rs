//! The whole of Sallyport on one machine: a tenant, a CA, hosts with the agent, and a person at a laptop. Each part is
//! the real program, spoken to as its user does; the demonstration and the story's test are told with these verbs.

mod authority;
mod enrolled;
mod laptop;

use std::path::PathBuf;

use anyhow::{Context as _, Result};

pub use self::authority::{Authority, HostState};
pub use self::enrolled::Enrolled;
pub use self::laptop::{Laptop, Login};
use crate::{EntraSim, Lab, Person};

/// The tenant of every story. Fictitious, as everybody in it.
pub const TENANT: &str = "7b1e4c52-0d3a-4f6e-9a41-5c2f8e90d311";
pub const CLIENT_ID: &str = "c11e0001-5a5a-4b4b-8c8c-0000000000c1";
pub const HOST_DOMAIN: &str = "*.contoso.test";

/// Mara may enter the web servers; Omar is in no group that opens anything.
pub const MARA: Member =
    Member { oid: "0a0a0a0a-1111-4222-8333-444455556666", name: "mara.lind", password: "correct horse" };
pub const OMAR: Member =
    Member { oid: "0b0b0b0b-1111-4222-8333-444455556666", name: "omar.haddad", password: "battery staple" };

/// Somebody in the tenant.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    pub oid: &'static str,
    /// The part of the address before the `@`: the POSIX name too.
    pub name: &'static str,
    pub password: &'static str,
}

impl Member {
    #[must_use]
    pub fn upn(&self) -> String {
        format!("{}@contoso.test", self.name)
    }

    fn toml(&self) -> String {
        let Self { oid, password, name } = self;
        let (given, family) = name.split_once('.').unwrap_or((name, ""));
        let upn = self.upn();
        format!(
            "[[user]]\noid = \"{oid}\"\nupn = \"{upn}\"\npassword = \"{password}\"\n\
             given_name = \"{given}\"\nfamily_name = \"{family}\"\n"
        )
    }

    /// Signs in at the page that `url` leads to, as a person would.
    ///
    /// # Errors
    /// The page refuses.
    pub fn sign_in(&self, url: &str, root: &std::path::Path) -> Result<crate::browser::Page> {
        crate::Browser::trusting(root)?.sign_in(url, Person::new(&self.upn(), self.password))
    }
}

/// The tenant's file: Mara and Omar, and the group `web-admins` with Mara in it.
#[must_use]
pub fn tenant_file() -> String {
    let group = format!(
        "[[group]]\noid = \"3c3c3c3c-2222-4333-8444-555566667777\"\nname = \"web-admins\"\nmembers = [\"{}\"]\n",
        MARA.oid
    );
    format!("tenant = \"{TENANT}\"\nclient_id = \"{CLIENT_ID}\"\n{}{}{group}", MARA.toml(), OMAR.toml())
}

/// An Entra look-alike over HTTPS at the lab's own address.
///
/// # Errors
/// It does not come up.
pub fn entra(lab: &Lab) -> Result<EntraSim> {
    let listen = format!("{}:0", lab.gateway());
    let tls = folder(lab, "entra-tls")?;
    let tls = tls.to_str().context("the lab's folder has a plain name")?;
    EntraSim::serve(lab.folder(), &tenant_file(), &["--listen", &listen, "--tls-self-signed", tls])
}

/// A folder of this lab, made if need be.
///
/// # Errors
/// It cannot be made.
pub fn folder(lab: &Lab, name: &str) -> Result<PathBuf> {
    let folder = lab.folder().join(name);
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}
