//! Whether each directory can still write, and for how long.

use sallyport_protocol::admin::Finding;
use sallyport_store::{ConnectionRow, ScimTokenRow};

use super::facts::Facts;
use super::{error, ok, warning};
use crate::app::credentials::expiry::Stage;

const CHECK: &str = "scim_credentials";
const EXPIRY: &str = "scim_expiry";

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let live = facts.connections.iter().map(|connection| of(facts, connection));
    live.chain(facts.stages().filter_map(|(token, stage)| ending(facts, token, stage))).collect()
}

fn of(facts: &Facts, connection: &ConnectionRow) -> Finding {
    let name = &connection.name;
    let own = facts.stages().filter(|(token, _)| token.tenant == connection.tenant);
    let live = own.filter(|(_, stage)| *stage != Stage::Over).count();
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

fn ending(facts: &Facts, token: &ScimTokenRow, stage: Stage) -> Option<Finding> {
    let connection = facts.name_of(token.tenant).map_or_else(String::new, |name| format!("{name}: "));
    let what =
        |verb: &str| format!("{connection}{:?} ({}) {verb} {}", token.name, token.id, token.expires_at);
    let extend = format!("sallyport-ca scim-token extend {0}, or revoke {0}", token.id);
    match stage {
        Stage::Fine => None,
        Stage::Month | Stage::Week => Some(warning(EXPIRY, what("expires"), extend)),
        Stage::Day => Some(error(EXPIRY, what("expires"), extend)),
        // Whether anybody misses it is said above.
        Stage::Over => Some(warning(EXPIRY, what("has expired:"), extend)),
    }
}
