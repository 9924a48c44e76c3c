//! Lists as they are asked for, of users, of groups, or of both.

use std::sync::Arc;

use sallyport_domain::TenantId;
use sallyport_scim::{Filter, Kind, Page};
use sallyport_store::{self as store, ResourceRow};
use tokio::sync::OwnedSemaphorePermit;

use super::groups::GroupRead;
use super::{App, DirectoryError};

/// A list as it is asked for.
#[derive(Clone, Debug)]
pub struct ListQuery {
    pub filter: Option<Filter>,
    pub page: Page,
}

/// A resource of either kind.
#[derive(Clone, Debug)]
pub enum Found {
    Group(GroupRead),
    User(ResourceRow),
}

impl App {
    /// A filter that no index answers reads everything there is. One of them at a time, so that hosts and sign-ins find
    /// a reader; `None` for every other query, which waits for nobody. The turn belongs into the closure that reads:
    /// that goes on when whoever asked has hung up.
    pub(super) async fn turn_to_scan(&self, query: &ListQuery, kind: Kind) -> Option<OwnedSemaphorePermit> {
        let scans = query.filter.as_ref().is_some_and(|filter| filter.candidates(kind).is_none());
        // The semaphore is never closed.
        if scans { Arc::clone(&self.0.scans).acquire_owned().await.ok() } else { None }
    }

    /// Users and groups as one list, users first.
    pub async fn search(
        &self,
        tenant: TenantId,
        query: ListQuery,
        members: bool,
    ) -> Result<store::Page<Found>, DirectoryError> {
        let users = self.list_users(tenant, query.clone()).await?;
        let rest = Page {
            start_index: query.page.offset().saturating_sub(users.total).saturating_add(1),
            count: query.page.count.saturating_sub(users.items.len()),
        };
        let groups = self.list_groups(tenant, ListQuery { page: rest, ..query }, members).await?;
        let items =
            users.items.into_iter().map(Found::User).chain(groups.items.into_iter().map(Found::Group));
        Ok(store::Page { total: users.total + groups.total, items: items.collect() })
    }
}

/// The page of a list that is in memory already.
pub(super) fn slice<T>(found: Vec<T>, page: Page) -> store::Page<T> {
    let total = found.len();
    store::Page { total, items: found.into_iter().skip(page.offset()).take(page.count).collect() }
}
