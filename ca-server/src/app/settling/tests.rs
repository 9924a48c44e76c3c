use std::collections::BTreeMap;

use sallyport_audit::EventName;
use sallyport_domain::{Generation, GrantId, Id, Kind, ResourceId, TenantId};
use sallyport_protocol::admin::{AddGrant, ProvisioningQuery};
use sallyport_store::conformance::samples::{certificate, host, session, tags};
use sallyport_store::{CertificateKind, CertificateRow, HostRow, SessionRow};
use serde_json::json;

use super::*;
use crate::app::testing::{TENANT, app, object};
use crate::app::{ShowMembers, grants, snapshot};

/// More than are looked at in one transaction.
const MANY: usize = LOOK + 3 * WRITE + 1;

struct Stage {
    app: App,
    tenant: TenantId,
    group: GroupId,
    members: Vec<ResourceId>,
    _folder: tempfile::TempDir,
}

impl Stage {
    /// A host, and a group of many people without names.
    async fn set() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (app, tenant) = (app(folder.path()), TENANT.parse().unwrap());
        app.prepare().await.unwrap();
        let mut members = Vec::with_capacity(MANY);
        for number in 0..MANY {
            let body = json!({
                "userName": format!("person{number}@contoso.test"), "active": true,
                "externalId": format!("00000000-0000-4000-8000-{number:012}"),
            });
            members.push(app.create_user(tenant, app.new_request_id(), object(body)).await.unwrap().id);
        }
        let values: Vec<_> = members.iter().map(|id| json!({ "value": id.to_string() })).collect();
        let body = object(json!({ "displayName": "everybody", "members": values }));
        let group = app.create_group(tenant, app.new_request_id(), body).await.unwrap().row.id;
        app.store().write(|tx| tx.put_host(&host(1))).await.unwrap();
        Self { app, tenant, group, members, _folder: folder }
    }

    /// The grant's first transaction, and nothing after it: as if the server were killed then.
    async fn begin_to_grant(&self) -> GrantId {
        let tags = tags(&["env=prod"]);
        let ask = AddGrant { group: self.group.to_string(), tags, ..AddGrant::default() };
        let request = self.app.new_request_id();
        let change =
            self.app.change(request, self.app.now(), move |tx, change| grants::add(tx, change, &ask));
        change.await.unwrap().id
    }

    /// With a grant that has come to everybody, who has a certificate.
    async fn let_in() -> (Self, GrantId) {
        let stage = Self::set().await;
        let grant = stage.begin_to_grant().await;
        stage.app.settle_groups().await.unwrap();
        stage.certify().await;
        (stage, grant)
    }

    /// As [`Self::begin_to_grant`], of the grant's end.
    async fn begin_to_withdraw(&self, grant: GrantId) {
        let take = move |tx: &mut dyn WriteTx, change: &mut Change| {
            let grant = tx.grant(grant)?.unwrap();
            grants::remove(tx, change, &grant)
        };
        let change = self.app.change::<_, StoreError, _>(self.app.new_request_id(), self.app.now(), take);
        change.await.unwrap();
    }

    /// Gives everybody a certificate.
    async fn certify(&self) {
        let (tenant, members, now) = (self.tenant, self.members.clone(), self.app.now());
        let certify = move |tx: &mut dyn WriteTx| {
            for (number, member) in (1..).zip(members) {
                let user = tx.resource_label(tenant, member)?.unwrap().user;
                let session = SessionRow { id: any(number), user, ..session(1) };
                tx.begin_session(&session)?;
                let row = CertificateRow {
                    kind: CertificateKind::User { user, session: session.id },
                    intended_at: now,
                    valid_before: now + jiff::SignedDuration::from_hours(1),
                    ..certificate(number, 1)
                };
                tx.intend(&row)?;
            }
            Ok::<_, StoreError>(())
        };
        self.app.store().write(certify).await.unwrap();
    }

    /// As the directory does it.
    async fn delete(&self) {
        self.app.delete_group(self.tenant, self.app.new_request_id(), self.group).await.unwrap();
    }

    async fn host(&self) -> HostRow {
        let host = self.app.store().read(|tx| tx.host(host(1).id)).await.unwrap();
        host.unwrap()
    }

    async fn generation(&self) -> Generation {
        self.host().await.generation
    }

    /// How many have names, and how many accounts a host would get.
    async fn named(&self) -> (usize, usize) {
        let (group, host) = (self.group, self.host().await);
        let look = move |tx: &dyn sallyport_store::ReadTx| {
            let named = tx.people_in(group)?.iter().filter(|person| person.posix_name.is_some()).count();
            Ok::<_, StoreError>((named, snapshot::people_and_groups(tx, &host, false)?.accounts.len()))
        };
        self.app.store().read(look).await.unwrap()
    }

    /// What `audit verify` finds, but for the certificates: they were made past the chain.
    async fn problems(&self) -> Vec<String> {
        let mut problems = self.app.verify_audit().await.unwrap().problems;
        problems.retain(|problem| !problem.starts_with("certificate "));
        problems
    }

    async fn revoked(&self) -> usize {
        let now = self.app.now();
        self.app.store().read(move |tx| tx.revoked_serials(now)).await.unwrap().len()
    }

    /// The revocation list, with its number.
    async fn list(&self) -> (Generation, Vec<u8>) {
        let number = self.app.store().read(|tx| tx.krl_number()).await.unwrap();
        (number, self.app.krl().await.unwrap().bytes)
    }

    async fn another_group(&self, members: &[ResourceId]) -> GroupId {
        let body = object(json!({ "displayName": "others" }));
        let group = self.app.create_group(self.tenant, self.app.new_request_id(), body).await.unwrap().row.id;
        if !members.is_empty() {
            self.join(group, members).await;
        }
        group
    }

    async fn join(&self, group: GroupId, members: &[ResourceId]) {
        let values: Vec<_> = members.iter().map(|id| json!({ "value": id.to_string() })).collect();
        let patch = json!({ "Operations": [{ "op": "Add", "path": "members", "value": values }] });
        let operations = sallyport_scim::parse_patch(&object(patch)).unwrap();
        let request = self.app.new_request_id();
        self.app.patch_group(self.tenant, request, group, operations, ShowMembers::No).await.unwrap();
    }

    /// To everybody who is in the group now.
    async fn grant(&self, group: GroupId) {
        let tags = tags(&["env=test"]);
        let ask = AddGrant { group: group.to_string(), tags, ..AddGrant::default() };
        let request = self.app.new_request_id();
        let add = move |tx: &mut dyn WriteTx, change: &mut Change| grants::add(tx, change, &ask);
        self.app.change(request, self.app.now(), add).await.unwrap();
    }

    /// Of the events of that name, how many share a transaction: the most, and all.
    async fn written_together(&self, name: EventName) -> (usize, usize) {
        let records = self.app.store().read(|tx| tx.audit_after(0, usize::MAX)).await.unwrap();
        let mut transactions: BTreeMap<_, usize> = BTreeMap::new();
        for event in records.iter().map(|record| record.event().unwrap()).filter(|event| event.name == name) {
            *transactions.entry(event.request).or_default() += 1;
        }
        (transactions.values().copied().max().unwrap_or(0), transactions.values().sum())
    }
}

