//! Counters and latencies of this process, and how things stand, in the text that Prometheus reads. No label holds
//! anything of a person, a host or a secret.

mod requests;
mod state;
mod text;

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use sallyport_domain::ConnectionName;

pub use self::requests::ScimOperation;
use self::requests::{CertificateLabels, OperationLabels, ScimLabels};
pub use self::state::{Connection, Credential, Standing};
pub use self::text::Dialect;

/// Seconds. Entra gives up at 60; what takes longer than a second is worth a look.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    certificates: Family<CertificateLabels, Counter>,
    scim_requests: Family<ScimLabels, Counter>,
    scim_seconds: Family<OperationLabels, Histogram, fn() -> Histogram>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("sallyport");
        let certificates = Family::default();
        registry.register(
            "certificates",
            "Requests for certificates, by what came of them",
            Family::clone(&certificates),
        );
        let scim_requests = Family::default();
        registry.register(
            "scim_requests",
            "SCIM requests by connection (empty: none was proved), operation and status",
            Family::clone(&scim_requests),
        );
        let scim_seconds: Family<_, _, fn() -> Histogram> = Family::new_with_constructor(histogram);
        registry.register(
            "scim_request_duration_seconds",
            "How long SCIM requests took, answer included",
            Family::clone(&scim_seconds),
        );
        Self { registry, certificates, scim_requests, scim_seconds }
    }
}

fn histogram() -> Histogram {
    Histogram::new(BUCKETS)
}

impl Metrics {
    /// Counts a SCIM request.
    pub fn scim(
        &self,
        connection: Option<&ConnectionName>,
        operation: ScimOperation,
        status: u16,
        took: Duration,
    ) {
        let connection = connection.map(ToString::to_string).unwrap_or_default();
        let ScimOperation { resource, operation } = operation;
        let labels = ScimLabels { connection, resource, operation, status };
        self.scim_requests.get_or_create(&labels).inc();
        self.scim_seconds.get_or_create(&OperationLabels { resource, operation }).observe(took.as_secs_f64());
    }

    /// Counts a request for a certificate of a `user` or a `host`: `issued`, or a problem's code.
    pub fn certificate(&self, kind: &'static str, outcome: &'static str) {
        self.certificates.get_or_create(&CertificateLabels { kind, outcome }).inc();
    }

    /// Everything, as a scraper reads it.
    pub fn render(&self, standing: &Standing, dialect: Dialect) -> String {
        text::render(&[&self.registry, &state::registry(standing)], dialect)
    }
}
