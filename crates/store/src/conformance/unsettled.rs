use super::samples::{
    after, certificate, grant, group, id, now, read, refused, resource, serial, sign_in, tenant, unsettled,
    write,
};
use crate::{CertificateRow, GroupRow, Store, StoreError, Unsettled, UnsettledRow};

pub async fn unsettled_groups_go_with_their_group(store: Store) {
    let error = refused(&store, |tx| tx.put_unsettled(&unsettled(1, Unsettled::Grant))).await;
    assert!(matches!(error, StoreError::Missing(_)), "{error:?}");
    let further = UnsettledRow { after: 7, ..unsettled(1, Unsettled::Grant) };
    let put = further.clone();
    write(&store, move |tx| {
        for number in [1, 2] {
            tx.put_group(&group(number))?;
            tx.put_unsettled(&unsettled(number, Unsettled::Grant))?;
        }
        tx.put_unsettled(&unsettled(1, Unsettled::Withdrawal))?;
        tx.put_unsettled(&put)
    })
    .await;
    let seen = read(&store, |tx| Ok((tx.unsettled()?, tx.unsettled_group(id(1), Unsettled::Grant)?))).await;
    let all = [further.clone(), unsettled(2, Unsettled::Grant), unsettled(1, Unsettled::Withdrawal)];
    assert_eq!(seen, (all.to_vec(), Some(further)));
    assert!(write(&store, |tx| tx.remove_unsettled(id(2), Unsettled::Grant)).await);
    assert!(!write(&store, |tx| tx.remove_unsettled(id(2), Unsettled::Grant)).await);
    write(&store, |tx| tx.remove_group(tenant(1), id(1))).await;
    assert_eq!(read(&store, |tx| tx.unsettled()).await, []);
}

pub async fn members_are_walked_through_by_their_places(store: Store) {
    write(&store, |tx| {
        tx.put_group(&group(1))?;
        tx.put_group(&group(2))?;
        // Not in the order of their ids: a member who comes later has a later place.
        for number in [3, 1, 2, 4] {
            sign_in(tx, number)?;
            tx.put_resource(&resource(number))?;
            tx.add_member(id(if number == 4 { 2 } else { 1 }), id(number))?;
        }
        Ok(())
    })
    .await;
    read(&store, |tx| {
        let (mut place, mut walked) = (0, Vec::new());
        while let [(next, member)] = &tx.members_after(id(1), place, 1)?[..] {
            assert!(*next > place);
            place = *next;
            walked.push((member.id, member.user, member.user_name.clone()));
        }
        let expected = [3, 1, 2].map(|number| (id(number), id(number), resource(number).user_name));
        assert_eq!(walked, expected);
        assert_eq!(tx.members_after(id(1), 0, 9)?.len(), 3);
        assert_eq!(tx.members_after(id(9), 0, 9)?, []);
        Ok(())
    })
    .await;
}

