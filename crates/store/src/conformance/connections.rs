use super::samples::{connection, read, refused, tenant, write};
use crate::{ConnectionRow, Store, StoreError};

pub async fn connection_comes_back_whole(store: Store) {
    write(&store, |tx| {
        tx.put_connection(&connection(2))?;
        tx.put_connection(&connection(1))
    })
    .await;
    let bare = ConnectionRow {
        networks: Vec::new(),
        scope: Vec::new(),
        link_by_upn: false,
        unsettled: 0,
        last_request_at: None,
        ..connection(1)
    };
    let put = bare.clone();
    write(&store, move |tx| tx.put_connection(&put)).await;
    let seen = read(&store, |tx| {
        Ok((tx.connection(&connection(2).name)?, tx.connection_of(tenant(1))?, tx.connections()?))
    })
    .await;
    assert_eq!(seen, (Some(connection(2)), Some(bare.clone()), vec![connection(2), bare]));

    assert!(write(&store, |tx| tx.remove_connection(&connection(1).name)).await);
    assert!(!write(&store, |tx| tx.remove_connection(&connection(1).name)).await);
    let left = read(&store, |tx| Ok((tx.connection_of(tenant(1))?, tx.connections()?))).await;
    assert_eq!(left, (None, vec![connection(2)]));
}

pub async fn one_connection_a_tenant(store: Store) {
    write(&store, |tx| tx.put_connection(&connection(1))).await;
    let twin = ConnectionRow { name: connection(2).name, ..connection(1) };
    let error = refused(&store, move |tx| tx.put_connection(&twin)).await;
    assert!(matches!(error, StoreError::Taken(_)), "{error:?}");
    let moved = ConnectionRow { tenant: tenant(2), ..connection(1) };
    let error = refused(&store, move |tx| tx.put_connection(&moved)).await;
    assert!(matches!(error, StoreError::Pinned(_)), "{error:?}");
    assert_eq!(read(&store, |tx| tx.connections()).await, vec![connection(1)]);
}
