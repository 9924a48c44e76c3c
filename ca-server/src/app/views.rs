//! What administrators look at.

use jiff::Timestamp;
use sallyport_domain::HostState;
use sallyport_protocol::admin::{GroupView, HostView, UserView};
use sallyport_store::{HostRow, PersonRow, ReadTx, StoreError};

use super::{App, AppError};

impl App {
    pub async fn view_hosts(&self) -> Result<Vec<HostView>, AppError> {
        let now = self.now();
        self.store()
            .read(move |tx| Ok(tx.hosts()?.into_iter().map(|host| host_view(host, now)).collect()))
            .await
    }

    pub async fn view_users(&self) -> Result<Vec<UserView>, AppError> {
        self.store()
            .read(|tx| {
                let views: Result<Vec<_>, _> =
                    tx.people()?.into_iter().map(|person| user_view(tx, person)).collect();
                Ok(views?)
            })
            .await
    }

    pub async fn view_groups(&self) -> Result<Vec<GroupView>, AppError> {
        self.store()
            .read(|tx| {
                let mut views = Vec::new();
                for group in tx.all_groups()? {
                    let members = tx.count_members(group.id)?;
                    views.push(GroupView {
                        id: group.id,
                        object_id: group.external_id,
                        name: group.display_name,
                        members,
                    });
                }
                Ok(views)
            })
            .await
    }
}

fn host_view(host: HostRow, now: Timestamp) -> HostView {
    let report = host.report;
    let over = report.lease_until.is_some_and(|until| until <= now);
    let state = if over && host.state == HostState::Live { HostState::Silent } else { host.state };
    HostView {
        name: host.name,
        state: state.to_string(),
        tags: host.tags,
        generation: host.generation,
        applied_generation: report.applied,
        lease_until: report.lease_until,
        // A row that a later version wrote is shown without what this one cannot read.
        problems: report
            .problems
            .into_iter()
            .filter_map(|problem| serde_json::from_value(problem).ok())
            .collect(),
    }
}

fn user_view(tx: &dyn ReadTx, person: PersonRow) -> Result<UserView, StoreError> {
    let mut groups = Vec::new();
    for id in tx.groups_of_person(person.id)? {
        groups.extend(tx.group_by_id(id)?.map(|group| group.display_name));
    }
    Ok(UserView {
        id: person.id.to_string(),
        user_name: person.user_name,
        display_name: person.display_name,
        state: person.state.to_string(),
        reason: person.reason.map(|reason| reason.to_string()),
        posix_name: person.posix_name.map(|name| name.to_string()),
        uid: person.uid.map(u32::from),
        groups,
    })
}
