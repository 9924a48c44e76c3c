//! A preview of a file says what the directory would get if it sent those rows: the same people are sent afterwards,
//! and get exactly that.

use std::sync::Arc;

use sallyport_client::SystemClock;
use sallyport_protocol::names::{
    AttributeSource, NamesPreview, PreviewNames, PreviewOf, PreviewRow, PreviewedPerson,
};
use sallyport_protocol::{LocalNames, Report};
use sallyport_scim::SALLYPORT_USER;
use sallyport_store::conformance::samples;
use sallyport_store::{HostRow, PersonRow, StoreError};
use serde_json::{Map, Value, json};

use super::storm::{Known, Storm, body};
use crate::app::AuthenticatedHost;
use crate::app::testing::app_with;

fn oid(number: u8) -> String {
    format!("00000000-0000-4000-8000-0000000000{number:02x}")
}

/// One of a spreadsheet, with whatever else it says.
fn row(number: u8, upn: &str, more: &Value) -> Map<String, Value> {
    let mut row = json!({ "oid": oid(number), "userPrincipalName": upn });
    row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    row.as_object().unwrap().clone()
}

async fn preview_of(storm: &Storm, rows: &[Map<String, Value>], source: AttributeSource) -> NamesPreview {
    let rows = rows.iter().enumerate();
    let rows = rows.map(|(index, row)| PreviewRow { line: index + 2, source, attributes: row.clone() });
    let ask = PreviewNames { expression: None, people: PreviewOf::Rows(rows.collect()) };
    storm.app.preview_names(ask).await.unwrap()
}

async fn preview(storm: &Storm, rows: &[Map<String, Value>]) -> NamesPreview {
    let shown = preview_of(storm, rows, AttributeSource::Flat).await;
    assert_eq!(shown.people.len(), rows.len(), "exactly who is in the file is shown");
    shown
}

fn code(person: &PreviewedPerson) -> Option<&str> {
    person.problem.as_ref().map(|problem| problem.code.as_str())
}

fn codes(shown: &NamesPreview) -> Vec<Option<&str>> {
    shown.people.iter().map(code).collect()
}

fn with(person: &PreviewedPerson) -> &[String] {
    person.problem.as_ref().map(|problem| problem.with.as_slice()).unwrap_or_default()
}

/// The row as a directory sends it.
fn sent(row: &Map<String, Value>) -> Map<String, Value> {
    let mut body = body(row["oid"].as_str().unwrap(), row["userPrincipalName"].as_str().unwrap(), None);
    let mut wishes = row.clone();
    wishes.retain(|name, _| ["posixName", "uidNumber", "gidNumber"].contains(&name.as_str()));
    body.insert(SALLYPORT_USER.to_owned(), wishes.into());
    body
}

async fn arrive(storm: &mut Storm, row: &Map<String, Value>, granted: bool) -> Known {
    let (app, tenant, object) = (&storm.app, storm.tenants[0], row["oid"].as_str().unwrap().to_owned());
    let upn = row["userPrincipalName"].as_str().unwrap().to_owned();
    let created = app.create_user(tenant, app.new_request_id(), sent(row)).await.unwrap();
    let known = Known { tenant: 0, id: created.id, object, upn };
    if granted {
        storm.join(std::slice::from_ref(&known)).await;
    }
    known
}

async fn person(storm: &Storm, object: &str) -> PersonRow {
    let user = storm.app.find_person(object).await.unwrap();
    let read: Result<Option<PersonRow>, StoreError> = storm.app.store().read(move |tx| tx.person(user)).await;
    read.unwrap().unwrap()
}

