use super::samples::{access_token, after, id, read, refused, scim_token, write};
use crate::{CredentialKind, ScimTokenRow, SecretHash, Store, StoreError};

pub async fn scim_tokens(store: Store) {
    write(&store, |tx| {
        tx.put_scim_token(&scim_token(2))?;
        tx.put_scim_token(&scim_token(1))
    })
    .await;
    let used = ScimTokenRow {
        kind: CredentialKind::OAuth,
        last_used_at: Some(after(3)),
        revoked_at: Some(after(4)),
        ..scim_token(1)
    };
    let put = used.clone();
    write(&store, move |tx| tx.put_scim_token(&put)).await;
    let seen = read(&store, |tx| Ok((tx.scim_token(&SecretHash([1; 32]))?, tx.scim_tokens()?))).await;
    assert_eq!(seen, (Some(used.clone()), vec![scim_token(2), used.clone()]));
    let by_id = read(&store, |tx| Ok((tx.scim_token_by_id(id(1))?, tx.scim_token_by_id(id(9))?))).await;
    assert_eq!(by_id, (Some(used), None));
    let twin = ScimTokenRow { id: id(3), ..scim_token(1) };
    let error = refused(&store, move |tx| tx.put_scim_token(&twin)).await;
    assert!(matches!(error, StoreError::Taken(_)), "{error:?}");
}

pub async fn access_tokens_end(store: Store) {
    let error = refused(&store, |tx| tx.put_access_token(&access_token(1))).await;
    assert!(matches!(error, StoreError::Missing(_)), "{error:?}");
    write(&store, |tx| {
        tx.put_scim_token(&scim_token(1))?;
        tx.put_access_token(&access_token(1))?;
        tx.put_access_token(&access_token(2))
    })
    .await;
    let error = refused(&store, |tx| tx.put_access_token(&access_token(2))).await;
    assert!(matches!(error, StoreError::Taken(_)), "{error:?}");
    let both = |tx: &dyn crate::ReadTx| {
        Ok((tx.access_token(&SecretHash([1; 32]))?, tx.access_token(&SecretHash([2; 32]))?))
    };
    assert_eq!(read(&store, both).await, (Some(access_token(1)), Some(access_token(2))));
    assert_eq!(write(&store, |tx| tx.forget_access_tokens(after(1))).await, 1, "at its very end");
    assert_eq!(read(&store, both).await, (None, Some(access_token(2))));
}
