//! Rows to store: each numbered, each different in every column from the next. Adapters' own tests use them too.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use jiff::{SignedDuration, Timestamp};
use sallyport_domain::{
    Generation, HostState, Id, Kind, ObjectId, PosixGroups, PosixName, Serial, SessionId, Subject, Tags,
    TenantId, Uid, UserId, UserState,
};
use serde_json::json;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use crate::{
    AccessTokenRow, AdoptionRow, CertificateKind, CertificateRow, ConnectionRow, CredentialKind,
    EnrollTokenRow, GrantRow, GroupRow, HostRow, LoginKind, LostGrantRow, PersonRow, PosixGroupRow,
    ReportRow, ResourceRow, ScimTokenRow, SecretHash, SessionRow, Store, StoreError, TokenUse, Unsettled,
    UnsettledRow, WriteTx,
};

/// 2027-01-15T08:00:00Z.
const NOW: i64 = 1_800_000_000;

pub fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

pub fn after(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

/// Decimal digits are digits of a ULID as well.
pub fn id<K: Kind>(number: u32) -> Id<K> {
    format!("{number:026}").parse().unwrap()
}

pub fn tenant(number: u32) -> TenantId {
    format!("{number:08}-0000-4000-8000-000000000001").parse().unwrap()
}

pub fn object(number: u32) -> ObjectId {
    format!("{number:08}-0000-4000-8000-000000000002").parse().unwrap()
}

pub fn subject(number: u32) -> Subject {
    Subject { tenant: tenant(1), object: object(number) }
}

pub fn serial(number: u64) -> Serial {
    Serial::new(number).unwrap()
}

pub fn name(number: u32) -> PosixName {
    format!("person{number}").parse().unwrap()
}

pub fn uid(number: u32) -> Uid {
    (70_000 + number).try_into().unwrap()
}

pub fn tags(texts: &[&str]) -> Tags {
    Tags::new(texts.iter().map(|text| text.parse().unwrap())).unwrap()
}

/// Of tenant 1, with subject and e-mail, without name and uid.
pub fn person(number: u32) -> PersonRow {
    PersonRow {
        id: id(number),
        tenant: tenant(1),
        object: Some(object(number)),
        linked_by_upn: number.is_multiple_of(2),
        user_name: format!("Person{number}@contoso.test"),
        display_name: format!("Pérson № {number}"),
        emails: vec![format!("person{number}@contoso.test"), format!("p{number}@fabrikam.test")],
        guest: false,
        state: UserState::Active,
        reason: None,
        posix_name: None,
        uid: None,
        gid: None,
    }
}

pub fn pinned(number: u32) -> PersonRow {
    PersonRow {
        posix_name: Some(name(number)),
        uid: Some(uid(number)),
        gid: Some(uid(number)),
        ..person(number)
    }
}

/// Of the person with the same number.
pub fn adoption(number: u32) -> AdoptionRow {
    AdoptionRow {
        user: id(number),
        local: format!("local{number}").parse().unwrap(),
        hosts: format!("web{number}-*.corp.test").parse().unwrap(),
        created_at: after(i64::from(number)),
    }
}

/// Of the person with the same number.
pub fn resource(number: u32) -> ResourceRow {
    let document = json!({
        "userName": format!("Person{number}@contoso.test"),
        "name": { "formatted": "Ünïcode \u{1F512}\n\"quoted\"" },
        "active": true,
        "numbers": [0, -1, 9_007_199_254_740_991_u64, 0.5, null],
    });
    ResourceRow {
        id: id(number),
        tenant: tenant(1),
        user: id(number),
        user_name: format!("Person{number}@contoso.test"),
        external_id: Some(object(number).to_string()),
        document: document.as_object().unwrap().clone(),
        created_at: now(),
        modified_at: after(i64::from(number)),
    }
}

pub fn group(number: u32) -> GroupRow {
    let document = json!({ "displayName": format!("Group {number}") });
    GroupRow {
        id: id(number),
        tenant: tenant(1),
        external_id: Some(object(1_000 + number).to_string()),
        object: Some(object(2_000 + number)),
        display_name: format!("Group {number}"),
        document: document.as_object().unwrap().clone(),
        created_at: now(),
        modified_at: after(i64::from(number)),
    }
}

/// To the group with the same number.
pub fn grant(number: u32) -> GrantRow {
    GrantRow {
        id: id(number),
        group: id(number),
        tags: tags(&["env=prod", "role=web"]),
        sudo: number.is_multiple_of(2),
        posix_groups: PosixGroups {
            managed: BTreeSet::new(),
            local: BTreeSet::from([format!("local{number}").parse().unwrap()]),
        },
        created_at: after(i64::from(number)),
    }
}

/// Lost as many seconds after [`now`].
pub fn lost_grant(number: u32) -> LostGrantRow {
    let lost_at = after(i64::from(number));
    LostGrantRow { grant: grant(number), tenant: tenant(number), object: object(number), lost_at }
}

/// With the gid of the person with the same number.
pub fn posix_group(number: u32) -> PosixGroupRow {
    PosixGroupRow {
        name: format!("group{number}").parse().unwrap(),
        gid: uid(number),
        created_at: after(i64::from(number)),
    }
}

/// Of the group with the same number, before the first member.
pub fn unsettled(number: u32, what: Unsettled) -> UnsettledRow {
    UnsettledRow { group: id(number), what, after: 0 }
}

/// Of the person with the same number.
pub fn session(number: u32) -> SessionRow {
    SessionRow {
        id: id(number),
        user: id(number),
        kind: if number.is_multiple_of(2) { LoginKind::Device } else { LoginKind::Browser },
        began_at: after(i64::from(number)),
        nonce: (!number.is_multiple_of(2)).then(|| format!("nonce-{number}")),
        ended_at: None,
    }
}

/// A person's, for an hour from now, out of the session with the person's number.
pub fn certificate(number: u64, user: u32) -> CertificateRow {
    CertificateRow {
        serial: serial(number),
        kind: CertificateKind::User { user: id::<_>(user), session: id::<_>(user) },
        request: id(user),
        tbs: vec![0, 255, 10, 0],
        valid_after: after(-300),
        valid_before: after(3_600),
        intended_at: now(),
        issued_at: None,
        revoked_at: None,
    }
}

pub fn token(text: &str, number: u64) -> TokenUse {
    TokenUse {
        token: text.to_owned(),
        purpose: [7; 32],
        serial: serial(number),
        used_at: now(),
        ends_at: after(3_600),
    }
}

pub fn host(number: u32) -> HostRow {
    HostRow {
        id: id(number),
        name: format!("web-{number}.corp.test").parse().unwrap(),
        names: vec![
            format!("web-{number}.corp.test").parse().unwrap(),
            format!("web-{number}").parse().unwrap(),
        ],
        tags: tags(&["env=prod"]),
        state: HostState::Live,
        machine_key: format!("ssh-ed25519 AAAA{number}"),
        machine_fingerprint: format!("SHA256:{number:043}"),
        generation: Generation::new(u64::from(number)),
        enrolled_at: after(i64::from(number)),
        report: ReportRow {
            applied: Generation::new(1),
            lease_until: Some(after(900)),
            seen_at: Some(now()),
            problems: vec![json!({ "code": "sshd_t", "detail": "line 3" })],
        },
    }
}

pub fn enroll_token(number: u8) -> EnrollTokenRow {
    EnrollTokenRow {
        id: id(u32::from(number)),
        hash: SecretHash([number; 32]),
        names: sallyport_domain::HostPatterns::new(vec![
            "*.corp.test".parse().unwrap(),
            "!db.corp.test".parse().unwrap(),
        ]),
        tags: tags(&["env=prod"]),
        uses_left: 3,
        created_at: now(),
        expires_at: after(3_600),
        revoked_at: None,
    }
}

pub fn scim_token(number: u8) -> ScimTokenRow {
    ScimTokenRow {
        id: id(u32::from(number)),
        kind: CredentialKind::Bearer,
        tenant: tenant(1),
        name: format!("entra {number}"),
        hash: SecretHash([number; 32]),
        created_at: now(),
        expires_at: after(3_600),
        last_used_at: None,
        revoked_at: None,
    }
}

/// Of credential 1.
pub fn access_token(number: u8) -> AccessTokenRow {
    AccessTokenRow { hash: SecretHash([number; 32]), credential: id(1), expires_at: after(i64::from(number)) }
}

/// Of the tenant with the same number.
pub fn connection(number: u32) -> ConnectionRow {
    ConnectionRow {
        name: format!("tenant-{number}").parse().unwrap(),
        tenant: tenant(number),
        networks: vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
        scope: vec![object(number).to_string()],
        link_by_upn: true,
        unsettled: 3,
        created_at: after(i64::from(number)),
        last_request_at: Some(after(60)),
    }
}

/// What most tests need: the person, with a session.
pub fn sign_in(tx: &mut dyn WriteTx, number: u32) -> Result<(UserId, SessionId), StoreError> {
    tx.put_person(&person(number))?;
    let session = session(number);
    tx.begin_session(&session)?;
    Ok((session.user, session.id))
}

/// Writes that have all been handed to the store when this returns, on a runtime of one thread.
pub async fn queued<T, E, F>(store: &Store, works: impl IntoIterator<Item = F>) -> JoinSet<Result<T, E>>
where
    F: FnOnce(&mut dyn WriteTx) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    let begun = Arc::new(AtomicUsize::new(0));
    let mut writes = JoinSet::new();
    for work in works {
        let (store, begun) = (store.clone(), Arc::clone(&begun));
        writes.spawn(async move {
            // Nothing else runs between this line and the hand-over in the next.
            begun.fetch_add(1, Ordering::Relaxed);
            store.write(work).await
        });
    }
    while begun.load(Ordering::Relaxed) < writes.len() {
        tokio::task::yield_now().await;
    }
    writes
}

