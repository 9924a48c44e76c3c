//! A resource that is left alone with its claim to an object id, after another one claimed it too: it stands for the
//! person of that id once an administrator says so (decision 0171).

use sallyport_audit::EventName;
use sallyport_domain::{ConflictReason, ObjectId, RequestId, ResourceId, Subject, Uid, UserState};
use sallyport_protocol::ProblemCode;
use sallyport_protocol::admin::LinkView;
use sallyport_store::{PersonRow, ReadTx, ResourceRow, StoreError};

use super::{App, AppError, forget, people};

impl App {
    /// Whom the resource would stand for.
    pub async fn view_linkable(&self, id: ResourceId) -> Result<LinkView, AppError> {
        self.store().read(move |tx| Ok(view(tx, &find(tx, id)?)?)).await
    }

    /// `by`: who says so. Whom the resource stands for now.
    pub async fn link(&self, request: RequestId, id: ResourceId, by: String) -> Result<LinkView, AppError> {
        self.change(request, self.now(), move |tx, change| {
            let claim = find(tx, id)?;
            let confirmed = view(tx, &claim)?;
            let Claim { resource, object, holder } = claim;
            let event = change.event(EventName::DirectoryUserLinked).of_user(holder.id);
            let event = event.with("object_id", object.to_string()).with("by", by);
            let event = event.with("resource", resource.id.to_string());
            tx.append(&event.with("user_name", resource.user_name.as_str()))?;
            let turned = people::turn(tx, change, &resource, holder.id)?;
            people::settle(tx, change, &turned)?;
            Ok(confirmed)
        })
        .await
    }
}

/// A claim that nobody disputes any more, and whose person waits for a resource.
struct Claim {
    resource: ResourceRow,
    object: ObjectId,
    holder: PersonRow,
}

fn find(tx: &(impl ReadTx + ?Sized), id: ResourceId) -> Result<Claim, AppError> {
    let resource = forget::find(tx, id)?;
    let refused = |detail: String| Err(AppError::refused(ProblemCode::Conflict, detail));
    let name = resource.user_name.clone();
    let own = tx.person(resource.user)?.ok_or(StoreError::Missing("person"))?;
    let object = resource.external_id.as_deref().and_then(|id| id.parse::<ObjectId>().ok());
    if own.reason != Some(ConflictReason::Link) {
        return refused(format!("{name} is not flagged for their object id: there is nothing to say"));
    }
    let Some(object) = object else {
        return refused(format!(
            "{name} claims no object id any more; correct what the directory sends, or run: sallyport-ca admin \
             directory forget {id}"
        ));
    };
    if !people::is_fresh(&own) {
        return refused(format!(
            "{name} is another person, who was linked or named before, and is never linked again; correct what the \
             directory sends, or run: sallyport-ca admin directory forget {id}"
        ));
    }
    let holder = tx.person_by_subject(Subject { tenant: resource.tenant, object })?;
    let others = tx.claimants(resource.tenant, object)?.into_iter().filter(|other| *other != id);
    let used = holder.as_ref().map(|holder| tx.resource_of_person(holder.id)).transpose()?.flatten();
    let others: Vec<String> = others.chain(used.map(|row| row.id)).map(|other| other.to_string()).collect();
    if let Some(other) = others.first() {
        return refused(format!(
            "another resource claims or has that object id: {}; take away the one that is wrong first, with: \
             sallyport-ca admin directory forget {other}",
            others.join(", ")
        ));
    }
    match holder.filter(|holder| holder.state == UserState::Gone) {
        Some(holder) => Ok(Claim { resource, object, holder }),
        None => refused(format!("nobody who is gone has the object id {object}")),
    }
}

fn view(tx: &(impl ReadTx + ?Sized), claim: &Claim) -> Result<LinkView, StoreError> {
    let Claim { resource, object, holder } = claim;
    let mut groups = Vec::new();
    for id in tx.groups_of(resource.id)? {
        groups.extend(tx.group_by_id(id)?.map(|group| group.display_name));
    }
    let connection = tx.connection_of(resource.tenant)?.map(|connection| connection.name.to_string());
    Ok(LinkView {
        resource: resource.id.to_string(),
        connection: connection.unwrap_or_default(),
        user_name: resource.user_name.clone(),
        object_id: object.to_string(),
        user: holder.id.to_string(),
        was_called: holder.user_name.clone(),
        posix_name: holder.posix_name.as_ref().map(ToString::to_string),
        uid: holder.uid.map(Uid::value),
        groups,
        grants: tx.grants_reaching(resource.id)?.len(),
    })
}
