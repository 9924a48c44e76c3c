//! The command line as it is typed.

mod names;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use ipnet::IpNet;
use jiff::SignedDuration;
use sallyport_domain::{
    ConnectionName, HostName, HostPattern, PosixName, ResourceId, Tag, TenantId, UserState,
};

pub use names::{Names, NamesEval, NamesPreview};

use crate::config::{network, parse_duration};

/// The certificate authority of Sallyport: decides who may log in where, signs, and keeps the record.
#[derive(Debug, Parser)]
#[command(name = "sallyport-ca", version, max_term_width = 110)]
pub struct Cli {
    /// The configuration file that `init` wrote; to `init` itself it says nothing.
    #[arg(
        long,
        global = true,
        env = "SALLYPORT_CA_CONFIG",
        value_name = "FILE",
        default_value = "sallyport.toml"
    )]
    pub config: PathBuf,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a CA: keys, configuration and store in one directory. Prints the fingerprint that people and hosts pin.
    Init(Init),
    /// Read the configuration as the server would, say what is wrong with it, and stop.
    Check,
    /// Run the server.
    Serve,
    /// Say what is wrong, or soon will be, and what to do about it. Exit 1 when something does not work.
    Doctor(Output),
    /// The tenants whose directories write here: that of `init`, and others beside it.
    #[command(subcommand)]
    Connection(Connection),
    /// Look at and change grants, hosts, users and groups.
    #[command(subcommand)]
    Admin(Admin),
    /// Tokens with which Entra writes users and groups.
    #[command(subcommand)]
    ScimToken(ScimToken),
    /// Tokens with which machines enrol.
    #[command(subcommand)]
    EnrollToken(EnrollToken),
    /// How people's attributes become account names.
    #[command(subcommand)]
    Names(Names),
    /// What the directories asked for, operation by operation, and what came of it.
    #[command(subcommand)]
    Provisioning(Provisioning),
    /// The hash-chained record of everything that happened.
    #[command(subcommand)]
    Audit(Audit),
}

#[derive(Args, Debug)]
pub struct Init {
    /// Where everything of this CA will lie; made when it does not exist.
    pub directory: PathBuf,
    /// Entra's "Directory (tenant) ID".
    #[arg(long, env = "SALLYPORT_TENANT", value_name = "ID")]
    pub tenant: String,
    /// Entra's "Application (client) ID" of the app registration.
    #[arg(long, env = "SALLYPORT_CLIENT_ID", value_name = "ID")]
    pub client_id: String,
    /// The OpenID issuer, when it is not Entra's own for the tenant.
    #[arg(long, env = "SALLYPORT_ISSUER", value_name = "URL")]
    pub issuer: Option<String>,
    /// Where the server listens. Plain HTTP on loopback; TLS under a private root elsewhere.
    #[arg(long, env = "SALLYPORT_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:8443")]
    pub listen: SocketAddr,
    /// A name under which people and hosts will reach the server, for its TLS certificate.
    #[arg(long, env = "SALLYPORT_TLS_NAME", value_name = "NAME", value_delimiter = ',')]
    pub tls_name: Vec<String>,
    /// Whether a device code may be used to sign in. It cannot be bound to a key, and is open to phishing.
    #[arg(long, env = "SALLYPORT_DEVICE_LOGIN", value_enum, default_value_t = OffOn::Off)]
    pub device_login: OffOn,
    /// Names that hosts may have, as in `ssh_config`: `*.corp.example`. Without one, no host can be enrolled.
    #[arg(long, env = "SALLYPORT_HOST_DOMAIN", value_name = "PATTERN", num_args = 1.., value_delimiter = ',')]
    pub host_domain: Vec<HostPattern>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum OffOn {
    Off,
    On,
}

impl OffOn {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::On => "on",
        }
    }
}

/// How a list is printed.
#[derive(Args, Clone, Copy, Debug)]
pub struct Output {
    #[arg(long, env = "SALLYPORT_FORMAT", value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Format {
    Json,
    Text,
}

#[derive(Debug, Subcommand)]
pub enum Admin {
    /// Users and groups as synced: whence they came, when they changed last, where they stand and what to do.
    Directory(DirectoryCommand),
    /// What groups open.
    #[command(subcommand)]
    Grant(Grant),
    /// Groups as Entra sent them.
    #[command(subcommand)]
    Group(List),
    /// Enrolled hosts, and how far each is.
    #[command(subcommand)]
    Host(Host),
    /// People, their state and their POSIX names.
    #[command(subcommand)]
    User(List),
}

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct DirectoryCommand {
    #[command(flatten)]
    pub list: Directory,
    #[command(subcommand)]
    pub what: Option<OneResource>,
}

