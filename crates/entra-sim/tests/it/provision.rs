//! The provisioning service against a server that writes down what it is sent.

use sallyport_entra_sim::provision::{
    Counts, Cycle, Dialect, Mapping, Matching, Members, ProvisionError, Provisioner, Report, Token,
};
use sallyport_entra_sim::{Password, Sim, http_client};
use serde_json::{Value, json};

use crate::common::*;
use crate::recorder::{Recorder, Seen};

fn service(sim: &Sim, recorder: &Recorder, dialect: Option<Dialect>, mapping: Mapping) -> Provisioner {
    let token = Token::new("s3cret").unwrap();
    let (from, to) = (sim.base().parse().unwrap(), recorder.url.parse().unwrap());
    Provisioner::new(http_client(&[]).unwrap(), from, to, token, dialect, mapping)
}

async fn cycle(sim: &Sim, recorder: &Recorder) -> Report {
    service(sim, recorder, None, Mapping::default()).run(None, &mut |_| {}).await.unwrap()
}

fn operations(seen: &Seen) -> &Value {
    assert_eq!(seen.body["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:PatchOp"]));
    &seen.body["Operations"]
}

#[tokio::test]
async fn an_initial_cycle_tests_matches_creates_and_adds_members() {
    let (sim, recorder) = (start().await, Recorder::start().await);
    let report = cycle(&sim, &recorder).await;
    assert_eq!(report.cycle, Cycle::Initial);
    let seen = recorder.take();
    let lines: Vec<&str> = seen.iter().map(|seen| seen.line.as_str()).collect();
    assert!(lines[0].starts_with("GET /Users?filter=userName+eq+%22"), "{lines:?}");
    assert_eq!(
        lines[1..],
        [
            "GET /Users?filter=userName+eq+%22mara.lind%40contoso.test%22",
            "POST /Users",
            "GET /Users?filter=userName+eq+%22omar.haddad%40contoso.test%22",
            "POST /Users",
            "GET /Groups?excludedAttributes=members&filter=displayName+eq+%22ssh-prod-admins%22",
            "POST /Groups",
            "PATCH /Groups/scim-3",
        ]
    );
    assert_eq!(seen[2].body["externalId"], MARA);
    assert_eq!(seen[2].body["active"], true);
    assert_eq!(
        seen[2].body["emails"],
        json!([{ "primary": true, "type": "work", "value": "mara.lind@contoso.test" }])
    );
    let added = json!([{ "op": "Add", "path": "members", "value": [{ "$ref": null, "value": "scim-1" }] }]);
    assert_eq!(operations(&seen[7]), &added);
    assert_eq!(report.users, Counts { created: 2, ..Counts::default() });
    assert_eq!(report.members, Members { added: 1, removed: 0 });
    assert_eq!(report.requests, 8);
    for seen in &seen {
        assert_eq!(seen.headers["authorization"], "Bearer s3cret");
        assert!(!seen.headers.contains_key("user-agent"));
        let content_type = seen.headers.get("content-type").map(|value| value.to_str().unwrap());
        let bodiless = seen.line.starts_with("GET");
        assert_eq!(content_type, (!bodiless).then_some("application/scim+json; charset=utf-8"));
    }
}

#[tokio::test]
async fn an_incremental_cycle_sends_only_what_changed() {
    let (sim, recorder) = (start().await, Recorder::start().await);
    cycle(&sim, &recorder).await;
    recorder.take();
    assert_eq!(cycle(&sim, &recorder).await.requests, 0);

    sim.set_enabled(MARA, false).unwrap();
    let report = cycle(&sim, &recorder).await;
    assert_eq!((report.cycle, report.users.disabled), (Cycle::Incremental, 1));
    let seen = recorder.take();
    assert_eq!((seen[0].line.as_str(), seen[1].line.as_str()), ("GET /Users/scim-1", "PATCH /Users/scim-1"));
    assert_eq!(operations(&seen[1]), &json!([{ "op": "Replace", "path": "active", "value": "False" }]));

    sim.set_enabled(MARA, true).unwrap();
    assert_eq!(
        cycle(&sim, &recorder).await.requests,
        1,
        "the recorder still says active, so nothing differs"
    );
    assert_eq!(recorder.lines(), ["GET /Users?filter=userName+eq+%22mara.lind%40contoso.test%22"]);

    sim.edit(|tenant| {
        tenant.groups[0].members.clear();
        tenant.groups[0].name = "ssh-prod-root".to_owned();
        Ok(())
    })
    .unwrap();
    let report = cycle(&sim, &recorder).await;
    assert_eq!((report.groups.updated, report.members), (1, Members { added: 0, removed: 1 }));
    let seen = recorder.take();
    assert_eq!(seen[0].line, "GET /Groups/scim-3?excludedAttributes=members");
    assert_eq!(
        operations(&seen[1]),
        &json!([{ "op": "Replace", "path": "displayName", "value": "ssh-prod-root" }])
    );
    let removed =
        json!([{ "op": "Remove", "path": "members", "value": [{ "$ref": null, "value": "scim-1" }] }]);
    assert_eq!(operations(&seen[2]), &removed);
}

