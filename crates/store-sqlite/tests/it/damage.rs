//! Rows that somebody else wrote: they are named, not guessed at.

use sallyport_store::conformance::samples::{
    certificate, enroll_token, grant, group, host, id, now, person, resource, scim_token, serial, sign_in,
    tenant,
};
use sallyport_store::{ReadTx, SecretHash, StoreError};

use crate::support::Folder;

type Look = fn(&dyn ReadTx) -> Result<(), StoreError>;

/// Statement, then the column that the error must name, then a lookup that meets the row.
const DAMAGES: &[(&str, &str, &str, Look)] = &[
    ("UPDATE people SET state = 'retired'", "people", "state", |tx| tx.person(id(1)).map(drop)),
    ("UPDATE people SET uid = 0", "people", "uid", |tx| tx.people().map(drop)),
    ("UPDATE people SET posix_name = 'root me'", "people", "posix_name", |tx| tx.people().map(drop)),
    ("UPDATE people SET guest = 2", "people", "guest", |tx| tx.people().map(drop)),
    ("UPDATE people SET emails = '[1]'", "people", "emails", |tx| tx.people().map(drop)),
    ("UPDATE people SET tenant = 'contoso'", "people", "tenant", |tx| tx.person(id(1)).map(drop)),
    ("UPDATE resources SET document = '{'", "resources", "document", |tx| {
        tx.resource(tenant(1), id(1)).map(drop)
    }),
    ("UPDATE resources SET created_at = 9223372036854775807", "resources", "created_at", |tx| {
        tx.resources(tenant(1), 0, 9).map(drop)
    }),
    ("UPDATE groups SET document = '[]'", "groups", "document", |tx| tx.all_groups().map(drop)),
    ("UPDATE grants SET tags = 'env=prod'", "grants", "tags", |tx| tx.grants().map(drop)),
    ("UPDATE hosts SET names = '[\"*\"]'", "hosts", "names", |tx| tx.hosts().map(drop)),
    ("UPDATE hosts SET generation = -1", "hosts", "generation", |tx| tx.host(id(1)).map(drop)),
    ("UPDATE enroll_tokens SET names = '[\"*\"]'", "enroll_tokens", "names", |tx| {
        tx.enroll_token(&SecretHash([1; 32])).map(drop)
    }),
    ("UPDATE scim_tokens SET tenant = ''", "scim_tokens", "tenant", |tx| tx.scim_tokens().map(drop)),
    ("UPDATE sessions SET kind = 'password'", "sessions", "kind", |tx| tx.session(id(1)).map(drop)),
    ("UPDATE certificates SET request = lower(request) || 'x'", "certificates", "request", |tx| {
        tx.certificate(serial(1)).map(drop)
    }),
    ("UPDATE certificates SET serial = -1, revoked_at = 0", "certificates", "serial", |tx| {
        tx.revoked_serials(now()).map(drop)
    }),
    ("UPDATE meta SET next_serial = 0", "meta", "next_serial", |tx| tx.next_serial().map(drop)),
];

#[tokio::test]
async fn a_damaged_row_is_named() {
    for (damage, table, column, look) in DAMAGES {
        let folder = Folder::new();
        let opened = folder.open();
        let store = opened.clone().into_store();
        store
            .write(|tx| {
                sign_in(tx, 1)?;
                tx.put_resource(&resource(1))?;
                tx.put_group(&group(1))?;
                tx.put_grant(&grant(1))?;
                tx.put_host(&host(1))?;
                tx.put_enroll_token(&enroll_token(1))?;
                tx.put_scim_token(&scim_token(1))?;
                tx.intend(&certificate(1, 1))
            })
            .await
            .unwrap();
        store.read(*look).await.unwrap();
        opened.close();
        assert_eq!(folder.raw().execute(damage, []).unwrap(), 1, "{damage}");

        let error = folder.open().into_store().read(*look).await.unwrap_err();
        let StoreError::Inconsistent { table: named, column: of, row } = &error else {
            panic!("{damage}: {error:?}");
        };
        assert_eq!((named, of), (table, column), "{damage}");
        let numbered = ["1", "-1", "0"].contains(&row.as_str());
        assert!(numbered || *row == person(1).id.to_string(), "{damage}: row {row}");
    }
}
