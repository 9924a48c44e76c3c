//! What waits: how much of it, and that nothing is dropped at the end.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use sallyport_store::conformance::samples::person;
use sallyport_store::{Store, StoreError};
use sallyport_store_sqlite::SqliteStore;
use tokio::task::{JoinHandle, JoinSet};

use crate::support::Folder;

/// Holds the writer until the sender is used.
async fn hold(store: &Store) -> (mpsc::Sender<()>, JoinHandle<Result<(), StoreError>>) {
    let (open, gate_opens) = mpsc::channel::<()>();
    let (inside, is_inside) = tokio::sync::oneshot::channel();
    let store = store.clone();
    let holder = tokio::spawn(async move {
        store
            .write(move |_| {
                inside.send(()).unwrap();
                gate_opens.recv().map_err(|_| StoreError::Closed)
            })
            .await
    });
    is_inside.await.unwrap();
    (open, holder)
}

async fn people(store: &Store, first: u32, many: u32) -> JoinSet<Result<(), StoreError>> {
    let mut writes = JoinSet::new();
    for number in first..first + many {
        let store = store.clone();
        writes.spawn(async move { store.write(move |tx| tx.put_person(&person(number))).await });
    }
    tokio::task::yield_now().await;
    writes
}

#[tokio::test]
async fn more_than_the_queue_holds_is_refused_at_once_and_the_rest_done() {
    let folder = Folder::new();
    let store = folder.open().into_store();
    let (open, holder) = hold(&store).await;
    let mut waiting = people(&store, 1, 4_096).await;
    let mut surplus = people(&store, 5_000, 10).await;
    while let Some(result) = surplus.join_next().await {
        let result = result.unwrap();
        assert!(matches!(result, Err(StoreError::Busy)), "{result:?}");
    }
    open.send(()).unwrap();
    holder.await.unwrap().unwrap();
    while let Some(result) = waiting.join_next().await {
        result.unwrap().unwrap();
    }
    assert_eq!(store.read(|tx| tx.people()).await.unwrap().len(), 4_096);
}

#[tokio::test]
async fn closing_finishes_what_waits() {
    let folder = Folder::new();
    let opened = folder.open();
    let store = opened.clone().into_store();
    let (open, holder) = hold(&store).await;
    let waiting = people(&store, 1, 100).await;
    let closing = tokio::task::spawn_blocking(move || opened.close());
    open.send(()).unwrap();
    closing.await.unwrap();
    holder.await.unwrap().unwrap();
    for result in waiting.join_all().await {
        result.unwrap();
    }
    let again = folder.open().into_store();
    assert_eq!(again.read(|tx| tx.people()).await.unwrap().len(), 100);
}

/// Whoever drops the last clone closes the store, also from inside.
#[tokio::test]
async fn the_last_clone_may_go_on_the_writers_own_thread() {
    let folder = Folder::new();
    let store = folder.open().into_store();
    let inside = store.clone();
    let (open, gate_opens) = mpsc::channel::<()>();
    let write = tokio::spawn(async move {
        let result = store
            .write(move |tx| {
                gate_opens.recv().map_err(|_| StoreError::Closed)?;
                let _last = inside;
                tx.put_person(&person(1))
            })
            .await;
        drop(store);
        result
    });
    tokio::task::yield_now().await;
    write.abort();
    assert!(write.await.unwrap_err().is_cancelled());
    open.send(()).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    let again = loop {
        match SqliteStore::open(&folder.database()) {
            Ok(again) => break again.into_store(),
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(again.read(|tx| tx.people()).await.unwrap(), [person(1)]);
}
