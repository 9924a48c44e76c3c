//! Whom an administrator means.

use sallyport_domain::{ObjectId, ResourceId, Subject, TenantId, UserId};
use sallyport_protocol::ProblemCode;
use sallyport_store::{ReadTx, StoreError, folded};

use super::AppError;

/// The people whom this text names: by their id (with or without `u:`), the id of a resource, the object id, or the
/// `userName`, which may have been several people's.
pub fn find_people(tx: &(impl ReadTx + ?Sized), text: &str) -> Result<Vec<UserId>, AppError> {
    let mut found = by_id(tx, text)?;
    if found.is_empty() {
        let name = folded(text);
        let people = tx.people()?.into_iter().filter(|person| folded(&person.user_name) == name);
        found = people.map(|person| person.id).collect();
    }
    if found.is_empty() {
        let detail =
            format!("nobody is called {text:?}; run: sallyport-ca admin directory (people come by SCIM)");
        return Err(AppError::refused(ProblemCode::NotFound, detail));
    }
    Ok(found)
}

fn by_id(tx: &(impl ReadTx + ?Sized), text: &str) -> Result<Vec<UserId>, StoreError> {
    let person: Option<UserId> = text.strip_prefix("u:").unwrap_or(text).parse().ok();
    if let Some(person) = person.map(|id| tx.person(id)).transpose()?.flatten() {
        return Ok(vec![person.id]);
    }
    let (resource, object) = (text.parse::<ResourceId>().ok(), text.parse::<ObjectId>().ok());
    let mut found = Vec::new();
    for tenant in tenants(tx)? {
        if let Some(id) = resource {
            found.extend(tx.resource_label(tenant, id)?.map(|label| label.user));
        }
        if let Some(object) = object {
            found.extend(tx.person_by_subject(Subject { tenant, object })?.map(|person| person.id));
        }
    }
    Ok(found)
}

/// Every group and every resource is of one of these.
pub(super) fn tenants(tx: &(impl ReadTx + ?Sized)) -> Result<Vec<TenantId>, StoreError> {
    Ok(tx.connections()?.into_iter().map(|connection| connection.tenant).collect())
}
