//! A user's resource that the directory will not take away itself: an administrator does, as its DELETE would.

use sallyport_audit::EventName;
use sallyport_domain::{ObjectId, RequestId, ResourceId, Uid};
use sallyport_protocol::ProblemCode;
use sallyport_protocol::admin::ForgetView;
use sallyport_store::{ReadTx, ResourceRow, StoreError};

use super::who::tenants;
use super::{App, AppError, users};

impl App {
    /// What would be lost.
    pub async fn view_forgettable(&self, id: ResourceId) -> Result<ForgetView, AppError> {
        self.store().read(move |tx| Ok(view(tx, &find(tx, id)?)?)).await
    }

    /// `by`: who asked for it. What was lost.
    pub async fn forget(
        &self,
        request: RequestId,
        id: ResourceId,
        by: String,
    ) -> Result<ForgetView, AppError> {
        self.change(request, self.now(), move |tx, change| {
            let resource = find(tx, id)?;
            let lost = view(tx, &resource)?;
            let event = change.event(EventName::DirectoryUserForgotten).of_user(resource.user);
            let event = event.with("resource", resource.id.to_string()).with("by", by);
            tx.append(&event.with("user_name", resource.user_name.as_str()))?;
            users::remove(tx, change, &resource)?;
            Ok(lost)
        })
        .await
    }
}

pub(super) fn find(tx: &(impl ReadTx + ?Sized), id: ResourceId) -> Result<ResourceRow, AppError> {
    for tenant in tenants(tx)? {
        if let Some(resource) = tx.resource(tenant, id)? {
            return Ok(resource);
        }
    }
    let detail = format!(
        "no user of a directory has the resource id {id}; run: sallyport-ca admin directory --user NAME --format json \
         (resource_id)"
    );
    Err(AppError::refused(ProblemCode::NotFound, detail))
}

fn view(tx: &(impl ReadTx + ?Sized), resource: &ResourceRow) -> Result<ForgetView, StoreError> {
    let person = tx.person(resource.user)?.ok_or(StoreError::Missing("person"))?;
    let mut groups = Vec::new();
    for id in tx.groups_of(resource.id)? {
        groups.extend(tx.group_by_id(id)?.map(|group| group.display_name));
    }
    let object = resource.external_id.as_deref().and_then(|id| id.parse::<ObjectId>().ok());
    let claimants =
        object.map(|object| tx.claimants(resource.tenant, object)).transpose()?.unwrap_or_default();
    let connection = tx.connection_of(resource.tenant)?.map(|connection| connection.name.to_string());
    Ok(ForgetView {
        resource: resource.id.to_string(),
        connection: connection.unwrap_or_default(),
        user_name: resource.user_name.clone(),
        user: person.id.to_string(),
        state: person.state.as_str().to_owned(),
        posix_name: person.posix_name.as_ref().map(ToString::to_string),
        uid: person.uid.map(Uid::value),
        groups,
        grants: tx.grants_reaching(resource.id)?.len(),
        other_claimants: claimants.iter().filter(|claimant| **claimant != resource.id).count(),
    })
}
