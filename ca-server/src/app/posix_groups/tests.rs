use std::collections::BTreeSet;

use sallyport_domain::{ConflictReason, GroupId, HostId, PosixName, TenantId, Uid};
use sallyport_store::conformance::samples::host;
use sallyport_store::{ForeignRows, HostRow, PersonRow};
use serde_json::json;

use super::*;
use crate::app::testing::{TENANT, app, object};

struct Stage {
    app: App,
    tenant: TenantId,
    hired: u32,
    _folder: tempfile::TempDir,
}

impl Stage {
    async fn set() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let app = app(folder.path());
        app.prepare().await.unwrap();
        Self { app, tenant: TENANT.parse().unwrap(), hired: 0, _folder: folder }
    }

    /// Somebody in a group of their own, with a number that the directory wants for them.
    async fn hire(&mut self, name: &str, number: Option<u32>) -> GroupId {
        self.hired += 1;
        let (app, request) = (&self.app, self.app.new_request_id());
        let extension = "urn:ietf:params:scim:schemas:extension:sallyport:2.0:User";
        let mut body = json!({
            "userName": format!("{name}@contoso.test"), "active": true,
            "externalId": format!("00000000-0000-4000-8000-{:012}", self.hired),
        });
        if let Some(number) = number {
            body[extension] = json!({ "uidNumber": number });
        }
        let user = app.create_user(self.tenant, request, object(body)).await.unwrap().id;
        let members = json!([{ "value": user.to_string() }]);
        let body = object(json!({ "displayName": format!("of {name}"), "members": members }));
        app.create_group(self.tenant, request, body).await.unwrap().row.id
    }

    async fn grant(&self, group: GroupId, managed: &[&str]) -> Result<(), AppError> {
        let ask = AddGrant {
            group: group.to_string(),
            tags: "env=prod".parse().map(|tag| sallyport_domain::Tags::new([tag])).unwrap().unwrap(),
            posix_groups: managed.iter().map(|name| name.parse().unwrap()).collect(),
            ..AddGrant::default()
        };
        self.app.add_grant(self.app.new_request_id(), ask).await.map(drop)
    }

    async fn gid(&self, name: &str) -> Option<u32> {
        let rows = self.app.view_posix_groups().await.unwrap();
        rows.iter().find(|row| row.name.as_str() == name).map(|row| row.gid.value())
    }

    async fn person(&self, name: &str) -> PersonRow {
        let user = self.app.find_person(&format!("{name}@contoso.test")).await.unwrap();
        let read: Result<_, StoreError> = self.app.store().read(move |tx| tx.person(user)).await;
        read.unwrap().unwrap()
    }

    async fn uid(&self, name: &str) -> Option<u32> {
        self.person(name).await.uid.map(Uid::value)
    }
}

#[tokio::test]
async fn people_and_groups_take_turns_and_pass_over_what_is_somebodys() {
    let mut stage = Stage::set().await;
    let squatter: HostRow = host(1);
    let (id, taken): (HostId, Uid) = (squatter.id, 70_001.try_into().unwrap());
    let names = vec!["local".parse::<PosixName>().unwrap()];
    let report = ForeignRows { names, ids: vec![taken] };
    let write: Result<_, StoreError> = stage
        .app
        .store()
        .write(move |tx| {
            tx.put_host(&squatter)?;
            tx.put_foreign(id, &report)
        })
        .await;
    write.unwrap();
    let ada = stage.hire("ada", None).await;
    let wanted = stage.hire("wanted", Some(70_002)).await;
    stage.grant(ada, &["research", "print"]).await.unwrap();
    // 70001 is local on a host, 70002 wanted for somebody.
    assert_eq!((stage.gid("print").await, stage.gid("research").await), (Some(70_000), Some(70_003)));
    assert_eq!(stage.uid("ada").await, Some(70_004));
    stage.grant(wanted, &[]).await.unwrap();
    assert_eq!(stage.uid("wanted").await, Some(70_002));
    // Who comes later gets no group's number, whatever the directory says, nor a group's name.
    let robber = stage.hire("robber", Some(70_003)).await;
    stage.grant(robber, &[]).await.unwrap();
    assert_eq!(stage.person("robber").await.reason, Some(ConflictReason::UidTaken));
    let namesake = stage.hire("research", None).await;
    stage.grant(namesake, &[]).await.unwrap();
    assert_eq!(stage.person("research").await.reason, Some(ConflictReason::NameTaken));

    // Given again, a group is the one that it was; each refusal leaves nothing behind.
    stage.grant(robber, &["research"]).await.unwrap();
    assert_eq!(stage.gid("research").await, Some(70_003));
    let long = "g".repeat(32);
    for (name, why) in [
        ("ada", "ada@contoso.test"),
        ("local", "--local-group local"),
        ("docker", "--local-group docker"),
        ("microk8s", "--local-group microk8s"),
        ("_apt", "--local-group _apt"),
    ] {
        let refused = stage.grant(ada, &[&long, name]).await.unwrap_err().to_string();
        assert!(refused.contains(why), "{name}: {refused}");
        assert_eq!(stage.gid(&long).await, None, "{name}");
    }
    let many: Vec<String> = (0..65).map(|number| format!("g{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert!(stage.grant(ada, &many).await.unwrap_err().to_string().contains("64"));
    let rows = stage.app.view_posix_groups().await.unwrap();
    assert_eq!(rows.len(), 2, "{rows:?}");
    let numbers: BTreeSet<Uid> = rows.iter().map(|row| row.gid).collect();
    assert_eq!(numbers.len(), 2);
}
