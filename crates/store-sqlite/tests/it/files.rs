//! The database as a file: who may read it, which versions are taken, who has it open.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use sallyport_domain::UidRange;
use sallyport_store::StoreError;
use sallyport_store::conformance::samples::{after, id, name, now, person, pinned, token, uid};
use sallyport_store_sqlite::{OpenError, SqliteStore};

use crate::support::Folder;

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn all_its_files_are_the_owners_alone() {
    let folder = Folder::new();
    for round in ["new", "once open to others"] {
        let store = folder.open();
        store.clone().into_store().write(|tx| tx.put_person(&person(1))).await.unwrap();
        let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(files.len(), 4, "the database, its log, the log's index, the lock: {files:?}");
        for file in &files {
            assert_eq!(mode(file), 0o600, "{} ({round})", file.display());
        }
        store.close();
        fs::set_permissions(folder.database(), Permissions::from_mode(0o644)).unwrap();
    }
}

#[tokio::test]
async fn an_empty_file_gets_the_newest_version_and_keeps_it() {
    let folder = Folder::new();
    fs::write(folder.database(), "").unwrap();
    let store = folder.open();
    store.clone().into_store().write(|tx| tx.put_person(&pinned(1))).await.unwrap();
    store.close();
    let newest = version(&folder);
    assert!(newest >= 2, "every step was taken: {newest}");
    let store = folder.open();
    let seen = store.clone().into_store().read(|tx| tx.person(id(1))).await.unwrap();
    assert_eq!(seen, Some(pinned(1)));
    store.close();
    assert_eq!(version(&folder), newest);
}

#[tokio::test]
async fn a_file_of_the_first_version_keeps_what_is_in_it() {
    let folder = Folder::new();
    let first = folder.raw();
    first.execute_batch(include_str!("../../schema/0001.sql")).unwrap();
    first.execute_batch("PRAGMA user_version = 1; PRAGMA application_id = 0x536C7950").unwrap();
    let token = "INSERT INTO scim_tokens (id, tenant, name, hash, created_at, expires_at) VALUES \
                 ('00000000000000000000000001', '00000001-0000-4000-8000-000000000001', 'entra', zeroblob(32), 1, 2)";
    first.execute_batch(token).unwrap();
    drop(first);
    let store = folder.open();
    assert!(version(&folder) > 1);
    let tokens = store.into_store().read(|tx| tx.scim_tokens()).await.unwrap();
    assert_eq!(tokens.iter().map(|token| token.name.as_str()).collect::<Vec<_>>(), ["entra"]);
}

/// A token that was used before the upgrade is no good after it.
#[tokio::test]
async fn uses_of_tokens_come_along() {
    let folder = Folder::new();
    let raw = folder.raw();
    raw.execute_batch(include_str!("../../schema/0001.sql")).unwrap();
    raw.execute_batch("PRAGMA application_id = 0x536C7950; PRAGMA user_version = 1").unwrap();
    let used = token("uti:x", 7);
    // Version 1 kept them until two minutes after their end.
    raw.execute(
        "INSERT INTO token_uses (token, purpose, serial, used_at, keep_until) VALUES (?1, ?2, 7, ?3, ?4)",
        (&used.token, used.purpose, used.used_at.as_microsecond(), after(3_720).as_microsecond()),
    )
    .unwrap();
    drop(raw);
    let store = folder.open().into_store();
    let found = store.read(|tx| tx.token_use("uti:x", after(3_600))).await.unwrap();
    assert_eq!(found, Some(used));
    let again = store.write(|tx| tx.use_token(&token("uti:x", 8))).await;
    assert!(matches!(again, Err(StoreError::Taken("token"))), "{again:?}");
}

fn version(folder: &Folder) -> i64 {
    folder.raw().query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
}

