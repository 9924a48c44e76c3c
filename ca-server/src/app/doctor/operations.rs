//! Whether directories get done what they ask for: one whose operations are refused too often stops to ask.

use sallyport_protocol::admin::Finding;

use super::facts::Facts;
use super::{error, ok, warning};
use crate::app::provisioning::Trouble;

const CHECK: &str = "scim_operations";

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let advice = "sallyport-ca provisioning log --failed says which, and why; above 40 of 100 Entra puts its job in \
                  quarantine";
    let troubled = facts.operations().filter_map(|(connection, outcomes)| {
        let finding = match outcomes.trouble() {
            Trouble::None => return None,
            Trouble::Some => warning,
            Trouble::Grave => error,
        };
        Some(finding(CHECK, format!("{connection}: {}", outcomes.text()), advice))
    });
    let mut findings: Vec<_> = troubled.collect();
    if findings.is_empty() {
        findings.push(ok(CHECK, "no directory has too many of its operations refused"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use sallyport_protocol::admin::Health;

    use super::*;
    use crate::app::provisioning::Outcomes;
    use crate::app::testing::facts;

    #[test]
    fn a_directory_whose_operations_are_refused_is_named_with_the_command() {
        let mut facts = facts(0, 0);
        assert_eq!(check(&facts)[0].health, Health::Ok);
        let tenant = facts.connections[0].tenant;
        for (refused, health) in [(100, Health::Ok), (300, Health::Warning), (600, Health::Error)] {
            facts.outcomes.insert(tenant, Outcomes { total: 1_000, refused });
            let found = check(&facts).remove(0);
            assert_eq!(found.health, health, "{found:?}");
            if health != Health::Ok {
                assert!(found.detail.contains(facts.connections[0].name.as_str()), "{found:?}");
                assert!(found.remedy.unwrap().contains("provisioning log --failed"));
            }
        }
    }
}
