use serde_json::json;

use super::samples::{after, id, now, person, read, tenant, write};
use crate::{Concerning, ProvisioningRow, Store};

/// One to store; of a group where it names one.
pub fn event(number: u32, of: Option<u32>) -> ProvisioningRow {
    ProvisioningRow {
        seq: 0,
        at: after(i64::from(number)),
        tenant: tenant(1),
        request: id(number),
        group: of.map(id),
        body: json!({ "operation": "update", "number": number }).as_object().cloned().unwrap_or_default(),
    }
}

/// Ten events: each third about group 1, the even ones about person 2, all about person 1.
async fn ten(store: &Store) {
    write(store, |tx| {
        tx.put_person(&person(1))?;
        tx.put_person(&person(2))?;
        for number in 1..=10_u32 {
            let group = number.is_multiple_of(3).then_some(1);
            let people =
                if number.is_multiple_of(2) { vec![id(1), id(2), id(2)] } else { vec![id(1), id(9)] };
            assert_eq!(tx.note_provisioning(&event(number, group), &people)?, u64::from(number));
        }
        Ok(())
    })
    .await;
}

fn numbers(events: &[ProvisioningRow]) -> Vec<u64> {
    events.iter().map(|event| event.seq).collect()
}

pub async fn provisioning_events_are_found_by_whom_they_concern(store: Store) {
    ten(&store).await;
    let first = read(&store, |tx| tx.provisioning_after(0, Concerning::Anything, 1)).await;
    assert_eq!(first, [ProvisioningRow { seq: 1, ..event(1, None) }]);
    write(&store, |tx| {
        tx.put_person(&person(3))?;
        tx.note_concerned(4, &[id(3), id(9), id(2)])?;
        tx.note_concerned(11, &[id(3)])
    })
    .await;
    for (of, expected) in [
        (Concerning::Anything, (1..=10).collect::<Vec<_>>()),
        (Concerning::Group(id(1)), vec![3, 6, 9]),
        (Concerning::Group(id(2)), vec![]),
        (Concerning::Person(id(1)), (1..=10).collect()),
        (Concerning::Person(id(2)), vec![2, 4, 6, 8, 10]),
        (Concerning::Person(id(3)), vec![4]),
        (Concerning::Person(id(9)), vec![]),
    ] {
        let (up, mut down, middle) = read(&store, move |tx| {
            Ok((
                numbers(&tx.provisioning_after(0, of, usize::MAX)?),
                numbers(&tx.provisioning_before(u64::MAX, of, usize::MAX)?),
                numbers(&tx.provisioning_before(7, of, 2)?),
            ))
        })
        .await;
        assert_eq!(up, expected, "{of:?}");
        down.reverse();
        assert_eq!(down, expected, "{of:?}");
        let last_two: Vec<_> = expected.iter().rev().copied().filter(|seq| *seq < 7).take(2).collect();
        assert_eq!(middle, last_two, "{of:?}");
    }
}

pub async fn provisioning_events_are_forgotten_from_the_oldest(store: Store) {
    ten(&store).await;
    let forget = |before: i64, keep: u64, most: usize| {
        let store = &store;
        async move { write(store, move |tx| tx.forget_provisioning(after(before), keep, most)).await }
    };
    assert_eq!(forget(-1, u64::MAX, 100).await, 0, "none is that old, none is too many");
    assert_eq!(forget(5, u64::MAX, 3).await, 3, "as many as one step takes");
    assert_eq!(forget(5, u64::MAX, 100).await, 1, "then the rest");
    assert_eq!(forget(-1, 3, 100).await, 3);
    let left = read(&store, |tx| {
        Ok((
            numbers(&tx.provisioning_after(0, Concerning::Anything, usize::MAX)?),
            numbers(&tx.provisioning_after(0, Concerning::Person(id(2)), usize::MAX)?),
        ))
    })
    .await;
    assert_eq!(left, (vec![8, 9, 10], vec![8, 10]));
    assert_eq!(forget(99, 0, 100).await, 2, "the newest stays");
    let next = write(&store, |tx| tx.note_provisioning(&event(11, None), &[])).await;
    assert_eq!(next, 11, "a number is never given twice");
    assert_eq!(write(&store, |tx| tx.forget_provisioning(now(), u64::MAX, 0)).await, 0);
}
