use sallyport_domain::TenantId;
use sallyport_scim::Page;
use sallyport_store::{self as store, ResourceRow};

use super::groups::GroupRead;
use super::{App, DirectoryError, ListQuery};

/// A resource of either kind.
#[derive(Clone, Debug)]
pub enum Found {
    Group(GroupRead),
    User(ResourceRow),
}

impl App {
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
