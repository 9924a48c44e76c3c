//! Everybody as synced: whence they came, when they changed last, where they stand, and what to do about it.

use sallyport_domain::{ConflictReason, GroupId, UserId, UserState};
use sallyport_protocol::admin::{
    DirectoryConnection, DirectoryGroup, DirectoryQuery, DirectoryUser, DirectoryView, LastChange,
};
use sallyport_store::{
    Concerning, ConnectionRow, GroupRow, PersonRow, ProvisioningRow, ReadTx, ResourceRow, StoreError,
};
use serde_json::Value;

use super::grants::find_group;
use super::people;
use super::upn_link::MAPPING_REMEDY;
use super::who::find_people;
use super::{App, AppError};

/// Entries of one answer, users and groups each.
const LONGEST: usize = 1_000;
const USUAL: usize = 200;
/// Rows read at a time.
const STEP: usize = 500;

impl App {
    /// Users and groups of one connection or all, as they came.
    pub async fn view_directory(&self, query: DirectoryQuery) -> Result<DirectoryView, AppError> {
        self.store()
            .read(move |tx| {
                let sources = sources(tx, &query)?;
                let limit = query.limit.unwrap_or(USUAL).min(LONGEST);
                let (users, more_users) = users(tx, &query, &sources, limit)?;
                let (groups, more_groups) = groups(tx, &query, &sources, limit)?;
                let connections: Result<_, StoreError> =
                    sources.iter().map(|source| connection(tx, source)).collect();
                Ok(DirectoryView {
                    connections: connections?,
                    users,
                    groups,
                    more: more_users || more_groups,
                })
            })
            .await
    }
}

fn sources(tx: &dyn ReadTx, query: &DirectoryQuery) -> Result<Vec<ConnectionRow>, AppError> {
    match &query.connection {
        Some(name) => Ok(vec![super::connections::named(tx, name)?]),
        None => Ok(tx.connections()?),
    }
}

fn connection(tx: &dyn ReadTx, row: &ConnectionRow) -> Result<DirectoryConnection, StoreError> {
    let unlinked = tx.count_people(row.tenant, ConflictReason::NoObjectId)?;
    let problem = (unlinked > 0).then(|| {
        format!("{unlinked} users came with an externalId that is no object id, and cannot log in: {MAPPING_REMEDY}")
    });
    Ok(DirectoryConnection {
        name: row.name.to_string(),
        tenant: row.tenant.to_string(),
        last_request_at: row.last_request_at,
        users: tx.resources(row.tenant, 0, 0)?.total,
        groups: tx.groups(row.tenant, 0, 0)?.total,
        problem,
    })
}

/// What is wanted of a list: so many after so many, and whether there are more.
struct Window<T> {
    skip: usize,
    limit: usize,
    items: Vec<T>,
    more: bool,
}

impl<T> Window<T> {
    fn new(query: &DirectoryQuery, limit: usize) -> Self {
        Self { skip: query.skip.unwrap_or_default(), limit, items: Vec::new(), more: false }
    }

    /// Whether the item is to be shown.
    fn takes(&mut self) -> bool {
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        self.more = self.items.len() >= self.limit;
        !self.more
    }
}

type Listed<T> = (Vec<T>, bool);

fn users(
    tx: &dyn ReadTx,
    query: &DirectoryQuery,
    sources: &[ConnectionRow],
    limit: usize,
) -> Result<Listed<DirectoryUser>, AppError> {
    let mut window = Window::new(query, limit);
    if let Some(text) = &query.user {
        for id in find_people(tx, text)? {
            offer(tx, query, sources, &mut window, id, None)?;
        }
    } else if let Some(text) = &query.group {
        for person in tx.people_in(find_group(tx, text)?.id)? {
            offer(tx, query, sources, &mut window, person.id, None)?;
        }
    } else if query.state == Some(UserState::Gone) {
        // No resource is left of them.
        for person in tx.people()?.into_iter().filter(|person| person.state == UserState::Gone) {
            offer(tx, query, sources, &mut window, person.id, None)?;
        }
    } else {
        for source in sources {
            let mut read = 0;
            while !window.more {
                let page = tx.resources(source.tenant, read, STEP)?.items;
                if page.is_empty() {
                    break;
                }
                read += page.len();
                for resource in page {
                    offer(tx, query, sources, &mut window, resource.user, Some(resource))?;
                }
            }
        }
    }
    Ok((window.items, window.more))
}

fn offer(
    tx: &dyn ReadTx,
    query: &DirectoryQuery,
    sources: &[ConnectionRow],
    window: &mut Window<DirectoryUser>,
    id: UserId,
    resource: Option<ResourceRow>,
) -> Result<(), StoreError> {
    let Some(person) = tx.person(id)? else { return Ok(()) };
    let Some(source) = sources.iter().find(|source| source.tenant == person.tenant) else { return Ok(()) };
    let wanted = query.state.is_none_or(|state| state == person.state)
        && (!query.problems || person.reason.is_some_and(people::is_flag));
    if !wanted || !window.takes() {
        return Ok(());
    }
    let resource = match resource {
        Some(resource) => Some(resource),
        None => tx.resource_of_person(id)?,
    };
    let last_change = last_change(tx, Concerning::Person(id))?;
    window.items.push(user(person, resource, source, last_change));
    Ok(())
}

