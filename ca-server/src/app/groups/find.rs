//! Which groups a query finds.

use sallyport_domain::{ResourceId, TenantId};
use sallyport_scim::{Filter, Kind, Lookup, Member, Meta, render_group};
use sallyport_store::{GroupRow, Page, ReadTx, StoreError};
use serde_json::{Map, Value};

use crate::app::ListQuery;
use crate::app::search::slice;

pub(super) fn list(
    tx: &dyn ReadTx,
    tenant: TenantId,
    query: &ListQuery,
) -> Result<Page<GroupRow>, StoreError> {
    let Some(filter) = &query.filter else {
        return tx.groups(tenant, query.page.offset(), query.page.count);
    };
    let found = match (filter.as_lookup(), filter.candidates(Kind::Group)) {
        // A million memberships: whether somebody is in a group is asked without its members.
        (Some(Lookup::IdAndMember { id, member }), _) => has_member(tx, by_id(tx, tenant, &id)?, &member)?,
        (whole, Some(lookups)) => {
            let mut found: Vec<GroupRow> = Vec::new();
            for lookup in lookups {
                let whole = whole.as_ref() == Some(&lookup);
                for row in look_up(tx, tenant, lookup)? {
                    let known = found.iter().any(|other| other.id == row.id);
                    if !known && (whole || matches(tx, filter, &row)?) {
                        found.push(row);
                    }
                }
            }
            found
        }
        (_, None) => scan(tx, tenant, filter)?,
    };
    Ok(slice(found, query.page))
}

fn look_up(tx: &dyn ReadTx, tenant: TenantId, lookup: Lookup) -> Result<Vec<GroupRow>, StoreError> {
    match lookup {
        Lookup::DisplayName(name) => tx.groups_by_name(tenant, &name),
        Lookup::ExternalId(id) => tx.groups_by_external_id(tenant, &id),
        Lookup::Id(id) => by_id(tx, tenant, &id),
        Lookup::Member(member) => of_member(tx, tenant, &member),
        // Of users, or of two terms: never a candidate of a group.
        Lookup::Email(_) | Lookup::IdAndManager { .. } | Lookup::IdAndMember { .. } | Lookup::UserName(_) => {
            Ok(Vec::new())
        }
    }
}

fn by_id(tx: &dyn ReadTx, tenant: TenantId, id: &str) -> Result<Vec<GroupRow>, StoreError> {
    let Ok(id) = id.parse() else { return Ok(Vec::new()) };
    Ok(tx.group(tenant, id)?.into_iter().collect())
}

fn of_member(tx: &dyn ReadTx, tenant: TenantId, member: &str) -> Result<Vec<GroupRow>, StoreError> {
    let Ok(member) = member.parse() else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for id in tx.groups_of(member)? {
        found.extend(tx.group(tenant, id)?);
    }
    Ok(found)
}

fn has_member(tx: &dyn ReadTx, rows: Vec<GroupRow>, member: &str) -> Result<Vec<GroupRow>, StoreError> {
    let Ok(member) = member.parse() else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for row in rows {
        if tx.is_member(row.id, member)? {
            found.push(row);
        }
    }
    Ok(found)
}

fn scan(tx: &dyn ReadTx, tenant: TenantId, filter: &Filter) -> Result<Vec<GroupRow>, StoreError> {
    let mut found = Vec::new();
    for row in tx.groups(tenant, 0, usize::MAX)?.items {
        if matches(tx, filter, &row)? {
            found.push(row);
        }
    }
    Ok(found)
}

fn matches(tx: &dyn ReadTx, filter: &Filter, row: &GroupRow) -> Result<bool, StoreError> {
    let members = if filter.names("members") { Some(tx.members(row.id)?) } else { None };
    Ok(filter.matches(Kind::Group, &rendered(row, members)))
}

/// As filters see it: with `id`, `meta`, all its schemas, and the members where they are asked about.
fn rendered(row: &GroupRow, members: Option<Vec<ResourceId>>) -> Map<String, Value> {
    let member = |id: ResourceId| Member { id: id.to_string(), display: None, location: None };
    let members: Option<Vec<_>> = members.map(|ids| ids.into_iter().map(member).collect());
    render_group(&row.document, &row.id.to_string(), members.as_deref(), &meta(row))
}

pub(super) fn meta(row: &GroupRow) -> Meta {
    // Nobody can filter by addresses: they depend on who asks.
    Meta { created: row.created_at, last_modified: row.modified_at, location: String::new() }
}
