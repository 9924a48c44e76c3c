//! What a decision refuses: names that the rule forbids by now, and names that a certificate may still carry.

use jiff::{SignedDuration, Timestamp};
use sallyport_domain::{PosixName, RequestId, Serial, SessionId, UserId, UserState};
use sallyport_protocol::names::{ApproveNames, AssignName, NameIssueKind, ReleaseName};
use sallyport_store::{
    CertificateKind, CertificateRow, LedgerRow, LoginKind, PersonRow, SessionRow, StoreError,
};

use super::storm::{Known, Storm, body};
use crate::app::AppError;

/// Somebody of the first tenant whom a grant reaches, or none.
async fn engineer(storm: &mut Storm, name: &str, granted: bool) -> (Known, PersonRow) {
    let (_, object, _) = storm.someone();
    let created = storm.create(vec![(0, object, format!("{name}@tenant0.test"))]).await;
    let known = created.first().unwrap().clone();
    if granted {
        storm.join(&created).await;
    }
    let person = person(storm, &known).await;
    (known, person)
}

async fn person(storm: &Storm, known: &Known) -> PersonRow {
    let user = storm.app.find_person(&known.object).await.unwrap();
    let read: Result<Option<PersonRow>, StoreError> = storm.app.store().read(move |tx| tx.person(user)).await;
    read.unwrap().unwrap()
}

async fn propose(storm: &Storm, user: UserId, change: impl FnOnce(&mut LedgerRow) + Send + 'static) {
    let write: Result<(), StoreError> = storm
        .app
        .store()
        .write(move |tx| {
            let mut row = tx.ledger(user)?.unwrap_or_else(|| LedgerRow::new(user));
            change(&mut row);
            tx.put_ledger(&row)
        })
        .await;
    write.unwrap();
}

/// A sign-in and its certificate, which ends after so many minutes.
async fn certify(storm: &Storm, user: UserId, serial: u64, intended: Timestamp, minutes: i64) -> Serial {
    let serial = Serial::new(serial).unwrap();
    let (session, request) =
        (SessionId::generate(intended, &mut rand::rngs::OsRng), storm.app.new_request_id());
    let write = storm.app.store().write(move |tx| {
        let kind = LoginKind::Device;
        tx.begin_session(&SessionRow {
            id: session,
            user,
            kind,
            began_at: intended,
            nonce: None,
            ended_at: None,
        })?;
        tx.intend(&CertificateRow {
            serial,
            kind: CertificateKind::User { user, session },
            request,
            tbs: Vec::new(),
            valid_after: intended,
            valid_before: intended + SignedDuration::from_mins(minutes),
            intended_at: intended,
            issued_at: None,
            revoked_at: None,
        })
    });
    let written: Result<(), StoreError> = write.await;
    written.unwrap();
    serial
}

fn named(text: &str) -> PosixName {
    text.parse().unwrap()
}

/// Both steps.
async fn release(storm: &Storm, name: &str) -> Result<bool, AppError> {
    let ask = |confirm| ReleaseName { name: name.to_owned(), confirm };
    let request: RequestId = storm.app.new_request_id();
    let asked = storm.app.release_name(request, ask(None)).await?;
    Ok(storm.app.release_name(request, ask(asked.confirm)).await?.freed)
}

#[tokio::test]
async fn a_rename_revokes_and_the_old_name_waits_for_the_last_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let mut storm = Storm::brew(folder.path()).await;
    let (known, before) = engineer(&mut storm, "mara.lind", true).await;
    assert_eq!(before.posix_name, Some(named("mara.lind")));
    let serial = certify(&storm, before.id, 1, storm.app.now(), 60).await;
    let ask = AssignName { user: known.object.clone(), name: "mara.berg".to_owned() };
    storm.app.assign_name(storm.app.new_request_id(), ask).await.unwrap();
    let read = storm.app.store().read(move |tx| tx.certificate(serial)).await;
    let read: Result<Option<CertificateRow>, StoreError> = read;
    let certificate = read.unwrap().unwrap();
    assert!(certificate.revoked_at.is_some(), "the old name can still be used");
    let refusal = release(&storm, "mara.lind").await.unwrap_err().to_string();
    assert!(refusal.contains(&certificate.valid_before.to_string()), "{refusal}");
}