/// A write that holds the writer until the sender is used: what comes meanwhile waits, and shares a commit.
pub async fn held(store: &Store) -> (mpsc::Sender<()>, JoinHandle<Result<(), StoreError>>) {
    let (open, gate_opens) = mpsc::channel::<()>();
    let (inside, is_inside) = oneshot::channel();
    let store = store.clone();
    let holder = tokio::spawn(async move {
        store
            .write(move |_| {
                inside.send(()).map_err(|()| StoreError::Closed)?;
                gate_opens.recv().map_err(|_| StoreError::Closed)
            })
            .await
    });
    is_inside.await.unwrap();
    (open, holder)
}

/// A write that must be taken.
pub async fn write<T: Send + 'static>(
    store: &Store,
    work: impl FnOnce(&mut dyn WriteTx) -> Result<T, StoreError> + Send + 'static,
) -> T {
    store.write(work).await.unwrap()
}

/// A read that must succeed.
pub async fn read<T: Send + 'static>(
    store: &Store,
    work: impl FnOnce(&dyn crate::ReadTx) -> Result<T, StoreError> + Send + 'static,
) -> T {
    store.read(work).await.unwrap()
}

/// A write that must be refused; why.
pub async fn refused<T: std::fmt::Debug + Send + 'static>(
    store: &Store,
    work: impl FnOnce(&mut dyn WriteTx) -> Result<T, StoreError> + Send + 'static,
) -> StoreError {
    store.write(work).await.unwrap_err()
}
