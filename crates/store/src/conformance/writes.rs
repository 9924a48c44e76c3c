use tokio::task::JoinSet;

use super::samples::{
    after, certificate, held, host, id, person, queued, read, serial, sign_in, token, write,
};
use crate::{Store, StoreError, WriteTx};

#[derive(Debug)]
enum Verdict {
    No(u64),
    Store(StoreError),
}

impl From<StoreError> for Verdict {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

pub async fn a_refused_write_leaves_nothing(store: Store) {
    let result = store
        .write(|tx| {
            tx.put_person(&person(1))?;
            tx.put_host(&host(1))?;
            tx.set_next_serial(serial(7))?;
            Err::<(), _>(Verdict::No(1))
        })
        .await;
    assert!(matches!(result, Err(Verdict::No(1))), "{result:?}");
    let seen = read(&store, |tx| Ok((tx.people()?, tx.hosts()?, tx.next_serial()?))).await;
    assert_eq!(seen, (vec![], vec![], None));
}

pub async fn a_write_is_seen_by_the_next_read(store: Store) {
    for number in 1..=50 {
        write(&store, move |tx| tx.put_person(&person(number))).await;
        let seen = read(&store, move |tx| tx.person(id(number))).await;
        assert_eq!(seen, Some(person(number)));
    }
}

pub async fn a_write_sees_its_own_changes(store: Store) {
    let seen = write(&store, |tx| {
        tx.put_person(&person(1))?;
        tx.put_person(&person(2))?;
        tx.people()
    })
    .await;
    assert_eq!(seen, [person(1), person(2)]);
}

/// Refused ones among accepted ones, all waiting for the same thread, so that they share commits.
pub async fn every_write_has_its_own_verdict(store: Store) {
    write(&store, |tx| sign_in(tx, 1)).await;
    let (open, holder) = held(&store).await;
    let work = |number: u64| {
        move |tx: &mut dyn WriteTx| {
            tx.intend(&certificate(number, 1))?;
            tx.use_token(&token(&format!("token-{number}"), number))?;
            if number.is_multiple_of(3) { Err(Verdict::No(number)) } else { Ok(number) }
        }
    };
    let mut writes = queued(&store, (1..=200).map(work)).await;
    open.send(()).unwrap();
    holder.await.unwrap().unwrap();
    let mut taken = Vec::new();
    while let Some(result) = writes.join_next().await {
        match result.unwrap() {
            Ok(number) => taken.push(number),
            Err(Verdict::No(number)) => assert_eq!(number % 3, 0),
            Err(Verdict::Store(error)) => panic!("{error:?}"),
        }
    }
    taken.sort_unstable();
    let expected: Vec<u64> = (1..=200).filter(|number| number % 3 != 0).collect();
    assert_eq!(taken, expected);
    let stored = read(&store, |tx| tx.certificates_after(None, 1_000)).await;
    let stored: Vec<u64> = stored.iter().map(|row| row.serial.value()).collect();
    assert_eq!(stored, expected);
    let used = read(&store, |tx| {
        Ok((tx.token_use("token-2", after(3_600))?, tx.token_use("token-3", after(3_600))?))
    })
    .await;
    assert_eq!(used, (Some(token("token-2", 2)), None));
}

/// Read, add one, write: no increment is lost.
pub async fn writes_run_one_after_the_other(store: Store) {
    let mut writes = JoinSet::new();
    for _ in 0..100 {
        let store = store.clone();
        writes.spawn(async move {
            write(&store, |tx| {
                let next = tx.next_serial()?.map_or(serial(1), sallyport_domain::Serial::next);
                tx.set_next_serial(next)?;
                Ok(next.value())
            })
            .await
        });
    }
    let mut given = writes.join_all().await;
    given.sort_unstable();
    assert_eq!(given, (1..=100).collect::<Vec<u64>>());
}

pub async fn a_refused_call_spares_the_rest_of_its_closure(store: Store) {
    let earlier = write(&store, |tx| {
        sign_in(tx, 1)?;
        tx.use_token(&token("one", 1))?;
        let again = tx.use_token(&token("one", 2));
        assert!(matches!(again, Err(StoreError::Taken(_))), "{again:?}");
        tx.intend(&certificate(5, 1))?;
        tx.token_use("one", after(3_600))
    })
    .await;
    assert_eq!(earlier, Some(token("one", 1)));
    let stored =
        read(&store, |tx| Ok((tx.token_use("one", after(3_600))?, tx.certificate(serial(5))?))).await;
    assert_eq!(stored, (Some(token("one", 1)), Some(certificate(5, 1))));
}

/// The panic's message on the standard error is part of the test.
pub async fn a_panic_is_one_callers_error(store: Store) {
    let written = store
        .write(|tx| -> Result<(), StoreError> {
            tx.put_person(&person(1))?;
            panic!("a defect in a use case");
        })
        .await;
    assert!(matches!(written, Err(StoreError::Panicked)), "{written:?}");
    let seen = store.read(|_| -> Result<(), StoreError> { panic!("a defect in a use case") }).await;
    assert!(matches!(seen, Err(StoreError::Panicked)), "{seen:?}");
    write(&store, |tx| tx.put_person(&person(2))).await;
    assert_eq!(read(&store, |tx| tx.people()).await, [person(2)]);
}

/// A caller who goes away (the connection was cut) leaves the others' answers alone.
pub async fn an_abandoned_write_harms_nobody(store: Store) {
    let (open, holder) = held(&store).await;
    let mut abandoned = queued(&store, [|tx: &mut dyn WriteTx| tx.put_person(&person(1))]).await;
    abandoned.shutdown().await;
    open.send(()).unwrap();
    holder.await.unwrap().unwrap();
    write(&store, |tx| tx.put_person(&person(2))).await;
    assert_eq!(read(&store, |tx| tx.person(id(2))).await, Some(person(2)));
}
