//! POSIX groups that grants give: which may be given, and the ledger of those that hosts get from here.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use sallyport_audit::EventName;
use sallyport_domain::{GrantId, NameRefusal, PosixGroups, PosixName, is_root_equivalent};
use sallyport_protocol::ProblemCode;
use sallyport_protocol::admin::{AddGrant, PosixGroupView};
use sallyport_store::{GrantRow, PosixGroupRow, ReadTx, StoreError, WriteTx};

use super::change::Change;
use super::{App, AppError, naming};

/// More in one grant are a mistake.
const MOST: usize = 64;

/// In which hosts keep the accounts that they have from here: nobody is put in there by hand.
const OWN: &str = "sallyport-users";

impl App {
    /// The ledger of managed groups, in the order in which they came.
    pub async fn view_posix_groups(&self) -> Result<Vec<PosixGroupView>, AppError> {
        self.store()
            .read(|tx| {
                let grants = tx.grants()?;
                Ok(tx.posix_groups()?.into_iter().map(|row| view(row, &grants)).collect())
            })
            .await
    }
}

fn view(row: PosixGroupRow, grants: &[GrantRow]) -> PosixGroupView {
    let giving = grants.iter().filter(|grant| grant.posix_groups.managed.contains(&row.name));
    let grants: Vec<GrantId> = giving.map(|grant| grant.id).collect();
    PosixGroupView { name: row.name, gid: row.gid, grants, created_at: row.created_at }
}

/// The groups that a grant is to give, each of which may be given. A managed one that is new gets its gid.
pub(super) fn settle(tx: &mut dyn WriteTx, change: &Change, ask: &AddGrant) -> Result<PosixGroups, AppError> {
    let groups = PosixGroups { managed: ask.posix_groups.clone(), local: ask.local_groups.clone() };
    if groups.len() > MOST {
        return Err(malformed(format!("a grant gives {MOST} POSIX groups at most")));
    }
    for name in &groups.managed {
        manage(tx, change, name)?;
    }
    for name in &groups.local {
        check_local(tx, ask, name)?;
    }
    Ok(groups)
}

/// Brings a group into the ledger, unless it stands there already.
fn manage(tx: &mut dyn WriteTx, change: &Change, name: &PosixName) -> Result<(), AppError> {
    if tx.posix_group(name)?.is_some() {
        return Ok(());
    }
    let config = change.naming.config();
    if name.is_reserved() || is_root_equivalent(name) {
        return Err(malformed(format!(
            "{name} is a group or account of systems or services, so hosts do not get one from here; choose another \
             name, or let people into the one that hosts have: --local-group {name}"
        )));
    }
    match config.rule.check(name.as_str()) {
        Err(NameRefusal::Dots { .. }) => {
            return Err(malformed(format!(
                "{name} holds a dot, and names.dots is false; choose another name"
            )));
        }
        Err(NameRefusal::Site { pattern, .. }) => {
            let detail =
                format!("{name} is kept by this site (names.reserved has {pattern}); choose another name");
            return Err(malformed(detail));
        }
        Err(other) => return Err(malformed(other.to_string())),
        Ok(_) => {}
    }
    refuse_taken(tx, name)?;
    let Some(gid) = naming::next_gid(tx, &config.uid_ranges)? else {
        let detail = "every number of names.uid_ranges was handed out; add a range";
        return Err(AppError::refused(ProblemCode::Conflict, detail));
    };
    tx.put_posix_group(&PosixGroupRow { name: name.clone(), gid, created_at: change.now })?;
    let event = change.event(EventName::PosixGroupPinned).with("name", name.as_str());
    tx.append(&event.with("gid", gid.value()))?;
    Ok(())
}

/// A person's own group bears their name, and a host's own groups are not taken over.
fn refuse_taken(tx: &mut dyn WriteTx, name: &PosixName) -> Result<(), AppError> {
    let conflict = |detail: String| Err(AppError::refused(ProblemCode::Conflict, detail));
    if let Some(holder) = tx.holder_of_name(name)? {
        let who = tx.person(holder)?.map(|person| person.user_name).unwrap_or_default();
        return conflict(format!(
            "{name} is or was the name of {who} ({holder}), whose own group bears it; choose another name"
        ));
    }
    let mut hosts = Vec::new();
    for host in tx.hosts_with_name(name)? {
        hosts.extend(tx.host(host)?.map(|host| host.name.to_string()));
    }
    if !hosts.is_empty() {
        return conflict(format!(
            "{name} is a local account or group on {}; choose another name, or let people into the group that is \
             there: --local-group {name}",
            hosts.join(", ")
        ));
    }
    if tx.grants()?.iter().any(|grant| grant.posix_groups.local.contains(name)) {
        return conflict(format!(
            "a grant gives {name} as a group that hosts have of their own; remove that one first: sallyport-ca admin grant ls"
        ));
    }
    Ok(())
}

fn check_local(tx: &mut dyn WriteTx, ask: &AddGrant, name: &PosixName) -> Result<(), AppError> {
    if name.as_str() == OWN {
        let detail =
            format!("{OWN} is where hosts keep the accounts that Sallyport made; nobody is put in there");
        return Err(malformed(detail));
    }
    if tx.posix_group(name)?.is_some() {
        let detail = format!("{name} is a group that hosts get from here; say --posix-group {name}");
        return Err(AppError::refused(ProblemCode::Conflict, detail));
    }
    if let Some(holder) = tx.holder_of_name(name)? {
        let who = tx.person(holder)?.map(|person| person.user_name).unwrap_or_default();
        let detail = format!("{name} is or was the name of {who}: on hosts it is that person's own group");
        return Err(AppError::refused(ProblemCode::Conflict, detail));
    }
    if is_root_equivalent(name) && !ask.sudo && !ask.root_equivalent {
        return Err(malformed(format!(
            "members of {name} are as good as root; if that is meant, say so: --root-equivalent"
        )));
    }
    Ok(())
}

fn malformed(detail: String) -> AppError {
    AppError::refused(ProblemCode::Malformed, detail)
}

/// As the chain and the tables say it.
pub(super) fn list(names: &BTreeSet<PosixName>) -> String {
    names.iter().map(PosixName::as_str).collect::<Vec<_>>().join(",")
}

/// The managed groups that the host is to have, by the grants that reach it.
pub(super) fn of_grants<'a>(
    tx: &dyn ReadTx,
    grants: impl IntoIterator<Item = &'a PosixGroups>,
) -> Result<Vec<sallyport_protocol::PosixGroup>, StoreError> {
    let names: BTreeSet<&PosixName> = grants.into_iter().flat_map(|groups| &groups.managed).collect();
    let mut groups = Vec::new();
    for name in names {
        let row = tx.posix_group(name)?;
        groups.extend(row.map(|row| sallyport_protocol::PosixGroup { name: row.name, gid: row.gid }));
    }
    Ok(groups)
}
