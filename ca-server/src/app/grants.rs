//! Grants: what a group opens. A host that waits hears of a change before the administrator's command returns.

use jiff::Timestamp;
use sallyport_audit::{Event, EventName};
use sallyport_domain::{GrantId, GroupId, PosixGroups, PosixName, RequestId};
use sallyport_protocol::ProblemCode;
use sallyport_protocol::admin::{AddGrant, GrantView};
use sallyport_store::{GrantRow, GroupRow, ReadTx, StoreError, WriteTx};

use super::change::Change;
use super::who::tenants;
use super::{App, AppError, groups, posix_groups, settling};

impl App {
    pub async fn add_grant(&self, request: RequestId, ask: AddGrant) -> Result<GrantView, AppError> {
        if ask.tags.is_empty() {
            return Err(AppError::refused(
                ProblemCode::Malformed,
                "a grant names at least one tag; add --tag KEY=VALUE (a host must bear every tag named)",
            ));
        }
        let added = self.change(request, self.now(), move |tx, change| add(tx, change, &ask)).await?;
        self.settle_soon(added.group).await;
        Ok(added)
    }

    pub async fn remove_grant(&self, request: RequestId, id: GrantId) -> Result<(), AppError> {
        let group = self.change(request, self.now(), move |tx, change| {
            let Some(grant) = tx.grant(id)? else {
                let detail = format!("there is no grant {id}; run: sallyport-ca admin grant ls");
                return Err(AppError::refused(ProblemCode::NotFound, detail));
            };
            remove(tx, change, &grant)?;
            Ok(grant.group)
        });
        self.settle_soon(group.await?).await;
        Ok(())
    }

    pub async fn list_grants(&self) -> Result<Vec<GrantView>, AppError> {
        self.store()
            .read(|tx| {
                let mut views = Vec::new();
                for grant in tx.grants()? {
                    let name =
                        tx.group_by_id(grant.group)?.map(|group| group.display_name).unwrap_or_default();
                    views.push(view(&grant, name));
                }
                Ok(views)
            })
            .await
    }
}

/// What is told of a grant that is there, or is gone.
fn told(event: Event, grant: &GrantRow) -> Event {
    let event = event.with("grant", grant.id.to_string()).with("group", grant.group.to_string());
    let mut event = event.with("tags", grant.tags.to_string()).with("sudo", grant.sudo);
    let groups = &grant.posix_groups;
    for (what, names) in [("posix_groups", &groups.managed), ("local_groups", &groups.local)] {
        if !names.is_empty() {
            event = event.with(what, posix_groups::list(names));
        }
    }
    let as_root: Vec<&str> = groups.root_equivalent().map(PosixName::as_str).collect();
    if as_root.is_empty() { event } else { event.with("root_equivalent", as_root.join(",")) }
}

/// What gives the grant to that group.
pub(super) fn command(grant: &GrantRow, group: &str) -> String {
    let tags: Vec<_> = grant.tags.to_string().split(',').map(|tag| format!(" --tag {tag}")).collect();
    format!("sallyport-ca admin grant add --group {group}{}{}", tags.concat(), flags(grant))
}

/// What a grant gives beside its tags, as `grant add` takes it.
fn flags(grant: &GrantRow) -> String {
    let mut flags = vec![if grant.sudo { " --sudo".to_owned() } else { String::new() }];
    let groups = &grant.posix_groups;
    for (flag, names) in [("--posix-group", &groups.managed), ("--local-group", &groups.local)] {
        if !names.is_empty() {
            flags.push(format!(" {flag} {}", posix_groups::list(names)));
        }
    }
    if !grant.sudo && grant.makes_root() {
        flags.push(" --root-equivalent".to_owned());
    }
    flags.concat()
}

pub(super) fn add(tx: &mut dyn WriteTx, change: &mut Change, ask: &AddGrant) -> Result<GrantView, AppError> {
    let group = find_group(tx, &ask.group)?;
    let groups = posix_groups::settle(tx, change, ask)?;
    let same =
        |grant: &&GrantRow| grant.tags == ask.tags && grant.sudo == ask.sudo && grant.posix_groups == groups;
    if let Some(grant) = tx.grants_of(group.id)?.iter().find(same) {
        return Ok(view(grant, group.display_name));
    }
    let grant = row(group.id, ask, groups, change.now);
    tx.put_grant(&grant)?;
    change.touch_tags(&grant.tags);
    let event = change.event(EventName::GrantAdded).with("group_name", group.display_name.as_str());
    tx.append(&told(event, &grant))?;
    // A first grant gives its people their names.
    settling::grant_came(tx, change, group.id)?;
    Ok(view(&grant, group.display_name))
}

/// Takes the grant away; people whom no other grant reaches lose their certificates too.
pub(super) fn remove(tx: &mut dyn WriteTx, change: &mut Change, grant: &GrantRow) -> Result<(), StoreError> {
    tx.remove_grant(grant.id)?;
    change.touch_tags(&grant.tags);
    tx.append(&told(change.event(EventName::GrantRemoved), grant))?;
    settling::grant_went(tx, change, grant.group)
}

fn row(group: GroupId, ask: &AddGrant, posix_groups: PosixGroups, now: Timestamp) -> GrantRow {
    let id = GrantId::generate(now, &mut rand::rngs::OsRng);
    GrantRow { id, group, tags: ask.tags.clone(), sudo: ask.sudo, posix_groups, created_at: now }
}

fn view(grant: &GrantRow, group_name: String) -> GrantView {
    GrantView {
        id: grant.id,
        group: grant.group,
        group_name,
        tags: grant.tags.clone(),
        sudo: grant.sudo,
        posix_groups: grant.posix_groups.managed.clone(),
        local_groups: grant.posix_groups.local.clone(),
        created_at: grant.created_at,
    }
}

/// By id, by object id, or by a display name that only one group bears.
pub(super) fn find_group(tx: &(impl ReadTx + ?Sized), text: &str) -> Result<GroupRow, AppError> {
    let mut found = matching(tx, text)?;
    match (found.len(), found.pop()) {
        (1, Some(group)) => Ok(group),
        (0, _) => Err(AppError::refused(
            ProblemCode::NotFound,
            format!("no group is called {text:?}; run: sallyport-ca admin group ls (groups come by SCIM)"),
        )),
        (_, last) => {
            let ids: Vec<String> = found.iter().chain(&last).map(|group| group.id.to_string()).collect();
            let detail =
                format!("{} groups are called {text:?}; name one by its id: {}", ids.len(), ids.join(", "));
            Err(AppError::refused(ProblemCode::Conflict, detail))
        }
    }
}

fn matching(tx: &(impl ReadTx + ?Sized), text: &str) -> Result<Vec<GroupRow>, StoreError> {
    if let Ok(id) = text.parse() {
        return Ok(tx.group_by_id(id)?.into_iter().collect());
    }
    let (mut by_object, mut by_name) = (Vec::new(), Vec::new());
    for tenant in tenants(tx)? {
        for spelling in groups::spellings(text) {
            by_object.extend(tx.groups_by_external_id(tenant, &spelling)?);
        }
        by_name.extend(tx.groups_by_name(tenant, text)?);
    }
    by_name.retain(|group| group.display_name == text);
    Ok(if by_object.is_empty() { by_name } else { by_object })
}
