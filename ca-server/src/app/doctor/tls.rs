//! Whether certificate files are about to end. What the private root signs is made anew by itself.

use jiff::SignedDuration;
use sallyport_protocol::admin::Finding;

use super::facts::Facts;
use super::{error, ok, warning};

const CHECK: &str = "tls_certificate";
/// Whoever renews certificates does so earlier.
const SOON: SignedDuration = SignedDuration::from_hours(7 * 24);

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let advice = "renew the files that [[listen]] names, then restart the server";
    let finding = |(address, end): &(std::net::SocketAddr, Option<jiff::Timestamp>)| match end {
        None => error(CHECK, format!("{address}: the certificate's file cannot be read"), advice),
        Some(end) if *end <= facts.now => error(CHECK, format!("{address}: ended {end}"), advice),
        Some(end) if end.duration_since(facts.now) <= SOON => {
            warning(CHECK, format!("{address}: ends {end}"), advice)
        }
        Some(end) => ok(CHECK, format!("{address}: good until {end}")),
    };
    facts.tls.iter().map(finding).collect()
}
