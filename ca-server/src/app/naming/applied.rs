//! An expression is put in force by a plan of an older state: what was written meanwhile counts all the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sallyport_domain::{ConflictReason, PosixName, TenantId, UserState};
use sallyport_protocol::names::{ApplyExpression, PreviewNames, PreviewOf};
use sallyport_store::conformance::samples;
use sallyport_store::{LedgerRow, PersonRow, ResourceRow, StoreError, WriteTx};
use serde_json::json;

use super::storm::{Known, Storm, body};
use super::{Mapping, preview_rows};
use crate::app::App;
use crate::config::NamesSection;

const SHOWN: &str = "[displayName]";

async fn arrive(storm: &Storm, number: u32, upn: &str, shown: &str) -> Known {
    let object = format!("00000000-0000-4000-8000-{number:012x}");
    let mut body = body(&object, upn, None);
    body.insert("displayName".to_owned(), json!(shown));
    let (app, tenant) = (&storm.app, storm.tenants[0]);
    let row = app.create_user(tenant, app.new_request_id(), body).await.unwrap();
    Known { tenant: 0, id: row.id, object, upn: upn.to_owned() }
}

async fn state(app: &App, known: &Known) -> (PersonRow, LedgerRow) {
    let user = app.find_person(&known.object).await.unwrap();
    let read = app
        .store()
        .read(move |tx| Ok::<_, StoreError>((tx.person(user)?.unwrap(), tx.ledger(user)?.unwrap())));
    read.await.unwrap()
}

async fn apply(app: &App, expression: &str) {
    let ask = ApplyExpression { expression: Some(expression.to_owned()) };
    app.apply_expression(app.new_request_id(), ask).await.unwrap();
}

#[tokio::test]
async fn who_needs_nothing_else_is_only_proposed_another_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut storm = Storm::brew(folder.path()).await;
    let app = storm.app.clone();
    let named = arrive(&storm, 1, "nora@x.test", "other").await;
    storm.join(std::slice::from_ref(&named)).await;
    let unreached = arrive(&storm, 2, "free@x.test", "free.too").await;
    let collides = arrive(&storm, 3, "alone@x.test", "nora").await;
    let relieved = arrive(&storm, 4, "nora@y.test", "relieved").await;
    let waiting = arrive(&storm, 5, "root@x.test", "reached").await;
    storm.join(std::slice::from_ref(&waiting)).await;
    let nothing = arrive(&storm, 6, "nothing@x.test", "").await;
    apply(&app, SHOWN).await;
    let conflict = |reason| (UserState::Conflict, Some(reason));
    let active = (UserState::Active, None);
    for (known, name, proposed, standing) in [
        (&named, Some("nora"), Some("other"), active),
        (&unreached, None, Some("free.too"), active),
        (&collides, None, Some("nora"), conflict(ConflictReason::NameTaken)),
        (&relieved, None, Some("relieved"), active),
        (&waiting, Some("reached"), Some("reached"), active),
        (&nothing, None, None, conflict(ConflictReason::NameImpossible)),
    ] {
        let (person, ledger) = state(&app, known).await;
        assert_eq!(person.posix_name.as_ref().map(PosixName::as_str), name, "{}", known.upn);
        assert_eq!(ledger.proposed.as_ref().map(PosixName::as_str), proposed, "{}", known.upn);
        assert_eq!((person.state, person.reason), standing, "{}", known.upn);
    }
    // The same again changes nothing, and says so.
    apply(&app, SHOWN).await;
    let heads = app.store().read(|tx| tx.audit_after(0, usize::MAX)).await;
    let heads: Result<Vec<sallyport_audit::Record>, StoreError> = heads;
    let last = heads.unwrap().last().unwrap().event().unwrap();
    assert_eq!((last.name.as_str(), &last.detail["proposals_changed"]), ("names.applied", &json!(0)));
}

/// Whatever order they come in, everybody is named by the expression that is in force at the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_written_while_an_expression_is_applied_is_judged_by_it() {
    let folder = tempfile::tempdir().unwrap();
    let storm = Arc::new(Storm::brew(folder.path()).await);
    let app = storm.app.clone();
    let mut everybody = Vec::new();
    for number in 0..200 {
        everybody
            .push(arrive(&storm, number, &format!("upn{number}@x.test"), &format!("shown{number}")).await);
    }
    let expressions = [SHOWN, Mapping::DEFAULT];
    for round in 0..6_u32 {
        let (applying, other) = (app.clone(), app.clone());
        let of = expressions[usize::from(round % 2 == 1)];
        let ask = |expression: &str| ApplyExpression { expression: Some(expression.to_owned()) };
        let (first, second) = (ask(expressions[usize::from(round % 2 == 0)]), ask(of));
        let before = tokio::spawn(async move {
            applying.apply_expression(applying.new_request_id(), first).await.unwrap();
            other.apply_expression(other.new_request_id(), second).await.unwrap();
        });
        for step in 0..20 {
            let number = 1_000 + round * 100 + step;
            let (upn, shown) = (format!("upn{number}@x.test"), format!("shown{number}"));
            everybody.push(arrive(&storm, number, &upn, &shown).await);
            let known = &everybody[usize::try_from(step * 7).unwrap()];
            let mut body = body(&known.object, &known.upn, None);
            body.insert("displayName".to_owned(), json!(format!("again{round}.{step}")));
            app.replace_user(storm.tenants[0], app.new_request_id(), known.id, body).await.unwrap();
        }
        before.await.unwrap();
        let shown = app.preview_names(PreviewNames { expression: None, people: PreviewOf::Everybody });
        assert_eq!(shown.await.unwrap().summary.expression, of, "round {round}");
        for known in &everybody {
            let (_, ledger) = state(&app, known).await;
            let read = app.store().read({
                let (tenant, id) = (storm.tenants[0], known.id);
                move |tx| tx.resource(tenant, id)
            });
            let resource: Result<_, StoreError> = read.await;
            let document = resource.unwrap().unwrap().document;
            let source = super::Attributes::Scim(&document);
            let wanted = Mapping::parse(of).unwrap().name(source).unwrap();
            assert_eq!(ledger.proposed.map(String::from), wanted, "{} in round {round}", known.upn);
        }
    }
}

