//! People whose directory does not send their object id: explained, and, where an administrator allows it, linked once at
//! their first sign-in.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use sallyport_audit::EventName;
use sallyport_domain::{ConflictReason, ObjectId, TenantId, UserState};
use sallyport_entra::Verified;
use sallyport_protocol::ProblemCode;
use sallyport_store::{PersonRow, ReadTx, ResourceRow, StoreError, WriteTx};

use super::change::Change;
use super::{App, Refusal, people};

/// What to change in Entra, in the words of its pages.
pub const MAPPING_REMEDY: &str = "in the Entra admin center: Enterprise applications, the provisioning application, \
     Provisioning, Mappings, Provision Microsoft Entra ID Users: open the row whose target is externalId, change its \
     source attribute from mailNickname to objectId, save; then Provisioning, Restart provisioning";

/// How often the log says that object ids do not come: a cycle brings thousands of such users.
const SAID_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// What the log says of a tenant whose object ids do not come.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Lacking {
    /// New users come without.
    Never,
    /// Users come without who had one.
    NoMore,
}

/// What the log has said, and has yet to say.
#[derive(Debug, Default)]
pub struct Warned(Mutex<BTreeMap<(TenantId, Lacking), Said>>);

#[derive(Debug, Default)]
struct Said {
    last: Option<Timestamp>,
    /// Since then.
    users: u64,
}

impl Warned {
    /// Of how many users it is to be said now, which is then done; `None` before it is time.
    fn due(&self, tenant: TenantId, what: Lacking, now: Timestamp) -> Option<u64> {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Said { last, users } = said.entry((tenant, what)).or_default();
        *users = users.saturating_add(1);
        if last.is_some_and(|last| now.duration_since(last) < SAID_EVERY) {
            return None;
        }
        *last = Some(now);
        Some(std::mem::take(users))
    }
}

impl App {
    /// Entra's default mapping is found out with the first user that it brings.
    pub(super) fn warn_of_mapping(&self, resource: &ResourceRow) {
        if claims_an_object(resource) {
            return;
        }
        if let Some(users) = self.warned().due(resource.tenant, Lacking::Never, self.now()) {
            tracing::warn!(
                tenant = %resource.tenant, users,
                "users come with an externalId that is no object id, and cannot log in; {MAPPING_REMEDY}"
            );
        }
    }

    /// The same for a mapping that is changed later: with the next writes it locks people out one after the other.
    pub(super) fn warn_of_lost_link(&self, tenant: TenantId) {
        if let Some(users) = self.warned().due(tenant, Lacking::NoMore, self.now()) {
            tracing::warn!(
                %tenant, users,
                "users who were known by their object id come with an externalId that is none now, and are locked out \
                 until it comes again; sallyport-ca doctor counts them; {MAPPING_REMEDY}"
            );
        }
    }
}

/// The person of a verified sign-in whose object id nobody has: linked now, if the tenant's connection allows it and
/// the directory knows them by this UPN and by no object id. The link is never made a second time.
///
/// A guest's UPN is spelt otherwise in tokens than in the directory, and may be somebody else's there: never linked.
pub fn person(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    token: &Verified,
) -> Result<Option<PersonRow>, StoreError> {
    if token.guest {
        return Ok(None);
    }
    let Some((resource, person)) = known_by_name(tx, token)? else { return Ok(None) };
    if person.object.is_some() || person.guest || claims_an_object(&resource) {
        return Ok(None);
    }
    // Suspended: refused as such. Anything but the missing object id keeps the link from being made as well.
    if (person.state, person.reason) != (UserState::Conflict, Some(ConflictReason::NoObjectId)) {
        return Ok((person.state == UserState::Suspended).then_some(person));
    }
    let allowed = tx.connection_of(token.subject.tenant)?.is_some_and(|connection| connection.link_by_upn);
    if !allowed {
        return Ok(None);
    }
    let linked = PersonRow { object: Some(token.subject.object), linked_by_upn: true, ..person };
    tx.put_person(&linked)?;
    let event = change.event(EventName::DirectoryUserLinked).of_user(linked.id);
    let event = event.with("object_id", token.subject.object.to_string());
    tx.append(&event.with("user_name", resource.user_name.as_str()))?;
    people::settle(tx, change, &resource)?;
    tx.person(linked.id)
}

