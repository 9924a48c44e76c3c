//! How things stand, for whoever scrapes.

use std::collections::{BTreeMap, BTreeSet};

use sallyport_domain::{ConnectionName, HostState};

use super::doctor::Facts;
use super::{App, AppError};
use crate::metrics::{Connection, Credential, Dialect, Standing};

impl App {
    /// Everything that is measured.
    pub async fn render_metrics(&self, dialect: Dialect) -> Result<String, AppError> {
        Ok(self.metrics().render(&standing(&self.facts().await?), dialect))
    }
}

fn standing(facts: &Facts) -> Standing {
    let silent: BTreeSet<&ConnectionName> = facts.silent().map(|connection| &connection.name).collect();
    let connections = facts.connections.iter().map(|row| Connection {
        name: row.name.to_string(),
        last_request_at: row.last_request_at,
        silent: silent.contains(&row.name),
    });
    let credentials = facts.stages().map(|(token, _)| Credential {
        connection: facts.name_of(token.tenant).map(ToString::to_string).unwrap_or_default(),
        id: token.id.to_string(),
        kind: token.kind.as_str(),
        name: token.name.clone(),
        expires_at: token.expires_at,
    });
    let mut hosts = BTreeMap::new();
    for host in &facts.hosts {
        let over = host.report.lease_until.is_some_and(|until| until <= facts.now);
        let silent = over && host.state == HostState::Live;
        let state = if silent { HostState::Silent } else { host.state };
        *hosts.entry(state.to_string()).or_default() += 1;
    }
    let behind = |host: &&_| is_behind(host);
    Standing {
        connections: connections.collect(),
        credentials: credentials.collect(),
        hosts,
        hosts_behind: i64::try_from(facts.hosts.iter().filter(behind).count()).unwrap_or(i64::MAX),
        tls: facts.tls.iter().filter_map(|(address, end)| Some((address.to_string(), (*end)?))).collect(),
    }
}

fn is_behind(host: &sallyport_store::HostRow) -> bool {
    host.state != HostState::Retired && host.report.applied < host.generation
}
