use sallyport_domain::ResourceId;
use serde_json::json;

use super::*;
use crate::app::App;
use crate::app::testing::{TENANT, app, object};

const DISPUTED: &str = "00000000-0000-4000-8000-000000000001";
const OWN: &str = "00000000-0000-4000-8000-000000000002";

async fn create(app: &App, name: &str, external_id: &str) -> ResourceId {
    let body = json!({ "userName": name, "active": true, "externalId": external_id });
    let tenant = TENANT.parse().unwrap();
    app.create_user(tenant, app.new_request_id(), object(body)).await.unwrap().id
}

async fn claim(app: &App, resource: ResourceId, external_id: &str) -> PersonRow {
    let patch = json!({ "Operations": [{ "op": "Replace", "path": "externalId", "value": external_id }] });
    let operations = sallyport_scim::parse_patch(&object(patch)).unwrap();
    let tenant = TENANT.parse().unwrap();
    app.patch_user(tenant, app.new_request_id(), resource, operations).await.unwrap();
    person(app, resource).await
}

async fn person(app: &App, resource: ResourceId) -> PersonRow {
    let look = move |tx: &dyn sallyport_store::ReadTx| {
        let resource = tx.resource(TENANT.parse().unwrap(), resource)?.unwrap();
        Ok::<_, StoreError>(tx.person(resource.user)?.unwrap())
    };
    app.store().read(look).await.unwrap()
}

#[tokio::test]
async fn the_second_of_two_claimants_does_not_become_the_first_by_claiming_nothing_for_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let app = app(folder.path());
    app.prepare().await.unwrap();
    let first = create(&app, "first@contoso.test", DISPUTED).await;
    let leaver = person(&app, first).await.id;
    let second = create(&app, "second@contoso.test", DISPUTED).await;
    let own = person(&app, second).await.id;
    app.delete_user(TENANT.parse().unwrap(), app.new_request_id(), first).await.unwrap();
    for external_id in ["second", DISPUTED] {
        let found = claim(&app, second, external_id).await;
        assert_eq!(found.id, own, "{external_id}");
        assert_eq!((found.state, found.reason), (UserState::Suspended, Some(ConflictReason::Link)));
    }
    // Until it claims another id, which is nobody else's.
    let found = claim(&app, second, OWN).await;
    assert_eq!((found.id, found.state), (own, UserState::Active));
    assert_ne!(own, leaver);
}