/// Why a sign-in by somebody whom the directory knows by name finds nobody; `None` when it does not know them at all.
pub fn refusal(tx: &(impl ReadTx + ?Sized), token: &Verified) -> Result<Option<Refusal>, StoreError> {
    let Some((resource, person)) = known_by_name(tx, token)? else { return Ok(None) };
    let who = &resource.user_name;
    let detail = if person.object.is_some() || claims_an_object(&resource) {
        format!(
            "{who} is provisioned here as another account, with another object id. An administrator assigns this one \
             to the Sallyport application in Entra; sallyport-ca admin directory --user {who} shows the other"
        )
    } else {
        format!(
            "{who} is known here by name only, because Entra does not send the object id; an administrator runs: \
             sallyport-ca doctor"
        )
    };
    Ok(Some(Refusal::new(ProblemCode::NotProvisioned, detail)))
}

fn known_by_name(
    tx: &(impl ReadTx + ?Sized),
    token: &Verified,
) -> Result<Option<(ResourceRow, PersonRow)>, StoreError> {
    let Some(upn) = &token.preferred_username else { return Ok(None) };
    let Some(resource) = tx.resource_by_user_name(token.subject.tenant, upn)? else { return Ok(None) };
    let person = tx.person(resource.user)?;
    Ok(person.map(|person| (resource, person)))
}

fn claims_an_object(resource: &ResourceRow) -> bool {
    resource.external_id.as_deref().is_some_and(|id| id.parse::<ObjectId>().is_ok())
}

#[cfg(test)]
mod tests {
    use sallyport_domain::UserState;
    use serde_json::json;

    use super::*;
    use crate::app::testing::{Lines, TENANT, app, object};

    const OBJECT: &str = "0a0a0a0a-1111-4222-8333-444455556666";

    #[tokio::test]
    async fn a_mapping_that_is_changed_later_is_told_with_those_whom_it_locks_out() {
        let (folder, lines) = (tempfile::tempdir().unwrap(), Lines::default());
        let _guard = tracing::subscriber::set_default(lines.subscriber());
        let (app, tenant) = (app(folder.path()), TENANT.parse().unwrap());
        app.prepare().await.unwrap();
        let body = json!({ "userName": "mara.lind@contoso.test", "active": true, "externalId": OBJECT });
        let made = app.create_user(tenant, app.new_request_id(), object(body)).await.unwrap();
        let patch = async |external_id: &str| {
            let patch = json!({ "Operations": [
                { "op": "Replace", "path": "externalId", "value": external_id } ] });
            let operations = sallyport_scim::parse_patch(&object(patch)).unwrap();
            let row = app.patch_user(tenant, app.new_request_id(), made.id, operations).await.unwrap();
            app.store().read(move |tx| tx.person(row.user)).await.unwrap().unwrap()
        };
        let told = || lines.text().matches("who were known by their object id").count();
        assert_eq!(told(), 0);
        let locked_out = patch("maral").await;
        assert_eq!(
            (locked_out.state, locked_out.reason),
            (UserState::Conflict, Some(ConflictReason::NoObjectId))
        );
        assert_eq!(told(), 1, "{}", lines.text());
        assert!(
            lines.text().contains("users=1") && lines.text().contains(MAPPING_REMEDY),
            "{}",
            lines.text()
        );
        patch("mara").await;
        assert_eq!(told(), 1, "nobody else is locked out");
        let back = patch(OBJECT).await;
        assert_eq!((back.state, back.id), (UserState::Active, made.user));
        assert_eq!(back.object, Some(OBJECT.parse().unwrap()));
    }

    #[test]
    fn what_is_said_by_the_hour_says_of_how_many() {
        let (warned, tenant) = (Warned::default(), TENANT.parse().unwrap());
        let due = |minutes: i64, what| {
            warned.due(tenant, what, Timestamp::from_second(1_800_000_000 + minutes * 60).unwrap())
        };
        assert_eq!(due(0, Lacking::NoMore), Some(1));
        assert_eq!((due(1, Lacking::NoMore), due(59, Lacking::NoMore)), (None, None));
        assert_eq!(due(59, Lacking::Never), Some(1), "that is something else");
        assert_eq!(due(60, Lacking::NoMore), Some(3));
    }
}
