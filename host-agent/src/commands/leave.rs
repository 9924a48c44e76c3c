use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use sallyport_client::SystemClock;
use sallyport_domain::Clock;

use crate::accounts::{self, AccountFiles, Changes, GroupChanges, Memberships, Standing, View, strays};
use crate::agent::Agent;
use crate::disk;
use crate::lock::AgentLock;
use crate::plan::{Step, leave_all};
use crate::sshd;

/// Ends what Sallyport does here. Accounts and homes stay, but expired: without our lines in sshd's configuration,
/// keys that somebody left in a home would open it. They are taken out of the groups that they came into, and groups
/// that we made go, unless others are in them. CA keys and revocations stay as files that nothing names.
pub(super) fn leave(agent: &Agent, dry_run: bool) -> Result<ExitCode> {
    if dry_run {
        let (accounts, groups) = (active_accounts(agent)?, groups(agent)?);
        println!("remove {} and reload sshd", agent.paths.drop_in().display());
        println!("remove {}", agent.paths.sudoers().display());
        println!("remove {}", agent.paths.principals().display());
        for name in &accounts {
            println!("expire the account of {name}");
        }
        if !groups.is_empty() {
            println!("{}", Step::LeaveGroups { changes: groups });
        }
        println!("forget the CA");
        return Ok(ExitCode::SUCCESS);
    }
    let _lock = AgentLock::take(&agent.paths.lock())?;
    // Under the lock: a run that was under way may have made some.
    let (accounts, groups) = (active_accounts(agent)?, groups(agent)?);
    disk::remove(&agent.paths.sudoers())?;
    if agent.paths.principals().exists() {
        std::fs::remove_dir_all(agent.paths.principals()).context("cannot remove the principals")?;
    }
    let changes = Changes { suspend: accounts, groups, ..Changes::default() };
    if !changes.is_empty() {
        let mut ledger = agent.state.ledger()?;
        accounts::apply(&agent.paths, &agent.disk, &ledger, &changes, SystemClock.now(), |_| false)?;
        // Whom somebody puts into a group from here on is there by their doing.
        *ledger.memberships_mut() = Memberships::default();
        agent.state.save_ledger(&agent.disk, &ledger)?;
    }
    sshd::uninstall(&agent.sshd_site())?;
    disk::remove(&agent.paths.lease_note())?;
    disk::remove(&agent.paths.config())?;
    let name = agent.state.enrolment().ok().map(|enrolment| enrolment.name.to_string());
    agent.state.forget()?;
    eprintln!("this host has left; its accounts and homes are still there, expired");
    let name = name.as_deref().unwrap_or("NAME");
    eprintln!("  next, at the CA, so that the name is free again: sallyport-ca admin host retire {name}");
    Ok(ExitCode::SUCCESS)
}

/// Out of which groups our accounts go, and which groups of ours go away.
fn groups(agent: &Agent) -> Result<GroupChanges> {
    Ok(leave_all(&AccountFiles::read(&agent.paths)?, &agent.state.ledger()?))
}

fn active_accounts(agent: &Agent) -> Result<Vec<sallyport_domain::PosixName>> {
    let (files, ledger) = (AccountFiles::read(&agent.paths)?, agent.state.ledger()?);
    let unknown = strays(&files, &ledger, &agent.last_word().map(|word| word.uid_ranges).unwrap_or_default());
    if let Some((name, _)) = unknown.first() {
        bail!(
            "{name} bears the marks of an account that we made and is not in the list of them, so it would stay open; run: sallyport-host recover, and leave again"
        );
    }
    let view = View::new(&files, &ledger);
    let active =
        |name: &&sallyport_domain::PosixName| view.standing(name) == Standing::Ours { suspended: false };
    Ok(ledger.iter().map(|(name, _)| name).filter(active).cloned().collect())
}
