//! How many certificates a second, in three steps from the bare signature to the served request: `cargo xtask bench`.
//! What a provisioning cycle costs: `cargo xtask bench directory`. What a name costs: `cargo xtask bench names`.
//! How long a refusal takes: `cargo xtask bench refusals`.
//!
//! An example of this package, so that the tests build and lint it in their own profile, and only
//! `cargo xtask bench` builds it optimised (docs/decisions/0085).

mod cpu;
mod directory;
mod load;
mod local;
mod names;
mod preview;
mod refusals;
mod replies;
mod report;
mod requests;
mod stage;

use std::process::ExitCode;

use anyhow::{Result, anyhow, ensure};

use self::report::{Report, Served};
use self::requests::Maker;
use self::stage::Stage;

/// Connections at once, and how many certificates they ask for together: some seconds each on a small machine.
const LEVELS: [(usize, usize); 3] = [(1, 3_000), (16, 12_000), (64, 20_000)];

/// Before anything is timed: the CA fetches the issuer's keys, statements are prepared, caches fill.
const WARM_UP: (usize, usize) = (16, 1_000);

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next();
    let outcome = match what.as_deref() {
        None | Some("certificates") => run(),
        Some("directory") => directory::run(arguments.next().as_deref()),
        Some("names") => names::run(),
        Some("refusals") => refusals::run(),
        Some(other) => {
            Err(anyhow!("there is no benchmark {other:?}: name certificates, directory, names or refusals"))
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    eprintln!("measuring without a server");
    let raw = local::raw_signatures()?;
    let issued = local::issuance()?;
    eprintln!("starting an issuer and a CA, and provisioning people");
    let stage = Stage::set_up()?;
    let maker = Maker::new(&stage);
    serve(&stage, &maker, WARM_UP)?;
    let mut served = Vec::new();
    for level in LEVELS {
        served.push(serve(&stage, &maker, level)?);
    }
    let events = stage.verified_audit()?;
    let report = Report { raw, issued, served, events };
    println!("{report}");
    ensure!(report.errors() == 0, "{} of the requests failed", report.errors());
    Ok(())
}

/// One level: its requests are made first, then sent while the clock runs, then every answer is checked.
fn serve(stage: &Stage, maker: &Maker<'_>, (connections, count): (usize, usize)) -> Result<Served> {
    eprintln!("making {count} sign-ins");
    let requests = maker.make(count)?;
    eprintln!("asking for {count} certificates over {connections} connections");
    let ca_before = cpu::of_process(stage.ca_id()?)?;
    let own_before = cpu::of_this_thread()?;
    let run = load::run(stage.address(), connections, &requests)?;
    let ca = cpu::of_process(stage.ca_id()?)?.saturating_sub(ca_before);
    let own = cpu::of_this_thread()?.saturating_sub(own_before);
    let faults = replies::faults(stage.user_ca(), &requests, &run.answers);
    Ok(Served { connections, took: run.took, waits: run.waits, faults, ca, own })
}