#[tokio::test]
async fn soft_deletion_disables_and_hard_deletion_deletes() {
    let (sim, recorder) = (start().await, Recorder::start().await);
    cycle(&sim, &recorder).await;
    recorder.take();
    sim.edit(|tenant| tenant.remove_user(MARA, false)).unwrap();
    assert_eq!(cycle(&sim, &recorder).await.users.disabled, 1);
    sim.edit(|tenant| tenant.remove_user(MARA, true)).unwrap();
    recorder.take();
    assert_eq!(cycle(&sim, &recorder).await.users.deleted, 1);
    assert_eq!(recorder.lines(), ["DELETE /Users/scim-1"]);
    sim.edit(|tenant| tenant.remove_group(SRE)).unwrap();
    assert_eq!(cycle(&sim, &recorder).await.groups.deleted, 1);
    assert_eq!(recorder.lines(), ["DELETE /Groups/scim-3"]);
}

#[tokio::test]
async fn the_compliant_dialect_writes_booleans_and_paths() {
    let (sim, recorder) = (start().await, Recorder::start().await);
    let compliant = service(&sim, &recorder, Some(Dialect::Compliant), Mapping::default());
    compliant.run(None, &mut |_| {}).await.unwrap();
    recorder.take();
    sim.edit(|tenant| {
        tenant.user_mut(MARA)?.enabled = false;
        tenant.groups[0].members.clear();
        Ok(())
    })
    .unwrap();
    compliant.run(None, &mut |_| {}).await.unwrap();
    let seen = recorder.take();
    assert_eq!(operations(&seen[1]), &json!([{ "op": "replace", "path": "active", "value": false }]));
    assert_eq!(operations(&seen[2]), &json!([{ "op": "remove", "path": "members[value eq \"scim-1\"]" }]));
}

#[tokio::test]
async fn what_is_already_there_is_taken_over_and_patched() {
    let (sim, recorder) = (start().await, Recorder::start().await);
    let there = json!({ "id": "theirs", "externalId": MARA, "userName": "mara@old.test", "active": true });
    recorder.plant("Users/theirs", there);
    let mapping = Mapping { matching: Matching::ExternalId, ..Mapping::default() };
    let report = service(&sim, &recorder, None, mapping).run(None, &mut |_| {}).await.unwrap();
    assert_eq!((report.users.created, report.users.updated), (1, 1));
    let patch = recorder.take().into_iter().find(|seen| seen.line == "PATCH /Users/theirs").unwrap();
    let operations = operations(&patch).as_array().unwrap().clone();
    let renamed = json!({ "op": "Replace", "path": "userName", "value": "mara.lind@contoso.test" });
    assert!(operations.contains(&renamed), "{operations:?}");
    assert!(
        operations.iter().all(|operation| operation["path"] != "externalId" && operation["path"] != "active")
    );
}

#[tokio::test]
async fn a_failed_object_is_named_and_tried_again_and_the_others_go_on() {
    let (sim, recorder) = (start().await, Recorder::start().await);
    recorder.fail("POST /Users", 409);
    let report = cycle(&sim, &recorder).await;
    assert_eq!((report.failures.len(), report.groups.created), (2, 1));
    let named = report.failures[0].to_string();
    assert_eq!(named, "POST /Users (mara.lind@contoso.test): 409: uniqueness: told to fail");
    recorder.recover();
    let report = cycle(&sim, &recorder).await;
    assert_eq!((report.cycle, report.users.created, report.members.added), (Cycle::Incremental, 2, 1));
    assert!(report.failures.is_empty());
}

#[tokio::test]
async fn a_user_that_the_server_lost_is_created_again() {
    let (sim, recorder) = (start().await, Recorder::start().await);
    cycle(&sim, &recorder).await;
    recorder.forget("Users/scim-1");
    recorder.take();
    sim.edit(|tenant| {
        tenant.user_mut(MARA)?.family_name = "Berg".to_owned();
        Ok(())
    })
    .unwrap();
    assert_eq!(cycle(&sim, &recorder).await.users.created, 1);
    let lines = recorder.lines();
    assert_eq!(lines[0], "GET /Users/scim-1");
    assert_eq!(lines[2], "POST /Users");
}

#[tokio::test]
async fn a_refused_token_stops_everything() {
    let (sim, recorder) = (start().await, Recorder::start().await);
    recorder.fail("", 401);
    let run = service(&sim, &recorder, None, Mapping::default()).run(None, &mut |_| {}).await;
    assert!(matches!(run, Err(ProvisionError::TestConnection(failure)) if failure.status == Some(401)));
    recorder.recover();
    cycle(&sim, &recorder).await;
    recorder.fail("", 401);
    sim.edit(|tenant| {
        for user in &mut tenant.users {
            user.enabled = false;
            user.password = Password::new("x");
        }
        Ok(())
    })
    .unwrap();
    recorder.take();
    let run = service(&sim, &recorder, None, Mapping::default()).run(None, &mut |_| {}).await;
    assert!(matches!(run, Err(ProvisionError::Quarantined(_))));
    assert_eq!(recorder.lines().len(), 1);
}
