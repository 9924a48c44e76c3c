//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// An Entra tenant look-alike: OIDC sign-in and SCIM provisioning, for development and tests.
#[derive(Debug, Parser)]
#[command(name = "entra-sim", version, about)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the tenant. Prints `issuer: URL` when it is ready.
    Serve(Serve),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// The tenant: a TOML file with `tenant`, `client_id`, `[[user]]` and `[[group]]`.
    #[arg(long, value_name = "FILE", env = "ENTRA_SIM_TENANT")]
    pub(crate) tenant: PathBuf,
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0", env = "ENTRA_SIM_LISTEN")]
    pub(crate) listen: SocketAddr,
    /// The host in the issuer and all addresses, instead of the address that is listened on.
    #[arg(long, value_name = "NAME", env = "ENTRA_SIM_PUBLIC_HOST")]
    pub(crate) public_host: Option<String>,
    /// Serve HTTPS with a certificate made for this run; its root is written to DIR/root.pem.
    #[arg(long, value_name = "DIR", env = "ENTRA_SIM_TLS_SELF_SIGNED")]
    pub(crate) tls_self_signed: Option<PathBuf>,
}
