use sallyport_domain::{UidRange, UserState};

use super::samples::{adoption, after, host, id, name, now, person, pinned, read, refused, uid, write};
use crate::{ExpressionRow, ForeignRows, LedgerRow, NameRow, PersonRow, Store, StoreError};

fn name_row(number: u32, user: u32) -> NameRow {
    NameRow {
        name: name(number),
        user: id(user),
        since: Some(now()),
        until: None,
        release_asked_at: None,
        freed_at: None,
    }
}

pub async fn ledger_rows_come_back_whole(store: Store) {
    let row = LedgerRow {
        proposed: Some(name(4)),
        proposed_at: after(7),
        refusal: Some("why\nnot".into()),
        kept: Some(name(5)),
        assigned: Some(name(6)),
        wanted_uid: Some(-1),
        wanted_gid: Some(5_000_000_000),
        ..LedgerRow::new(id(1))
    };
    let put = row.clone();
    let orphan = refused(&store, |tx| tx.put_ledger(&LedgerRow::new(id(9)))).await;
    assert!(matches!(orphan, StoreError::Missing(_)), "{orphan:?}");
    write(&store, move |tx| {
        tx.put_person(&person(1))?;
        tx.put_person(&person(2))?;
        tx.put_ledger(&LedgerRow::new(id(2)))?;
        tx.put_ledger(&LedgerRow::new(id(1)))?;
        tx.put_ledger(&put)
    })
    .await;
    let seen = read(&store, |tx| Ok((tx.ledger(id(1))?, tx.ledger(id(3))?, tx.ledgers()?))).await;
    assert_eq!(seen, (Some(row.clone()), None, vec![row, LedgerRow::new(id(2))]));
}

pub async fn a_pin_is_for_ever(store: Store) {
    write(&store, |tx| {
        tx.put_person(&person(1))?;
        tx.put_person(&person(2))?;
        tx.pin(id(1), &name(1), uid(1), uid(11), now())?;
        // The same again is no change.
        tx.pin(id(1), &name(1), uid(1), uid(11), after(1))
    })
    .await;
    let wanted = PersonRow { posix_name: Some(name(1)), uid: Some(uid(1)), gid: Some(uid(11)), ..person(1) };
    let seen = read(&store, |tx| Ok((tx.person(id(1))?, tx.name(&name(1))?))).await;
    assert_eq!(seen, (Some(wanted), Some(name_row(1, 1))));
    // A uid may not be another's gid either.
    for (name_number, uid_number, gid_number) in [(1, 2, 2), (2, 1, 2), (2, 2, 1), (2, 11, 11), (2, 2, 11)] {
        let error = refused(&store, move |tx| {
            tx.pin(id(2), &name(name_number), uid(uid_number), uid(gid_number), now())
        })
        .await;
        assert!(matches!(error, StoreError::Taken(_)), "{error:?}");
    }
    for (name_number, uid_number) in [(2, 1), (1, 2)] {
        let error =
            refused(&store, move |tx| tx.pin(id(1), &name(name_number), uid(uid_number), uid(11), now()))
                .await;
        assert!(matches!(error, StoreError::Pinned(_)), "{error:?}");
    }
    // Nothing of what was refused is held.
    write(&store, |tx| tx.pin(id(2), &name(2), uid(2), uid(2), now())).await;
}

pub async fn a_name_left_stays_reserved(store: Store) {
    write(&store, |tx| {
        tx.put_person(&pinned(1))?;
        tx.put_person(&pinned(2))?;
        tx.rename(id(1), &name(3), after(1))
    })
    .await;
    let theft = refused(&store, |tx| tx.rename(id(2), &name(1), after(2))).await;
    assert!(matches!(theft, StoreError::Taken(_)), "{theft:?}");
    let theft = refused(&store, |tx| {
        tx.put_person(&person(4))?;
        tx.claim_name(id(4), &name(1), after(2))
    })
    .await;
    assert!(matches!(theft, StoreError::Taken(_)), "{theft:?}");
    let seen =
        read(&store, |tx| Ok((tx.person(id(1))?, tx.name(&name(1))?, tx.holder_of_name(&name(1))?))).await;
    let left = NameRow { since: None, until: Some(after(1)), ..name_row(1, 1) };
    assert_eq!(seen, (Some(PersonRow { posix_name: Some(name(3)), ..pinned(1) }), Some(left), Some(id(1))));
    // Its holder may come back to it.
    write(&store, |tx| tx.rename(id(1), &name(1), after(3))).await;
    assert_eq!(read(&store, |tx| tx.person(id(1))).await, Some(pinned(1)));
}

