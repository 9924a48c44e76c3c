use std::process::ExitCode;

use anyhow::Result;
use jiff::Timestamp;
use sallyport_client::SystemClock;
use sallyport_domain::{Clock, Generation, HostName, HostState, PosixName, Tags, Uid};
use sallyport_protocol::ReportProblem;
use serde::Serialize;

use crate::accounts::{AccountFiles, GroupView};
use crate::agent::{Agent, Position};
use crate::cli::OutputFormat;
use crate::state::Applied;

/// What scripts parse; the same members as the CA's list of hosts has.
#[derive(Debug, Serialize)]
struct Status {
    name: HostName,
    state: HostState,
    tags: Tags,
    generation: Generation,
    applied_generation: Generation,
    lease_until: Option<Timestamp>,
    problems: Vec<ReportProblem>,
    /// That this host gets from the CA; absent where the account files cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    posix_groups: Option<Vec<GroupStatus>>,
}

#[derive(Debug, Serialize)]
struct GroupStatus {
    name: PosixName,
    gid: Uid,
    members: Vec<String>,
}

pub(super) fn status(agent: &Agent, format: OutputFormat) -> Result<ExitCode> {
    let enrolment = agent.enrolment()?;
    let position = agent.position(&enrolment);
    let applied = agent.state.applied()?;
    let status = Status {
        state: state(enrolment.observe, &position, &applied, SystemClock.now()),
        name: enrolment.name,
        tags: enrolment.tags,
        generation: position.accepted,
        applied_generation: applied.generation,
        lease_until: position.lease_until,
        problems: applied.problems,
        posix_groups: groups(agent),
    };
    match format {
        OutputFormat::Json => println!("{}", serde_json::to_string(&status)?),
        OutputFormat::Text => print(&status),
    }
    Ok(ExitCode::SUCCESS)
}

/// The groups that we made, as they stand in the files.
fn groups(agent: &Agent) -> Option<Vec<GroupStatus>> {
    let (files, ledger) = (AccountFiles::read(&agent.paths).ok()?, agent.state.ledger().ok()?);
    let view = GroupView::new(&files, &ledger);
    let ours = ledger.groups().filter(|(name, _)| view.is_ours(name));
    let status = |(name, gid): (&PosixName, Uid)| {
        let members = view.members(name).map(|member| String::from_utf8_lossy(member).into_owned());
        GroupStatus { name: name.clone(), gid, members: members.collect() }
    };
    Some(ours.map(status).collect())
}

fn state(observe: bool, position: &Position, applied: &Applied, now: Timestamp) -> HostState {
    match position.lease_until {
        _ if observe => HostState::Observing,
        None => HostState::Pending,
        Some(until) if until <= now => HostState::Silent,
        Some(_) if applied.generation == Generation::ZERO => HostState::Pending,
        Some(_) => HostState::Live,
    }
}

fn print(status: &Status) {
    let Status { name, state, tags, generation, applied_generation, lease_until, problems, posix_groups } =
        status;
    println!("name                {name}");
    println!("state               {state}");
    println!("tags                {}", if tags.is_empty() { "none".to_owned() } else { tags.to_string() });
    println!("generation          {generation}");
    println!("applied generation  {applied_generation}");
    println!("lease until         {}", lease_until.map_or("no lease".to_owned(), |until| until.to_string()));
    for GroupStatus { name, gid, members } in posix_groups.iter().flatten() {
        let members = if members.is_empty() { "nobody".to_owned() } else { members.join(", ") };
        println!("group               {name} (gid {gid}): {members}");
    }
    for ReportProblem { code, detail } in problems {
        println!("problem             {code}: {detail}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_is_what_files_and_clock_say() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let position =
            |lease: Option<i64>| Position { accepted: Generation::new(5), lease_until: lease.map(at) };
        let applied = |generation| Applied { generation: Generation::new(generation), problems: Vec::new() };
        for (observe, lease, generation, expected) in [
            (true, Some(2_000), 5, HostState::Observing),
            (false, None, 0, HostState::Pending),
            (false, Some(2_000), 0, HostState::Pending),
            (false, Some(2_000), 4, HostState::Live),
            (false, Some(1_000), 5, HostState::Silent),
        ] {
            assert_eq!(state(observe, &position(lease), &applied(generation), at(1_000)), expected);
        }
    }
}