#[test]
fn a_later_version_is_refused_and_left_as_it_is() {
    let folder = Folder::new();
    folder.open().close();
    let newest = version(&folder);
    let later = newest + 1;
    folder.raw().execute_batch(&format!("PRAGMA user_version = {later}")).unwrap();
    let before = fs::read(folder.database()).unwrap();
    let error = SqliteStore::open(&folder.database()).unwrap_err();
    let OpenError::Newer { found, known, .. } = &error else { panic!("{error:?}") };
    assert_eq!((*found, *known), (later, newest));
    let advice = format!(
        "has schema {later}, this version knows none above {newest}: run the version that wrote it, or a later one"
    );
    assert!(error.to_string().ends_with(&advice), "{error}");
    assert_eq!(fs::read(folder.database()).unwrap(), before);
}

/// What version 1 had pinned is held by the ledger, and the next number comes after it.
#[tokio::test]
async fn pins_of_the_first_version_come_along() {
    let folder = Folder::new();
    let raw = folder.raw();
    raw.execute_batch(include_str!("../../schema/0001.sql")).unwrap();
    raw.execute_batch("PRAGMA application_id = 0x536C7950; PRAGMA user_version = 1").unwrap();
    let insert = "INSERT INTO people (id, tenant, object, user_name, display_name, emails, guest, state, posix_name, uid)
         VALUES ('00000000000000000000000001', '00000001-0000-4000-8000-000000000001',
                 '00000001-0000-4000-8000-000000000002', 'x', 'x', '[]', 0, 'gone', 'person1', 70001)";
    raw.execute_batch(insert).unwrap();
    drop(raw);
    let store = folder.open().into_store();
    let seen = store
        .read(|tx| {
            Ok::<_, StoreError>((
                tx.holder_of_name(&name(1))?,
                tx.holder_of_id(uid(1))?,
                tx.next_id(UidRange::DEFAULT)?,
                tx.person(id(1))?.and_then(|person| person.gid),
            ))
        })
        .await
        .unwrap();
    assert_eq!(seen, (Some(id(1)), Some(id(1)), 70_002, Some(uid(1))));
    let theft = store
        .write(|tx| {
            tx.put_person(&person(2))?;
            tx.pin(id(2), &name(1), uid(2), uid(2), now())
        })
        .await;
    assert!(matches!(theft, Err(StoreError::Taken(_))), "{theft:?}");
}

#[test]
fn what_is_not_ours_is_refused_and_left_as_it_is() {
    let folder = Folder::new();
    folder.raw().execute_batch("CREATE TABLE cookies (id INTEGER)").unwrap();
    let before = fs::read(folder.database()).unwrap();
    let error = SqliteStore::open(&folder.database()).unwrap_err();
    assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");
    assert_eq!(fs::read(folder.database()).unwrap(), before);
    folder.raw().execute_batch("PRAGMA user_version = 1").unwrap();
    let error = SqliteStore::open(&folder.database()).unwrap_err();
    assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");

    fs::write(folder.database(), "this is no database, it is a shopping list").unwrap();
    let error = SqliteStore::open(&folder.database()).unwrap_err();
    assert!(matches!(error, OpenError::Database { .. }), "{error:?}");
    let nowhere = folder.path().join("missing").join("sallyport.db");
    let error = SqliteStore::open(&nowhere).unwrap_err();
    assert!(matches!(error, OpenError::File { .. }), "{error:?}");
}

#[tokio::test]
async fn one_opening_at_a_time() {
    let folder = Folder::new();
    let first = folder.open();
    let error = SqliteStore::open(&folder.database()).unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }), "{error:?}");
    let store = first.clone().into_store();
    store.write(|tx| tx.put_person(&person(1))).await.unwrap();
    first.close();
    let second = folder.open().into_store();
    assert_eq!(second.read(|tx| tx.person(id(1))).await.unwrap(), Some(person(1)));
    let late = store.write(|tx| tx.put_person(&person(2))).await;
    assert!(matches!(late, Err(StoreError::Closed)), "{late:?}");
    let late = store.read(|tx| tx.people()).await;
    assert!(matches!(late, Err(StoreError::Closed)), "{late:?}");
}
