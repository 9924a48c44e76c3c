use super::samples::{
    after, certificate, grant, group, id, now, read, refused, resource, serial, sign_in, tenant, unsettled,
    write,
};
use crate::{CertificateRow, Store, StoreError, Unsettled, UnsettledRow};

pub async fn unsettled_groups_go_with_their_group(store: Store) {
    let error = refused(&store, |tx| tx.put_unsettled(&unsettled(1, Unsettled::Grant))).await;
    assert!(matches!(error, StoreError::Missing(_)), "{error:?}");
    let further = UnsettledRow { after: 7, since: after(9), ..unsettled(1, Unsettled::Grant) };
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
        let row = UnsettledRow { since: after(4), ..unsettled(1, Unsettled::Withdrawal) };
        tx.put_unsettled(&row)?;
        tx.put_unsettled(&unsettled(2, Unsettled::Grant))
    })
    .await;
    let seen = read(&store, |tx| Ok((tx.withdrawn_serials(now())?, tx.revoked_serials(now())?))).await;
    assert_eq!(seen, (serials(&[1, 2]), serials(&[1, 2, 13])));
    // Of whom it has come to, the certificates speak for themselves.
    let first = places[0];
    write(&store, move |tx| {
        tx.put_unsettled(&UnsettledRow {
            since: after(4),
            after: first,
            ..unsettled(1, Unsettled::Withdrawal)
        })
    })
    .await;
    assert_eq!(read(&store, |tx| tx.withdrawn_serials(now())).await, serials(&[2]));
}
