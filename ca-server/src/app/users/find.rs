//! Which users a query finds.

use sallyport_domain::TenantId;
use sallyport_scim::{Filter, Kind, Lookup, Meta, render_user};
use sallyport_store::{Page, ReadTx, ResourceRow, StoreError};
use serde_json::{Map, Value};

use crate::app::ListQuery;
use crate::app::search::slice;

/// A filter that no index answers reads the whole directory, this many rows at a time.
const SCAN: usize = 500;

pub(super) fn list(
    tx: &dyn ReadTx,
    tenant: TenantId,
    query: &ListQuery,
) -> Result<Page<ResourceRow>, StoreError> {
    let Some(filter) = &query.filter else {
        return tx.resources(tenant, query.page.offset(), query.page.count);
    };
    match filter.candidates(Kind::User) {
        Some(lookups) => Ok(slice(among(tx, tenant, filter, lookups)?, query.page)),
        None => scan(tx, tenant, filter, query.page),
    }
}

/// What the lookups find and the filter matches, each once.
fn among(
    tx: &dyn ReadTx,
    tenant: TenantId,
    filter: &Filter,
    lookups: Vec<Lookup>,
) -> Result<Vec<ResourceRow>, StoreError> {
    let mut found: Vec<ResourceRow> = Vec::new();
    for lookup in lookups {
        // What an index answers completely is not compared again: it folds case as the store does.
        let whole = filter.as_lookup().as_ref() == Some(&lookup);
        for row in look_up(tx, tenant, lookup)? {
            let known = found.iter().any(|other| other.id == row.id);
            if !known && (whole || filter.matches(Kind::User, &rendered(&row))) {
                found.push(row);
            }
        }
    }
    Ok(found)
}

fn look_up(tx: &dyn ReadTx, tenant: TenantId, lookup: Lookup) -> Result<Vec<ResourceRow>, StoreError> {
    match lookup {
        Lookup::Email(address) => tx.resources_by_email(tenant, &address),
        Lookup::ExternalId(id) => tx.resources_by_external_id(tenant, &id),
        Lookup::Id(id) => match id.parse() {
            Ok(id) => Ok(tx.resource(tenant, id)?.into_iter().collect()),
            Err(_) => Ok(Vec::new()),
        },
        Lookup::UserName(name) => Ok(tx.resource_by_user_name(tenant, &name)?.into_iter().collect()),
        // Of groups, or of two terms: never a candidate of a user.
        Lookup::DisplayName(_)
        | Lookup::IdAndManager { .. }
        | Lookup::IdAndMember { .. }
        | Lookup::Member(_) => Ok(Vec::new()),
    }
}

/// Counts all that match, and keeps those of the page: a filter may match everybody.
fn scan(
    tx: &dyn ReadTx,
    tenant: TenantId,
    filter: &Filter,
    wanted: sallyport_scim::Page,
) -> Result<Page<ResourceRow>, StoreError> {
    let mut found = Page { total: 0, items: Vec::new() };
    let mut skip = 0;
    loop {
        let page = tx.resources(tenant, skip, SCAN)?;
        let read = page.items.len();
        for row in page.items.into_iter().filter(|row| filter.matches(Kind::User, &rendered(row))) {
            if found.total >= wanted.offset() && found.items.len() < wanted.count {
                found.items.push(row);
            }
            found.total += 1;
        }
        if read < SCAN {
            return Ok(found);
        }
        skip += read;
    }
}

/// As filters see it: with `id`, `meta` and all its schemas.
fn rendered(row: &ResourceRow) -> Map<String, Value> {
    render_user(&row.document, &row.id.to_string(), &meta(row))
}

pub(super) fn meta(row: &ResourceRow) -> Meta {
    // Nobody can filter by the address: it depends on who asks.
    Meta { created: row.created_at, last_modified: row.modified_at, location: String::new() }
}
