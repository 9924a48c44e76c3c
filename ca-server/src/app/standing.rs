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
        outcomes: facts.outcomes.get(&row.tenant).copied().unwrap_or_default(),
    });
    let credentials = facts.stages().map(|(token, stage)| Credential {
        connection: facts.name_of(token.tenant).map(ToString::to_string).unwrap_or_default(),
        id: token.id.to_string(),
        kind: token.kind.as_str(),
        name: token.name.clone(),
        expires_at: token.expires_at,
        seconds_left: token.expires_at.duration_since(facts.now).as_secs(),
        level: stage.level(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::testing::facts;
    use crate::metrics::Metrics;

    /// The value of a credential's gauge, as a scraper reads it so many days after the credential was made for a year.
    fn gauge(name: &str, days: i32) -> i64 {
        let text = Metrics::default().render(&standing(&facts(days, days)), Dialect::Prometheus);
        let mut found =
            text.lines().filter(|line| line.starts_with(&format!("sallyport_scim_credential_{name}{{")));
        let value = found.next().unwrap().rsplit_once(' ').unwrap().1.parse().unwrap();
        assert_eq!(found.next(), None, "what was revoked has no end: {text}");
        value
    }

    #[test]
    fn each_step_to_a_credentials_end_is_a_level() {
        for (days, level) in
            [(0, 0), (334, 0), (335, 1), (357, 1), (358, 2), (363, 2), (364, 3), (365, 4), (400, 4)]
        {
            assert_eq!(gauge("expiry_level", days), level, "after {days} days");
            assert_eq!(gauge("left_seconds", days), i64::from(365 - days) * 86_400, "after {days} days");
        }
    }
}
