//! Whether hosts have what they should.

use sallyport_domain::HostState;
use sallyport_protocol::admin::Finding;
use sallyport_store::HostRow;

use super::facts::Facts;
use super::{ok, warning};

const CHECK: &str = "hosts";

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let enrolled: Vec<&HostRow> =
        facts.hosts.iter().filter(|host| host.state != HostState::Retired).collect();
    let silent = |host: &&&HostRow| host.report.lease_until.is_some_and(|until| until <= facts.now);
    let silent: Vec<&str> = enrolled.iter().filter(silent).map(|host| host.name.as_str()).collect();
    let mut findings = Vec::new();
    if !silent.is_empty() {
        let detail = format!("{} of {} hosts are silent: {}", silent.len(), enrolled.len(), some(&silent));
        findings.push(warning(
            CHECK,
            detail,
            "on the host: sallyport-host doctor; gone for good: admin host retire",
        ));
    }
    let troubled =
        |host: &&&HostRow| !host.report.problems.is_empty() && !silent.contains(&host.name.as_str());
    let troubled: Vec<&str> = enrolled.iter().filter(troubled).map(|host| host.name.as_str()).collect();
    if !troubled.is_empty() {
        let detail =
            format!("{} of {} hosts report problems: {}", troubled.len(), enrolled.len(), some(&troubled));
        findings.push(warning(CHECK, detail, "sallyport-ca admin host ls names them"));
    }
    if findings.is_empty() {
        findings.push(ok(CHECK, format!("{} hosts are enrolled, and none is in trouble", enrolled.len())));
    }
    findings
}

/// The first few names: a fleet does not fit on a line.
fn some(names: &[&str]) -> String {
    const SHOWN: usize = 5;
    let mut text = names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(", …");
    }
    text
}