#[test]
fn ranges_that_would_be_exhausted_are_foreseen() {
    let uid_ranges = vec!["70000-70001".parse().unwrap()];
    let naming = super::Naming::new(NamesSection { uid_ranges, ..NamesSection::default() });
    let rows = ["mara", "otto", "root", "ida", "jens"].iter().enumerate().map(|(index, name)| {
        let row =
            json!({ "line": index + 2, "attributes": { "userPrincipalName": format!("{name}@x.test") } });
        serde_json::from_value(row).unwrap()
    });
    let preview = preview_rows(&naming, &Mapping::parse(Mapping::DEFAULT).unwrap(), rows.collect()).unwrap();
    let codes: Vec<Option<&str>> = preview
        .people
        .iter()
        .map(|person| person.problem.as_ref().map(|problem| problem.code.as_str()))
        .collect();
    assert_eq!(codes, [None, None, Some("name_reserved"), Some("no_uid"), Some("no_uid")]);
    let summary = &preview.summary;
    assert_eq!((summary.people, summary.named, summary.without_uid, summary.refused), (5, 2, 2, 1));
}

/// `SALLYPORT_APPLY=100000` says how long others wait, in a release build.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_write_while_an_expression_is_computed() {
    let people = std::env::var("SALLYPORT_APPLY").map_or(500, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let storm = Storm::brew(folder.path()).await;
    let (app, tenant) = (storm.app.clone(), storm.tenants[0]);
    for begin in (0..people).step_by(1_000) {
        let written: Result<(), StoreError> = app
            .store()
            .write(move |tx| {
                (begin..people.min(begin + 1_000)).try_for_each(|number| populate(tx, tenant, number))
            })
            .await;
        written.unwrap();
    }
    let (stop, shared) = (Arc::new(AtomicBool::new(false)), app.store().clone());
    let stopped = Arc::clone(&stop);
    let other = tokio::spawn(async move {
        let (mut longest, mut writes) = (Duration::ZERO, 0_u32);
        while !stopped.load(Ordering::Relaxed) {
            let begun = Instant::now();
            let written: Result<(), StoreError> = shared.write(|_| Ok(())).await;
            written.unwrap();
            longest = longest.max(begun.elapsed());
            writes += 1;
        }
        (longest, writes)
    });
    let begun = Instant::now();
    let ask = ApplyExpression { expression: Some(SHOWN.to_owned()) };
    let summary = app.apply_expression(app.new_request_id(), ask).await.unwrap();
    let took = begun.elapsed();
    stop.store(true, Ordering::Relaxed);
    let (longest, writes) = other.await.unwrap();
    eprintln!(
        "{people} people: {took:.2?} with the preview after it; {writes} other writes, the longest {longest:.2?}"
    );
    assert_eq!(
        (summary.people, summary.renamed),
        (0, 0),
        "a tenant without a connection is nobody's preview"
    );
    let rows: Result<Vec<LedgerRow>, StoreError> = app.store().read(|tx| tx.ledgers()).await;
    let rows = rows.unwrap();
    assert_eq!(rows.len(), people);
    let refused = rows.iter().filter(|row| row.proposed.is_none()).count();
    assert_eq!(refused, people / 10, "each of them was settled");
    let shown = |row: &LedgerRow| row.proposed.as_ref().is_none_or(|name| name.as_str().starts_with("shown"));
    assert!(rows.iter().all(shown));
}

/// One of two has a name. Of one of ten, who has none, the other expression makes nothing that can be one: they are
/// settled, and the others only get another proposal.
fn populate(tx: &mut dyn WriteTx, tenant: TenantId, number: usize) -> Result<(), StoreError> {
    let digits = u32::try_from(number).unwrap();
    let user = format!("{number:026}").parse().unwrap();
    let object = format!("00000000-0000-4000-8000-{number:012x}");
    let upn = format!("upn{number}@x.test");
    let mut document = body(&object, &upn, None);
    let shown = if number % 10 == 1 { "Not a name" } else { "shown" };
    document.insert("displayName".to_owned(), json!(format!("{shown}{number}")));
    tx.put_person(&PersonRow {
        user_name: upn.clone(),
        display_name: format!("shown{number}"),
        state: UserState::Active,
        object: Some(object.parse().unwrap()),
        tenant,
        id: user,
        ..samples::person(1)
    })?;
    tx.put_resource(&ResourceRow {
        id: format!("{number:026}").parse().unwrap(),
        tenant,
        user,
        user_name: upn,
        external_id: Some(object),
        document,
        ..samples::resource(1)
    })?;
    let name: PosixName = format!("upn{number}").parse().unwrap();
    tx.put_ledger(&LedgerRow { proposed: Some(name.clone()), ..LedgerRow::new(user) })?;
    if number.is_multiple_of(2) {
        let uid = (100_000 + digits).try_into().unwrap();
        tx.pin(user, &name, uid, uid, samples::now())?;
    }
    Ok(())
}
