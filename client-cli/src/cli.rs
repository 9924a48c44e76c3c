//! What can be typed. What it means is for `intent`.

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use sallyport_client::CaUrl;
use sallyport_protocol::Fingerprint;

/// Sign in at Entra, and plain ssh works for the rest of the day.
#[derive(Debug, Parser)]
#[command(name = "sallyport", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Config(ConfigArgs),
    Inspect(InspectArgs),
    Login(LoginArgs),
    Logout(LogoutArgs),
    Status(StatusArgs),
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(crate) enum Format {
    Json,
    #[default]
    Text,
}

/// Sign in and get a certificate into the ssh-agent.
#[expect(
    clippy::struct_excessive_bools,
    reason = "flags are what a command line has; `intent` gives them meaning"
)]
#[derive(Args, Debug, Default)]
pub(crate) struct LoginArgs {
    /// Who you mean to be; another person who signs in is refused.
    #[arg(value_name = "YOU@EXAMPLE.COM", env = "SALLYPORT_USER")]
    pub(crate) who: Option<String>,
    /// The CA's address; remembered after the first login.
    #[arg(long, value_name = "URL", env = "SALLYPORT_CA")]
    pub(crate) ca: Option<CaUrl>,
    /// The fingerprint of the CA's identity key, from your administrator; remembered after the first login.
    #[arg(long, value_name = "SHA256:…", env = "SALLYPORT_CA_FINGERPRINT")]
    pub(crate) ca_fingerprint: Option<Fingerprint>,
    /// Sign in on another device, with a code.
    #[arg(long, env = "SALLYPORT_DEVICE", value_parser = FalseyValueParser::new())]
    pub(crate) device: bool,
    /// Print the address to open, and wait for the redirect or for the pasted address.
    #[arg(long, env = "SALLYPORT_NO_BROWSER", value_parser = FalseyValueParser::new())]
    pub(crate) no_browser: bool,
    /// How long the certificate lives, such as 8h or 1h30m; five minutes at least.
    #[arg(long, value_name = "TIME", env = "SALLYPORT_TTL")]
    pub(crate) ttl: Option<String>,
    /// Sign in even when a valid certificate is there.
    #[arg(long, env = "SALLYPORT_FORCE", value_parser = FalseyValueParser::new())]
    pub(crate) force: bool,
    /// Keep the key in a file (see --out) and not in an ssh-agent.
    #[arg(long, env = "SALLYPORT_NO_AGENT", value_parser = FalseyValueParser::new())]
    pub(crate) no_agent: bool,
    /// With --no-agent: the private key goes to FILE, with FILE.pub and FILE-cert.pub beside it.
    #[arg(long, value_name = "FILE", env = "SALLYPORT_OUT")]
    pub(crate) out: Option<PathBuf>,
    /// With json, one event a line on stdout.
    #[arg(long, value_enum, default_value_t, env = "SALLYPORT_FORMAT")]
    pub(crate) format: Format,
}

/// Take your certificates out of the ssh-agent.
#[derive(Args, Debug)]
pub(crate) struct LogoutArgs {
    /// Those of every Sallyport CA, not only of the one in the configuration.
    #[arg(long, env = "SALLYPORT_ALL", value_parser = FalseyValueParser::new())]
    pub(crate) all: bool,
}

/// Show your certificates: until when, for which principals, from which login, and whether the CA revoked them.
///
/// Exit 0 when one is valid, 1 when none is.
#[derive(Args, Debug)]
pub(crate) struct StatusArgs {
    #[arg(long, value_enum, default_value_t, env = "SALLYPORT_FORMAT")]
    pub(crate) format: Format,
}

/// Make plain ssh trust the CA's hosts and offer your certificate first.
#[derive(Args, Debug)]
pub(crate) struct ConfigArgs {
    /// Show what would change, and change nothing.
    #[arg(long, env = "SALLYPORT_DRY_RUN", value_parser = FalseyValueParser::new())]
    pub(crate) dry_run: bool,
    /// Take everything away that this command wrote.
    #[arg(long, env = "SALLYPORT_REMOVE", value_parser = FalseyValueParser::new())]
    pub(crate) remove: bool,
    /// Write the settings into ~/.ssh/config itself, for tools that do not follow Include.
    #[arg(long, env = "SALLYPORT_FLAT", value_parser = FalseyValueParser::new())]
    pub(crate) flat: bool,
}

/// Explain a certificate: all that `ssh-keygen -L` shows, and what it means.
#[derive(Args, Debug)]
pub(crate) struct InspectArgs {
    /// A file of certificates, or - for stdin; without one, those in the ssh-agent.
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t, env = "SALLYPORT_FORMAT")]
    pub(crate) format: Format,
}

impl Cli {
    pub(crate) fn format(&self) -> Format {
        match &self.command {
            Command::Config(_) | Command::Logout(_) => Format::Text,
            Command::Inspect(args) => args.format,
            Command::Login(args) => args.format,
            Command::Status(args) => args.format,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definitions_hold_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_has_its_variable() {
        for command in Cli::command().get_subcommands() {
            for argument in command.get_arguments().filter(|a| a.get_long().is_some_and(|l| l != "help")) {
                let long = argument.get_long().unwrap();
                let expected = format!("SALLYPORT_{}", long.to_uppercase().replace('-', "_"));
                let found = argument.get_env().and_then(|name| name.to_str());
                assert_eq!(found, Some(expected.as_str()), "{} --{long}", command.get_name());
            }
        }
    }
}
