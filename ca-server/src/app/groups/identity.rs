//! Which group of the directory a row stands for: what is compared.

use std::collections::HashSet;

use sallyport_domain::{GroupId, ObjectId, TenantId};
use sallyport_scim::{Group, ScimError};
use sallyport_store::{GroupRow, WriteTx};

use crate::app::DirectoryError;

/// The id that the directory itself never changes; matching by name can bring another group's to the same row.
pub(in crate::app) fn object_id(external_id: Option<&str>) -> Option<ObjectId> {
    external_id?.parse().ok()
}

/// 409 only for the same `externalId`, or for the same display name when neither group has one: two Entra groups may
/// bear one name.
pub(super) fn refuse_duplicate(
    tx: &dyn WriteTx,
    tenant: TenantId,
    group: &Group,
    own: Option<GroupId>,
) -> Result<(), DirectoryError> {
    let other = |row: &GroupRow| Some(row.id) != own;
    let taken = match group.external_id() {
        Some(id) => {
            let mut taken = false;
            for spelling in spellings(id) {
                taken |= tx.groups_by_external_id(tenant, &spelling)?.iter().any(other);
            }
            taken
        }
        None => tx
            .groups_by_name(tenant, group.display_name())?
            .iter()
            .any(|row| other(row) && row.external_id.is_none()),
    };
    match (taken, group.external_id()) {
        (false, _) => Ok(()),
        (true, Some(_)) => Err(ScimError::Uniqueness("externalId".to_owned()).into()),
        (true, None) => Err(ScimError::Uniqueness("displayName".to_owned()).into()),
    }
}

/// The text, and for an object id the other ways in which programs write one: each is a look into an index.
pub(in crate::app) fn spellings(external_id: &str) -> HashSet<String> {
    let mut spellings = HashSet::from([external_id.to_owned()]);
    if let Some(object) = object_id(Some(external_id)) {
        let lower = object.to_string();
        for text in [lower.to_uppercase(), lower] {
            spellings.extend([format!("{{{text}}}"), text.replace('-', ""), text]);
        }
    }
    spellings
}

/// A grant is to a group of the directory, not to the row that stood for it (decision 0105). A row whose object id was
/// taken away goes on standing for that object, until it bears another one (decision 0136).
pub(super) fn stands_for_another(before: &GroupRow, after: &GroupRow) -> bool {
    matches!((last_object(before), last_object(after)), (Some(old), Some(new)) if old != new)
}

/// The object id that the row bears, or bore last.
pub(super) fn last_object(row: &GroupRow) -> Option<ObjectId> {
    object_id(row.external_id.as_deref()).or(row.object)
}
