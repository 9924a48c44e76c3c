use super::samples::{after, id, object, person, read, refused, resource, tenant, write};
use crate::{ResourceRow, Store, StoreError};

pub async fn resource_comes_back_whole(store: Store) {
    let bare = ResourceRow { external_id: None, document: serde_json::Map::new(), ..resource(2) };
    write(&store, |tx| {
        tx.put_person(&person(1))?;
        tx.put_person(&person(2))?;
        tx.put_resource(&resource(1))
    })
    .await;
    let second = bare.clone();
    write(&store, move |tx| tx.put_resource(&second)).await;
    let seen = read(&store, |tx| {
        Ok((tx.resource(tenant(1), id(1))?, tx.resource(tenant(1), id(2))?, tx.resource_of_person(id(1))?))
    })
    .await;
    assert_eq!(seen, (Some(resource(1)), Some(bare), Some(resource(1))));
    // Replaced, not doubled; and moved to another person.
    let changed = ResourceRow {
        user: id(2),
        user_name: "new@contoso.test".into(),
        modified_at: after(9),
        ..resource(1)
    };
    let put = changed.clone();
    write(&store, move |tx| tx.put_resource(&put)).await;
    let seen = read(&store, |tx| {
        Ok((
            tx.resource(tenant(1), id(1))?,
            tx.resource_by_user_name(tenant(1), "person1@contoso.test")?,
            tx.resource_of_person(id(1))?,
        ))
    })
    .await;
    assert_eq!(seen, (Some(changed), None, None));
    let error = refused(&store, |tx| tx.put_resource(&resource(3))).await;
    assert!(matches!(error, StoreError::Missing(_)), "{error:?}");
}

pub async fn user_name_is_unique_without_case(store: Store) {
    let named = |number: u32, name: &str| ResourceRow { user_name: name.to_owned(), ..resource(number) };
    let first = named(1, "ÄNNE@Contoso.Test");
    write(&store, move |tx| {
        tx.put_person(&person(1))?;
        tx.put_person(&person(2))?;
        tx.put_resource(&first)?;
        tx.put_resource(&resource(2))
    })
    .await;
    for spelling in ["änne@contoso.test", "ÄNNE@CONTOSO.TEST", "Änne@Contoso.Test"] {
        let found = read(&store, move |tx| tx.resource_by_user_name(tenant(1), spelling)).await;
        assert_eq!(found, Some(named(1, "ÄNNE@Contoso.Test")), "{spelling}");
        let (new, renamed) = (ResourceRow { id: id(3), ..named(1, spelling) }, named(2, spelling));
        for row in [new, renamed] {
            let error = refused(&store, move |tx| tx.put_resource(&row)).await;
            assert!(matches!(error, StoreError::Taken(_)), "{error:?}");
        }
    }
    // Its own name, spelt otherwise, is no other's.
    write(&store, move |tx| tx.put_resource(&named(1, "änne@contoso.test"))).await;
    let unlike = read(&store, |tx| tx.resource_by_user_name(tenant(1), "nne@contoso.test")).await;
    assert_eq!(unlike, None);
    let pattern = read(&store, |tx| tx.resource_by_user_name(tenant(1), "%@contoso.test")).await;
    assert_eq!(pattern, None);
}

pub async fn resources_stay_in_their_tenant(store: Store) {
    let elsewhere = ResourceRow { id: id(2), tenant: tenant(2), ..resource(1) };
    let other = elsewhere.clone();
    write(&store, move |tx| {
        tx.put_person(&person(1))?;
        tx.put_resource(&resource(1))?;
        tx.put_resource(&other)
    })
    .await;
    let seen = read(&store, |tx| {
        Ok((
            tx.resource(tenant(2), id(1))?,
            tx.resource_by_user_name(tenant(2), "person1@contoso.test")?.map(|row| row.id),
            tx.resources_by_external_id(tenant(2), &object(1).to_string())?.len(),
            tx.resources(tenant(2), 0, 10)?.total,
        ))
    })
    .await;
    assert_eq!(seen, (None, Some(id(2)), 1, 1));
    let moved = ResourceRow { tenant: tenant(3), ..resource(1) };
    let error = refused(&store, move |tx| tx.put_resource(&moved)).await;
    assert!(matches!(error, StoreError::Pinned(_)), "{error:?}");
    assert!(!write(&store, |tx| tx.remove_resource(tenant(2), id(1))).await);
    assert!(write(&store, |tx| tx.remove_resource(tenant(2), id(2))).await);
    assert_eq!(read(&store, |tx| tx.resource(tenant(1), id(1))).await, Some(resource(1)));
}

