use super::samples::{after, id, read, refused, scim_token, write};
use crate::{ScimTokenRow, SecretHash, Store, StoreError};

pub async fn scim_tokens(store: Store) {
    write(&store, |tx| {
        tx.put_scim_token(&scim_token(2))?;
        tx.put_scim_token(&scim_token(1))
    })
    .await;
    let used = ScimTokenRow { last_used_at: Some(after(3)), revoked_at: Some(after(4)), ..scim_token(1) };
    let put = used.clone();
    write(&store, move |tx| tx.put_scim_token(&put)).await;
    let seen = read(&store, |tx| Ok((tx.scim_token(&SecretHash([1; 32]))?, tx.scim_tokens()?))).await;
    assert_eq!(seen, (Some(used.clone()), vec![scim_token(2), used]));
    let twin = ScimTokenRow { id: id(3), ..scim_token(1) };
    let error = refused(&store, move |tx| tx.put_scim_token(&twin)).await;
    assert!(matches!(error, StoreError::Taken(_)), "{error:?}");
}