fn any<K: Kind>(number: u64) -> Id<K> {
    format!("{number:026}").parse().unwrap()
}

#[tokio::test]
async fn a_grant_comes_to_many_some_at_a_time_and_whatever_interrupts_it() {
    let stage = Stage::set().await;
    let before = stage.generation().await;
    stage.begin_to_grant().await;
    assert_eq!(stage.named().await, (WRITE, WRITE), "nobody is let in before they have a name");
    let begun = stage.generation().await;
    assert!(begun > before);
    // A few more, and it is interrupted again.
    assert!(stage.app.settle_some(stage.group, Unsettled::Grant).await.unwrap());
    assert_eq!((stage.named().await.0, stage.generation().await), (2 * WRITE, begun));
    stage.app.settle_groups().await.unwrap();
    assert_eq!(stage.named().await, (MANY, MANY));
    assert!(stage.generation().await > begun, "hosts hear of everybody");
    assert_eq!(stage.written_together(EventName::NamePinned).await, (WRITE, MANY));
    assert_eq!(stage.app.store().read(|tx| tx.unsettled()).await.unwrap(), []);
    let settled = stage.generation().await;
    stage.app.settle_groups().await.unwrap();
    assert_eq!(stage.generation().await, settled, "there is nothing left to do");
}

#[tokio::test]
async fn a_command_and_the_job_at_once_come_to_everybody_once() {
    let stage = Stage::set().await;
    stage.begin_to_grant().await;
    let (command, job) = tokio::join!(stage.app.settle(stage.group), stage.app.settle_groups());
    assert!(command.is_ok() && job.is_ok());
    assert_eq!(stage.named().await, (MANY, MANY));
    assert_eq!(stage.written_together(EventName::NamePinned).await, (WRITE, MANY));
}

