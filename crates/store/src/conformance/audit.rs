use sallyport_audit::{Event, EventName, Head, verify};
use tokio::task::JoinSet;

use super::samples::{now, read, write};
use crate::{Store, StoreError};

fn event(number: u64) -> Event {
    Event::new(EventName::AdminAction, now()).with("number", number)
}

pub async fn audit_starts_at_genesis(store: Store) {
    let seen = read(&store, |tx| Ok((tx.audit_head()?, tx.audit_after(0, 10)?))).await;
    assert_eq!(seen, (Head::GENESIS, vec![]));
    let first = write(&store, |tx| tx.append(&event(1))).await;
    assert_eq!(first.seq, 1);
    let seen = read(&store, |tx| Ok((tx.audit_head()?, tx.audit_after(0, 10)?))).await;
    assert_eq!(seen, (first.head(), vec![first]));
}

pub async fn audit_is_read_in_slices(store: Store) {
    let records =
        write(&store, |tx| (1..=5).map(|number| tx.append(&event(number))).collect::<Result<Vec<_>, _>>())
            .await;
    for (after, limit, expected) in [
        (0, 2, &records[..2]),
        (2, 2, &records[2..4]),
        (4, 9, &records[4..]),
        (5, 9, &[]),
        (u64::MAX, 9, &[]),
    ] {
        let slice = read(&store, move |tx| tx.audit_after(after, limit)).await;
        assert_eq!(slice, expected, "after {after}");
    }
}

/// Refused writes that append, between and beside writes that stay: no gap, no fork, and the head is the last one's.
pub async fn audit_chain_holds_over_roll_backs(store: Store) {
    let mut writes = JoinSet::new();
    for number in 1..=120 {
        let store = store.clone();
        writes.spawn(async move {
            store
                .write(move |tx| {
                    tx.append(&event(number))?;
                    tx.append(&event(1_000 + number))?;
                    if number % 2 == 0 { Err(StoreError::Missing("wish to stay")) } else { Ok(()) }
                })
                .await
                .is_ok()
        });
    }
    let stayed = writes.join_all().await.into_iter().filter(|stayed| *stayed).count();
    assert_eq!(stayed, 60);
    let last = write(&store, |tx| tx.append(&event(0))).await;
    let (records, head) = read(&store, |tx| Ok((tx.audit_after(0, 1_000)?, tx.audit_head()?))).await;
    assert_eq!(records.len(), 121);
    assert_eq!(head, last.head());
    assert_eq!(verify(Head::GENESIS, records.clone()), Ok(head));
    for pair in records[..120].chunks(2) {
        let numbers: Vec<u64> =
            pair.iter().filter_map(|record| record.event().unwrap().detail["number"].as_u64()).collect();
        assert_eq!(numbers[1], numbers[0] + 1_000, "one closure's records stand together");
    }
}
