use std::path::Path;

use anyhow::bail;
use sallyport_protocol::admin::{Finding, Health};
use tokio::net::UnixStream;

use super::backend::with_admin;
use super::load_config;
use crate::cli::{Format, Output};

pub(super) async fn run(config: &Path, output: Output) -> anyhow::Result<()> {
    let runs = UnixStream::connect(load_config(config)?.socket_path()).await.is_ok();
    let mut findings = with_admin(config, |admin| async move { admin.doctor().await }).await?;
    if !runs {
        findings.insert(0, stopped());
    }
    if output.format == Format::Json {
        println!("{}", serde_json::to_string_pretty(&findings)?);
    } else {
        for finding in &findings {
            print(finding);
        }
    }
    let broken = findings.iter().filter(|finding| finding.health == Health::Error).count();
    if broken > 0 {
        bail!("{broken} of these do not work");
    }
    Ok(())
}

/// Only a server that runs can say who was heard of.
fn stopped() -> Finding {
    Finding {
        check: "server".to_owned(),
        health: Health::Warning,
        detail: "the server does not run".to_owned(),
        remedy: Some("systemctl start sallyport-ca".to_owned()),
    }
}

fn print(finding: &Finding) {
    let mark = match finding.health {
        Health::Ok => "ok     ",
        Health::Warning => "warning",
        Health::Error => "ERROR  ",
    };
    println!("{mark}  {:<20}  {}", finding.check, finding.detail);
    if let Some(remedy) = &finding.remedy {
        println!("         {:<20}  {remedy}", "");
    }
}