#[tokio::test]
async fn who_signs_in_before_their_turn_has_it_then() {
    let stage = Stage::set().await;
    stage.begin_to_grant().await;
    let (tenant, last) = (stage.tenant, stage.members[MANY - 1]);
    let sign_in = move |tx: &mut dyn WriteTx, change: &mut Change| {
        let user = tx.resource_label(tenant, last)?.unwrap().user;
        let person = tx.person(user)?.unwrap();
        assert_eq!(person.posix_name, None);
        people::arrived(tx, change, person)
    };
    let begun = stage.generation().await;
    let change = stage.app.change::<_, StoreError, _>(stage.app.new_request_id(), stage.app.now(), sign_in);
    let person = change.await.unwrap();
    assert!(person.posix_name.is_some());
    assert!(stage.generation().await > begun, "the host has them before their certificate");
    stage.app.settle_groups().await.unwrap();
    assert_eq!(stage.named().await, (MANY, MANY));
}

#[tokio::test]
async fn a_grant_that_is_gone_lets_nobody_in_from_its_own_transaction_on() {
    let (stage, grant) = Stage::let_in().await;
    let before = stage.generation().await;
    stage.begin_to_withdraw(grant).await;
    let begun = stage.generation().await;
    assert!(begun > before);
    assert_eq!((stage.named().await.1, stage.revoked().await), (0, MANY));
    assert_eq!(stage.written_together(EventName::CertificatesRevoked).await, (WRITE, WRITE));
    stage.app.settle_groups().await.unwrap();
    assert_eq!(stage.revoked().await, MANY);
    assert_eq!(stage.written_together(EventName::CertificatesRevoked).await, (WRITE, MANY));
    assert_eq!(stage.app.store().read(|tx| tx.unsettled()).await.unwrap(), []);
}

#[tokio::test]
async fn who_leaves_before_a_withdrawal_comes_to_them_keeps_no_certificate() {
    let (stage, grant) = Stage::let_in().await;
    stage.begin_to_withdraw(grant).await;
    assert_eq!(stage.revoked().await, MANY);
    let patch = json!({ "Operations": [{ "op": "Remove", "path": "members",
        "value": [{ "value": stage.members[MANY - 1].to_string() }] }] });
    let operations = sallyport_scim::parse_patch(&object(patch)).unwrap();
    let request = stage.app.new_request_id();
    stage.app.patch_group(stage.tenant, request, stage.group, operations, ShowMembers::No).await.unwrap();
    assert_eq!(stage.revoked().await, MANY);
    stage.delete().await;
    assert_eq!(stage.revoked().await, MANY);
    stage.app.settle_groups().await.unwrap();
    assert_eq!(stage.revoked().await, MANY);
    assert_eq!(stage.written_together(EventName::CertificatesRevoked).await.1, MANY);
}

