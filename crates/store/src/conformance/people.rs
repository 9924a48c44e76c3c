use sallyport_domain::{ConflictReason, UserState};

use super::samples::{
    group, id, name, object, person, pinned, read, refused, resource, subject, tenant, uid, write,
};
use crate::{PersonRow, ResourceRow, Store, StoreError};

pub async fn person_comes_back_whole(store: Store) {
    let odd = PersonRow {
        object: None,
        emails: vec![],
        guest: true,
        state: UserState::Conflict,
        reason: Some(ConflictReason::NameTaken),
        ..person(2)
    };
    let second = odd.clone();
    write(&store, move |tx| {
        tx.put_person(&pinned(1))?;
        tx.put_person(&second)
    })
    .await;
    let seen = read(&store, |tx| {
        Ok((tx.person(id(1))?, tx.person(id(2))?, tx.person_by_subject(subject(1))?, tx.people()?))
    })
    .await;
    assert_eq!(seen, (Some(pinned(1)), Some(odd.clone()), Some(pinned(1)), vec![pinned(1), odd]));
    let changed = PersonRow {
        user_name: "other@contoso.test".into(),
        display_name: "Other".into(),
        state: UserState::Suspended,
        ..pinned(1)
    };
    let put = changed.clone();
    write(&store, move |tx| tx.put_person(&put)).await;
    assert_eq!(read(&store, |tx| tx.person(id(1))).await, Some(changed));
}

pub async fn subject_is_one_persons(store: Store) {
    let unlinked = PersonRow { object: None, ..person(2) };
    let elsewhere = PersonRow { tenant: tenant(2), object: Some(object(1)), ..person(3) };
    write(&store, move |tx| {
        tx.put_person(&person(1))?;
        tx.put_person(&unlinked)?;
        // Any number of people without an object id, and the same one in another tenant.
        tx.put_person(&PersonRow { object: None, ..person(4) })?;
        tx.put_person(&elsewhere)
    })
    .await;
    let twin = PersonRow { object: Some(object(1)), ..person(2) };
    let error = refused(&store, move |tx| tx.put_person(&twin)).await;
    assert!(matches!(error, StoreError::Taken(_)), "{error:?}");
    // The link is made once.
    write(&store, |tx| tx.put_person(&person(2))).await;
    assert_eq!(read(&store, |tx| tx.person_by_subject(subject(2))).await, Some(person(2)));
}

pub async fn name_and_uid_never_change_hands(store: Store) {
    write(&store, |tx| {
        tx.put_person(&pinned(1))?;
        tx.put_person(&person(2))
    })
    .await;
    for thief in [
        PersonRow { posix_name: Some(name(1)), ..person(2) },
        PersonRow { uid: Some(uid(1)), ..person(2) },
        PersonRow { posix_name: Some(name(2)), uid: Some(uid(2)), gid: Some(uid(1)), ..person(2) },
        PersonRow { posix_name: Some(name(1)), uid: Some(uid(3)), ..person(3) },
    ] {
        let error = refused(&store, move |tx| tx.put_person(&thief)).await;
        assert!(matches!(error, StoreError::Taken(_)), "{error:?}");
    }
    let seen =
        read(&store, |tx| Ok((tx.holder_of_name(&name(1))?, tx.holder_of_id(uid(1))?, tx.people()?))).await;
    assert_eq!(seen, (Some(id(1)), Some(id(1)), vec![pinned(1), person(2)]));
}

pub async fn pins_are_never_loosened(store: Store) {
    write(&store, |tx| tx.put_person(&pinned(1))).await;
    for change in [
        PersonRow { posix_name: None, ..pinned(1) },
        PersonRow { posix_name: Some(name(2)), ..pinned(1) },
        PersonRow { uid: None, ..pinned(1) },
        PersonRow { uid: Some(uid(2)), ..pinned(1) },
        PersonRow { gid: Some(uid(2)), ..pinned(1) },
        PersonRow { object: None, ..pinned(1) },
        PersonRow { object: Some(object(2)), ..pinned(1) },
        PersonRow { tenant: tenant(2), ..pinned(1) },
    ] {
        let error = refused(&store, move |tx| tx.put_person(&change)).await;
        assert!(matches!(error, StoreError::Pinned(_)), "{error:?}");
    }
    assert_eq!(read(&store, |tx| tx.person(id(1))).await, Some(pinned(1)));
}

/// The directory forgets the person, then makes somebody of the same name.
pub async fn name_and_uid_outlive_the_resource(store: Store) {
    write(&store, |tx| {
        tx.put_person(&pinned(1))?;
        tx.put_resource(&resource(1))
    })
    .await;
    let gone = PersonRow { state: UserState::Gone, ..pinned(1) };
    let put = gone.clone();
    let removed = write(&store, move |tx| {
        tx.put_person(&put)?;
        tx.remove_resource(tenant(1), id(1))
    })
    .await;
    assert!(removed);
    let seen = read(&store, |tx| {
        Ok((
            tx.person(id(1))?,
            tx.resource_of_person(id(1))?,
            tx.holder_of_name(&name(1))?,
            tx.holder_of_id(uid(1))?,
            tx.person_by_subject(subject(1))?,
        ))
    })
    .await;
    assert_eq!(seen, (Some(gone.clone()), None, Some(id(1)), Some(id(1)), Some(gone)));
    let namesake = PersonRow { posix_name: Some(name(1)), uid: Some(uid(2)), ..person(2) };
    let error = refused(&store, move |tx| {
        tx.put_person(&person(2))?;
        tx.put_resource(&ResourceRow { user_name: resource(1).user_name, ..resource(2) })?;
        tx.put_person(&namesake)
    })
    .await;
    assert!(matches!(error, StoreError::Taken(_)), "{error:?}");
}

pub async fn people_behind_a_group(store: Store) {
    write(&store, |tx| {
        for number in [3, 1, 2] {
            tx.put_person(&person(number))?;
            tx.put_resource(&resource(number))?;
        }
        // A second resource of one person.
        tx.put_resource(&ResourceRow { id: id(4), user_name: "again@contoso.test".into(), ..resource(1) })?;
        tx.put_group(&group(1))?;
        tx.put_group(&group(2))?;
        for resource in [1, 3, 4] {
            tx.add_member(id(1), id(resource))?;
        }
        tx.add_member(id(2), id(2)).map(drop)
    })
    .await;
    let seen = read(&store, |tx| {
        Ok((tx.people_in(id(1))?, tx.people_in(id(2))?, tx.resource_of_person(id(1))?.map(|row| row.id)))
    })
    .await;
    assert_eq!(seen, (vec![person(3), person(1)], vec![person(2)], Some(id(4))));
}

pub async fn groups_of_a_person(store: Store) {
    write(&store, |tx| {
        tx.put_person(&person(1))?;
        tx.put_person(&person(2))?;
        tx.put_resource(&resource(1))?;
        for number in [3, 1, 2] {
            tx.put_group(&group(number))?;
            tx.add_member(id(number), id(1))?;
        }
        Ok(())
    })
    .await;
    let of = async |person| read(&store, move |tx| tx.groups_of_person(id(person))).await;
    assert_eq!(of(1).await, [id(1), id(2), id(3)]);
    assert_eq!(of(2).await, []);
    // The latest resource counts, and it alone.
    let again = ResourceRow { id: id(4), user_name: "again@contoso.test".into(), ..resource(1) };
    write(&store, move |tx| {
        tx.put_resource(&again)?;
        tx.add_member(id(2), id(4)).map(drop)
    })
    .await;
    assert_eq!(of(1).await, [id(2)]);
}
