//! No space left for the CA: whoever asks is refused, nothing exists without a record, and all is well when space returns.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use sallyport_protocol::{IssueUserReply, IssueUserRequest, Problem, ProblemCode};
use sallyport_tests::World;

const DISK: &str = "16m";
/// More than the room that SQLite may have left in its files takes.
const MANY: usize = 2000;

/// Takes the last byte.
fn fill(path: &Path) -> Result<()> {
    let mut filler = File::create(path)?;
    for size in [64 * 1024, 512, 1] {
        while filler.write_all(&vec![0; size]).is_ok() {}
    }
    Ok(())
}

#[test]
fn a_full_disk_refuses_certificates_and_works_again_when_space_returns() -> Result<()> {
    let mut world = World::new(&[], &[])?;
    let ada = world.engineer("full-disk-ada")?;
    world.ca.stop()?;
    world.ca.start_on_disk(DISK)?;
    let mut kept: Vec<(IssueUserRequest, IssueUserReply)> = Vec::new();
    let mut ask = |request: IssueUserRequest| -> Result<Option<IssueUserRequest>> {
        match world.issue(&request) {
            Ok(reply) => kept.push((request, reply)),
            Err(error) => {
                let problem = error.downcast::<Problem>()?;
                ensure!(problem.code == ProblemCode::Internal, "{problem}");
                ensure!(problem.request.is_some(), "{problem}");
                return Ok(Some(request));
            }
        }
        Ok(None)
    };
    ensure!(ask(world.sign_in(&ada)?.1)?.is_none(), "refused with room on the disk");

    let filler = world.ca.folder().join("filler");
    fill(&filler)?;
    let mut refused = Vec::new();
    for _ in 0..MANY {
        refused.extend(ask(world.sign_in(&ada)?.1)?);
        if refused.len() == 5 {
            break;
        }
    }
    ensure!(refused.len() == 5, "the disk was never full: {} certificates", kept.len());

    std::fs::remove_file(filler)?;
    // Nothing was promised and no token used up: the very same requests are good.
    for request in refused {
        ensure!(ask(request)?.is_none(), "refused though space returned");
    }
    let record = world.record()?;
    for (request, reply) in &kept {
        let on_record = record.certificates_for(&request.public_key);
        ensure!(on_record == [reply.serial], "{on_record:?} on record, {} in hand", reply.serial);
    }
    world.ca.command(&["audit", "verify"])?.ok().context("the chain")?;
    Ok(())
}
