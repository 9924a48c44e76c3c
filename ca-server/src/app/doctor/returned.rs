//! Whether a group that was deleted is here again, without what it opened.

use sallyport_protocol::admin::Finding;

use super::facts::Facts;
use super::warning;

const CHECK: &str = "lost_grants";

/// Nothing where there is nothing to say: it is a rare mistake.
pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let finding = |lost: &crate::app::groups::Returned| {
        warning(
            CHECK,
            format!(
                "{:?} is here again, and has no grant that ended when the directory took the group away at {}",
                lost.name, lost.lost_at
            ),
            format!("if it is to have it: {}", lost.command),
        )
    };
    facts.returned.iter().map(finding).collect()
}
