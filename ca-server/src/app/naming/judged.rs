//! Whoever waits for a name gets it when what was in the way is gone, though no directory writes them again.

use sallyport_domain::{ConflictReason, UserState};
use sallyport_protocol::names::{
    AdoptAccount, AssignName, NameIssueKind, NamesPreview, PreviewNames, PreviewOf, ReleaseName,
};
use sallyport_protocol::{LocalNames, Report};
use sallyport_store::conformance::samples;
use sallyport_store::{ExpressionRow, HostRow, PersonRow, StoreError};

use super::storm::{Known, Storm, body};
use crate::app::{AppError, AuthenticatedHost};

fn object_number(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012x}")
}

/// Somebody whom the directory sends now, and whom a grant reaches or not.
async fn arrive(storm: &mut Storm, number: u32, upn: &str, uid: Option<u32>, granted: bool) -> Known {
    let object = object_number(number);
    let (app, tenant) = (&storm.app, storm.tenants[0]);
    let row = app.create_user(tenant, app.new_request_id(), body(&object, upn, uid)).await.unwrap();
    let known = Known { tenant: 0, id: row.id, object, upn: upn.to_owned() };
    if granted {
        storm.join(std::slice::from_ref(&known)).await;
    }
    known
}

async fn person(storm: &Storm, known: &Known) -> PersonRow {
    let user = storm.app.find_person(&known.object).await.unwrap();
    let read: Result<Option<PersonRow>, StoreError> = storm.app.store().read(move |tx| tx.person(user)).await;
    read.unwrap().unwrap()
}

async fn name(storm: &Storm, known: &Known) -> Option<String> {
    person(storm, known).await.posix_name.map(String::from)
}

async fn reason(storm: &Storm, known: &Known) -> Option<ConflictReason> {
    let person = person(storm, known).await;
    assert_eq!(person.reason.is_some(), person.state == UserState::Conflict, "{person:?}");
    person.reason
}

async fn assign(storm: &Storm, known: &Known, name: &str) -> Result<(), AppError> {
    let ask = AssignName { user: known.object.clone(), name: name.to_owned() };
    storm.app.assign_name(storm.app.new_request_id(), ask).await.map(drop)
}

async fn leave(storm: &Storm, known: &Known) {
    let (app, tenant) = (&storm.app, storm.tenants[known.tenant]);
    app.delete_user(tenant, app.new_request_id(), known.id).await.unwrap();
}

async fn release(storm: &Storm, name: &str) {
    let app = &storm.app;
    let ask = |confirm| ReleaseName { name: name.to_owned(), confirm };
    let asked = app.release_name(app.new_request_id(), ask(None)).await.unwrap();
    assert!(app.release_name(app.new_request_id(), ask(asked.confirm)).await.unwrap().freed);
}

fn adoption(local: &str, known: &Known) -> AdoptAccount {
    AdoptAccount {
        user: known.object.clone(),
        local: local.parse().unwrap(),
        hosts: "db*.corp.test".parse().unwrap(),
    }
}

/// An enrolled host.
async fn machine(storm: &Storm, number: u32) -> AuthenticatedHost {
    let host: HostRow = samples::host(number);
    let put = host.clone();
    let written: Result<(), StoreError> = storm.app.store().write(move |tx| tx.put_host(&put)).await;
    written.unwrap();
    AuthenticatedHost { host, nonce: String::new() }
}

async fn report(storm: &Storm, from: &AuthenticatedHost, names: &[&str], ids: &[u32]) {
    let local = LocalNames {
        names: names.iter().map(|name| name.parse().unwrap()).collect(),
        ids: ids.iter().map(|id| (*id).try_into().unwrap()).collect(),
    };
    let report = Report {
        applied: from.host.generation,
        lease_until: None,
        agent: "test".to_owned(),
        problems: Vec::new(),
        local: Some(local),
    };
    storm.app.take_report(storm.app.new_request_id(), from.clone(), report).await.unwrap();
}

async fn preview(storm: &Storm) -> NamesPreview {
    let ask = PreviewNames { expression: None, people: PreviewOf::Everybody };
    storm.app.preview_names(ask).await.unwrap()
}

#[tokio::test]
async fn an_account_given_to_one_person_is_nobody_elses_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut storm = Storm::brew(folder.path()).await;
    let app = storm.app.clone();
    app.prepare().await.unwrap();
    let owner = arrive(&mut storm, 1, "john.smith@x.test", None, true).await;
    app.adopt_account(app.new_request_id(), adoption("jsmith", &owner)).await.unwrap();
    let other = arrive(&mut storm, 2, "jsmith@x.test", None, true).await;
    assert_eq!(
        (name(&storm, &other).await, reason(&storm, &other).await),
        (None, Some(ConflictReason::NameAdopted))
    );

    let listed = app.name_issues().await.unwrap();
    let issue = listed.iter().find(|issue| issue.subject == other.object).unwrap();
    assert_eq!((issue.kind, &issue.with), (NameIssueKind::Conflict, &vec![owner.object.clone()]));
    assert!(issue.detail.contains("names adopt jsmith --remove"), "{}", issue.detail);
    let shown = preview(&storm).await;
    let shown = shown.people.iter().find(|person| person.subject == other.object).unwrap();
    let problem = shown.problem.as_ref().unwrap();
    assert_eq!((problem.code.as_str(), &problem.with), ("name_adopted", &vec![owner.object.clone()]));

    let third = arrive(&mut storm, 3, "mara@x.test", None, true).await;
    let refusal = assign(&storm, &third, "jsmith").await.unwrap_err().to_string();
    assert!(refusal.contains("john.smith@x.test") && refusal.contains("--remove"), "{refusal}");

    // Taken back, it is the name of who waits for it, at once.
    app.disown_account(app.new_request_id(), adoption("jsmith", &owner)).await.unwrap();
    assert_eq!((name(&storm, &other).await.as_deref(), reason(&storm, &other).await), (Some("jsmith"), None));
}

