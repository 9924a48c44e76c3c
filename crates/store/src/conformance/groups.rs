use super::samples::{
    after, grant, group, id, lost_grant, now, object, person, read, refused, resource, tags, tenant, write,
};
use crate::{GrantRow, GroupRow, LostGrantRow, ResourceLabel, ResourceRow, Store, StoreError};

pub async fn group_lookups(store: Store) {
    let namesake = GroupRow { id: id(3), display_name: "GROUP 1".into(), external_id: None, ..group(1) };
    let elsewhere = GroupRow { id: id(4), tenant: tenant(2), ..group(1) };
    let (third, fourth) = (namesake.clone(), elsewhere.clone());
    write(&store, move |tx| {
        tx.put_group(&group(2))?;
        tx.put_group(&group(1))?;
        tx.put_group(&third)?;
        tx.put_group(&fourth)
    })
    .await;
    read(&store, move |tx| {
        assert_eq!(tx.group(tenant(1), id(1))?, Some(group(1)));
        assert_eq!(tx.group(tenant(2), id(1))?, None);
        assert_eq!(tx.group_by_id(id(4))?, Some(elsewhere.clone()));
        assert_eq!(tx.groups_by_name(tenant(1), "group 1")?, [group(1), namesake.clone()]);
        let linked = tx.groups_by_external_id(tenant(1), &object(1_001).to_string())?;
        assert_eq!(linked, [group(1)]);
        let page = tx.groups(tenant(1), 1, 1)?;
        assert_eq!((page.total, page.items), (3, vec![group(1)]));
        assert_eq!(tx.all_groups()?, [group(2), group(1), namesake, elsewhere]);
        Ok(())
    })
    .await;
    let moved = GroupRow { tenant: tenant(3), ..group(1) };
    let error = refused(&store, move |tx| tx.put_group(&moved)).await;
    assert!(matches!(error, StoreError::Pinned(_)), "{error:?}");
    let renamed = GroupRow { display_name: "Renamed".into(), modified_at: after(50), ..group(1) };
    let put = renamed.clone();
    write(&store, move |tx| tx.put_group(&put)).await;
    assert_eq!(read(&store, |tx| tx.groups_by_name(tenant(1), "RENAMED")).await, [renamed]);
}

pub async fn memberships_are_a_set(store: Store) {
    write(&store, |tx| {
        for number in [2, 1] {
            tx.put_person(&person(number))?;
            tx.put_resource(&resource(number))?;
            tx.put_group(&group(number))?;
        }
        Ok(())
    })
    .await;
    let added = write(&store, |tx| {
        Ok([
            tx.add_member(id(1), id(2))?,
            tx.add_member(id(1), id(2))?,
            tx.add_member(id(1), id(1))?,
            tx.add_member(id(2), id(1))?,
        ])
    })
    .await;
    assert_eq!(added, [true, false, true, true]);
    let seen = read(&store, |tx| {
        Ok((
            tx.members(id(1))?,
            tx.groups_of(id(1))?,
            tx.is_member(id(1), id(2))?,
            tx.is_member(id(2), id(2))?,
        ))
    })
    .await;
    assert_eq!(seen, (vec![id(1), id(2)], vec![id(1), id(2)], true, false));
    let removed = write(&store, |tx| {
        Ok([
            tx.remove_member(id(1), id(2))?,
            tx.remove_member(id(1), id(2))?,
            tx.remove_resource(tenant(1), id(1))?,
        ])
    })
    .await;
    assert_eq!(removed, [true, false, true]);
    let seen = read(&store, |tx| Ok((tx.members(id(1))?, tx.members(id(2))?, tx.groups_of(id(1))?))).await;
    assert_eq!(seen, (vec![], vec![], vec![]));
    // Made again, the resource is in no group.
    write(&store, |tx| tx.put_resource(&resource(1))).await;
    assert_eq!(read(&store, |tx| tx.groups_of(id(1))).await, []);
}

pub async fn members_are_counted_and_listed_while_few(store: Store) {
    write(&store, |tx| {
        tx.put_group(&group(1))?;
        for number in 1..=3 {
            tx.put_person(&person(number))?;
            tx.put_resource(&resource(number))?;
            tx.add_member(id(1), id(number))?;
        }
        Ok(())
    })
    .await;
    for (most, few) in [(0, false), (2, false), (3, true), (usize::MAX, true)] {
        let listed = read(&store, move |tx| tx.members_if_few(id(1), most)).await;
        assert_eq!(listed, few.then(|| vec![id(1), id(2), id(3)]), "{most}");
    }
    let label = ResourceLabel { id: id(1), user: resource(1).user, user_name: resource(1).user_name };
    let seen = read(&store, |tx| {
        Ok((
            tx.count_members(id(1))?,
            tx.count_members(id(9))?,
            tx.members_if_few(id(9), 1)?,
            tx.resource_label(tenant(1), id(1))?,
            tx.resource_label(tenant(2), id(1))?,
        ))
    })
    .await;
    assert_eq!(seen, (3, 0, Some(vec![]), Some(label), None));
    let touched =
        write(&store, |tx| Ok((tx.touch_group(id(1), after(70))?, tx.touch_group(id(9), after(70))?))).await;
    assert_eq!(touched, (true, false));
    let seen = read(&store, |tx| tx.group_by_id(id(1))).await;
    assert_eq!(seen, Some(GroupRow { modified_at: after(70), ..group(1) }));
}

