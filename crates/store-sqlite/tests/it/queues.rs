//! What waits: how much of it, and that nothing is dropped at the end.

use std::ops::RangeInclusive;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use sallyport_store::conformance::samples::{held, person, queued};
use sallyport_store::{StoreError, WriteTx};
use sallyport_store_sqlite::SqliteStore;

use crate::support::Folder;

fn people(
    numbers: RangeInclusive<u32>,
) -> impl Iterator<Item = impl FnOnce(&mut dyn WriteTx) -> Result<(), StoreError>> {
    numbers.map(|number| move |tx: &mut dyn WriteTx| tx.put_person(&person(number)))
}

#[tokio::test]
async fn more_than_the_queue_holds_is_refused_at_once_and_the_rest_done() {
    let folder = Folder::new();
    let store = folder.open().into_store();
    let (open, holder) = held(&store).await;
    let mut waiting = queued(&store, people(1..=4_096)).await;
    let mut surplus = queued(&store, people(5_000..=5_009)).await;
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
    let (open, holder) = held(&store).await;
    let waiting = queued(&store, people(1..=100)).await;
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
    let work = move |tx: &mut dyn WriteTx| {
        gate_opens.recv().map_err(|_| StoreError::Closed)?;
        let _last = inside;
        tx.put_person(&person(1))
    };
    let mut write = queued(&store, [work]).await;
    drop(store);
    write.shutdown().await;
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