/// Two resources of one directory object are a conflict to be shown, not an error to be lost.
pub async fn external_ids_may_stand_twice(store: Store) {
    let twin = ResourceRow { external_id: resource(1).external_id, ..resource(2) };
    write(&store, move |tx| {
        tx.put_person(&person(1))?;
        tx.put_person(&person(2))?;
        tx.put_resource(&resource(1))?;
        tx.put_resource(&twin)
    })
    .await;
    let both = read(&store, |tx| tx.resources_by_external_id(tenant(1), &object(1).to_string())).await;
    assert_eq!(both.iter().map(|row| row.id).collect::<Vec<_>>(), [id(1), id(2)]);
}

/// One object id has many spellings, and they all claim the same person.
pub async fn claims_are_found_in_every_spelling(store: Store) {
    let claim = object(7).to_string();
    let spellings = [claim.clone(), claim.to_uppercase(), format!("{{{claim}}}"), claim.replace('-', "")];
    let numbers = [1, 2, 3, 4];
    write(&store, move |tx| {
        for (number, spelling) in numbers.into_iter().zip(spellings) {
            tx.put_person(&person(number))?;
            tx.put_resource(&ResourceRow { external_id: Some(spelling), ..resource(number) })?;
        }
        tx.put_person(&person(5))?;
        tx.put_resource(&ResourceRow { external_id: Some("mara.lind".into()), ..resource(5) })
    })
    .await;
    let claimants = || async { read(&store, |tx| tx.claimants(tenant(1), object(7))).await };
    assert_eq!(claimants().await, numbers.map(id));
    assert_eq!(read(&store, |tx| tx.claimants(tenant(2), object(7))).await, []);
    write(&store, |tx| tx.put_resource(&ResourceRow { external_id: None, ..resource(2) })).await;
    assert_eq!(claimants().await, [id(1), id(3), id(4)]);
}

pub async fn addresses_find_their_resources(store: Store) {
    let addresses = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let (first, second) =
        (addresses(&["Öne@Contoso.test", "both@contoso.test"]), addresses(&["BOTH@contoso.test"]));
    write(&store, move |tx| {
        for number in [1, 2] {
            tx.put_person(&person(number))?;
            tx.put_resource(&resource(number))?;
        }
        tx.set_emails(id(9), &second)?;
        tx.set_emails(id(1), &first)?;
        tx.set_emails(id(2), &second)
    })
    .await;
    read(&store, |tx| {
        let found = |address: &str| tx.resources_by_email(tenant(1), address);
        assert_eq!(found("öNE@contoso.test")?, [resource(1)]);
        assert_eq!(found("Both@contoso.test")?, [resource(1), resource(2)]);
        assert_eq!(tx.resources_by_email(tenant(2), "both@contoso.test")?, []);
        Ok(())
    })
    .await;
    write(&store, |tx| {
        // Written over, a resource keeps its addresses until others are set.
        tx.put_resource(&resource(2))?;
        tx.set_emails(id(1), &[])?;
        tx.remove_resource(tenant(1), id(1))
    })
    .await;
    let left = read(&store, |tx| tx.resources_by_email(tenant(1), "both@contoso.test")).await;
    assert_eq!(left, [resource(2)]);
}

pub async fn resources_are_paged(store: Store) {
    // Put in an order that is not that of their ids.
    let numbers = [7, 3, 9, 1, 5];
    write(&store, move |tx| {
        for number in numbers {
            tx.put_person(&person(number))?;
            tx.put_resource(&resource(number))?;
        }
        // A change does not move a row to the end.
        tx.put_resource(&ResourceRow { modified_at: after(99), ..resource(7) })
    })
    .await;
    for (skip, limit, expected) in [
        (0, 2, &numbers[..2]),
        (2, 2, &numbers[2..4]),
        (4, 2, &numbers[4..]),
        (0, 0, &[]),
        (5, 2, &[]),
        (usize::MAX, usize::MAX, &[]),
        (0, usize::MAX, &numbers[..]),
    ] {
        let page = read(&store, move |tx| tx.resources(tenant(1), skip, limit)).await;
        assert_eq!(page.total, 5, "skip {skip}");
        let found: Vec<_> = page.items.iter().map(|row| row.id).collect();
        let expected: Vec<_> = expected.iter().map(|number| id(*number)).collect();
        assert_eq!(found, expected, "skip {skip}, limit {limit}");
    }
    write(&store, |tx| tx.remove_resource(tenant(1), id(9))).await;
    let page = read(&store, |tx| tx.resources(tenant(1), 1, 2)).await;
    assert_eq!((page.total, page.items.len(), page.items[1].id), (4, 2, id(1)));
}
