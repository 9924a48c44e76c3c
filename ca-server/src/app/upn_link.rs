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

/// When the log said last of each tenant that its object ids do not come.
#[derive(Debug, Default)]
pub struct Warned(Mutex<BTreeMap<TenantId, Timestamp>>);

impl Warned {
    /// Whether it is time to say it, which is then done.
    fn is_due(&self, tenant: TenantId, now: Timestamp) -> bool {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = said.get(&tenant).is_none_or(|last| now.duration_since(*last) >= SAID_EVERY);
        if due {
            said.insert(tenant, now);
        }
        due
    }
}

impl App {
    /// Entra's default mapping is found out with the first user that it brings.
    pub(super) fn warn_of_mapping(&self, resource: &ResourceRow) {
        if !claims_an_object(resource) && self.warned().is_due(resource.tenant, self.now()) {
            tracing::warn!(
                tenant = %resource.tenant,
                "users come with an externalId that is no object id, and cannot log in; {MAPPING_REMEDY}"
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