#[derive(Debug, Subcommand)]
pub enum OneResource {
    /// Take a user's resource away, as a DELETE of the directory's would: for one that stays behind when its name came
    /// back. Shows what would be lost; --yes does it. Name and uid stay the person's.
    Forget {
        /// `resource_id` in: admin directory --format json
        #[arg(value_name = "RESOURCE-ID")]
        resource: ResourceId,
        /// Do it.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Say that a flagged resource is who its object id names, after the other one that claimed the id is gone. Shows
    /// whose name, number and access it gets; --yes does it.
    Link {
        /// `resource_id` in: admin directory --problems --format json
        #[arg(value_name = "RESOURCE-ID")]
        resource: ResourceId,
        /// Do it.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Args, Debug)]
pub struct Directory {
    /// Only what this connection brought.
    #[arg(long, env = "SALLYPORT_CONNECTION", value_name = "NAME")]
    pub connection: Option<ConnectionName>,
    /// Only this person and their groups: user name, id or object id.
    #[arg(long, env = "SALLYPORT_USER", value_name = "NAME|ID", conflicts_with = "group")]
    pub user: Option<String>,
    /// Only this group and its members: display name, id or object id.
    #[arg(long, env = "SALLYPORT_GROUP", value_name = "ID|NAME")]
    pub group: Option<String>,
    /// Only people in this state: active, suspended, conflict, gone.
    #[arg(long, env = "SALLYPORT_STATE")]
    pub state: Option<UserState>,
    /// Only people who are flagged or in conflict; not those whom the scope leaves out
    #[arg(long, env = "SALLYPORT_PROBLEMS")]
    pub problems: bool,
    /// Leave out so many users and so many groups.
    #[arg(long, env = "SALLYPORT_SKIP", default_value_t = 0)]
    pub skip: usize,
    /// So many users and so many groups at most, 1000 at the most.
    #[arg(long, env = "SALLYPORT_LIMIT", default_value_t = 200)]
    pub limit: usize,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Subcommand)]
pub enum Host {
    /// List them.
    Ls(Output),
    /// Hear a host no more, and free its names: for a machine that is gone or was installed anew. What it has ends
    /// with its lease; run `sallyport-host leave` on it first, if it is still there.
    Retire {
        /// Any of its names.
        name: HostName,
    },
}

#[derive(Debug, Subcommand)]
pub enum List {
    /// List them.
    Ls(Output),
}

#[derive(Debug, Subcommand)]
pub enum Grant {
    /// Let a group into every host that bears all the tags named.
    Add {
        /// A group's id, its object id in Entra, or its display name when only one group bears it.
        #[arg(long, env = "SALLYPORT_GROUP", value_name = "ID|NAME")]
        group: String,
        /// A host must bear every tag named.
        #[arg(long, env = "SALLYPORT_TAG", value_name = "KEY=VALUE", required = true, num_args = 1.., value_delimiter = ',')]
        tag: Vec<Tag>,
        /// NOPASSWD: ALL on those hosts.
        #[arg(long, env = "SALLYPORT_SUDO")]
        sudo: bool,
        /// A POSIX group in which its people are on those hosts. Hosts get it from here: one name and one gid
        /// everywhere, for ever, out of the ranges of uids; it is nobody's account name.
        #[arg(long, env = "SALLYPORT_POSIX_GROUP", value_name = "NAME", num_args = 1.., value_delimiter = ',')]
        posix_group: Vec<PosixName>,
        /// A group that those hosts have of their own (adm, systemd-journal) and in which its people are. Its gid
        /// and its other members are the host's business.
        #[arg(long, env = "SALLYPORT_LOCAL_GROUP", value_name = "NAME", num_args = 1.., value_delimiter = ',')]
        local_group: Vec<PosixName>,
        /// Yes, a local group may be one whose members are as good as root: docker, lxd, disk, shadow, sudo, …
        #[arg(long, env = "SALLYPORT_ROOT_EQUIVALENT")]
        root_equivalent: bool,
        #[command(flatten)]
        output: Output,
    },
    /// List the grants.
    Ls(Output),
    /// Take a grant away, by its id. Access ends on every host it reached.
    Remove { id: String },
}

#[derive(Debug, Subcommand)]
pub enum Connection {
    /// Let another tenant write its directory here. Its users and groups are apart from every other tenant's; account
    /// names and uids are shared.
    Add {
        /// What to call it: lower-case letters, digits and hyphens.
        name: ConnectionName,
        /// Entra's "Directory (tenant) ID".
        #[arg(long, env = "SALLYPORT_TENANT", value_name = "ID")]
        tenant: TenantId,
    },
    /// List them.
    List(Output),
    /// Change what was settled about one; what is not named stays.
    Set {
        name: ConnectionName,
        /// Whether somebody without an object id may be linked once, at their first sign-in, by their user name.
        #[arg(long, env = "SALLYPORT_LINK_BY_UPN", value_enum)]
        link_by_upn: Option<OffOn>,
        /// Where requests may come from, instead of what was set before: addresses and networks.
        #[arg(long, env = "SALLYPORT_NETWORK", value_name = "CIDR", num_args = 1.., value_delimiter = ',',
              value_parser = parse_network)]
        network: Vec<IpNet>,
        /// Requests may come from anywhere.
        #[arg(long, conflicts_with = "network")]
        any_network: bool,
        /// Only members of these groups become users, instead of what was set before: object ids, or names of groups
        /// that have come already. Everybody else is stored and has no access.
        #[arg(long, env = "SALLYPORT_SCOPE", value_name = "ID|NAME", num_args = 1.., value_delimiter = ',')]
        scope: Vec<String>,
        /// Everybody whom the directory sends becomes a user.
        #[arg(long, conflicts_with = "scope")]
        everybody: bool,
    },
    /// Forget one, with its tokens. It must have no users and no groups any more.
    Remove { name: ConnectionName },
}

