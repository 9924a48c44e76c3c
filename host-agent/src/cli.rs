use clap::builder::FalseyValueParser;
use clap::{Parser, Subcommand, ValueEnum};
use sallyport_client::CaUrl;
use sallyport_domain::HostName;
use sallyport_protocol::Fingerprint;

/// Keeps a Linux host in step with a Sallyport CA: accounts, sudo, who may log in, revocations.
#[derive(Debug, Parser)]
#[command(name = "sallyport-host", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Introduce this host to a CA.
    Enroll(Enroll),
    /// Stay in step with the CA until stopped. This is what the service runs.
    Run,
    /// Fetch what this host shall be, bring it about, and exit.
    Apply(Apply),
    /// Take away what a lease allowed that is over. For a timer, where `run` does not run.
    Lapse(DryRun),
    /// From observing to live: begin to change the host.
    Enforce(DryRun),
    /// Say where this host stands.
    Status(Format),
    /// Look for what is wrong, and say what to do about it.
    Doctor(Format),
    /// Build the list of the accounts that we made anew, after it was lost or damaged.
    Recover(DryRun),
    /// Give sshd and sudo back as they were, and forget the CA. Accounts and homes stay, expired.
    Leave(DryRun),
    /// Take a change of sshd's configuration back when the process that began it dies. Started by that process.
    #[command(name = crate::sshd::watchman::COMMAND, hide = true)]
    WatchSshd,
}

#[derive(clap::Args)]
pub(crate) struct Enroll {
    /// The CA's address, as in `https://ca.example.com`
    #[arg(long, env = "SALLYPORT_CA", value_name = "URL")]
    pub(crate) ca: CaUrl,
    /// The CA's fingerprint, as `sallyport-ca init` printed it
    #[arg(long, env = "SALLYPORT_CA_FINGERPRINT", value_name = "SHA256:…")]
    pub(crate) ca_fingerprint: Fingerprint,
    /// The enrolment token; better @FILE, or - for standard input, since arguments are seen by all
    #[arg(long, env = "SALLYPORT_TOKEN", value_name = "T|@FILE|-", hide_env_values = true)]
    pub(crate) token: String,
    /// A name of this host, inside the token's patterns; the first is its own. Default: the host's qualified name
    #[arg(long, env = "SALLYPORT_PRINCIPAL", value_name = "NAME", num_args = 1.., value_delimiter = ',')]
    pub(crate) principal: Vec<HostName>,
    /// Only look and report; change nothing until `sallyport-host enforce`
    #[arg(long, env = "SALLYPORT_OBSERVE", value_parser = FalseyValueParser::new())]
    pub(crate) observe: bool,
    /// Check the CA and say what would be asked, without asking
    #[arg(long, env = "SALLYPORT_DRY_RUN", value_parser = FalseyValueParser::new())]
    pub(crate) dry_run: bool,
}

impl std::fmt::Debug for Enroll {
    /// Without the token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Enroll").field("ca", &self.ca).finish_non_exhaustive()
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct Apply {
    /// Once, which is also what happens without it
    #[arg(long, env = "SALLYPORT_ONCE", value_parser = FalseyValueParser::new())]
    pub(crate) once: bool,
    #[command(flatten)]
    pub(crate) dry_run: DryRun,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DryRun {
    /// Print what would be done, and touch nothing
    #[arg(long, env = "SALLYPORT_DRY_RUN", value_parser = FalseyValueParser::new())]
    pub(crate) dry_run: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Format {
    #[arg(long, env = "SALLYPORT_FORMAT", value_enum, default_value_t = OutputFormat::Text)]
    pub(crate) format: OutputFormat,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum OutputFormat {
    Json,
    Text,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound_and_every_flag_has_its_variable() {
        Cli::command().debug_assert();
        for command in Cli::command().get_subcommands() {
            for argument in command.get_arguments().filter(|argument| !argument.is_global_set()) {
                let name = argument.get_id().as_str();
                if matches!(name, "help" | "version") {
                    continue;
                }
                let expected = format!("SALLYPORT_{}", name.to_uppercase());
                assert_eq!(argument.get_env().and_then(|env| env.to_str()), Some(expected.as_str()));
            }
        }
    }

    #[test]
    fn the_token_does_not_print() {
        let fingerprint = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";
        let line =
            ["sallyport-host", "enroll", "--ca", "https://ca.contoso.test", "--ca-fingerprint", fingerprint];
        let cli = Cli::parse_from(line.into_iter().chain(["--token", "canary", "--principal", "a.b", "c.d"]));
        assert!(!format!("{cli:?}").contains("canary"));
        let Command::Enroll(enroll) = cli.command else { panic!("another command") };
        assert_eq!(enroll.principal.len(), 2);
    }
}
