use std::io::Write;
use std::path::Path;

use anyhow::bail;
use sallyport_client::{AdminClient, ClientError};
use sallyport_protocol::admin::AuditVerdict;

use super::backend::with_admin;
use crate::cli::{Audit, Format};

pub(super) async fn run(config: &Path, asked: Audit) -> anyhow::Result<()> {
    match asked {
        Audit::Export { after } => with_admin(config, |admin| export(admin, after)).await,
        Audit::Verify(output) => {
            let verdict = with_admin(config, |admin| async move { admin.audit_verify().await }).await?;
            print_verdict(output.format, &verdict)
        }
    }
}

async fn export(admin: AdminClient, mut after: u64) -> Result<(), ClientError> {
    let mut out = std::io::stdout().lock();
    loop {
        let events = admin.audit(after).await?;
        let Some(last) = events.last().and_then(|event| event.get("seq")).and_then(serde_json::Value::as_u64)
        else {
            return Ok(());
        };
        for event in &events {
            // A closed pipe (`| head`) ends the export quietly.
            if writeln!(out, "{event}").is_err() {
                return Ok(());
            }
        }
        after = last;
    }
}

fn print_verdict(format: Format, verdict: &AuditVerdict) -> anyhow::Result<()> {
    if format == Format::Json {
        println!("{}", serde_json::to_string_pretty(verdict)?);
    } else {
        println!("events  {}", verdict.events);
        println!("head    {}", verdict.head);
        for problem in &verdict.problems {
            println!("problem {problem}");
        }
    }
    if verdict.problems.is_empty() {
        return Ok(());
    }
    bail!(
        "the record and the tables do not agree ({} problems): keep this database as evidence, and compare with a backup",
        verdict.problems.len()
    )
}