/// Sends the rows, lets a grant reach all of them in their order, and compares.
async fn comes_true(storm: &mut Storm, shown: &NamesPreview, rows: &[Map<String, Value>]) {
    let mut known = Vec::new();
    for row in rows {
        known.push(arrive(storm, row, false).await);
    }
    for known in &known {
        storm.join(std::slice::from_ref(known)).await;
    }
    for (known, foreseen) in known.iter().zip(&shown.people) {
        let person = person(storm, &known.object).await;
        let name = person.posix_name.as_ref().map(ToString::to_string);
        let wanted = foreseen.proposed.clone().filter(|_| foreseen.problem.is_none());
        assert_eq!(name, wanted, "{}: {foreseen:?}", known.upn);
        assert_eq!(
            person.reason.map(sallyport_domain::ConflictReason::as_str),
            code(foreseen),
            "{}",
            known.upn
        );
    }
}

async fn ready(folder: &std::path::Path) -> Storm {
    let storm = Storm::brew(folder).await;
    storm.app.prepare().await.unwrap();
    storm
}

async fn host_with(storm: &Storm, ids: &[u32]) -> HostRow {
    let host: HostRow = samples::host(1);
    let put = host.clone();
    let written: Result<(), StoreError> = storm.app.store().write(move |tx| tx.put_host(&put)).await;
    written.unwrap();
    let local =
        LocalNames { names: Vec::new(), ids: ids.iter().map(|id| (*id).try_into().unwrap()).collect() };
    let report = Report {
        applied: host.generation,
        lease_until: None,
        agent: "test".to_owned(),
        problems: Vec::new(),
        local: Some(local),
    };
    let from = AuthenticatedHost { host: host.clone(), nonce: String::new() };
    storm.app.take_report(storm.app.new_request_id(), from, report).await.unwrap();
    host
}

#[tokio::test]
async fn numbers_of_rows_that_clash_are_foreseen() {
    let folder = tempfile::tempdir().unwrap();
    let mut storm = ready(folder.path()).await;
    let host = host_with(&storm, &[54_004]).await;
    let holder = arrive(&mut storm, &row(1, "holder@x.test", &json!({ "uidNumber": 54_001 })), true).await;
    let wishing = arrive(&mut storm, &row(2, "wishing@x.test", &json!({ "uidNumber": 54_002 })), false).await;
    let rows = [
        row(11, "in.ledger@x.test", &json!({ "uidNumber": 54_001 })),
        row(12, "wished.for@x.test", &json!({ "gidNumber": 54_002 })),
        row(13, "twin.one@x.test", &json!({ "uidNumber": 54_003 })),
        row(14, "twin.two@x.test", &json!({ "uidNumber": 54_005, "gidNumber": 54_003 })),
        row(15, "on.host@x.test", &json!({ "uidNumber": 54_004 })),
        row(16, "systems@x.test", &json!({ "uidNumber": 999 })),
        row(17, "dynamic@x.test", &json!({ "gidNumber": 61_184 })),
        row(18, "alone@x.test", &json!({ "uidNumber": 54_006, "gidNumber": 54_006 })),
        row(19, "text@x.test", &json!({ "uidNumber": " 54007 " })),
        row(20, "nothing@x.test", &json!({ "uidNumber": "" })),
    ];
    let shown = preview(&storm, &rows).await;
    let (taken, impossible) = (Some("uid_taken"), Some("uid_impossible"));
    let wanted = [taken, taken, taken, taken, taken, impossible, impossible, None, None, None];
    assert_eq!(codes(&shown), wanted);
    let wanted = [&holder.object, &wishing.object, &oid(14), &oid(13), &host.name.to_string()];
    for (person, other) in shown.people.iter().zip(wanted) {
        assert_eq!(with(person), [other.as_str()], "{person:?}");
    }
    assert_eq!((shown.summary.refused, shown.summary.named), (7, 3));
    comes_true(&mut storm, &shown, &rows).await;
    for (number, uid) in [(18, 54_006), (19, 54_007)] {
        assert_eq!(person(&storm, &oid(number)).await.uid.map(u32::from), Some(uid));
    }
}

