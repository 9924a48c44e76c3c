use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use sallyport_domain::{HostPattern, PosixName};

use super::Output;

#[derive(Debug, Subcommand)]
pub enum Names {
    /// Evaluate an expression of Entra's mapping language. Reads nothing but its arguments.
    Eval(NamesEval),
    /// Show what an expression would make of people: new names, changes, collisions, refusals. Changes nothing.
    Preview(NamesPreview),
    /// Put another expression in force, in one transaction. Nobody who has a name is renamed: a rename is proposed.
    Apply {
        /// The expression; without it, the one of the configuration file.
        #[arg(long, env = "SALLYPORT_EXPRESSION", value_name = "E")]
        expression: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// List what waits for a decision: proposed renames, conflicts, coming collisions, numbers that differ.
    List {
        /// Names that nobody uses and that stay reserved for whoever had them.
        #[arg(long, env = "SALLYPORT_RESERVED")]
        reserved: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Rename a person to what is proposed. Hosts rename the account; its home, uid and files stay as they are.
    Approve {
        /// A person's id, object id, user name or POSIX name.
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        user: Option<String>,
        /// The name that you agree to; when another is proposed by now, nothing happens.
        #[arg(long, env = "SALLYPORT_NAME", value_name = "NAME", conflicts_with = "all")]
        name: Option<String>,
        /// Everybody whose proposed name is free.
        #[arg(long, env = "SALLYPORT_ALL")]
        all: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Turn a proposed rename down: the person keeps their name.
    Keep {
        /// A person's id, object id, user name or POSIX name.
        user: String,
        #[command(flatten)]
        output: Output,
    },
    /// Give a person a name by hand.
    Assign {
        /// A person's id, object id, user name or POSIX name.
        user: String,
        name: String,
        #[command(flatten)]
        output: Output,
    },
    /// Free a name that nobody uses, in two steps. Numbers are never freed.
    Release {
        name: String,
        /// What the first step printed.
        #[arg(long, env = "SALLYPORT_CONFIRM", value_name = "WORD")]
        confirm: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Give a local account to a person, on the hosts of a pattern. It keeps its uid, home, shell and authorized keys.
    Adopt {
        /// The account's name on those hosts.
        local: PosixName,
        /// A person's id, object id, user name or POSIX name.
        #[arg(long, env = "SALLYPORT_USER", value_name = "USER")]
        user: String,
        /// A host's name, or a pattern as in `ssh_config`.
        #[arg(long, env = "SALLYPORT_HOST", value_name = "PATTERN")]
        host: HostPattern,
        /// Take it back: principals and sudo go, sessions end; the account stays.
        #[arg(long, env = "SALLYPORT_REMOVE")]
        remove: bool,
    },
    /// List the POSIX groups that hosts get from here, with their gids. Neither name nor gid is ever another's.
    Groups(Output),
    /// List local accounts that were given to people.
    Adoptions(Output),
}

#[derive(Args, Debug)]
pub struct NamesEval {
    /// As in Entra's portal: `ToLower([userPrincipalName])`.
    pub expression: OsString,
    /// An attribute of the person; given several times, or as a JSON list, it has several values.
    #[arg(long, env = "SALLYPORT_ATTR", value_name = "NAME=VALUE")]
    pub attr: Vec<String>,
    /// A person as SCIM has them, in a file; for [userPrincipalName] its userName is read where it has no other.
    #[arg(long, env = "SALLYPORT_SCIM", value_name = "FILE", conflicts_with_all = ["attr", "graph", "claims"])]
    pub scim: Option<PathBuf>,
    /// A person as Microsoft Graph has them, in a file.
    #[arg(long, env = "SALLYPORT_GRAPH", value_name = "FILE", conflicts_with_all = ["attr", "claims"])]
    pub graph: Option<PathBuf>,
    /// The claims of a person's token, decoded, in a file.
    #[arg(long, env = "SALLYPORT_CLAIMS", value_name = "FILE", conflicts_with = "attr")]
    pub claims: Option<PathBuf>,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Args, Debug)]
pub struct NamesPreview {
    /// The expression to try; without it, the one in force.
    #[arg(long, env = "SALLYPORT_EXPRESSION", value_name = "E")]
    pub expression: Option<String>,
    /// People out of a file: a header of attribute names, `oid` among them or not. Works where there is no CA.
    #[arg(long, env = "SALLYPORT_CSV", value_name = "FILE", conflicts_with = "connection")]
    pub csv: Option<PathBuf>,
    /// People out of a file of JSON: pages of Microsoft Graph's /users, SCIM lists, or claims. Works where there is no CA.
    #[arg(long, env = "SALLYPORT_JSON", value_name = "FILE", conflicts_with_all = ["csv", "connection"])]
    pub json: Option<PathBuf>,
    /// The people of this connection; without it, everybody.
    #[arg(long, env = "SALLYPORT_CONNECTION", value_name = "NAME")]
    pub connection: Option<String>,
    /// Leave out of the text who keeps their name. In JSON, everybody always stands.
    #[arg(long, env = "SALLYPORT_CHANGES")]
    pub changes: bool,
    #[command(flatten)]
    pub output: Output,
}
