use std::process::ExitCode;

use anyhow::{Context, Result};
use sallyport_client::SystemClock;
use sallyport_domain::{Clock, PosixName, UidRange, UserId};

use crate::accounts::{AccountFiles, Ledger, Lost, Witness, own_gid, rebuild, rebuild_groups, strays};
use crate::agent::Agent;
use crate::disk;
use crate::lock::AgentLock;
use crate::plan::principals_of;
use crate::state::StateError;

const LARGEST_FILE: u64 = 64 * 1024;

/// Takes the accounts that bear our marks into the ledger: somebody who knows this host has to say so, because marks
/// can be put on by others. For whom each was made, the CA's last word tells, and its principals file.
pub(super) fn recover(agent: &Agent, dry_run: bool) -> Result<ExitCode> {
    let _lock = AgentLock::take(&agent.paths.lock())?;
    let files = AccountFiles::read(&agent.paths)?;
    let (mut ledger, is_damaged) = match agent.state.ledger() {
        Ok(ledger) => (ledger, false),
        Err(StateError::Ledger { .. }) => (Ledger::default(), true),
        Err(error) => return Err(error.into()),
    };
    let (signed, ranges) = signed(agent);
    let strays = strays(&files, &ledger, &ranges);
    let names = strays.iter().map(|(name, _)| name.clone());
    let nobodys = ledger.iter().filter(|(_, entry)| entry.user.is_none()).map(|(name, _)| name.clone());
    let lost = Lost {
        everything: is_damaged || !agent.state.has_ledger(),
        accounts: names.chain(nobodys).collect(),
    };
    let written: Witness = lost.accounts.iter().filter_map(|name| written(agent, name)).collect();
    let mut said =
        rebuild(&mut ledger, &strays, |name| own_gid(&files, name), &[signed, written], SystemClock.now());
    said.extend(rebuild_groups(&mut ledger, &files, &agent.last_word().unwrap_or_default(), &lost));
    for line in &said {
        println!("{line}");
    }
    if said.is_empty() && !is_damaged {
        eprintln!(
            "nothing to do: every account with our marks is known, and every group of the CA's last word"
        );
        return Ok(ExitCode::SUCCESS);
    }
    if dry_run {
        return Ok(ExitCode::SUCCESS);
    }
    if is_damaged {
        let aside = agent.state.set_damaged_ledger_aside()?;
        eprintln!("what could not be read is kept as {}", aside.display());
    }
    agent.state.save_ledger(&agent.disk, &ledger).context("the list was not written")?;
    eprintln!("the list of our accounts is whole again");
    eprintln!("  next: sallyport-host apply --once   (whom the CA does not name here is expired then)");
    Ok(ExitCode::SUCCESS)
}

/// The CA's last word, its lease over or not: it names for whom each account is.
fn signed(agent: &Agent) -> (Witness, Vec<UidRange>) {
    let Some(content) = agent.last_word() else { return (Witness::new(), Vec::new()) };
    let people = content.accounts.into_iter();
    (people.map(|account| (account.name, (Some(account.uid), account.user))).collect(), content.uid_ranges)
}

/// The one person in a principals file of ours. An account that several people share tells of nobody.
fn written(agent: &Agent, name: &PosixName) -> Option<(PosixName, (Option<sallyport_domain::Uid>, UserId))> {
    let bytes = disk::read(&agent.paths.principals_of(name.as_str()), LARGEST_FILE).ok()??;
    let mut people = principals_of(&bytes).into_iter().filter_map(|p| p.strip_prefix("u:")?.parse().ok());
    match (people.next(), people.next()) {
        (Some(user), None) => Some((name.clone(), (None, user))),
        _ => None,
    }
}
