//! Whether each directory can still write.

use sallyport_protocol::admin::Finding;
use sallyport_store::ConnectionRow;

use super::facts::Facts;
use super::{error, ok, warning};

const CHECK: &str = "scim_credentials";

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    facts.connections.iter().map(|connection| of(facts, connection)).collect()
}

fn of(facts: &Facts, connection: &ConnectionRow) -> Finding {
    let name = &connection.name;
    let live = facts
        .tokens
        .iter()
        .filter(|token| token.tenant == connection.tenant && token.revoked_at.is_none())
        .filter(|token| token.expires_at > facts.now)
        .count();
    let create = format!("sallyport-ca scim-token create --connection {name}, and give it to Entra");
    match live {
        0 if connection.last_request_at.is_some() => {
            error(CHECK, format!("{name}: no token is left with which it could write"), create)
        }
        0 => warning(CHECK, format!("{name}: nothing can write yet"), create),
        1 => ok(CHECK, format!("{name}: one token is in use")),
        several => ok(CHECK, format!("{name}: {several} tokens are in use")),
    }
}