/// Neither is changed: not who has the number, and not who would be sent with it.
#[tokio::test]
async fn a_row_with_the_number_of_another_row_that_has_it_tells_of_both() {
    let folder = tempfile::tempdir().unwrap();
    let mut storm = ready(folder.path()).await;
    let first = row(1, "first@x.test", &json!({ "uidNumber": 54_001 }));
    arrive(&mut storm, &first, true).await;
    let rows = [first, row(2, "second@x.test", &json!({ "uidNumber": 54_001 }))];
    let shown = preview(&storm, &rows).await;
    assert_eq!(codes(&shown), [Some("uid_stays"), Some("uid_taken")]);
    assert_eq!((with(&shown.people[0]), with(&shown.people[1])), (&[oid(2)][..], &[oid(1)][..]));
    assert_eq!((shown.summary.unchanged, shown.summary.refused), (1, 1));
    let other = row(1, "first@x.test", &json!({ "uidNumber": 54_009 }));
    let shown = preview(&storm, &[other]).await;
    assert_eq!(codes(&shown), [Some("uid_stays")]);
    assert!(shown.people[0].problem.as_ref().unwrap().detail.contains("54001 was pinned"), "{shown:?}");
}

#[tokio::test]
async fn the_name_that_the_directory_wants_is_foreseen() {
    let folder = tempfile::tempdir().unwrap();
    let mut storm = ready(folder.path()).await;
    let rows = [
        row(1, "mara.lind@x.test", &json!({ "posixName": "mlind" })),
        row(2, "mlind@x.test", &json!({})),
        row(3, "root@x.test", &json!({ "posixName": "charly" })),
        row(4, "fine@x.test", &json!({ "posixName": "Not.Fine" })),
        row(5, "ok@x.test", &json!({ "posixName": "daemon" })),
        row(6, "empty@x.test", &json!({})),
    ];
    let shown = preview(&storm, &rows).await;
    let proposed: Vec<_> = shown.people.iter().map(|person| person.proposed.as_deref()).collect();
    assert_eq!(proposed, [Some("mlind"), Some("mlind"), Some("charly"), None, None, Some("empty")]);
    let wanted = [None, Some("name_taken"), None, Some("name_impossible"), Some("name_reserved"), None];
    assert_eq!(codes(&shown), wanted);
    comes_true(&mut storm, &shown, &rows).await;
    // What a spreadsheet leaves out stays as it is on record; a whole SCIM user leaves nothing out.
    let mara = row(1, "mara.lind@x.test", &json!({}));
    assert_eq!(
        preview(&storm, std::slice::from_ref(&mara)).await.people[0].proposed.as_deref(),
        Some("mlind")
    );
    let shown = preview_of(&storm, &[sent(&mara)], AttributeSource::Scim).await;
    assert_eq!(shown.people[0].proposed.as_deref(), Some("mara.lind"));
}

/// Who is here already and in no row comes first: those who have a name, and those who wait for one.
#[tokio::test]
async fn rows_are_judged_against_people_on_record_who_are_not_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut storm = ready(folder.path()).await;
    let named = arrive(&mut storm, &row(1, "mara@x.test", &json!({})), true).await;
    let waiting = arrive(&mut storm, &row(2, "nils@x.test", &json!({})), false).await;
    let renamed = arrive(&mut storm, &row(3, "otto@x.test", &json!({})), true).await;
    let rows = [
        row(11, "mara@y.test", &json!({})),
        row(12, "nils@y.test", &json!({})),
        row(3, "ottilie@x.test", &json!({})),
        row(13, "ottilie@y.test", &json!({})),
        row(14, "otto@y.test", &json!({})),
        row(15, "peer@y.test", &json!({})),
    ];
    let shown = preview(&storm, &rows).await;
    let taken = Some("name_taken");
    assert_eq!(codes(&shown), [taken, taken, taken, None, taken, None]);
    assert_eq!(with(&shown.people[0]), [named.object]);
    assert_eq!(with(&shown.people[1]), [waiting.object.as_str()]);
    assert_eq!(with(&shown.people[2]), [oid(13)], "a new person is named, and a rename only proposed");
    assert_eq!(with(&shown.people[4]), [renamed.object]);
    assert_eq!((shown.summary.people, shown.summary.collisions, shown.summary.named), (6, 4, 2));
    // In the file, whoever waits is judged by what the file says: the name is free for another.
    let rows = [row(2, "nora@x.test", &json!({})), row(12, "nils@y.test", &json!({}))];
    let shown = preview(&storm, &rows).await;
    assert_eq!(codes(&shown), [None, None], "{shown:?}");
}

