//! Grants that end because the directory took their group away: unassigned by mistake and assigned again, the group is
//! a new row without them (decision 0186). So they are told when they end, and when the group is here again.

use jiff::{SignedDuration, Timestamp};
use sallyport_store::{GrantRow, GroupRow, LostGrantRow, ReadTx, StoreError, WriteTx};

use super::GroupWrite;
use super::identity::{last_object, spellings};
use crate::app::grants;

/// As long as Entra lets a deleted group be restored.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Looked at: somebody took away a whole directory, and one by one is not how that is undone.
const MOST: usize = 200;

/// A group of the directory that is here again without a grant that it had.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::app) struct Returned {
    /// What it is called now.
    pub(in crate::app) name: String,
    pub(in crate::app) lost_at: Timestamp,
    /// What gives the grant again.
    pub(in crate::app) command: String,
}

/// Remembers what the group opened. One that has no object id cannot be known again.
pub(super) fn remember(
    tx: &mut dyn WriteTx,
    group: &GroupRow,
    lost: &[GrantRow],
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(object) = last_object(group).filter(|_| !lost.is_empty()) else { return Ok(()) };
    tx.forget_lost_grants(oldest(now))?;
    let row =
        |grant: &GrantRow| LostGrantRow { grant: grant.clone(), tenant: group.tenant, object, lost_at: now };
    lost.iter().try_for_each(|grant| tx.put_lost_grant(&row(grant)))
}

/// Those that are here again, and have another grant instead or none.
pub(in crate::app) fn returned(tx: &dyn ReadTx, now: Timestamp) -> Result<Vec<Returned>, StoreError> {
    let mut returned = Vec::new();
    for lost in tx.lost_grants(oldest(now), MOST)? {
        let object = lost.object.to_string();
        for spelling in spellings(&object) {
            for group in tx.groups_by_external_id(lost.tenant, &spelling)? {
                if !tx.grants_of(group.id)?.iter().any(|grant| opens_the_same(grant, &lost.grant)) {
                    returned.push(Returned {
                        name: group.display_name,
                        lost_at: lost.lost_at,
                        command: grants::command(&lost.grant, &object),
                    });
                }
            }
        }
    }
    Ok(returned)
}

fn opens_the_same(one: &GrantRow, other: &GrantRow) -> bool {
    (&one.tags, one.sudo, &one.posix_groups) == (&other.tags, other.sudo, &other.posix_groups)
}

fn oldest(now: Timestamp) -> Timestamp {
    now.checked_sub(KEPT).unwrap_or(Timestamp::MIN)
}

/// Said once it is committed: whoever changed what Entra matches groups by has to look at this.
pub(super) fn warn_of_another(written: &GroupWrite) {
    for grant in &written.lost {
        tracing::warn!(
            group = %written.row.id, name = ?written.row.display_name, external_id = ?written.row.external_id,
            "a group stands for another group of the directory now (another object id), so its grant {} was removed; \
             look at its members first; if they are to have access, run: {}",
            grant.id, grants::command(grant, &grant.group.to_string()),
        );
    }
}

/// Said once it is committed.
pub(super) fn warn_of_end(group: &GroupRow, lost: &[GrantRow]) {
    let object = last_object(group).map_or_else(|| "GROUP".to_owned(), |object| object.to_string());
    for grant in lost {
        tracing::warn!(
            group = %group.id, name = ?group.display_name, external_id = ?group.external_id,
            "the directory deleted a group, so its grant {} ended and its members have no access by it; a group that is \
             assigned again does not get it back; if it is to have it, run: {}",
            grant.id, grants::command(grant, &object),
        );
    }
}

#[cfg(test)]
mod tests {
    use sallyport_protocol::admin::{AddGrant, Finding};
    use sallyport_store::conformance::samples::tags;
    use serde_json::json;

    use crate::app::App;
    use crate::app::testing::{Lines, TENANT, app, object};

    const OBJECT: &str = "3c3c3c3c-2222-4333-8444-555566667777";
    const COMMAND: &str = "sallyport-ca admin grant add --group 3c3c3c3c-2222-4333-8444-555566667777 --tag env=prod \
                           --tag role=web --sudo";

    fn ask(sudo: bool) -> AddGrant {
        let tags = tags(&["env=prod", "role=web"]);
        AddGrant { group: OBJECT.to_owned(), tags, sudo, ..AddGrant::default() }
    }

    async fn assign(app: &App, spelling: &str) -> sallyport_domain::GroupId {
        let body = object(json!({ "displayName": "ssh-prod", "externalId": spelling }));
        let made = app.create_group(TENANT.parse().unwrap(), app.new_request_id(), body).await.unwrap();
        made.row.id
    }

    async fn unassign(app: &App, group: sallyport_domain::GroupId) {
        app.delete_group(TENANT.parse().unwrap(), app.new_request_id(), group).await.unwrap();
    }

    async fn told(app: &App) -> Vec<Finding> {
        let mut found = app.examine().await.unwrap();
        found.retain(|finding| finding.check == "lost_grants");
        found
    }

    #[tokio::test]
    async fn a_granted_group_that_was_deleted_and_is_here_again_is_told_with_the_command() {
        let (folder, lines) = (tempfile::tempdir().unwrap(), Lines::default());
        let _guard = tracing::subscriber::set_default(lines.subscriber());
        let app = app(folder.path());
        app.prepare().await.unwrap();
        let group = assign(&app, OBJECT).await;
        app.add_grant(app.new_request_id(), ask(true)).await.unwrap();
        unassign(&app, group).await;
        let text = lines.text();
        assert!(text.contains(" WARN ") && text.contains(&format!("run: {COMMAND}")), "{text}");
        assert_eq!(told(&app).await, [], "it may be meant so");

        let again = assign(&app, &OBJECT.to_uppercase()).await;
        assert_ne!(again, group);
        app.add_grant(app.new_request_id(), ask(false)).await.unwrap();
        let found = told(&app).await;
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].detail.contains("ssh-prod"), "{found:?}");
        assert_eq!(found[0].remedy.as_deref(), Some(format!("if it is to have it: {COMMAND}").as_str()));
        app.add_grant(app.new_request_id(), ask(true)).await.unwrap();
        assert_eq!(told(&app).await, []);
    }

    #[tokio::test]
    async fn what_an_administrator_took_away_is_not_told() {
        let folder = tempfile::tempdir().unwrap();
        let app = app(folder.path());
        app.prepare().await.unwrap();
        let group = assign(&app, OBJECT).await;
        let grant = app.add_grant(app.new_request_id(), ask(true)).await.unwrap();
        app.remove_grant(app.new_request_id(), grant.id).await.unwrap();
        unassign(&app, group).await;
        assign(&app, OBJECT).await;
        assert_eq!(told(&app).await, []);
    }
}