fn user(
    person: PersonRow,
    resource: Option<ResourceRow>,
    source: &ConnectionRow,
    last_change: Option<LastChange>,
) -> DirectoryUser {
    DirectoryUser {
        id: person.id.to_string(),
        resource_id: resource.as_ref().map(|row| row.id.to_string()),
        advice: advice(&person),
        user_name: person.user_name,
        display_name: person.display_name,
        external_id: resource.as_ref().and_then(|row| row.external_id.clone()),
        object_id: person.object.map(|object| object.to_string()),
        linked_by_upn: person.linked_by_upn,
        source: source.name.to_string(),
        state: person.state.to_string(),
        reason: person.reason.map(|reason| reason.to_string()),
        posix_name: person.posix_name.map(|name| name.to_string()),
        created_at: resource.as_ref().map(|row| row.created_at),
        changed_at: resource.map(|row| row.modified_at),
        last_change,
    }
}

/// What the state means and what to do, for whoever is not simply active.
fn advice(person: &PersonRow) -> Option<String> {
    let text = match (person.state, person.reason) {
        (UserState::Active, _) => return None,
        (UserState::Gone, _) => "deleted in the directory; name and uid stay theirs",
        (_, Some(ConflictReason::Link)) => {
            "flagged: the resource claims another object id than the person's, or two resources claim one; if Entra \
             sends the wrong externalId, correct it there; if a successor got the account name of somebody who left, \
             take the old resource away; if the other claimant is gone and this one is right, say so with sallyport-ca \
             admin directory link (docs/operations.md, A name that came back)"
        }
        (_, Some(ConflictReason::NoObjectId)) => {
            return Some(format!("externalId is no object id: {MAPPING_REMEDY}"));
        }
        (
            _,
            Some(
                ConflictReason::NameAdopted
                | ConflictReason::NameForeign
                | ConflictReason::NameReserved
                | ConflictReason::NameTaken,
            ),
        ) => {
            "the account name is somebody else's, the system's or a host's; change what Entra sends, or settle it with \
             sallyport-ca names"
        }
        (_, Some(ConflictReason::NameImpossible)) => {
            "what Entra sends gives no possible account name; change it there, or the expression"
        }
        (_, Some(ConflictReason::NoUid)) => "every uid of the ranges was handed out; configure another range",
        (_, Some(ConflictReason::OutOfScope)) => {
            "in none of the groups that the connection's scope names; add them to one in Entra"
        }
        (_, Some(ConflictReason::UidImpossible | ConflictReason::UidTaken)) => {
            "the uidNumber or gidNumber that Entra sends is taken or can be nobody's; change it there"
        }
        (_, None) => {
            "active is false: disabled or unassigned in Entra; assign and enable them there to bring them back"
        }
    };
    Some(text.to_owned())
}

fn groups(
    tx: &dyn ReadTx,
    query: &DirectoryQuery,
    sources: &[ConnectionRow],
    limit: usize,
) -> Result<Listed<DirectoryGroup>, AppError> {
    let mut window = Window::new(query, limit);
    let push = |window: &mut Window<DirectoryGroup>, row: GroupRow| -> Result<(), StoreError> {
        let Some(source) = sources.iter().find(|source| source.tenant == row.tenant) else { return Ok(()) };
        if window.takes() {
            window.items.push(group(tx, row, source)?);
        }
        Ok(())
    };
    // Somebody who is looked for by their state is no group.
    if query.state.is_some() || query.problems {
        return Ok((Vec::new(), false));
    }
    if let Some(text) = &query.group {
        push(&mut window, find_group(tx, text)?)?;
    } else if let Some(text) = &query.user {
        for id in groups_of(tx, text)? {
            if let Some(row) = tx.group_by_id(id)? {
                push(&mut window, row)?;
            }
        }
    } else {
        for source in sources {
            let mut read = 0;
            while !window.more {
                let page = tx.groups(source.tenant, read, STEP)?.items;
                if page.is_empty() {
                    break;
                }
                read += page.len();
                for row in page {
                    push(&mut window, row)?;
                }
            }
        }
    }
    Ok((window.items, window.more))
}

fn groups_of(tx: &dyn ReadTx, text: &str) -> Result<Vec<GroupId>, AppError> {
    let mut ids = Vec::new();
    for person in find_people(tx, text)? {
        ids.extend(tx.groups_of_person(person)?);
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

fn group(tx: &dyn ReadTx, row: GroupRow, source: &ConnectionRow) -> Result<DirectoryGroup, StoreError> {
    Ok(DirectoryGroup {
        id: row.id.to_string(),
        members: tx.count_members(row.id)?,
        grants: tx.grants_of(row.id)?.len(),
        name: row.display_name,
        external_id: row.external_id,
        source: source.name.to_string(),
        created_at: row.created_at,
        changed_at: row.modified_at,
        last_change: last_change(tx, Concerning::Group(row.id))?,
    })
}

/// The latest operation in the provisioning log, as long as it is there.
fn last_change(tx: &dyn ReadTx, of: Concerning) -> Result<Option<LastChange>, StoreError> {
    let latest = tx.provisioning_before(u64::MAX, of, 1)?.pop();
    Ok(latest.map(|row| {
        let text = |key: &str| row.body.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        LastChange {
            number: row.seq,
            at: row.at,
            operation: text("operation"),
            resource: text("resource"),
            outcome: text("outcome"),
            attributes: attributes(&row),
        }
    }))
}

fn attributes(row: &ProvisioningRow) -> Vec<String> {
    let changes = row.body.get("changes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let name = |change: &Value| change.get("attribute").and_then(Value::as_str).map(str::to_owned);
    let members = row.body.contains_key("members").then(|| "members".to_owned());
    changes.iter().filter_map(name).chain(members).collect()
}
