use std::collections::BTreeSet;

use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::registry::Registry;

/// The two texts that scrapers read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Dialect {
    OpenMetrics,
    Prometheus,
}

impl Dialect {
    /// What a scraper asks for; the older text unless it names the newer.
    pub fn of(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") { Self::OpenMetrics } else { Self::Prometheus }
    }

    pub const fn media_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

pub(super) fn render(registries: &[&Registry], dialect: Dialect) -> String {
    let mut text = String::new();
    let written = registries.iter().try_for_each(|registry| encode_registry(&mut text, registry));
    // Writing into a String cannot fail.
    let _ = written.and_then(|()| encode_eof(&mut text));
    match dialect {
        Dialect::OpenMetrics => text,
        Dialect::Prometheus => older(&text),
    }
}

/// In the older text a counter is called in its description as in its samples, `_total` included, and nothing marks the
/// end.
fn older(text: &str) -> String {
    let counter = |line: &str| {
        let name = line.strip_prefix("# TYPE ")?.strip_suffix(" counter")?;
        Some(name.to_owned())
    };
    let counters: BTreeSet<String> = text.lines().filter_map(counter).collect();
    let mut older = String::with_capacity(text.len());
    for line in text.lines().filter(|line| *line != "# EOF") {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some(keyword), Some(name), Some(rest)) if counters.contains(name) => {
                older.extend(["# ", keyword, " ", name, "_total ", rest]);
            }
            _ => older.push_str(line),
        }
        older.push('\n');
    }
    older
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::metrics::{Dialect, Metrics, ScimOperation, Standing};

    fn counted() -> Metrics {
        let metrics = Metrics::default();
        let operation = ScimOperation { resource: "users", operation: "create" };
        let name = "entra".parse().unwrap();
        metrics.scim(Some(&name), operation, 201, Duration::from_millis(3));
        metrics.certificate("user", "no_grant");
        metrics
    }

    #[test]
    fn counters_are_described_under_the_name_that_they_have() {
        let text = counted().render(&Standing::default(), Dialect::Prometheus);
        assert!(text.contains("# TYPE sallyport_scim_requests_total counter\n"), "{text}");
        let sample = "sallyport_scim_requests_total{connection=\"entra\",resource=\"users\",operation=\"create\",\
                      status=\"201\"} 1\n";
        assert!(text.contains(sample), "{text}");
        assert!(
            text.contains("sallyport_certificates_total{kind=\"user\",outcome=\"no_grant\"} 1\n"),
            "{text}"
        );
        assert!(text.contains("# TYPE sallyport_scim_request_duration_seconds histogram\n"), "{text}");
        assert!(!text.contains("# EOF"), "{text}");
    }

    #[test]
    fn openmetrics_is_for_whoever_asks_for_it() {
        assert_eq!(Dialect::of("application/openmetrics-text;version=1.0.0,*/*"), Dialect::OpenMetrics);
        assert_eq!(Dialect::of("text/plain"), Dialect::Prometheus);
        let text = counted().render(&Standing::default(), Dialect::OpenMetrics);
        assert!(
            text.ends_with("# EOF\n") && text.contains("# TYPE sallyport_scim_requests counter\n"),
            "{text}"
        );
    }
}
