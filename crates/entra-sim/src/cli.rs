//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use url::Url;

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
    /// Run one cycle of the provisioning service: the tenant's users and groups to a SCIM server.
    Provision(Box<Provision>),
    /// Change the users of a running tenant. USER is an object id or a UPN.
    #[command(subcommand)]
    User(User),
    /// Change the groups of a running tenant. GROUP is an object id, or a name that one group alone bears.
    #[command(subcommand)]
    Group(Group),
}

#[derive(Debug, Args)]
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

/// The running simulator that a command concerns.
#[derive(Debug, Args)]
pub(crate) struct Target {
    /// The running simulator: its address, or its issuer.
    #[arg(long, value_name = "URL", env = "ENTRA_SIM_URL")]
    pub(crate) sim: Url,
    /// More roots to trust, in PEM, beside the system's and those in the file named by `SSL_CERT_FILE`.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Provision {
    #[command(flatten)]
    pub(crate) target: Target,
    /// The tenant URL of the SCIM server, say `https://ca.example.test/scim/v2`.
    #[arg(long, value_name = "URL", env = "ENTRA_SIM_SCIM_URL")]
    pub(crate) scim_url: Url,
    #[command(flatten)]
    pub(crate) shown: Shown,
    /// How PATCH is written [default: legacy, or what a flag in the SCIM address asks for].
    #[arg(long, value_enum)]
    pub(crate) dialect: Option<Dialect>,
    /// [default: initial the first time, then incremental]
    #[arg(long, value_enum)]
    pub(crate) cycle: Option<Cycle>,
    /// What is mapped to `externalId`.
    #[arg(long, value_enum, default_value = "object-id")]
    pub(crate) external_id: ExternalId,
    /// The attribute by which an object is looked for before it is created.
    #[arg(long, value_enum, default_value = "name")]
    pub(crate) matching: Matching,
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
}

/// What the server is shown: a token, a user with a password, or an OAuth client's id and secret. Secrets better as
/// @FILE, or - for standard input, which other processes cannot see.
#[derive(Debug, Args)]
pub(crate) struct Shown {
    /// The bearer token.
    #[arg(long, value_name = "TOKEN|@FILE|-", env = "ENTRA_SIM_TOKEN", hide_env_values = true)]
    #[arg(required_unless_present_any = ["user", "client_id"], conflicts_with_all = ["user", "client_id"])]
    pub(crate) token: Option<String>,
    /// Show a user and a password with each request (Basic).
    #[arg(long, value_name = "USER", requires = "password", conflicts_with = "client_id")]
    pub(crate) user: Option<String>,
    #[arg(long, value_name = "TEXT|@FILE|-", requires = "user")]
    pub(crate) password: Option<String>,
    /// Fetch tokens as an OAuth client (client credentials).
    #[arg(long, value_name = "ID", requires = "client_secret", requires = "token_url")]
    pub(crate) client_id: Option<String>,
    #[arg(long, value_name = "TEXT|@FILE|-", requires = "client_id")]
    pub(crate) client_secret: Option<String>,
    /// Where an OAuth client fetches its tokens, say `https://ca.example.test/scim/token`.
    #[arg(long, value_name = "URL", requires = "client_id")]
    pub(crate) token_url: Option<Url>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Dialect {
    Legacy,
    Compliant,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Cycle {
    Initial,
    Incremental,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ExternalId {
    ObjectId,
    MailNickname,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Matching {
    Name,
    ExternalId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// Add a user; prints the object id.
    Add {
        #[command(flatten)]
        target: Target,
        /// The object id; a fresh one when absent.
        #[arg(long)]
        oid: Option<String>,
        #[command(flatten)]
        fields: Box<UserFields>,
    },
    /// Change what is named.
    Set {
        #[command(flatten)]
        target: Target,
        #[arg(value_name = "USER")]
        user: String,
        #[command(flatten)]
        fields: Box<UserFields>,
        /// Put the user into the recycle bin (true), or restore them from it (false).
        #[arg(long, value_name = "BOOL")]
        deleted: Option<bool>,
    },
    /// Put a user into the recycle bin.
    Remove {
        #[command(flatten)]
        target: Target,
        #[arg(value_name = "USER")]
        user: String,
        /// Remove for ever, as Entra does after 30 days.
        #[arg(long)]
        hard: bool,
    },
    /// Make all refresh tokens and browser sessions of a user worthless.
    RevokeSessions {
        #[command(flatten)]
        target: Target,
        #[arg(value_name = "USER")]
        user: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct UserFields {
    #[arg(long)]
    pub(crate) upn: Option<String>,
    /// The password; @FILE and - (standard input) are taken too.
    #[arg(long, value_name = "TEXT|@FILE|-")]
    pub(crate) password: Option<String>,
    #[arg(long)]
    pub(crate) given_name: Option<String>,
    #[arg(long)]
    pub(crate) family_name: Option<String>,
    #[arg(long)]
    pub(crate) display_name: Option<String>,
    #[arg(long)]
    pub(crate) mail: Option<String>,
    #[arg(long)]
    pub(crate) mail_nickname: Option<String>,
    #[arg(long)]
    pub(crate) job_title: Option<String>,
    #[arg(long)]
    pub(crate) department: Option<String>,
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) enabled: Option<bool>,
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) guest: Option<bool>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Group {
    /// Add a group; prints the object id.
    Add {
        #[command(flatten)]
        target: Target,
        /// The object id; a fresh one when absent.
        #[arg(long)]
        oid: Option<String>,
        #[arg(long)]
        name: String,
        /// The object id of a first member; may be repeated.
        #[arg(long, value_name = "OID")]
        member: Vec<String>,
    },
    /// Rename a group.
    Set {
        #[command(flatten)]
        target: Target,
        #[arg(value_name = "GROUP")]
        group: String,
        #[arg(long)]
        name: String,
    },
    /// Remove a group.
    Remove {
        #[command(flatten)]
        target: Target,
        #[arg(value_name = "GROUP")]
        group: String,
    },
    /// Add members to a group.
    AddMember(Member),
    /// Take members out of a group.
    RemoveMember(Member),
}

#[derive(Debug, Args)]
pub(crate) struct Member {
    #[command(flatten)]
    pub(crate) target: Target,
    #[arg(value_name = "GROUP")]
    pub(crate) group: String,
    #[arg(value_name = "USER", required = true)]
    pub(crate) users: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_holds_together() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }
}