#[tokio::test]
async fn later_certificates_of_a_renamed_person_hold_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut storm = Storm::brew(folder.path()).await;
    let (known, before) = engineer(&mut storm, "mara.lind", true).await;
    let now = storm.app.now();
    certify(&storm, before.id, 1, now - SignedDuration::from_mins(90), 60).await;
    let ask = AssignName { user: known.object.clone(), name: "mara.berg".to_owned() };
    storm.app.assign_name(storm.app.new_request_id(), ask).await.unwrap();
    certify(&storm, before.id, 2, now + SignedDuration::from_mins(30), 600).await;
    assert!(release(&storm, "mara.lind").await.unwrap());
}

#[tokio::test]
async fn the_name_of_somebody_who_is_gone_waits_for_their_last_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let mut storm = Storm::brew(folder.path()).await;
    for (serial, name, minutes, free) in [(1, "ida.lind", 60, false), (2, "otto.berg", 5, true)] {
        let (known, person) = engineer(&mut storm, name, true).await;
        let intended = storm.app.now() - SignedDuration::from_mins(30);
        certify(&storm, person.id, serial, intended, minutes).await;
        storm.app.delete_user(storm.tenants[0], storm.app.new_request_id(), known.id).await.unwrap();
        assert_eq!(release(&storm, name).await.is_ok(), free, "{name}");
    }
}

#[tokio::test]
async fn an_approval_of_one_name_does_not_give_another() {
    let folder = tempfile::tempdir().unwrap();
    let mut storm = Storm::brew(folder.path()).await;
    let (known, before) = engineer(&mut storm, "mara.lind", true).await;
    propose(&storm, before.id, |row| row.proposed = Some(named("mara.novak"))).await;
    let ask = |expected: &str| ApproveNames {
        user: Some(known.object.clone()),
        expected: Some(expected.to_owned()),
    };
    let refusal = storm.app.approve_names(storm.app.new_request_id(), ask("mara.berg")).await.unwrap_err();
    assert!(refusal.to_string().contains("mara.novak"), "{refusal}");
    assert_eq!(person(&storm, &known).await.posix_name, Some(named("mara.lind")));
    storm.app.approve_names(storm.app.new_request_id(), ask("mara.novak")).await.unwrap();
    assert_eq!(person(&storm, &known).await.posix_name, Some(named("mara.novak")));
}

#[tokio::test]
async fn a_stored_name_that_the_rule_forbids_by_now_is_not_put_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let mut storm = Storm::brew(folder.path()).await;
    let (known, before) = engineer(&mut storm, "mara.lind", true).await;
    propose(&storm, before.id, |row| row.proposed = Some(named("daemon"))).await;
    let ask = ApproveNames { user: Some(known.object.clone()), expected: None };
    let refusal = storm.app.approve_names(storm.app.new_request_id(), ask).await.unwrap_err();
    assert!(refusal.to_string().contains("daemon"), "{refusal}");
    assert_eq!(person(&storm, &known).await.posix_name, Some(named("mara.lind")));

    let (known, before) = engineer(&mut storm, "ida.lind", false).await;
    propose(&storm, before.id, |row| row.assigned = Some(named("daemon"))).await;
    storm.join(std::slice::from_ref(&known)).await;
    let after = person(&storm, &known).await;
    assert_eq!((after.posix_name, after.state), (None, UserState::Conflict));
}

