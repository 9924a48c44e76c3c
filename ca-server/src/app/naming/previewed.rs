//! A preview says what comes of an expression: the names are given in the same order, by the same rules.

use std::collections::HashMap;

use sallyport_domain::{PosixName, UserId};
use sallyport_protocol::admin::AddConnection;
use sallyport_protocol::names::{
    ApplyExpression, AssignName, NamesPreview, PreviewNames, PreviewOf, PreviewedPerson,
};
use sallyport_store::{LedgerRow, StoreError};
use serde_json::json;

use super::storm::{Known, Storm, body};

const EXPRESSION: &str = "[displayName]";

async fn arrive(storm: &Storm, tenant: usize, object: u8, upn: &str, shown: &str, uid: Option<u32>) -> Known {
    let object = format!("00000000-0000-4000-8000-0000000000{object:02x}");
    let mut body = body(&object, upn, uid);
    body.insert("displayName".to_owned(), json!(shown));
    let app = storm.app.clone();
    let row = app.create_user(storm.tenants[tenant], app.new_request_id(), body).await.unwrap();
    Known { tenant, id: row.id, object, upn: upn.to_owned() }
}

async fn person(storm: &Storm, known: &Known) -> (UserId, Option<PosixName>) {
    let (tenant, id) = (storm.tenants[known.tenant], known.id);
    let read = storm.app.store().read(move |tx| {
        let resource = tx.resource(tenant, id)?.unwrap();
        let person = tx.person(resource.user)?.unwrap();
        Ok::<_, StoreError>((person.id, person.posix_name))
    });
    read.await.unwrap()
}

async fn preview(storm: &Storm, expression: Option<&str>, people: PreviewOf) -> NamesPreview {
    let ask = PreviewNames { expression: expression.map(ToOwned::to_owned), people };
    storm.app.preview_names(ask).await.unwrap()
}

fn told(person: &PreviewedPerson) -> (Option<&str>, Option<&str>, Option<&str>) {
    let problem = person.problem.as_ref().map(|problem| problem.code.as_str());
    (person.current.as_deref(), person.proposed.as_deref(), problem)
}

#[tokio::test]
async fn a_preview_says_what_apply_does() {
    let folder = tempfile::tempdir().unwrap();
    let mut storm = Storm::brew(folder.path()).await;
    storm.app.prepare().await.unwrap();
    let waiting = arrive(&storm, 0, 1, "waiting@x.test", "same", None).await;
    let pinned = arrive(&storm, 0, 2, "pinned@x.test", "same", None).await;
    let reached = arrive(&storm, 0, 3, "root@x.test", "same", None).await;
    let assigned = arrive(&storm, 0, 4, "given@x.test", "other", None).await;
    let kept = arrive(&storm, 0, 5, "kept@x.test", "elsewhere", None).await;
    let twins = [
        arrive(&storm, 0, 6, "twin.one@x.test", "twin1", Some(54_321)).await,
        arrive(&storm, 0, 7, "twin.two@x.test", "twin2", Some(54_321)).await,
    ];
    let zero = arrive(&storm, 0, 8, "zero@x.test", "zero", Some(0)).await;
    let renamed = arrive(&storm, 0, 9, "before@x.test", "after", None).await;
    let [one, two] = twins.clone();
    storm
        .join(&[pinned.clone(), reached.clone(), kept.clone(), one, two, zero.clone(), renamed.clone()])
        .await;
    let app = storm.app.clone();
    let ask = AssignName { user: assigned.object.clone(), name: "by.hand".to_owned() };
    app.assign_name(app.new_request_id(), ask).await.unwrap();
    let keeper = person(&storm, &kept).await.0;
    let ruled_out = arrive(&storm, 0, 10, "older@x.test", "fine", None).await;
    let older = person(&storm, &ruled_out).await.0;
    let keep = move |tx: &mut dyn sallyport_store::WriteTx| {
        let row = tx.ledger(older)?.unwrap();
        tx.put_ledger(&LedgerRow { assigned: Some("daemon".parse().unwrap()), ..row })?;
        let row = tx.ledger(keeper)?.unwrap();
        tx.put_ledger(&LedgerRow { kept: Some("elsewhere".parse().unwrap()), ..row })
    };
    app.store().write(keep).await.unwrap();

    let shown = preview(&storm, Some(EXPRESSION), PreviewOf::Everybody).await;
    let by_subject: HashMap<&str, _> =
        shown.people.iter().map(|person| (person.subject.as_str(), told(person))).collect();
    for (known, wanted) in [
        (&waiting, (None, Some("same"), Some("name_taken"))),
        (&pinned, (Some("pinned"), Some("same"), Some("name_taken"))),
        (&reached, (None, Some("same"), None)),
        (&assigned, (None, Some("by.hand"), None)),
        (&ruled_out, (None, None, Some("name_reserved"))),
        (&kept, (Some("kept"), Some("elsewhere"), Some("kept"))),
        (&twins[0], (None, Some("twin1"), Some("uid_taken"))),
        (&twins[1], (None, Some("twin2"), Some("uid_taken"))),
        (&zero, (None, Some("zero"), Some("uid_impossible"))),
        (&renamed, (Some("before"), Some("after"), None)),
    ] {
        assert_eq!(by_subject[known.object.as_str()], wanted, "{}", known.upn);
    }
    let summary = &shown.summary;
    assert_eq!((summary.people, summary.named, summary.renamed, summary.kept), (10, 2, 1, 1));
    assert_eq!((summary.collisions, summary.refused, summary.unchanged), (2, 4, 0));
    let taken = shown.people.iter().find(|person| person.subject == waiting.object).unwrap();
    assert_eq!(taken.problem.as_ref().unwrap().with, [reached.object.as_str()]);

    let ask = ApplyExpression { expression: Some(EXPRESSION.to_owned()) };
    app.apply_expression(app.new_request_id(), ask).await.unwrap();
    storm.join(&[waiting.clone(), assigned.clone()]).await;
    for (known, name) in [
        (&waiting, None),
        (&pinned, Some("pinned")),
        (&reached, Some("same")),
        (&assigned, Some("by.hand")),
        (&kept, Some("kept")),
        (&twins[0], None),
        (&zero, None),
    ] {
        let pinned = person(&storm, known).await.1;
        assert_eq!(pinned.as_ref().map(PosixName::as_str), name, "{}", known.upn);
    }
}

#[tokio::test]
async fn one_object_id_in_two_tenants_is_two_people() {
    let folder = tempfile::tempdir().unwrap();
    let mut storm = Storm::brew(folder.path()).await;
    let app = storm.app.clone();
    app.prepare().await.unwrap();
    let ask = AddConnection { name: "other".parse().unwrap(), tenant: storm.tenants[1] };
    app.add_connection(app.new_request_id(), ask).await.unwrap();
    let first = arrive(&storm, 0, 1, "mara.lind@x.test", "", None).await;
    arrive(&storm, 1, 1, "mara.lind@x.test", "", None).await;
    for unnamed in [true, false] {
        if !unnamed {
            storm.join(std::slice::from_ref(&first)).await;
        }
        let shown = preview(&storm, None, PreviewOf::Everybody).await;
        assert_eq!((shown.people.len(), shown.summary.collisions), (2, 1), "{shown:?}");
        // Whoever is not asked about has names all the same.
        let shown = preview(&storm, None, PreviewOf::Connection("other".to_owned())).await;
        assert_eq!((shown.people.len(), shown.summary.collisions), (1, 1), "{shown:?}");
        assert_eq!(shown.people[0].current, None);
    }
}
