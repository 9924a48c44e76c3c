use std::sync::mpsc;

use tokio::task::JoinSet;

use super::samples::{host, id, name, now, person, read, serial, subject, tenant, uid, write};
use crate::{SecretHash, Store, StoreError};

/// Also while others write between its lookups.
pub async fn a_read_sees_one_state(store: Store) {
    write(&store, |tx| tx.put_person(&person(1))).await;
    let (looked, has_looked) = tokio::sync::oneshot::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let reading = tokio::spawn({
        let store = store.clone();
        async move {
            read(&store, move |tx| {
                let before = tx.people()?.len();
                looked.send(()).unwrap();
                may_go_on.recv().map_err(|_| StoreError::Closed)?;
                Ok((before, tx.people()?.len(), tx.person(id(2))?))
            })
            .await
        }
    });
    has_looked.await.unwrap();
    write(&store, |tx| tx.put_person(&person(2))).await;
    go_on.send(()).unwrap();
    assert_eq!(reading.await.unwrap(), (1, 1, None));
    assert_eq!(read(&store, |tx| tx.people()).await.len(), 2);
}

/// Two rows that are always written together are always seen together.
pub async fn many_reads_run_beside_writes(store: Store) {
    let mut tasks = JoinSet::new();
    for number in 1..=50 {
        let writer = store.clone();
        tasks.spawn(async move {
            write(&writer, move |tx| {
                tx.put_person(&person(number))?;
                tx.put_host(&host(number))
            })
            .await;
        });
        for _ in 0..4 {
            let reader = store.clone();
            tasks.spawn(async move {
                let (people, hosts) = read(&reader, |tx| Ok((tx.people()?.len(), tx.hosts()?.len()))).await;
                assert_eq!(people, hosts);
            });
        }
    }
    tasks.join_all().await;
    assert_eq!(read(&store, |tx| tx.hosts()).await.len(), 50);
}

pub async fn absence_is_an_answer(store: Store) {
    read(&store, |tx| {
        assert_eq!(tx.certificate(serial(1))?, None);
        assert_eq!(tx.certificates_after(None, 10)?, []);
        assert_eq!(tx.revoked_serials(now())?, []);
        assert_eq!(tx.session(id(1))?, None);
        assert_eq!(tx.token_use("x", now())?, None);
        assert_eq!(tx.resource(tenant(1), id(1))?, None);
        assert_eq!(tx.resource_by_user_name(tenant(1), "x")?, None);
        assert_eq!(tx.resources_by_external_id(tenant(1), "x")?, []);
        assert_eq!(tx.resource_of_person(id(1))?, None);
        assert_eq!(tx.group(tenant(1), id(1))?, None);
        assert_eq!(tx.group_by_id(id(1))?, None);
        assert_eq!(tx.members(id(1))?, []);
        assert_eq!(tx.groups_of(id(1))?, []);
        assert!(!tx.is_member(id(1), id(1))?);
        assert_eq!(tx.person(id(1))?, None);
        assert_eq!(tx.person_by_subject(subject(1))?, None);
        assert_eq!(tx.people_in(id(1))?, []);
        assert_eq!(tx.holder_of_name(&name(1))?, None);
        assert_eq!(tx.holder_of_id(uid(1))?, None);
        assert_eq!(tx.grant(id(1))?, None);
        assert_eq!(tx.grants_of(id(1))?, []);
        assert_eq!(tx.host(id(1))?, None);
        assert_eq!(tx.host_by_machine("SHA256:x")?, None);
        assert_eq!(tx.host_by_name(&"x".parse().unwrap())?, None);
        assert_eq!(tx.enroll_token(&SecretHash([0; 32]))?, None);
        assert_eq!(tx.scim_token(&SecretHash([0; 32]))?, None);
        Ok(())
    })
    .await;
    let removed = write(&store, |tx| {
        Ok([
            tx.remove_resource(tenant(1), id(1))?,
            tx.remove_group(tenant(1), id(1))?,
            tx.remove_member(id(1), id(1))?,
            tx.remove_grant(id(1))?,
        ])
    })
    .await;
    assert_eq!(removed, [false; 4]);
}
