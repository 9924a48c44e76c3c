//! `entra-sim provision`.

use std::io::Write as _;

use anyhow::{Context as _, bail};
use sallyport_entra_sim::provision::{
    Credential, Cycle, Dialect, Exchange, ExternalId, Mapping, Matching, Provisioner, Report, Token,
};

use super::{client, secret};
use crate::cli;

pub(crate) async fn run(args: cli::Provision) -> anyhow::Result<()> {
    let credential = credential(&args.shown)?;
    let mapping = Mapping { external_id: args.external_id.into(), matching: args.matching.into() };
    let client = client(&args.target.ca_file)?;
    let dialect = args.dialect.map(Into::into);
    let service = Provisioner::new(client, args.target.sim, args.scim_url, credential, dialect, mapping);
    let report = service.run(args.cycle.map(Into::into), &mut progress).await?;
    print(&report, args.format)?;
    match report.failures.as_slice() {
        [] => Ok(()),
        [failure] => bail!("a request failed: {failure}"),
        [first, ..] => bail!("{} requests failed, the first: {first}", report.failures.len()),
    }
}

/// The command line asks for one of the three, whole.
fn credential(shown: &cli::Shown) -> anyhow::Result<Credential> {
    if let (Some(user), Some(password)) = (&shown.user, &shown.password) {
        return Credential::basic(user, &secret(password)?).context("a user has no colon");
    }
    if let (Some(id), Some(with), Some(url)) = (&shown.client_id, &shown.client_secret, &shown.token_url) {
        return Ok(Credential::client(id, &secret(with)?, url.clone()));
    }
    let token = shown.token.as_deref().context("there is no --token")?;
    let token = Token::new(&secret(token)?).context("the token is empty, or no header can carry it")?;
    Ok(token.into())
}

fn progress(exchange: &Exchange) {
    let status = exchange.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
    eprintln!("{status:>9}  {:<6} {}  ({})", exchange.method, exchange.path, exchange.object);
}

fn print(report: &Report, format: cli::Format) -> anyhow::Result<()> {
    eprintln!("{:?} cycle, {:?} dialect: {}", report.cycle, report.dialect, report.summary());
    for failure in &report.failures {
        eprintln!("   failed  {failure}");
    }
    if format == cli::Format::Json {
        writeln!(std::io::stdout(), "{}", serde_json::to_string(report)?)?;
    }
    Ok(())
}

impl From<cli::Dialect> for Dialect {
    fn from(dialect: cli::Dialect) -> Self {
        match dialect {
            cli::Dialect::Legacy => Self::Legacy,
            cli::Dialect::Compliant => Self::Compliant,
        }
    }
}

impl From<cli::Cycle> for Cycle {
    fn from(cycle: cli::Cycle) -> Self {
        match cycle {
            cli::Cycle::Initial => Self::Initial,
            cli::Cycle::Incremental => Self::Incremental,
        }
    }
}

impl From<cli::ExternalId> for ExternalId {
    fn from(external_id: cli::ExternalId) -> Self {
        match external_id {
            cli::ExternalId::ObjectId => Self::ObjectId,
            cli::ExternalId::MailNickname => Self::MailNickname,
        }
    }
}

impl From<cli::Matching> for Matching {
    fn from(matching: cli::Matching) -> Self {
        match matching {
            cli::Matching::Name => Self::Name,
            cli::Matching::ExternalId => Self::ExternalId,
        }
    }
}