pub async fn a_withdrawal_is_on_the_revocation_list_before_it_comes_to_everybody(store: Store) {
    write(&store, |tx| {
        tx.put_group(&group(1))?;
        tx.put_group(&group(2))?;
        for number in 1..=4 {
            sign_in(tx, number)?;
            tx.put_resource(&resource(number))?;
            tx.add_member(id(1), id(number))?;
            tx.intend(&certificate(u64::from(number), number))?;
        }
        tx.intend(&CertificateRow { valid_before: now(), ..certificate(11, 2) })?;
        // By a clock that was set back since.
        tx.intend(&CertificateRow { intended_at: after(5), ..certificate(12, 2) })?;
        tx.intend(&CertificateRow { revoked_at: Some(now()), ..certificate(13, 2) })?;
        // Person 3 has a grant through another group; person 4 is in no group that was withdrawn.
        tx.put_grant(&grant(2))?;
        tx.add_member(id(2), id(3))?;
        tx.remove_member(id(1), id(4)).map(drop)
    })
    .await;
    let serials = |numbers: &[u64]| numbers.iter().map(|number| serial(*number)).collect::<Vec<_>>();
    assert_eq!(read(&store, |tx| tx.revoked_serials(now())).await, serials(&[13]));
    let places: Vec<u64> =
        read(&store, |tx| tx.members_after(id(1), 0, 9)).await.iter().map(|(place, _)| *place).collect();
    write(&store, |tx| {
        tx.put_unsettled(&unsettled(1, Unsettled::Withdrawal))?;
        tx.put_unsettled(&unsettled(2, Unsettled::Grant))
    })
    .await;
    let seen = read(&store, |tx| Ok((tx.withdrawn_serials(now())?, tx.revoked_serials(now())?))).await;
    assert_eq!(seen, (serials(&[1, 2, 12]), serials(&[1, 2, 12, 13])));
    let await_it =
        |tx: &dyn crate::ReadTx| [1, 2, 3, 4].map(|number| tx.awaits_withdrawal(id(number)).unwrap());
    assert_eq!(read(&store, move |tx| Ok(await_it(tx))).await, [true, true, true, false]);
    // Of whom it has come to, the certificates speak for themselves.
    let first = places[0];
    write(&store, move |tx| {
        tx.put_unsettled(&UnsettledRow { after: first, ..unsettled(1, Unsettled::Withdrawal) })
    })
    .await;
    assert_eq!(read(&store, |tx| tx.withdrawn_serials(now())).await, serials(&[2, 12]));
    assert_eq!(read(&store, move |tx| Ok(await_it(tx))).await, [false, true, true, false]);
}

pub async fn a_dissolved_group_is_found_by_nothing_but_its_last_members(store: Store) {
    write(&store, |tx| {
        tx.put_group(&group(1))?;
        tx.put_group(&group(2))?;
        for number in 1..=2 {
            sign_in(tx, number)?;
            tx.put_resource(&resource(number))?;
            tx.add_member(id(1), id(number))?;
            tx.intend(&certificate(u64::from(number), number))?;
        }
        tx.add_member(id(2), id(1))?;
        tx.put_unsettled(&unsettled(1, Unsettled::Withdrawal))?;
        assert!(!tx.dissolve_group(tenant(2), id(1))?, "another tenant's");
        assert!(tx.dissolve_group(tenant(1), id(1))?);
        assert!(!tx.dissolve_group(tenant(1), id(1))?);
        Ok(())
    })
    .await;
    read(&store, |tx| {
        let here = group(1);
        assert_eq!((tx.group(tenant(1), id(1))?, tx.group_by_id(id(1))?), (None, None));
        assert_eq!(tx.groups_by_name(tenant(1), &here.display_name)?, []);
        assert_eq!(tx.groups_by_external_id(tenant(1), here.external_id.as_deref().unwrap())?, []);
        assert_eq!((tx.groups(tenant(1), 0, 9)?.total, tx.all_groups()?.len()), (1, 1));
        assert_eq!((tx.groups_of(id(1))?, tx.groups_of_person(id(2))?), (vec![id(2)], Vec::new()));
        assert_eq!(tx.dissolved_group(id(1))?, Some(here));
        assert_eq!(tx.dissolved_group(id(2))?, None);
        assert_eq!(
            (tx.dissolved_groups_of(id(1))?, tx.dissolved_groups_of(id(2))?),
            (vec![id(1)], vec![id(1)])
        );
        assert_eq!(tx.members_after(id(1), 0, 9)?.len(), 2);
        assert_eq!(tx.withdrawn_serials(now())?, [serial(1), serial(2)]);
        Ok(())
    })
    .await;
    // Made anew, it is another group.
    write(&store, |tx| tx.put_group(&GroupRow { id: id(3), ..group(1) })).await;
    write(&store, |tx| tx.remove_member(id(1), id(1))).await;
    assert_eq!(read(&store, |tx| tx.members_after(id(1), 0, 9)).await.len(), 1);
    assert!(!write(&store, |tx| tx.remove_group(tenant(2), id(1))).await);
    assert!(write(&store, |tx| tx.remove_group(tenant(1), id(1))).await);
    let left = read(&store, |tx| Ok((tx.dissolved_group(id(1))?, tx.unsettled()?))).await;
    assert_eq!(left, (None, Vec::new()));
    assert_eq!(read(&store, |tx| tx.groups(tenant(1), 0, 9)).await.total, 2);
}
