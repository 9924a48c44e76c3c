//! An initial cycle, as the provisioning service sends it: one request at a time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use sallyport_entra_sim::provision::{Cycle, Exchange};

use super::stage::Stage;

/// How often a long cycle says how far it is.
const WORD: Duration = Duration::from_secs(10);

/// What each kind of operation took, shortest first.
pub(crate) type Operations = BTreeMap<&'static str, Vec<Duration>>;

pub(crate) fn run(stage: &Stage) -> Result<Operations> {
    let mut operations = Operations::new();
    let (mut said, mut sent) = (Instant::now(), 0_u64);
    let mut note = |exchange: &Exchange| {
        operations.entry(kind(exchange)).or_default().push(exchange.took);
        sent += 1;
        if said.elapsed() >= WORD {
            said = Instant::now();
            eprintln!("  {sent} requests");
        }
    };
    let service = stage.provisioner()?;
    let report = stage.runtime.block_on(service.run(Some(Cycle::Initial), &mut note))?;
    ensure!(report.failures.is_empty(), "provisioning failed: {:?}", report.failures.first());
    for waits in operations.values_mut() {
        waits.sort_unstable();
    }
    Ok(operations)
}

fn kind(exchange: &Exchange) -> &'static str {
    match (exchange.method.as_str(), exchange.path.starts_with("/Groups")) {
        ("GET", false) => "find a user",
        ("POST", false) => "create a user",
        ("GET", true) => "find a group",
        ("POST", true) => "create a group",
        ("PATCH", true) => "add 100 members",
        _ => "another",
    }
}