/// What somebody is wished on record counts until a row says otherwise.
#[tokio::test]
async fn wishes_of_a_row_replace_those_on_record() {
    let folder = tempfile::tempdir().unwrap();
    let mut storm = ready(folder.path()).await;
    arrive(&mut storm, &row(1, "first@x.test", &json!({ "uidNumber": 54_001 })), false).await;
    let second = row(2, "second@x.test", &json!({ "uidNumber": 54_001 }));
    let silent = [row(1, "first@x.test", &json!({})), second.clone()];
    assert_eq!(codes(&preview(&storm, &silent).await), [Some("uid_taken"), Some("uid_taken")]);
    let moved = [row(1, "first@x.test", &json!({ "uidNumber": 54_002 })), second.clone()];
    assert_eq!(codes(&preview(&storm, &moved).await), [None, None]);
    let twice = [second.clone(), second];
    let shown = preview(&storm, &twice).await;
    assert_eq!(codes(&shown), [Some("uid_taken"), Some("row_twice")]);
    assert_eq!(with(&shown.people[0]), [oid(1)], "a row that is not judged wants nothing");
}

/// Everybody by one mistake: it is told of each, with some of the others, and in no time.
#[tokio::test]
async fn a_thousandfold_clash_names_the_first_ones() {
    let folder = tempfile::tempdir().unwrap();
    let mut storm = ready(folder.path()).await;
    let row = |number: usize| {
        let row = json!({ "userPrincipalName": format!("p{number}@x.test"), "uidNumber": 54_001, "gidNumber": 54_001 });
        row.as_object().unwrap().clone()
    };
    let rows: Vec<_> = (0..30_000).map(row).collect();
    let shown = preview(&storm, &rows).await;
    assert_eq!((shown.summary.refused, shown.summary.people), (30_000, 30_000));
    assert!(shown.people.iter().all(|person| code(person) == Some("uid_taken") && with(person).len() == 20));
    assert!(with(&shown.people[9]).contains(&"line 2".to_owned()), "the first ones are named");
    for number in 0..30 {
        arrive(&mut storm, &self::row(number, &format!("same@{number}.test"), &json!({})), false).await;
    }
    let listed = storm.app.name_issues().await.unwrap();
    assert!(listed.len() == 30 && listed.iter().all(|issue| issue.with.len() == 20), "{}", listed.len());
}

#[tokio::test]
async fn rows_with_numbers_use_up_none_of_the_ranges_but_those() {
    let folder = tempfile::tempdir().unwrap();
    let app = app_with(folder.path(), Arc::new(SystemClock), |text| {
        text.replace("# uid_ranges = [\"70000-99999\"]", "uid_ranges = [\"70000-70003\"]")
    });
    app.prepare().await.unwrap();
    let rows = [
        // In the range: nobody else gets it.
        row(1, "inside@x.test", &json!({ "uidNumber": 70_001 })),
        row(2, "outside@x.test", &json!({ "uidNumber": 54_001 })),
        row(3, "one@x.test", &json!({})),
        row(4, "two@x.test", &json!({})),
        row(5, "three@x.test", &json!({})),
        row(6, "four@x.test", &json!({})),
    ];
    let rows = rows.into_iter().enumerate();
    let rows = rows
        .map(|(line, attributes)| PreviewRow { line, source: AttributeSource::Flat, attributes })
        .collect();
    let shown =
        app.preview_names(PreviewNames { expression: None, people: PreviewOf::Rows(rows) }).await.unwrap();
    assert_eq!(codes(&shown), [None, None, None, None, None, Some("no_uid")]);
    assert_eq!((shown.summary.named, shown.summary.without_uid), (5, 1));
}

