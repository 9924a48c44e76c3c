//! How things stand at the moment of the scrape.

use std::collections::BTreeMap;

use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::app::Outcomes;

/// What the gauges say.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    pub connections: Vec<Connection>,
    pub credentials: Vec<Credential>,
    /// How many hosts are in each state.
    pub hosts: BTreeMap<String, i64>,
    /// Hosts that have not applied the newest generation.
    pub hosts_behind: i64,
    /// Listeners with certificate files, and when those end.
    pub tls: Vec<(String, Timestamp)>,
}

#[derive(Clone, Debug)]
pub struct Connection {
    pub name: String,
    pub last_request_at: Option<Timestamp>,
    pub silent: bool,
    /// Of the last day.
    pub outcomes: Outcomes,
}

/// One that is not revoked.
#[derive(Clone, Debug)]
pub struct Credential {
    pub connection: String,
    pub id: String,
    pub kind: &'static str,
    pub name: String,
    pub expires_at: Timestamp,
    /// Below zero when it is over.
    pub seconds_left: i64,
    /// 0: more than 30 days are left; 1: 30 at most; 2: 7; 3: one; 4: it is over.
    pub level: i64,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct OfConnection {
    connection: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct OfCredential {
    connection: String,
    id: String,
    kind: &'static str,
    name: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct OfState {
    state: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct OfListener {
    listen: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct OfProgram {
    version: &'static str,
}

pub(super) fn registry(standing: &Standing) -> Registry {
    let mut registry = Registry::with_prefix("sallyport");
    let info = Family::<OfProgram, Gauge>::default();
    info.get_or_create(&OfProgram { version: env!("CARGO_PKG_VERSION") }).set(1);
    registry.register("build_info", "Always 1; the version is its label", info);
    connections(&mut registry, &standing.connections);
    credentials(&mut registry, &standing.credentials);

    let hosts = Family::<OfState, Gauge>::default();
    for (state, count) in &standing.hosts {
        hosts.get_or_create(&OfState { state: state.clone() }).set(*count);
    }
    registry.register("hosts", "Hosts by state", hosts);
    let behind = Gauge::<i64>::default();
    behind.set(standing.hosts_behind);
    registry.register(
        "hosts_behind",
        "Hosts that have not applied their newest generation, as said by them",
        behind,
    );

    let tls = Family::<OfListener, Gauge>::default();
    for (listen, end) in &standing.tls {
        tls.get_or_create(&OfListener { listen: listen.clone() }).set(end.as_second());
    }
    registry.register(
        "tls_certificate_expires_timestamp_seconds",
        "When a listener's certificate file ends",
        tls,
    );
    registry
}

fn connections(registry: &mut Registry, connections: &[Connection]) {
    let (last, silent) = (Family::<OfConnection, Gauge>::default(), Family::<OfConnection, Gauge>::default());
    let (total, refused) =
        (Family::<OfConnection, Gauge>::default(), Family::<OfConnection, Gauge>::default());
    for connection in connections {
        let labels = OfConnection { connection: connection.name.clone() };
        // Nothing, rather than 1970, where it never spoke.
        if let Some(at) = connection.last_request_at {
            last.get_or_create(&labels).set(at.as_second());
        }
        silent.get_or_create(&labels).set(i64::from(connection.silent));
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        total.get_or_create(&labels).set(number(connection.outcomes.total));
        refused.get_or_create(&labels).set(number(connection.outcomes.refused));
    }
    registry.register(
        "scim_last_request_timestamp_seconds",
        "When a directory was last heard of, in steps of five minutes",
        last,
    );
    registry.register("scim_silent", "1 when a directory that used to write has fallen silent", silent);
    registry.register(
        "scim_operations_last_day",
        "Operations on users and groups in the last 24 hours, as far as this process saw them",
        total,
    );
    registry.register("scim_operations_refused_last_day", "Those of them that were refused", refused);
}

fn credentials(registry: &mut Registry, credentials: &[Credential]) {
    let (expiry, left, levels) = (
        Family::<OfCredential, Gauge>::default(),
        Family::<OfCredential, Gauge>::default(),
        Family::<OfCredential, Gauge>::default(),
    );
    for credential in credentials {
        let Credential { connection, id, kind, name, expires_at, seconds_left, level } = credential.clone();
        let labels = OfCredential { connection, id, kind, name };
        expiry.get_or_create(&labels).set(expires_at.as_second());
        left.get_or_create(&labels).set(seconds_left);
        levels.get_or_create(&labels).set(level);
    }
    registry.register(
        "scim_credential_expires_timestamp_seconds",
        "When a credential that stands expires",
        expiry,
    );
    registry.register(
        "scim_credential_left_seconds",
        "How long a credential still lasts; below zero when it is over",
        left,
    );
    registry.register(
        "scim_credential_expiry_level",
        "0: nothing to do; 1: 30 days are left at most; 2: 7 days; 3: one day; 4: over. Steps count for what lives longer than they are",
        levels,
    );
}