#[tokio::test]
async fn a_group_that_is_deleted_lets_nobody_in_from_its_own_transaction_on() {
    let (stage, _) = Stage::let_in().await;
    let before = stage.generation().await;
    stage.delete().await;
    assert!(stage.generation().await > before, "hosts hear of it before the directory has its answer");
    assert_eq!(stage.revoked().await, MANY);
    let host = stage.host().await;
    let look = move |tx: &dyn sallyport_store::ReadTx| snapshot::people_and_groups(tx, &host, false);
    assert_eq!(stage.app.store().read(look).await.unwrap().accounts.len(), 0);
    for name in [EventName::CertificatesRevoked, EventName::DirectoryMemberRemoved] {
        assert_eq!(stage.written_together(name).await, (WRITE, WRITE), "{name:?}");
    }
    // For the directory it is gone, with everybody who was in it, and may come again.
    assert!(stage.app.read_group(stage.tenant, stage.group, true).await.is_err());
    let body = object(json!({ "displayName": "everybody" }));
    let again = stage.app.create_group(stage.tenant, stage.app.new_request_id(), body).await.unwrap();
    assert_eq!(again.members.as_deref(), Some(&[][..]));
    let (tenant, last) = (stage.tenant, stage.members[MANY - 1]);
    stage.app.delete_user(tenant, stage.app.new_request_id(), last).await.unwrap();
    assert_eq!(stage.problems().await, [""; 0]);

    stage.app.settle_groups().await.unwrap();
    assert_eq!(stage.revoked().await, MANY);
    // Of who was deleted meanwhile, that event says what was revoked; that they were in it is on record of everybody.
    assert_eq!(stage.written_together(EventName::CertificatesRevoked).await, (WRITE, MANY - 1));
    assert_eq!(stage.written_together(EventName::DirectoryMemberRemoved).await, (WRITE, MANY));
    let group = stage.group;
    let left =
        stage.app.store().read(move |tx| Ok::<_, StoreError>((tx.unsettled()?, tx.dissolved_group(group)?)));
    assert_eq!(left.await.unwrap(), (Vec::new(), None));
    assert_eq!(stage.problems().await, [""; 0]);
}

#[tokio::test]
async fn who_loses_access_is_never_told_later() {
    let stage = Stage::set().await;
    stage.begin_to_grant().await;
    for (loses, told) in [(false, false), (true, true)] {
        let (group, before) = (stage.group, stage.generation().await);
        let change = stage.app.change::<_, StoreError, _>(
            stage.app.new_request_id(),
            stage.app.now(),
            move |tx, change| {
                let grants = tx.grants_of(group)?;
                change.touch_grants(&grants);
                if loses {
                    change.lost();
                }
                change.put_off(&grants);
                Ok(())
            },
        );
        change.await.unwrap();
        assert_eq!(stage.generation().await > before, told);
    }
}

#[tokio::test]
async fn the_deletion_of_a_group_is_found_by_whomever_it_ended_something_for() {
    let (stage, _) = Stage::let_in().await;
    let request = stage.app.new_request_id();
    stage.app.delete_group(stage.tenant, request, stage.group).await.unwrap();
    // What a directory still tries does not hide it.
    stage.app.delete_group(stage.tenant, stage.app.new_request_id(), stage.group).await.unwrap_err();
    stage.app.settle_groups().await.unwrap();
    for number in [0, LOOK, MANY - 1] {
        let user = Some(format!("person{number}@contoso.test"));
        let found = stage.app.provisioning(ProvisioningQuery { user, ..ProvisioningQuery::default() }).await;
        let found = found.unwrap().pop().unwrap();
        assert_eq!((&found.request, &found.detail["operation"]), (&request.to_string(), &json!("delete")));
        assert_eq!(found.detail["members"]["removed_count"], MANY, "{found:?}");
    }
}