pub async fn a_name_is_freed_in_two_steps(store: Store) {
    write(&store, |tx| {
        tx.put_person(&pinned(1))?;
        tx.put_person(&person(2))
    })
    .await;
    write(&store, |tx| tx.ask_release(&name(1), after(1))).await;
    let in_use = refused(&store, |tx| tx.free_name(&name(1), after(2))).await;
    assert!(matches!(in_use, StoreError::Pinned(_)), "{in_use:?}");
    write(&store, |tx| {
        tx.rename(id(1), &name(3), after(2))?;
        tx.put_person(&PersonRow { posix_name: Some(name(3)), state: UserState::Gone, ..pinned(1) })
    })
    .await;
    let nobodys = refused(&store, |tx| tx.ask_release(&name(9), after(3))).await;
    assert!(matches!(nobodys, StoreError::Missing(_)), "{nobodys:?}");
    let one_step = refused(&store, |tx| tx.free_name(&name(3), after(3))).await;
    assert!(matches!(one_step, StoreError::Pinned(_)), "{one_step:?}");
    write(&store, |tx| {
        tx.free_name(&name(1), after(4))?;
        tx.ask_release(&name(3), after(4))?;
        tx.free_name(&name(3), after(5))?;
        tx.pin(id(2), &name(3), uid(2), uid(2), after(6))
    })
    .await;
    let number = refused(&store, |tx| tx.pin(id(2), &name(3), uid(1), uid(1), after(6))).await;
    assert!(matches!(number, StoreError::Pinned(_)), "{number:?}");
    let seen = read(&store, |tx| {
        Ok((
            tx.person(id(1))?.and_then(|row| row.posix_name),
            tx.holder_of_name(&name(1))?,
            tx.holder_of_name(&name(3))?,
        ))
    })
    .await;
    assert_eq!(seen, (None, None, Some(id(2))));
    let (of_first, all) = read(&store, |tx| Ok((tx.names_of(id(1))?, tx.names()?))).await;
    assert_eq!(of_first.len(), 2);
    assert!(of_first.iter().all(|row| row.freed_at.is_some()));
    assert_eq!(all.len(), 3);
    // Who comes back has their number and needs a name.
    assert_eq!(read(&store, |tx| tx.holder_of_id(uid(1))).await, Some(id(1)));
    write(&store, |tx| tx.pin(id(1), &name(1), uid(1), uid(1), after(7))).await;
}

pub async fn who_waits_for_a_name_is_found_in_order(store: Store) {
    let row = |user: u32, proposed: u32, since: i64| LedgerRow {
        proposed: Some(name(proposed)),
        proposed_at: after(since),
        ..LedgerRow::new(id(user))
    };
    let rows = [row(1, 1, 5), row(2, 1, 3), row(3, 2, 1), row(4, 1, 3), row(5, 1, -3)];
    let put = rows.clone();
    write(&store, move |tx| {
        for (number, row) in (1..).zip(&put) {
            tx.put_person(&person(number))?;
            tx.put_ledger(row)?;
        }
        tx.put_person(&person(6))?;
        tx.put_ledger(&LedgerRow::new(id(6)))
    })
    .await;
    let [first, second, _, third, oldest] = rows;
    let last = second.clone();
    let seen = read(&store, move |tx| {
        Ok((
            tx.proposed_to(&name(1), None, 2)?,
            tx.proposed_to(&name(1), Some(&last), 9)?,
            tx.proposed_to(&name(3), None, 9)?,
        ))
    })
    .await;
    assert_eq!(seen, (vec![oldest, second], vec![third, first], vec![]));
}

pub async fn a_proposal_leaves_the_rest_of_the_row_alone(store: Store) {
    let orphan = refused(&store, |tx| tx.put_proposal(id(9), Ok(&name(1)), now())).await;
    assert!(matches!(orphan, StoreError::Missing(_)), "{orphan:?}");
    let row = LedgerRow {
        kept: Some(name(5)),
        assigned: Some(name(6)),
        wanted_uid: Some(7),
        ..LedgerRow::new(id(1))
    };
    let put = row.clone();
    write(&store, move |tx| {
        tx.put_person(&person(1))?;
        tx.put_person(&person(2))?;
        tx.put_ledger(&put)?;
        tx.put_proposal(id(1), Ok(&name(1)), after(1))?;
        tx.put_proposal(id(2), Err("why"), after(2))
    })
    .await;
    let wanted = (
        Some(LedgerRow { proposed: Some(name(1)), proposed_at: after(1), ..row }),
        Some(LedgerRow { refusal: Some("why".into()), proposed_at: after(2), ..LedgerRow::new(id(2)) }),
    );
    assert_eq!(read(&store, |tx| Ok((tx.ledger(id(1))?, tx.ledger(id(2))?))).await, wanted);
}

pub async fn used_numbers_are_found(store: Store) {
    let range: UidRange = "70000-70100".parse().unwrap();
    write(&store, |tx| {
        for number in 1..=3 {
            tx.put_person(&person(number))?;
        }
        tx.put_host(&host(1))?;
        tx.pin(id(1), &name(1), uid(1), uid(2), now())?;
        tx.put_foreign(id(1), &ForeignRows { names: Vec::new(), ids: vec![uid(3), uid(101)] })?;
        tx.put_ledger(&LedgerRow {
            wanted_uid: Some(70_004),
            wanted_gid: Some(70_003),
            ..LedgerRow::new(id(2))
        })
    })
    .await;
    assert_eq!(read(&store, move |tx| tx.used_ids(range, 0)).await, [70_001, 70_002, 70_003, 70_004]);
    assert_eq!(read(&store, move |tx| tx.used_ids(range, 70_003)).await, [70_003, 70_004]);
}

