//! Whether somebody knocks and is turned away: a directory with a wrong secret, or a stranger.

use sallyport_domain::TenantId;
use sallyport_protocol::admin::Finding;

use super::facts::Facts;
use super::{ok, warning};
use crate::app::credentials::{Count, KEPT, Reason};

const CHECK: &str = "scim_refused";

/// Never more than a warning: anybody can knock.
pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    if facts.turned_away.is_empty() {
        let a_day_ago = facts.now.checked_sub(KEPT).unwrap_or(facts.now);
        let since = a_day_ago.max(facts.listening_since);
        return vec![ok(CHECK, format!("no SCIM request was turned away since {since}"))];
    }
    let finding = |(tenant, reason, count): &(Option<TenantId>, Reason, Count)| {
        let whose = tenant.and_then(|tenant| facts.name_of(tenant));
        let whose = whose.map(|name| format!("{name}: ")).unwrap_or_default();
        warning(
            CHECK,
            format!("{whose}{}: requests turned away: {}", reason.what, count.text()),
            reason.remedy,
        )
    };
    facts.turned_away.iter().map(finding).collect()
}
