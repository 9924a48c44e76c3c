use std::collections::BTreeSet;

use super::samples::{
    after, grant, group, id, name, now, person, pinned, posix_group, read, refused, uid, write,
};
use crate::{GrantRow, LedgerRow, PosixGroupRow, Store, StoreError};

pub async fn a_posix_group_is_for_ever(store: Store) {
    write(&store, |tx| {
        tx.put_posix_group(&posix_group(2))?;
        tx.put_posix_group(&posix_group(1))?;
        // The same again, at another time, is no change.
        tx.put_posix_group(&PosixGroupRow { created_at: after(9), ..posix_group(1) })
    })
    .await;
    let moved =
        refused(&store, |tx| tx.put_posix_group(&PosixGroupRow { gid: uid(3), ..posix_group(1) })).await;
    assert!(matches!(moved, StoreError::Pinned(_)), "{moved:?}");
    let twice =
        refused(&store, |tx| tx.put_posix_group(&PosixGroupRow { gid: uid(1), ..posix_group(3) })).await;
    assert!(matches!(twice, StoreError::Taken(_)), "{twice:?}");
    let seen = read(&store, |tx| {
        let one = tx.posix_group(&posix_group(1).name)?;
        Ok((one, tx.posix_group_of_id(uid(2))?, tx.posix_group_of_id(uid(3))?, tx.posix_groups()?))
    })
    .await;
    let (one, two) = (posix_group(1), posix_group(2));
    assert_eq!(seen, (Some(one.clone()), Some(two.clone()), None, vec![two, one]));

    let unknown = BTreeSet::from([posix_group(7).name]);
    let mut row = GrantRow { group: id(1), ..grant(1) };
    row.posix_groups.managed = unknown;
    write(&store, |tx| tx.put_group(&group(1))).await;
    let refused_row = row.clone();
    let error = refused(&store, move |tx| tx.put_grant(&refused_row)).await;
    assert!(matches!(error, StoreError::Missing(_)), "{error:?}");
    row.posix_groups.managed = BTreeSet::from([posix_group(1).name, posix_group(2).name]);
    let put = row.clone();
    write(&store, move |tx| tx.put_grant(&put)).await;
    assert_eq!(read(&store, |tx| tx.grant(id(1))).await, Some(row));
}

pub async fn posix_groups_share_names_and_numbers_with_people(store: Store) {
    let named = |number: u32| PosixGroupRow { name: name(number), ..posix_group(90 + number) };
    write(&store, move |tx| {
        for number in 1..=3 {
            tx.put_person(&person(number))?;
        }
        tx.put_person(&pinned(1))?;
        tx.put_ledger(&LedgerRow { wanted_gid: Some(70_050), ..LedgerRow::new(id(2)) })?;
        tx.put_posix_group(&named(5))?;
        tx.put_posix_group(&posix_group(20))
    })
    .await;
    // A group gets no person's name, nor a number of theirs; a person none of a group's.
    for taken in [named(1), PosixGroupRow { gid: uid(1), ..posix_group(8) }] {
        let error = refused(&store, move |tx| tx.put_posix_group(&taken)).await;
        assert!(matches!(error, StoreError::Taken(_)), "{error:?}");
    }
    for (name_number, uid_number, gid_number) in [(5, 2, 2), (2, 20, 2), (2, 2, 20)] {
        let error = refused(&store, move |tx| {
            tx.pin(id(2), &name(name_number), uid(uid_number), uid(gid_number), now())
        })
        .await;
        assert!(matches!(error, StoreError::Taken(_)), "{error:?}");
    }
    let error = refused(&store, |tx| tx.claim_name(id(2), &name(5), now())).await;
    assert!(matches!(error, StoreError::Taken(_)), "{error:?}");
    let error = refused(&store, |tx| tx.rename(id(1), &name(5), now())).await;
    assert!(matches!(error, StoreError::Taken(_)), "{error:?}");
    let error = refused(&store, |tx| tx.put_person(&pinned(20))).await;
    assert!(matches!(error, StoreError::Taken(_)), "{error:?}");
    // A name that was freed is anybody's, also a group's; a number never.
    write(&store, move |tx| {
        tx.rename(id(1), &name(9), after(1))?;
        tx.ask_release(&name(1), after(2))?;
        tx.free_name(&name(1), after(3))?;
        tx.put_posix_group(&named(1))
    })
    .await;
    let wanted = read(&store, |tx| Ok((tx.is_wanted_id(uid(50))?, tx.is_wanted_id(uid(51))?))).await;
    assert_eq!(wanted, (true, false));
}
