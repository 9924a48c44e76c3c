//! Whether each directory that used to write still does.

use sallyport_protocol::admin::Finding;

use super::facts::Facts;
use super::{error, ok};

const CHECK: &str = "scim_silent";

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let silent: Vec<_> = facts.silent().collect();
    if silent.is_empty() {
        let spoke =
            facts.connections.iter().filter(|connection| connection.last_request_at.is_some()).count();
        return vec![ok(
            CHECK,
            format!("{spoke} of {} connections write, none is silent", facts.connections.len()),
        )];
    }
    let advice = "look at its provisioning job in Entra (stopped, or in quarantine?), then at sallyport-ca scim-token list";
    let finding = |connection: &&sallyport_store::ConnectionRow| {
        let since = connection.last_request_at.unwrap_or(facts.now);
        error(CHECK, format!("{}: not heard of since {since}", connection.name), advice)
    };
    silent.iter().map(finding).collect()
}