/// A namesake with another object id is somebody else, whatever a spreadsheet calls its column of object ids.
#[tokio::test]
async fn object_ids_tell_namesakes_apart_under_each_of_their_headings() {
    let folder = tempfile::tempdir().unwrap();
    let mut storm = ready(folder.path()).await;
    let old = arrive(&mut storm, &row(1, "mara@x.test", &json!({})), true).await;
    for heading in ["oid", "objectId", "id", "ID"] {
        let row = |number: u8, upn: &str| {
            json!({ heading: oid(number), "userPrincipalName": upn }).as_object().unwrap().clone()
        };
        let shown = preview(&storm, &[row(2, "mara@x.test"), row(1, "mara@x.test")]).await;
        assert_eq!(codes(&shown), [Some("name_taken"), None], "{heading}");
        assert_eq!(with(&shown.people[0]), [old.object.as_str()], "{heading}");
        let shown = preview(&storm, &[row(3, "nils@x.test"), row(3, "nora@x.test")]).await;
        assert_eq!(codes(&shown), [None, Some("row_twice")], "{heading}");
    }
}

/// Whom the directory sent without an object id is linked as soon as it sends one: a row that has it is about them.
#[tokio::test]
async fn a_row_with_an_object_id_is_about_the_namesake_who_has_none_yet() {
    let folder = tempfile::tempdir().unwrap();
    let storm = ready(folder.path()).await;
    for (nick, upn) in [("mara", "mara@x.test"), ("nils", "nils@x.test")] {
        let mut body = body(nick, upn, None);
        let wish = json!({ "uidNumber": if nick == "mara" { 54_001 } else { 54_002 } });
        body.insert(SALLYPORT_USER.to_owned(), wish);
        storm.app.create_user(storm.tenants[0], storm.app.new_request_id(), body).await.unwrap();
    }
    let rows = [
        row(1, "mara@x.test", &json!({ "uidNumber": 54_001 })),
        row(2, "nils@x.test", &json!({ "oid": "nils", "uidNumber": 54_002 })),
    ];
    assert_eq!(codes(&preview(&storm, &rows).await), [None, None]);
}

#[tokio::test]
async fn whom_an_impossible_row_is_about_still_waits_for_their_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut storm = ready(folder.path()).await;
    let waiting = arrive(&mut storm, &row(1, "mara@x.test", &json!({})), false).await;
    let wrong = row(1, "nora@x.test", &json!({ "uidNumber": "7e4" }));
    let rows = [wrong.clone(), row(2, "mara@y.test", &json!({})), row(3, "nora@y.test", &json!({}))];
    let shown = preview(&storm, &rows).await;
    assert_eq!(codes(&shown), [Some("uid_impossible"), Some("name_taken"), None]);
    assert_eq!(with(&shown.people[1]), [waiting.object]);
    // Another row of theirs is the first that can be.
    let rows = [wrong, row(1, "nora@x.test", &json!({})), row(2, "mara@y.test", &json!({}))];
    assert_eq!(codes(&preview(&storm, &rows).await), [Some("uid_impossible"), None, None]);
}

/// A directory that came from LDAP may send one `gidNumber` for all: each is told of some, once, and in no time that
/// grows with their number squared.
#[tokio::test]
async fn one_gid_for_everybody_names_each_other_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut storm = ready(folder.path()).await;
    let rows: Vec<_> = (1..=60)
        .map(|number| row(number, &format!("p{number}@x.test"), &json!({ "gidNumber": 54_000 })))
        .collect();
    for person in [&rows[0], &rows[1], &rows[2]] {
        let both = json!({ "uidNumber": 54_000, "gidNumber": 54_000 });
        let mut person = person.clone();
        person.extend(both.as_object().unwrap().clone());
        arrive(&mut storm, &person, false).await;
    }
    let shown = preview(&storm, &rows).await;
    for person in &shown.people {
        assert_eq!(code(person), Some("uid_taken"));
        let mut with = with(person).to_vec();
        assert_eq!(with.len(), 20);
        with.dedup();
        assert!(with.len() == 20 && !with.contains(&person.subject));
    }
}