/// Whom the list named and does not name any more could not log in where the old one lies.
#[tokio::test]
async fn a_revocation_list_that_is_shorter_is_another_one() {
    let (stage, grant) = Stage::let_in().await;
    stage.begin_to_withdraw(grant).await;
    let number = || async { stage.app.store().read(|tx| tx.krl_number()).await.unwrap() };
    let withdrawn = number().await;
    stage.begin_to_grant().await;
    assert!(number().await > withdrawn);
    assert_eq!(stage.revoked().await, WRITE);
}

/// The list is the same one, or it has another number: whoever has the old one would go by it for ever.
#[tokio::test]
async fn who_joins_a_granted_group_before_a_withdrawal_comes_to_them_stays_on_the_revocation_list() {
    let (stage, _) = Stage::let_in().await;
    let other = stage.another_group(&[]).await;
    stage.grant(other).await;
    stage.delete().await;
    let before = stage.list().await;
    stage.join(other, &stage.members[MANY - 3..]).await;
    assert_eq!((stage.list().await, stage.revoked().await), (before.clone(), MANY));
    stage.app.settle_groups().await.unwrap();
    assert_eq!((stage.list().await, stage.revoked().await), (before, MANY));
    assert_eq!(stage.problems().await, [""; 0]);
}

#[tokio::test]
async fn a_grant_that_reaches_who_waits_for_a_withdrawal_makes_another_revocation_list() {
    let (stage, _) = Stage::let_in().await;
    let other = stage.another_group(&stage.members[MANY - 3..]).await;
    stage.delete().await;
    let before = stage.list().await;
    assert_eq!(stage.revoked().await, MANY);
    stage.grant(other).await;
    let after = stage.list().await;
    assert!(after.0 > before.0 && after.1 != before.1);
    assert_eq!(stage.revoked().await, MANY - 3, "they have access again, with what they have");
    stage.app.settle_groups().await.unwrap();
    assert_eq!((stage.list().await, stage.revoked().await), (after, MANY - 3));
}

#[tokio::test]
async fn a_revocation_list_is_made_once_for_each_number() {
    let (stage, grant) = Stage::let_in().await;
    stage.begin_to_withdraw(grant).await;
    let (number, bytes) = stage.list().await;
    let look = |number| stage.app.revocation_list(number);
    let (one, other) = tokio::join!(look(number), look(number));
    assert!(std::sync::Arc::ptr_eq(&one.unwrap(), &other.unwrap()), "the very same");
    // As after a restart.
    *stage.app.0.revocation_list.lock().await = None;
    assert_eq!(stage.list().await, (number, bytes.clone()));
    let next =
        stage.app.change::<_, StoreError, _>(stage.app.new_request_id(), stage.app.now(), |_, change| {
            change.revoked();
            Ok(())
        });
    next.await.unwrap();
    let after = stage.list().await;
    assert!(after.0 > number && after.1 != bytes);
}

#[tokio::test]
async fn one_groups_settling_does_not_wait_for_anothers() {
    let stage = Stage::set().await;
    stage.begin_to_grant().await;
    let body = object(json!({ "displayName": "few" }));
    let few = stage.app.create_group(stage.tenant, stage.app.new_request_id(), body).await.unwrap();
    let ask = AddGrant { group: few.row.id.to_string(), tags: tags(&["env=test"]), ..AddGrant::default() };
    stage.app.add_grant(stage.app.new_request_id(), ask).await.unwrap();
    assert_eq!(stage.named().await.0, WRITE, "that is the other command's, or the job's");
}

#[tokio::test]
async fn who_is_granted_again_before_a_withdrawal_comes_to_them_keeps_what_they_have() {
    let (stage, grant) = Stage::let_in().await;
    stage.begin_to_withdraw(grant).await;
    stage.begin_to_grant().await;
    stage.app.settle_groups().await.unwrap();
    assert_eq!((stage.revoked().await, stage.named().await), (WRITE, (MANY, MANY)));
}