pub async fn wanted_numbers_are_found(store: Store) {
    write(&store, |tx| {
        for (number, uid, gid) in
            [(1, Some(5_000), None), (2, Some(5_000), Some(5_000)), (3, None, Some(5_000))]
        {
            tx.put_person(&person(number))?;
            tx.put_ledger(&LedgerRow { wanted_uid: uid, wanted_gid: gid, ..LedgerRow::new(id(number)) })?;
        }
        Ok(())
    })
    .await;
    let mut seen = read(&store, |tx| tx.wanting_id(5_000, id(1), 9)).await;
    seen.sort();
    assert_eq!(seen, [id(2), id(3)]);
    assert_eq!(read(&store, |tx| tx.wanting_id(5_000, id(1), 1)).await.len(), 1);
    assert!(read(&store, |tx| tx.wanting_id(5_001, id(1), 9)).await.is_empty());
}

pub async fn ledger_settings_keep_what_was_set(store: Store) {
    let other: UidRange = "100000-100010".parse().unwrap();
    let expression = ExpressionRow { expression: "ToLower([mail])".into(), applied_at: now() };
    let seen = read(&store, move |tx| Ok((tx.next_id(other)?, tx.expression()?))).await;
    assert_eq!(seen, (100_000, None));
    let put = expression.clone();
    write(&store, move |tx| {
        tx.set_next_id(other, 100_002)?;
        tx.set_next_id(other, 100_003)?;
        tx.set_expression(&ExpressionRow { expression: "x".into(), applied_at: after(1) })?;
        tx.set_expression(&put)
    })
    .await;
    let seen =
        read(&store, move |tx| Ok((tx.next_id(other)?, tx.next_id(UidRange::DEFAULT)?, tx.expression()?)))
            .await;
    assert_eq!(seen, (100_003, 70_000, Some(expression)));
}

pub async fn foreign_names_and_ids(store: Store) {
    let rows = |numbers: &[u32]| ForeignRows {
        names: numbers.iter().map(|number| name(*number)).collect(),
        ids: numbers.iter().map(|number| uid(*number)).collect(),
    };
    let (first, second) = (rows(&[1, 2]), rows(&[2, 3]));
    let orphan = refused(&store, move |tx| tx.put_foreign(id(9), &rows(&[1]))).await;
    assert!(matches!(orphan, StoreError::Missing(_)), "{orphan:?}");
    write(&store, |tx| {
        tx.put_host(&host(1))?;
        tx.put_host(&host(2))
    })
    .await;
    let (put, again, next) = (first.clone(), first.clone(), second.clone());
    let changed = write(&store, move |tx| {
        Ok([
            tx.put_foreign(id(1), &put)?,
            tx.put_foreign(id(1), &again)?,
            tx.put_foreign(id(2), &put)?,
            tx.put_foreign(id(1), &next)?,
        ])
    })
    .await;
    assert_eq!(changed, [true, false, true, true]);
    let seen = read(&store, |tx| {
        Ok((
            tx.foreign_of(id(1))?,
            tx.foreign_of(id(2))?,
            tx.hosts_with_name(&name(1))?,
            tx.hosts_with_id(uid(3))?,
            tx.hosts_with_name(&name(2))?.len(),
        ))
    })
    .await;
    assert_eq!(seen, (second, first, vec![id(2)], vec![id(1)], 2));
}

pub async fn adoptions_are_recorded(store: Store) {
    let orphan = refused(&store, |tx| tx.put_adoption(&adoption(1))).await;
    assert!(matches!(orphan, StoreError::Missing(_)), "{orphan:?}");
    let gone = write(&store, |tx| {
        tx.put_person(&person(1))?;
        tx.put_person(&person(2))?;
        tx.put_adoption(&adoption(2))?;
        tx.put_adoption(&adoption(1))?;
        tx.put_adoption(&adoption(1))?;
        Ok([
            tx.remove_adoption(id(2), &adoption(2).local, &adoption(1).hosts)?,
            tx.remove_adoption(id(2), &adoption(2).local, &adoption(2).hosts)?,
        ])
    })
    .await;
    assert_eq!(gone, [false, true]);
    let seen =
        read(&store, |tx| Ok((tx.adoptions()?, tx.adoptions_of(id(1))?, tx.adoptions_of(id(2))?))).await;
    assert_eq!(seen, (vec![adoption(1)], vec![adoption(1)], vec![]));
    let called = read(&store, |tx| {
        Ok((tx.adoptions_called(&adoption(1).local)?, tx.adoptions_called(&adoption(2).local)?))
    })
    .await;
    assert_eq!(called, (vec![adoption(1)], vec![]));
}
