//! Whether people are joined with their tokens: by the object id, which Entra sends only when it is told to.

use sallyport_protocol::admin::Finding;

use super::facts::{Facts, Troubled};
use super::{error, ok, warning};
use crate::app::upn_link::MAPPING_REMEDY;

const CHECK: &str = "object_ids";

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    facts.troubled.iter().flat_map(of).collect()
}

fn of(troubled: &Troubled) -> Vec<Finding> {
    let name = &troubled.connection;
    let mut findings = Vec::new();
    if troubled.unlinked > 0 {
        let detail = format!(
            "{name}: {} users came with an externalId that is no object id (Entra's default sends mailNickname), so \
             they cannot log in{}",
            troubled.unlinked,
            if troubled.link_by_upn { " before their first sign-in links them by UPN" } else { "" }
        );
        let finding = if troubled.link_by_upn { warning } else { error };
        findings.push(finding(CHECK, detail, MAPPING_REMEDY));
    }
    if troubled.flagged > 0 {
        let detail = format!(
            "{name}: {} users claim another object id than their own, or one that two claim",
            troubled.flagged
        );
        findings.push(warning(CHECK, detail, "sallyport-ca admin directory --problems names them"));
    }
    if findings.is_empty() {
        findings.push(ok(CHECK, format!("{name}: everybody is known by their object id")));
    }
    findings
}