pub async fn memberships_stay_inside_a_tenant(store: Store) {
    let foreign = ResourceRow { id: id(2), tenant: tenant(2), ..resource(1) };
    write(&store, move |tx| {
        tx.put_person(&person(1))?;
        tx.put_resource(&resource(1))?;
        tx.put_resource(&foreign)?;
        tx.put_group(&group(1))
    })
    .await;
    for (of, member) in [(1, 2), (1, 9), (9, 1)] {
        let error = refused(&store, move |tx| tx.add_member(id(of), id(member))).await;
        assert!(matches!(error, StoreError::Missing(_)), "{error:?}");
    }
    assert_eq!(read(&store, |tx| tx.members(id(1))).await, []);
}

pub async fn group_removal_takes_memberships_and_grants(store: Store) {
    write(&store, |tx| {
        tx.put_person(&person(1))?;
        tx.put_resource(&resource(1))?;
        for number in [1, 2] {
            tx.put_group(&group(number))?;
            tx.add_member(id(number), id(1))?;
            tx.put_grant(&grant(number))?;
        }
        Ok(())
    })
    .await;
    assert!(!write(&store, |tx| tx.remove_group(tenant(2), id(1))).await);
    assert!(write(&store, |tx| tx.remove_group(tenant(1), id(1))).await);
    let seen =
        read(&store, |tx| Ok((tx.groups_of(id(1))?, tx.grants()?, tx.grants_of(id(1))?, tx.person(id(1))?)))
            .await;
    assert_eq!(seen, (vec![id(2)], vec![grant(2)], vec![], Some(person(1))));
}

pub async fn grants_need_their_group(store: Store) {
    let error = refused(&store, |tx| tx.put_grant(&grant(1))).await;
    assert!(matches!(error, StoreError::Missing(_)), "{error:?}");
    let second = GrantRow { group: id(1), ..grant(2) };
    let put = second.clone();
    write(&store, move |tx| {
        tx.put_group(&group(1))?;
        tx.put_grant(&put)?;
        tx.put_grant(&grant(1))
    })
    .await;
    let seen = read(&store, |tx| Ok((tx.grant(id(2))?, tx.grants()?, tx.grants_of(id(1))?))).await;
    assert_eq!(seen, (Some(second.clone()), vec![second.clone(), grant(1)], vec![second.clone(), grant(1)]));
    write(&store, |tx| {
        for number in [1, 2] {
            tx.put_person(&person(number))?;
            tx.put_resource(&resource(number))?;
        }
        tx.add_member(id(1), id(1)).map(drop)
    })
    .await;
    let reaching = read(&store, |tx| Ok((tx.grants_reaching(id(1))?, tx.grants_reaching(id(2))?))).await;
    assert_eq!(reaching, (vec![second.clone(), grant(1)], vec![]));
    let persons =
        read(&store, |tx| Ok((tx.grants_reaching_person(id(1))?, tx.grants_reaching_person(id(2))?)));
    assert_eq!(persons.await, (vec![second, grant(1)], vec![]));
    let changed = GrantRow { tags: tags(&["env=stage"]), sudo: true, ..grant(1) };
    let put = changed.clone();
    write(&store, move |tx| tx.put_grant(&put)).await;
    assert_eq!(read(&store, |tx| tx.grant(id(1))).await, Some(changed));
    assert!(write(&store, |tx| tx.remove_grant(id(1))).await);
    assert_eq!(read(&store, |tx| tx.grants()).await.len(), 1);
}

pub async fn lost_grants_are_kept_for_a_while(store: Store) {
    write(&store, |tx| (1..=3).try_for_each(|number| tx.put_lost_grant(&lost_grant(number)))).await;
    let again = LostGrantRow { lost_at: after(9), ..lost_grant(1) };
    write(&store, move |tx| tx.put_lost_grant(&again)).await;
    let seen = read(&store, |tx| Ok((tx.lost_grants(after(2), 9)?, tx.lost_grants(now(), 1)?))).await;
    assert_eq!(seen, (vec![lost_grant(3), lost_grant(2)], vec![lost_grant(3)]));
    assert_eq!(write(&store, |tx| tx.forget_lost_grants(after(3))).await, 2);
    assert_eq!(read(&store, |tx| tx.lost_grants(now(), 9)).await, [lost_grant(3)]);
}
