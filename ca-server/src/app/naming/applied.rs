//! An expression is put in force by a plan of an older state: what was written meanwhile counts all the same.

use std::sync::Arc;

use sallyport_domain::{ConflictReason, PosixName, UserState};
use sallyport_protocol::names::{ApplyExpression, PreviewNames, PreviewOf};
use sallyport_store::{LedgerRow, PersonRow, StoreError};
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
    let named = arrive(&storm, 1, "named@x.test", "other").await;
    storm.join(std::slice::from_ref(&named)).await;
    let unreached = arrive(&storm, 2, "free@x.test", "free.too").await;
    let collides = arrive(&storm, 3, "alone@x.test", "named").await;
    let relieved = arrive(&storm, 4, "named@y.test", "relieved").await;
    let waiting = arrive(&storm, 5, "root@x.test", "reached").await;
    storm.join(std::slice::from_ref(&waiting)).await;
    let nothing = arrive(&storm, 6, "nothing@x.test", "").await;
    apply(&app, SHOWN).await;
    let conflict = |reason| (UserState::Conflict, Some(reason));
    let active = (UserState::Active, None);
    for (known, name, proposed, standing) in [
        (&named, Some("named"), Some("other"), active),
        (&unreached, None, Some("free.too"), active),
        (&collides, None, Some("named"), conflict(ConflictReason::NameTaken)),
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
