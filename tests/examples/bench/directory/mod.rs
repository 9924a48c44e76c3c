//! What an initial cycle costs, small and large, and what one member costs in a large group.
//! `cargo xtask bench directory`.

mod big_group;
mod cycle;
mod grant;
mod memory;
mod reference;
mod report;
mod stage;

use anyhow::{Context as _, Result, ensure};

use self::report::{Cycle, Report};
use self::stage::Stage;

/// Users, groups, and members of each group. In both every group is as large, and everybody is in ten.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) users: usize,
    pub(crate) groups: usize,
    pub(crate) members: usize,
}

const SMALL: Size = Size { users: 1_000, groups: 100, members: 100 };
const LARGE: Size = Size { users: 100_000, groups: 10_000, members: 100 };

/// So often is the small directory measured before the large one, and again after it: it is done in two seconds, in which
/// a disk may be quick or slow.
const SMALL_ROUNDS: usize = 3;

/// Members of the one large group.
const CROWD: usize = 50_000;

/// `parts`: the large directory is that many times smaller, for trying the benchmark itself.
pub(crate) fn run(parts: Option<&str>) -> Result<()> {
    let parts: usize = parts.map_or(Ok(1), str::parse).context("the size is divided by a whole number")?;
    ensure!((1..=50).contains(&parts), "divide the large directory by 1 to 50");
    let large = Size { users: LARGE.users / parts, groups: LARGE.groups / parts, ..LARGE };
    eprintln!("measuring the database alone");
    let reference = reference::measure()?;
    let (mut small, _) = cycle(SMALL)?;
    for _ in 1..SMALL_ROUNDS {
        small.and(cycle(SMALL)?.0);
    }
    let (large, stage) = cycle(large)?;
    for _ in 0..SMALL_ROUNDS {
        small.and(cycle(SMALL)?.0);
    }
    eprintln!("gathering {} in one group", CROWD / parts);
    let crowd = big_group::measure(&stage, CROWD / parts)?;
    eprintln!("granting and withdrawing to all of them");
    let granted = grant::measure(&stage, &crowd)?;
    println!("{}", Report { reference, small, large, crowd, granted });
    Ok(())
}

fn cycle(size: Size) -> Result<(Cycle, Stage)> {
    eprintln!("provisioning {} users and {} groups of {}", size.users, size.groups, size.members);
    let stage = Stage::set_up(size)?;
    let operations = cycle::run(&stage)?;
    let peak = memory::peak_of(stage.ca_id()?)?;
    let (database, preview) = (stage.database_size()?, stage.preview()?);
    Ok((Cycle { size, rounds: 1, operations, database, peak, preview }, stage))
}