/// The first has the number when the directory gives it to a second: both are listed, and nobody is changed.
#[tokio::test]
async fn whoever_has_a_number_that_is_handed_out_again_keeps_it_and_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    let mut storm = Storm::brew(folder.path()).await;
    let app = storm.app.clone();
    let mut arrived = Vec::new();
    for (object, upn) in [(1, "first@x.test"), (2, "second@x.test"), (3, "third@x.test")] {
        let object = format!("00000000-0000-4000-8000-{object:012x}");
        let mut body = body(&object, upn, Some(54_321));
        body[sallyport_scim::SALLYPORT_USER]["gidNumber"] = 54_321.into();
        let created = app.create_user(storm.tenants[0], app.new_request_id(), body).await.unwrap();
        let known = Known { tenant: 0, id: created.id, object, upn: upn.to_owned() };
        storm.join(std::slice::from_ref(&known)).await;
        arrived.push(known);
    }
    let [first, second, third] = [&arrived[0], &arrived[1], &arrived[2]];
    let holder = person(&storm, first).await;
    let (name, number) = (named("first"), 54_321.try_into().unwrap());
    let pins = (Some(name), Some(number), Some(number), UserState::Active);
    assert_eq!((holder.posix_name, holder.uid, holder.gid, holder.state), pins);
    for other in [second, third] {
        let other = person(&storm, other).await;
        assert_eq!((other.posix_name, other.uid, other.state), (None, None, UserState::Conflict));
    }
    let listed = app.name_issues().await.unwrap();
    let of = |known: &Known| {
        let issue = listed.iter().find(|issue| issue.subject == known.object).unwrap();
        (issue.kind, issue.uid, issue.with.clone())
    };
    let objects = |known: [&Known; 2]| known.map(|known| known.object.clone()).to_vec();
    assert_eq!(of(first), (NameIssueKind::Number, Some(54_321), objects([second, third])));
    assert_eq!(of(second), (NameIssueKind::Conflict, None, objects([first, third])));
    assert_eq!(of(third), (NameIssueKind::Conflict, None, objects([first, second])));
    assert_eq!(listed.len(), 3);
}

/// Whoever left keeps the name that they had; the one who was hired again bears their address.
#[tokio::test]
async fn an_address_means_who_is_there_and_who_is_gone_gets_no_other_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut storm = Storm::brew(folder.path()).await;
    let (left, before) = engineer(&mut storm, "rosalind", true).await;
    storm.app.delete_user(storm.tenants[0], storm.app.new_request_id(), left.id).await.unwrap();
    let ask = |user: &str, name: &str| AssignName { user: user.to_owned(), name: name.to_owned() };
    for user in ["rosalind", left.upn.as_str(), left.object.as_str(), &before.id.to_string()] {
        let refusal = storm.app.assign_name(storm.app.new_request_id(), ask(user, "rosa")).await.unwrap_err();
        assert!(refusal.to_string().contains("is gone"), "{user}: {refusal}");
    }
    let (again, _) = engineer(&mut storm, "rosalind", true).await;
    let assigned = ask("Rosalind@tenant0.test", "rosalind2");
    storm.app.assign_name(storm.app.new_request_id(), assigned).await.unwrap();
    assert_eq!(person(&storm, &again).await.posix_name, Some(named("rosalind2")));
    let gone: Result<Option<PersonRow>, StoreError> =
        storm.app.store().read(move |tx| tx.person(before.id)).await;
    assert_eq!(gone.unwrap().unwrap().posix_name, before.posix_name);
}

/// One is called as the other is named: which of them is meant, nobody can say.
#[tokio::test]
async fn a_word_that_means_two_people_means_neither() {
    let folder = tempfile::tempdir().unwrap();
    let mut storm = Storm::brew(folder.path()).await;
    let (_, named) = engineer(&mut storm, "jsmith", true).await;
    let object = "00000000-0000-4000-8000-00000000abcd";
    let body = body(object, "jsmith", None);
    storm.app.create_user(storm.tenants[0], storm.app.new_request_id(), body).await.unwrap();
    let called = storm.app.find_person(object).await.unwrap();
    let refusal = storm.app.find_person("jsmith").await.unwrap_err().to_string();
    assert!(refusal.contains(&named.id.to_string()) && refusal.contains(&called.to_string()), "{refusal}");
    assert_eq!(storm.app.find_person("jsmith@tenant0.test").await.unwrap(), named.id);
}