#[tokio::test]
async fn whose_account_it_is_may_be_called_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut storm = Storm::brew(folder.path()).await;
    let app = storm.app.clone();
    let owner = arrive(&mut storm, 1, "john.smith@x.test", None, true).await;
    let waiting = arrive(&mut storm, 2, "jsmith@x.test", None, false).await;
    assert_eq!(reason(&storm, &waiting).await, None);
    app.adopt_account(app.new_request_id(), adoption("jsmith", &owner)).await.unwrap();
    // Told at once, and not when a grant reaches them.
    assert_eq!(reason(&storm, &waiting).await, Some(ConflictReason::NameAdopted));
    assign(&storm, &owner, "jsmith").await.unwrap();
    assert_eq!(name(&storm, &owner).await.as_deref(), Some("jsmith"));
    assert_eq!(reason(&storm, &waiting).await, Some(ConflictReason::NameTaken));
}

#[tokio::test]
async fn a_freed_name_goes_to_who_waited_longest() {
    let folder = tempfile::tempdir().unwrap();
    let mut storm = Storm::brew(folder.path()).await;
    let first = arrive(&mut storm, 1, "mara@a.test", None, true).await;
    // The object ids say the contrary of the order of arrival.
    let unreached = arrive(&mut storm, 9, "mara@b.test", None, false).await;
    let second = arrive(&mut storm, 8, "mara@c.test", None, true).await;
    let third = arrive(&mut storm, 7, "mara@d.test", None, true).await;
    for waiting in [&unreached, &second, &third] {
        assert_eq!(reason(&storm, waiting).await, Some(ConflictReason::NameTaken));
    }
    leave(&storm, &first).await;
    assert_eq!(reason(&storm, &second).await, Some(ConflictReason::NameTaken), "a leaver's name is theirs");
    release(&storm, "mara").await;
    assert_eq!((name(&storm, &second).await.as_deref(), reason(&storm, &second).await), (Some("mara"), None));
    for waiting in [&unreached, &third] {
        assert_eq!(
            (name(&storm, waiting).await, reason(&storm, waiting).await),
            (None, Some(ConflictReason::NameTaken))
        );
    }
}

#[tokio::test]
async fn an_assignment_that_moved_frees_the_name_in_two_steps() {
    let folder = tempfile::tempdir().unwrap();
    let mut storm = Storm::brew(folder.path()).await;
    let holder = arrive(&mut storm, 1, "someone@x.test", None, false).await;
    assign(&storm, &holder, "ida").await.unwrap();
    let waiting = arrive(&mut storm, 2, "ida@x.test", None, true).await;
    assert_eq!(reason(&storm, &waiting).await, Some(ConflictReason::NameTaken));
    assign(&storm, &holder, "other").await.unwrap();
    assert_eq!(reason(&storm, &waiting).await, Some(ConflictReason::NameTaken));
    release(&storm, "ida").await;
    assert_eq!(name(&storm, &waiting).await.as_deref(), Some("ida"));
}

#[tokio::test]
async fn a_host_that_no_longer_names_it_is_in_nobodys_way() {
    let folder = tempfile::tempdir().unwrap();
    let mut storm = Storm::brew(folder.path()).await;
    let app = storm.app.clone();
    let (web, db) = (machine(&storm, 1).await, machine(&storm, 2).await);
    report(&storm, &web, &["ida", "mara", "otto"], &[54_321]).await;
    report(&storm, &db, &["mara"], &[]).await;
    let ida = arrive(&mut storm, 1, "ida@x.test", None, true).await;
    let mara = arrive(&mut storm, 2, "mara@x.test", None, true).await;
    let numbered = arrive(&mut storm, 3, "noor@x.test", Some(54_321), true).await;
    let given = arrive(&mut storm, 4, "aldo@x.test", None, false).await;
    for waiting in [&ida, &mara] {
        assert_eq!(reason(&storm, waiting).await, Some(ConflictReason::NameForeign));
    }
    assert_eq!(reason(&storm, &numbered).await, Some(ConflictReason::UidTaken));

    report(&storm, &web, &["mara", "otto"], &[]).await;
    assert_eq!(name(&storm, &ida).await.as_deref(), Some("ida"));
    let row = person(&storm, &numbered).await;
    assert_eq!(
        (row.posix_name.map(String::from).as_deref(), row.uid.map(u32::from)),
        (Some("noor"), Some(54_321))
    );
    assert_eq!(reason(&storm, &mara).await, Some(ConflictReason::NameForeign), "the other host has it still");

    // The other way round: what a host reports from now on is refused from now on, also to whom it was given.
    assign(&storm, &given, "zora").await.unwrap();
    report(&storm, &web, &["mara", "otto", "zora"], &[]).await;
    assert_eq!(reason(&storm, &given).await, Some(ConflictReason::NameForeign));
    report(&storm, &web, &["mara", "otto"], &[]).await;
    assert_eq!(reason(&storm, &given).await, None);

    report(&storm, &web, &[], &[]).await;
    app.retire_host(app.new_request_id(), db.host.name.clone()).await.unwrap();
    assert_eq!(name(&storm, &mara).await.as_deref(), Some("mara"));
}