#[derive(Debug, Subcommand)]
pub enum ScimToken {
    /// Make a token and print it: the only time that it is seen.
    Create {
        #[arg(long, env = "SALLYPORT_NAME", default_value = "entra")]
        name: String,
        /// How long it lives: 365d, 12h.
        #[arg(long, env = "SALLYPORT_TTL", default_value = "365d", value_parser = parse_duration)]
        ttl: SignedDuration,
        /// The tenant that it writes for; that of `init` unless named.
        #[arg(long, env = "SALLYPORT_CONNECTION", value_name = "NAME")]
        connection: Option<ConnectionName>,
        /// One secret token, a user with a password, or an OAuth client for the token endpoint `/scim/token`.
        #[arg(long, env = "SALLYPORT_KIND", value_enum, default_value_t = CredentialKind::Bearer)]
        kind: CredentialKind,
        #[command(flatten)]
        output: Output,
    },
    /// List the tokens (never their text).
    List(Output),
    /// Let a token live on, counted from now. One that expired works again, and nothing changes in Entra.
    Extend {
        /// Its id, or its name when only one token bears it.
        #[arg(value_name = "ID|NAME")]
        id: String,
        /// How long it lives from now.
        #[arg(long, env = "SALLYPORT_TTL", default_value = "365d", value_parser = parse_duration)]
        ttl: SignedDuration,
    },
    /// End a token at once.
    Revoke {
        /// Its id, or its name when only one token bears it.
        #[arg(value_name = "ID|NAME")]
        id: String,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum CredentialKind {
    Basic,
    Bearer,
    Oauth,
}

#[derive(Debug, Subcommand)]
pub enum EnrollToken {
    /// Make a token and print it: the only time that it is seen.
    Create {
        /// How many hosts it may enrol.
        #[arg(long, env = "SALLYPORT_USES", default_value_t = 1)]
        uses: u32,
        /// How long it lives: 1h, 7d.
        #[arg(long, env = "SALLYPORT_TTL", default_value = "1h", value_parser = parse_duration)]
        ttl: SignedDuration,
        /// Names that a host with this token may have, as in `ssh_config`.
        #[arg(long, env = "SALLYPORT_NAME", value_name = "PATTERN", required = true, num_args = 1.., value_delimiter = ',')]
        name: Vec<HostPattern>,
        /// Tags that the host gets: it cannot choose its own.
        #[arg(long, env = "SALLYPORT_TAG", value_name = "KEY=VALUE", num_args = 1.., value_delimiter = ',')]
        tag: Vec<Tag>,
    },
    /// List the tokens (never their text).
    List(Output),
    /// End a token at once. Hosts that it enrolled stay.
    Revoke { id: String },
}

#[derive(Debug, Subcommand)]
pub enum Provisioning {
    /// The provisioning log, oldest first: the newest operations, or those after a number. A million are kept,
    /// for 30 days at most.
    Log {
        /// Operations about this person, memberships included: `userName`, id or object id.
        #[arg(long, env = "SALLYPORT_USER", value_name = "NAME|ID")]
        user: Option<String>,
        /// Operations about this group: display name, id or object id.
        #[arg(long, env = "SALLYPORT_GROUP", value_name = "ID|NAME")]
        group: Option<String>,
        /// Only what was refused.
        #[arg(long, env = "SALLYPORT_FAILED")]
        failed: bool,
        /// Only operations after this number, to go on where an earlier command ended.
        #[arg(long, env = "SALLYPORT_AFTER")]
        after: Option<u64>,
        /// As many at most, 1000 at the most.
        #[arg(long, env = "SALLYPORT_LIMIT", default_value_t = 100)]
        limit: usize,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Every event, one JSON object a line, oldest first.
    Export {
        /// Only events after this sequence number.
        #[arg(long, env = "SALLYPORT_AFTER", default_value_t = 0)]
        after: u64,
    },
    /// Fold the chain and compare it with the tables. Exit 0 when both agree.
    Verify(Output),
}

fn parse_network(text: &str) -> Result<IpNet, String> {
    network(text).ok_or_else(|| "write an address or a network, such as 192.0.2.0/24".to_owned())
}
