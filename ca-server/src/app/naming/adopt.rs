//! Local accounts that an administrator gives to a person, by host or by pattern. Never by a name that happens to agree.

use sallyport_audit::EventName;
use sallyport_domain::{HostState, PosixName, RequestId, UserId};
use sallyport_protocol::ProblemCode;
use sallyport_protocol::names::{AdoptAccount, AdoptionView};
use sallyport_store::{AdoptionRow, HostRow, ReadTx, StoreError, WriteTx};

use crate::app::change::Change;
use crate::app::{App, AppError, people};

impl App {
    pub async fn adopt_account(
        &self,
        request: RequestId,
        ask: AdoptAccount,
    ) -> Result<AdoptionView, AppError> {
        if ask.local.as_str() == "root" {
            let detail = "root is nobody's: grant sudo instead";
            return Err(AppError::refused(ProblemCode::Malformed, detail));
        }
        let user = self.find_person(&ask.user).await?;
        self.change(request, self.now(), move |tx, change| {
            refuse_second(tx, user, &ask)?;
            let AdoptAccount { local, hosts, .. } = ask;
            let row = AdoptionRow { user, local, hosts, created_at: change.now };
            tx.put_adoption(&row)?;
            note(tx, change, EventName::AccountAdopted, &row)?;
            Ok(view(tx, row)?)
        })
        .await
    }

    pub async fn disown_account(&self, request: RequestId, ask: AdoptAccount) -> Result<(), AppError> {
        let user = self.find_person(&ask.user).await?;
        self.change(request, self.now(), move |tx, change| {
            if !tx.remove_adoption(user, &ask.local, &ask.hosts)? {
                let detail = "there is no such adoption; run: sallyport-ca names adoptions";
                return Err(AppError::refused(ProblemCode::NotFound, detail));
            }
            let AdoptAccount { local, hosts, .. } = ask;
            let row = AdoptionRow { user, local, hosts, created_at: change.now };
            note(tx, change, EventName::AccountDisowned, &row)?;
            Ok(())
        })
        .await
    }

    pub async fn view_adoptions(&self) -> Result<Vec<AdoptionView>, AppError> {
        self.store()
            .read(|tx| {
                let rows: Result<Vec<_>, StoreError> =
                    tx.adoptions()?.into_iter().map(|row| view(tx, row)).collect();
                Ok(rows?)
            })
            .await
    }
}

/// The account that was given to the person on this host; of several, the first.
pub fn adopted_here(adoptions: &[AdoptionRow], user: UserId, host: &HostRow) -> Option<PosixName> {
    let here = |row: &&AdoptionRow| row.user == user && host.names.iter().any(|name| row.hosts.allows(name));
    adoptions.iter().find(here).map(|row| row.local.clone())
}

/// One account is one person's: on no host that is enrolled now may two adoptions give it to different people, or give
/// a person two.
fn refuse_second(tx: &mut dyn WriteTx, user: UserId, ask: &AdoptAccount) -> Result<(), AppError> {
    if let Some(holder) = tx.holder_of_name(&ask.local)?.filter(|holder| *holder != user) {
        let who = tx.person(holder)?.map(|person| person.user_name).unwrap_or_default();
        let detail = format!("{} is or was the name of {who}: it cannot become another's account", ask.local);
        return Err(AppError::refused(ProblemCode::Conflict, detail));
    }
    let adoptions = tx.adoptions()?;
    for host in tx.hosts()?.into_iter().filter(|host| host.state != HostState::Retired) {
        if !host.names.iter().any(|name| ask.hosts.allows(name)) {
            continue;
        }
        for other in adoptions.iter().filter(|other| host.names.iter().any(|name| other.hosts.allows(name))) {
            let two_people = other.local == ask.local && other.user != user;
            let two_accounts = other.user == user && other.local != ask.local;
            if two_people || two_accounts {
                let detail = format!(
                    "on {} the account {} was given to {} already (pattern {}); see: sallyport-ca names adoptions",
                    host.name, other.local, other.user, other.hosts
                );
                return Err(AppError::refused(ProblemCode::Conflict, detail));
            }
        }
    }
    Ok(())
}

/// The record, the person's standing, and the hosts that are concerned.
fn note(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    name: EventName,
    row: &AdoptionRow,
) -> Result<(), StoreError> {
    let event = change.event(name).of_user(row.user).with("account", row.local.as_str());
    tx.append(&event.with("hosts", row.hosts.to_string()))?;
    change.moved.name(&row.local);
    if let Some(resource) = tx.resource_of_person(row.user)? {
        people::settle(tx, change, &resource)?;
        change.touch_groups_of(tx, resource.id)?;
    }
    Ok(())
}

fn view(tx: &(impl ReadTx + ?Sized), row: AdoptionRow) -> Result<AdoptionView, StoreError> {
    let AdoptionRow { user, local, hosts, created_at } = row;
    let user_name = tx.person(user)?.map(|person| person.user_name).unwrap_or_default();
    Ok(AdoptionView { user: user.to_string(), user_name, local, hosts, created_at })
}