/// An agent that tells more than is taken is cut short, and that stands with its problems.
#[tokio::test]
async fn local_names_that_are_not_taken_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let storm = Storm::brew(folder.path()).await;
    let web = machine(&storm, 1).await;
    let names: Vec<String> = (0..1_001).map(|number| format!("local{number:04}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for (told, cut) in [(&names[..], true), (&names[..1_000], false)] {
        report(&storm, &web, told, &[]).await;
        let id = web.host.id;
        let read = storm.app.store().read(move |tx| Ok((tx.host(id)?.unwrap(), tx.foreign_of(id)?)));
        let read: Result<_, StoreError> = read.await;
        let (host, foreign) = read.unwrap();
        let codes: Vec<_> = host.report.problems.iter().map(|problem| problem["code"].as_str()).collect();
        assert_eq!(codes, if cut { vec![Some("local_names_cut")] } else { vec![] });
        assert_eq!(foreign.names.len(), 1_000);
    }
}

#[tokio::test]
async fn more_than_one_change_has_time_for_are_judged_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut storm = Storm::brew(folder.path()).await;
    let app = storm.app.clone();
    let web = machine(&storm, 1).await;
    report(&storm, &web, &["shared.name"], &[]).await;
    for number in 0..300 {
        arrive(&mut storm, number, &format!("shared.name@{number}.test"), None, false).await;
    }
    let last = arrive(&mut storm, 1_000, "shared.name@last.test", None, true).await;
    report(&storm, &web, &[], &[]).await;
    app.judge_waiting().await.unwrap();
    let refused = |storm: &Storm| {
        let app = storm.app.clone();
        async move {
            let read: Result<Vec<PersonRow>, StoreError> = app.store().read(|tx| tx.people()).await;
            read.unwrap()
                .into_iter()
                .filter(|person| person.reason == Some(ConflictReason::NameTaken))
                .count()
        }
    };
    assert_eq!(name(&storm, &last).await.as_deref(), Some("shared.name"));
    // One took it while others were judged: they have their second turn.
    app.judge_waiting().await.unwrap();
    assert_eq!(refused(&storm).await, 300);
}

#[tokio::test]
async fn a_stop_between_the_change_and_the_rest_is_made_good_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut storm = Storm::brew(folder.path()).await;
    let app = storm.app.clone();
    let web = machine(&storm, 1).await;
    report(&storm, &web, &["ida"], &[]).await;
    let ida = arrive(&mut storm, 1, "ida@x.test", None, true).await;
    assert_eq!(reason(&storm, &ida).await, Some(ConflictReason::NameForeign));
    // As an older program did it: nobody was judged.
    let host = web.host.id;
    let forgotten: Result<bool, StoreError> =
        app.store().write(move |tx| tx.put_foreign(host, &sallyport_store::ForeignRows::default())).await;
    assert!(forgotten.unwrap());
    assert_eq!(reason(&storm, &ida).await, Some(ConflictReason::NameForeign));
    app.judge_refused().await.unwrap();
    assert_eq!(name(&storm, &ida).await.as_deref(), Some("ida"));
}

/// It is refused where somebody enters it now; who leaves has to leave all the same.
#[tokio::test]
async fn an_expression_in_force_that_would_be_refused_today_stops_no_directory() {
    let folder = tempfile::tempdir().unwrap();
    let mut storm = Storm::brew(folder.path()).await;
    let ida = arrive(&mut storm, 1, "ida@x.test", None, true).await;
    let expression = r#"IIF(IsPresent([mail]), [mail], Replace([userPrincipalName], "@x.test", , , "", , ))"#;
    assert!(crate::app::naming::Mapping::parse(expression).is_err());
    let row = ExpressionRow { expression: expression.to_owned(), applied_at: samples::now() };
    let put: Result<(), StoreError> = storm.app.store().write(move |tx| tx.set_expression(&row)).await;
    put.unwrap();
    leave(&storm, &ida).await;
    assert_eq!(person(&storm, &ida).await.state, UserState::Gone);
    let ada = arrive(&mut storm, 2, "ada@x.test", None, true).await;
    assert_eq!(name(&storm, &ada).await.as_deref(), Some("ada"));
}
