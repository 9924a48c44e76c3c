//! The tests of Microsoft's SCIM validator, under their names. The hosted validator needs a public address; what it
//! asks and expects is known, and these ask the same, and look at the state afterwards where it looks at the status.

use anyhow::{Context as _, Result};
use reqwest::Method;
use sallyport_tests::World;
use serde_json::{Value, json};

use super::{ENTERPRISE, assert_refused, create, group, members, patch, patched, read, user};

/// A user of whom everything but the name is made up by the validator.
fn new_user(world: &World, name: &str) -> Result<String> {
    Ok(format!("/Users/{}", create(world, "Users", &user(name))?))
}

fn new_group(world: &World, name: &str) -> Result<String> {
    Ok(format!("/Groups/{}", create(world, "Groups", &group(name))?))
}

/// How many a filter finds, and the first of them.
fn found(world: &World, query: &str) -> Result<(u64, Value)> {
    let list = read(world, query)?;
    assert_eq!(list["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:ListResponse"]));
    assert_eq!(list["startIndex"], 1);
    let total = list["totalResults"].as_u64().context("no total")?;
    assert_eq!(list["itemsPerPage"], total, "{list}");
    Ok((total, list["Resources"][0].clone()))
}

fn gone(world: &World, path: &str) -> Result<()> {
    assert_eq!(world.scim(Method::DELETE, path, None)?.status, 204);
    assert_refused(&world.scim(Method::GET, path, None)?, 404, None)
}

fn id_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

mod users {
    use super::*;

    #[test]
    fn create_a_new_user() -> Result<()> {
        let world = World::shared()?;
        let answer = world.scim(Method::POST, "/Users", Some(&user("v.create")))?;
        assert_eq!((answer.status, answer.header("content-type")), (201, "application/scim+json"));
        let made = answer.json()?;
        assert_eq!(read(&world, &format!("/Users/{}", made["id"].as_str().context("no id")?))?, made);
        Ok(())
    }

    #[test]
    fn create_a_duplicate_user() -> Result<()> {
        let world = World::shared()?;
        let body = user("v.duplicate");
        create(&world, "Users", &body)?;
        assert_refused(&world.scim(Method::POST, "/Users", Some(&body))?, 409, Some("uniqueness"))?;
        assert_eq!(found(&world, "/Users?filter=userName+eq+%22v.duplicate@contoso.test%22")?.0, 1);
        Ok(())
    }

    #[test]
    fn filter_for_an_existing_user() -> Result<()> {
        let world = World::shared()?;
        let path = new_user(&world, "v.filter")?;
        let (total, first) = found(&world, "/Users?filter=userName+eq+%22v.filter@contoso.test%22")?;
        assert_eq!((total, first["id"].as_str()), (1, Some(id_of(&path))));
        Ok(())
    }

    #[test]
    fn filter_for_a_non_existing_user() -> Result<()> {
        let world = World::shared()?;
        assert_eq!(found(&world, "/Users?filter=userName+eq+%22v.nobody@contoso.test%22")?.0, 0);
        Ok(())
    }

    #[test]
    fn filter_for_an_existing_user_with_a_different_case() -> Result<()> {
        let world = World::shared()?;
        let path = new_user(&world, "v.case")?;
        let (total, first) = found(&world, "/Users?filter=userName+eq+%22V.CASE@Contoso.Test%22")?;
        assert_eq!((total, first["id"].as_str()), (1, Some(id_of(&path))));
        Ok(())
    }

    #[test]
    fn patch_user_replace_attributes_verbose() -> Result<()> {
        let world = World::shared()?;
        let path = new_user(&world, "v.verbose")?;
        let operations = json!([
            { "op": "replace", "path": "emails[type eq \"work\"].value", "value": "new@contoso.test" },
            { "op": "replace", "path": "emails[type eq \"work\"].primary", "value": true },
            { "op": "replace", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "1-555" },
            { "op": "replace", "path": "addresses[type eq \"work\"].formatted", "value": "HQ" },
            { "op": "replace", "path": "roles[primary eq \"True\"].value", "value": "Admin" },
            { "op": "replace", "path": format!("{ENTERPRISE}:costCenter"), "value": "77" },
            { "op": "replace", "path": "name.middleName", "value": "X" },
            { "op": "replace", "path": "userType", "value": "Member" },
            { "op": "replace", "path": "locale", "value": "sv-SE" },
        ]);
        assert_eq!(patch(&world, &path, &operations)?.status, 200);
        let after = read(&world, &path)?;
        assert_eq!(
            after["emails"],
            json!([{ "primary": true, "type": "work", "value": "new@contoso.test" }])
        );
        assert_eq!(after["phoneNumbers"], json!([{ "type": "mobile", "value": "1-555" }]));
        assert_eq!(after["addresses"], json!([{ "type": "work", "formatted": "HQ" }]));
        assert_eq!(after["roles"], json!([{ "primary": true, "value": "Admin" }]));
        let employment = json!({ "employeeNumber": "4711", "department": "Platform", "costCenter": "77" });
        assert_eq!(after[ENTERPRISE], employment);
        assert_eq!(after["name"]["middleName"], "X");
        assert_eq!((&after["userType"], &after["locale"]), (&json!("Member"), &json!("sv-SE")));
        Ok(())
    }

    #[test]
    fn update_user_user_name() -> Result<()> {
        let world = World::shared()?;
        let path = new_user(&world, "v.rename")?;
        let rename = json!({ "op": "Replace", "path": "userName", "value": "v.renamed@contoso.test" });
        assert_eq!(patched(&world, &path, &rename)?["userName"], "v.renamed@contoso.test");
        assert_eq!(found(&world, "/Users?filter=userName+eq+%22v.rename@contoso.test%22")?.0, 0);
        assert_eq!(found(&world, "/Users?filter=userName+eq+%22v.renamed@contoso.test%22")?.0, 1);
        Ok(())
    }

    #[test]
    fn patch_user_disable_user() -> Result<()> {
        let world = World::shared()?;
        let path = new_user(&world, "v.disable")?;
        let off = json!({ "op": "Replace", "path": "active", "value": false });
        assert_eq!(patched(&world, &path, &off)?["active"], false);
        assert_eq!(read(&world, &path)?["active"], false);
        let (total, first) = found(&world, "/Users?filter=userName+eq+%22v.disable@contoso.test%22")?;
        assert_eq!((total, &first["active"]), (1, &json!(false)), "a boolean, and still found");
        Ok(())
    }

    #[test]
    fn patch_user_add_manager() -> Result<()> {
        manager("v.add", &["Add"])
    }

    #[test]
    fn patch_user_replace_manager() -> Result<()> {
        manager("v.replace", &["Add", "Replace"])
    }

    fn manager(name: &str, ops: &[&str]) -> Result<()> {
        let world = World::shared()?;
        let path = new_user(&world, &format!("{name}.managed"))?;
        for (number, op) in ops.iter().enumerate() {
            let boss = new_user(&world, &format!("{name}.boss{number}"))?;
            let set = json!({ "op": op, "path": format!("{ENTERPRISE}:manager"), "value": id_of(&boss) });
            patched(&world, &path, &set)?;
            assert_eq!(read(&world, &path)?[ENTERPRISE]["manager"], json!({ "value": id_of(&boss) }));
        }
        Ok(())
    }

    #[test]
    fn patch_user_remove_manager() -> Result<()> {
        let world = World::shared()?;
        let (path, boss) = (new_user(&world, "v.unmanaged")?, new_user(&world, "v.noboss")?);
        let manager = format!("{ENTERPRISE}:manager");
        patched(&world, &path, &json!({ "op": "Add", "path": manager, "value": id_of(&boss) }))?;
        patched(&world, &path, &json!({ "op": "Remove", "path": manager }))?;
        assert_eq!(read(&world, &path)?[ENTERPRISE].get("manager"), None);
        Ok(())
    }

    #[test]
    fn delete_a_user() -> Result<()> {
        let world = World::shared()?;
        let path = new_user(&world, "v.delete")?;
        gone(&world, &path)?;
        assert_eq!(found(&world, "/Users?filter=userName+eq+%22v.delete@contoso.test%22")?.0, 0);
        Ok(())
    }

    #[test]
    fn patch_user_multiple_ops_on_different_attributes() -> Result<()> {
        let world = World::shared()?;
        let path = new_user(&world, "v.different")?;
        let operations = json!([
            { "op": "Remove", "path": "title" },
            { "op": "Add", "path": "nickName", "value": "M" },
            { "op": "Replace", "path": "displayName", "value": "Mara B" },
        ]);
        assert_eq!(patch(&world, &path, &operations)?.status, 200);
        let after = read(&world, &path)?;
        assert_eq!(
            (after.get("title"), &after["nickName"], &after["displayName"]),
            (None, &json!("M"), &json!("Mara B"))
        );
        Ok(())
    }

    #[test]
    fn patch_user_multiple_ops_on_same_attribute() -> Result<()> {
        let world = World::shared()?;
        let path = new_user(&world, "v.same")?;
        let operations = json!([
            { "op": "Remove", "path": "displayName" },
            { "op": "Add", "path": "displayName", "value": "first" },
            { "op": "Replace", "path": "displayName", "value": "last" },
        ]);
        assert_eq!(patch(&world, &path, &operations)?.status, 200);
        assert_eq!(read(&world, &path)?["displayName"], "last");
        Ok(())
    }

    #[test]
    fn delete_a_non_existent_user() -> Result<()> {
        let world = World::shared()?;
        for id in ["01JABCDEFGHJKMNPQRSTVWXYZ0", "95a3c1f0-5d6e-4a53-9f1e-6f0b6a3f7a11"] {
            assert_refused(&world.scim(Method::DELETE, &format!("/Users/{id}"), None)?, 404, None)?;
        }
        Ok(())
    }

    #[test]
    fn delete_the_same_user_twice() -> Result<()> {
        let world = World::shared()?;
        let path = new_user(&world, "v.twice")?;
        gone(&world, &path)?;
        assert_refused(&world.scim(Method::DELETE, &path, None)?, 404, None)
    }
}

mod groups {
    use super::*;

    #[test]
    fn create_a_new_group() -> Result<()> {
        let world = World::shared()?;
        let answer = world.scim(Method::POST, "/Groups", Some(&group("v-create")))?;
        assert_eq!(answer.status, 201);
        let made = answer.json()?;
        assert_eq!(read(&world, &format!("/Groups/{}", made["id"].as_str().context("no id")?))?, made);
        Ok(())
    }

    #[test]
    fn create_a_duplicate_group() -> Result<()> {
        let world = World::shared()?;
        let body = group("v-duplicate");
        create(&world, "Groups", &body)?;
        assert_refused(&world.scim(Method::POST, "/Groups", Some(&body))?, 409, Some("uniqueness"))?;
        assert_eq!(found(&world, "/Groups?filter=displayName+eq+%22v-duplicate%22")?.0, 1);
        Ok(())
    }

    #[test]
    fn get_group_by_id_excluding_members() -> Result<()> {
        let world = World::shared()?;
        let path = new_group(&world, "v-excluding")?;
        assert_eq!(read(&world, &path)?["members"], json!([]));
        assert_eq!(read(&world, &format!("{path}?excludedAttributes=members"))?.get("members"), None);
        Ok(())
    }

    #[test]
    fn filter_for_existing_group_excluding_members() -> Result<()> {
        let world = World::shared()?;
        let path = new_group(&world, "v-filter-excluding")?;
        let query = "/Groups?excludedAttributes=members&filter=displayName+eq+%22v-filter-excluding%22";
        let (total, first) = found(&world, query)?;
        assert_eq!((total, first["id"].as_str(), first.get("members")), (1, Some(id_of(&path)), None));
        Ok(())
    }

    #[test]
    fn filter_for_an_existing_group() -> Result<()> {
        let world = World::shared()?;
        let path = new_group(&world, "v-filter")?;
        let (total, first) = found(&world, "/Groups?filter=displayName+eq+%22v-filter%22")?;
        assert_eq!((total, first["id"].as_str()), (1, Some(id_of(&path))));
        Ok(())
    }

    #[test]
    fn filter_for_a_non_existing_group() -> Result<()> {
        let world = World::shared()?;
        assert_eq!(found(&world, "/Groups?filter=displayName+eq+%22v-none%22")?.0, 0);
        Ok(())
    }

    #[test]
    fn filter_for_existing_group_with_a_different_case() -> Result<()> {
        let world = World::shared()?;
        let path = new_group(&world, "v-case")?;
        let (total, first) = found(&world, "/Groups?filter=displayName+eq+%22V-Case%22")?;
        assert_eq!((total, first["id"].as_str()), (1, Some(id_of(&path))));
        Ok(())
    }

    #[test]
    fn patch_group_replace_attributes() -> Result<()> {
        let world = World::shared()?;
        let path = new_group(&world, "v-attributes")?;
        let value = json!({ "displayName": "v-attributes-new", "externalId": "95a3c1f0-5d6e-4a53-9f1e-6f0b6a3f7a11" });
        patched(&world, &path, &json!({ "op": "replace", "value": value }))?;
        let after = read(&world, &path)?;
        assert_eq!(
            (&after["displayName"], &after["externalId"]),
            (&value["displayName"], &value["externalId"])
        );
        Ok(())
    }

    #[test]
    fn update_group_display_name() -> Result<()> {
        let world = World::shared()?;
        let path = new_group(&world, "v-name")?;
        patched(&world, &path, &json!({ "op": "Replace", "path": "displayName", "value": "v-name-new" }))?;
        assert_eq!(read(&world, &path)?["displayName"], "v-name-new");
        assert_eq!(found(&world, "/Groups?filter=displayName+eq+%22v-name-new%22")?.0, 1);
        Ok(())
    }

    #[test]
    fn patch_group_add_member() -> Result<()> {
        let world = World::shared()?;
        let (path, one) = (new_group(&world, "v-add")?, new_user(&world, "v.member.add")?);
        let add =
            json!({ "op": "Add", "path": "members", "value": [{ "$ref": null, "value": id_of(&one) }] });
        patched(&world, &path, &add)?;
        assert_eq!(members(&world, id_of(&path))?, [id_of(&one)]);
        Ok(())
    }

    #[test]
    fn patch_group_remove_member() -> Result<()> {
        let world = World::shared()?;
        let path = new_group(&world, "v-remove")?;
        let (one, two) = (new_user(&world, "v.member.out")?, new_user(&world, "v.member.stays")?);
        let both = json!([{ "value": id_of(&one) }, { "value": id_of(&two) }]);
        patched(&world, &path, &json!({ "op": "Add", "path": "members", "value": both }))?;
        let out =
            json!({ "op": "Remove", "path": "members", "value": [{ "$ref": null, "value": id_of(&one) }] });
        patched(&world, &path, &out)?;
        assert_eq!(members(&world, id_of(&path))?, [id_of(&two)]);
        Ok(())
    }

    #[test]
    fn delete_a_group() -> Result<()> {
        let world = World::shared()?;
        let path = new_group(&world, "v-delete")?;
        gone(&world, &path)
    }

    #[test]
    fn patch_group_multiple_ops_on_same_attribute() -> Result<()> {
        let world = World::shared()?;
        let path = new_group(&world, "v-ops")?;
        let (one, two) = (new_user(&world, "v.ops.one")?, new_user(&world, "v.ops.two")?);
        let value = |path: &str| json!([{ "value": id_of(path) }]);
        let operations = json!([
            { "op": "Add", "path": "members", "value": value(&one) },
            { "op": "Remove", "path": "members", "value": value(&one) },
            { "op": "Add", "path": "members", "value": value(&two) },
        ]);
        assert_eq!(patch(&world, &path, &operations)?.status, 200);
        assert_eq!(members(&world, id_of(&path))?, [id_of(&two)]);
        Ok(())
    }

    #[test]
    fn delete_a_non_existent_group() -> Result<()> {
        let world = World::shared()?;
        let path = "/Groups/01JABCDEFGHJKMNPQRSTVWXYZ0";
        assert_refused(&world.scim(Method::DELETE, path, None)?, 404, None)
    }

    #[test]
    fn delete_the_same_group_twice() -> Result<()> {
        let world = World::shared()?;
        let path = new_group(&world, "v-twice")?;
        gone(&world, &path)?;
        assert_refused(&world.scim(Method::DELETE, &path, None)?, 404, None)
    }
}

/// The tests that an application passes before it enters Microsoft's gallery: what the provisioning job and
/// provisioning on demand do, request by request.
mod gallery {
    use super::*;

    /// Entra looks before it writes.
    fn provision_user(world: &World, name: &str) -> Result<String> {
        let query = format!("/Users?filter=userName+eq+%22{name}%40contoso.test%22");
        match found(world, &query)? {
            (0, _) => new_user(world, name),
            (_, first) => Ok(format!("/Users/{}", first["id"].as_str().context("no id")?)),
        }
    }

    fn provision_group(world: &World, name: &str) -> Result<String> {
        let query = format!("/Groups?excludedAttributes=members&filter=displayName+eq+%22{name}%22");
        match found(world, &query)? {
            (0, _) => new_group(world, name),
            (_, first) => Ok(format!("/Groups/{}", first["id"].as_str().context("no id")?)),
        }
    }

    fn set_active(world: &World, path: &str, value: &str) -> Result<Value> {
        read(world, path)?;
        patched(world, path, &json!({ "op": "Replace", "path": "active", "value": value }))?;
        read(world, path)
    }

    #[test]
    fn create_user_test() -> Result<()> {
        let world = World::shared()?;
        let path = provision_user(&world, "g.create")?;
        assert_eq!(provision_user(&world, "g.create")?, path, "the next cycle finds the same");
        assert_eq!(world.view("g.create@contoso.test")?.state, "active");
        Ok(())
    }

    #[test]
    fn update_user_test() -> Result<()> {
        let world = World::shared()?;
        let path = provision_user(&world, "g.update")?;
        patched(&world, &path, &json!({ "op": "Replace", "path": "title", "value": "Lead" }))?;
        assert_eq!(read(&world, &path)?["title"], "Lead");
        Ok(())
    }

    #[test]
    fn disable_user_test() -> Result<()> {
        let world = World::shared()?;
        let path = provision_user(&world, "g.disable")?;
        assert_eq!(set_active(&world, &path, "False")?["active"], false);
        assert_eq!(world.view("g.disable@contoso.test")?.state, "suspended");
        Ok(())
    }

    #[test]
    fn delete_user_test() -> Result<()> {
        let world = World::shared()?;
        let path = provision_user(&world, "g.delete")?;
        set_active(&world, &path, "False")?;
        gone(&world, &path)?;
        assert_eq!(world.view("g.delete@contoso.test")?.state, "gone");
        Ok(())
    }

    #[test]
    fn restore_user_test() -> Result<()> {
        let world = World::shared()?;
        let (path, group) = (provision_user(&world, "g.restore")?, provision_group(&world, "g-restored")?);
        let add = json!({ "op": "Add", "path": "members", "value": [{ "value": id_of(&path) }] });
        patched(&world, &group, &add)?;
        set_active(&world, &path, "False")?;
        assert_eq!(provision_user(&world, "g.restore")?, path, "found while disabled");
        assert_eq!(set_active(&world, &path, "True")?["active"], true);
        assert_eq!(world.view("g.restore@contoso.test")?.state, "active");
        assert_eq!(members(&world, id_of(&group))?, [id_of(&path)], "Entra does not say it again");
        Ok(())
    }

    #[test]
    fn user_update_manager_test() -> Result<()> {
        let world = World::shared()?;
        let (path, boss) = (provision_user(&world, "g.managed")?, provision_user(&world, "g.boss")?);
        let manager = format!("{ENTERPRISE}:manager");
        patched(&world, &path, &json!({ "op": "Add", "path": manager, "value": id_of(&boss) }))?;
        let query = format!(
            "/Users?filter=id+eq+%22{}%22+and+manager+eq+%22{}%22&attributes=id",
            id_of(&path),
            id_of(&boss)
        );
        assert_eq!(found(&world, &query)?.0, 1);
        Ok(())
    }

    #[test]
    fn pod_user_test() -> Result<()> {
        let world = World::shared()?;
        let path = provision_user(&world, "g.pod")?;
        // On demand in the old form, whatever the Tenant URL says.
        let operations = json!([
            { "op": "Add", "path": "title", "value": "Lead" },
            { "op": "Replace", "path": "active", "value": "True" },
        ]);
        let answer = world.scim(
            Method::PATCH,
            &format!("/?aadOptscim062020{path}"),
            Some(&json!({ "Operations": operations })),
        )?;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(read(&world, &path)?["title"], "Lead");
        Ok(())
    }

    #[test]
    fn create_group_test() -> Result<()> {
        let world = World::shared()?;
        let path = provision_group(&world, "g-create")?;
        assert_eq!(provision_group(&world, "g-create")?, path, "the next cycle finds the same");
        Ok(())
    }

    #[test]
    fn update_group_test() -> Result<()> {
        let world = World::shared()?;
        let path = provision_group(&world, "g-update")?;
        let external = read(&world, &path)?["externalId"].clone();
        patched(&world, &path, &json!({ "op": "Replace", "path": "displayName", "value": "g-updated" }))?;
        let after = read(&world, &path)?;
        assert_eq!((&after["displayName"], &after["externalId"]), (&json!("g-updated"), &external));
        Ok(())
    }

    #[test]
    fn delete_group_test() -> Result<()> {
        let world = World::shared()?;
        let path = provision_group(&world, "g-delete")?;
        gone(&world, &path)
    }

    #[test]
    fn restore_group_test() -> Result<()> {
        let world = World::shared()?;
        let body = group("g-restore");
        let path = format!("/Groups/{}", create(&world, "Groups", &body)?);
        gone(&world, &path)?;
        assert_eq!(found(&world, "/Groups?filter=displayName+eq+%22g-restore%22")?.0, 0);
        let again = format!("/Groups/{}", create(&world, "Groups", &body)?);
        assert_ne!(again, path);
        assert_eq!(members(&world, id_of(&again))?, Vec::<String>::new());
        Ok(())
    }

    #[test]
    fn add_member_test() -> Result<()> {
        let world = World::shared()?;
        let (path, one) = (provision_group(&world, "g-add")?, provision_user(&world, "g.add")?);
        let query = format!(
            "/Groups?filter=id+eq+%22{}%22+and+members+eq+%22{}%22&attributes=id",
            id_of(&path),
            id_of(&one)
        );
        assert_eq!(found(&world, &query)?.0, 0);
        let add =
            json!({ "op": "Add", "path": "members", "value": [{ "$ref": null, "value": id_of(&one) }] });
        patched(&world, &path, &add)?;
        assert_eq!(found(&world, &query)?.0, 1);
        Ok(())
    }

    #[test]
    fn remove_member_test() -> Result<()> {
        let world = World::shared()?;
        let (path, one) = (provision_group(&world, "g-remove")?, provision_user(&world, "g.remove")?);
        let value = json!([{ "$ref": null, "value": id_of(&one) }]);
        patched(&world, &path, &json!({ "op": "Add", "path": "members", "value": value }))?;
        patched(&world, &path, &json!({ "op": "Remove", "path": "members", "value": value }))?;
        assert_eq!(members(&world, id_of(&path))?, Vec::<String>::new());
        Ok(())
    }

    #[test]
    fn pod_group_test() -> Result<()> {
        let world = World::shared()?;
        let path = provision_group(&world, "g-pod")?;
        let mut people: Vec<String> =
            (0..5).map(|number| provision_user(&world, &format!("g.pod{number}"))).collect::<Result<_>>()?;
        people.sort();
        for person in &people {
            let add = json!({ "op": "Add", "path": "members", "value": [{ "$ref": null, "value": id_of(person) }] });
            patched(&world, &path, &add)?;
        }
        let ids: Vec<_> = people.iter().map(|path| id_of(path)).collect();
        assert_eq!(members(&world, id_of(&path))?, ids);
        Ok(())
    }

    #[test]
    fn schema_discoverability_test() -> Result<()> {
        let world = World::shared()?;
        let (_, total) = (found(&world, "/ResourceTypes")?, found(&world, "/Schemas")?.0);
        let schemas = read(&world, "/Schemas")?["Resources"].clone();
        assert_eq!(schemas.as_array().map(Vec::len), usize::try_from(total).ok());
        let text = schemas.to_string();
        assert!(!text.contains(":null"), "{text}");
        for name in ["userName", "active", "externalId", "employeeNumber", "posixName", "members"] {
            // RFC 7643 section 3.1: what all resources have stands in no schema.
            assert_eq!(text.contains(&format!("\"name\":\"{name}\"")), name != "externalId", "{name}");
        }
        assert_eq!(read(&world, "/ServiceProviderConfig")?["patch"]["supported"], true);
        Ok(())
    }

    #[test]
    fn scim_null_update_test() -> Result<()> {
        let world = World::shared()?;
        let path = provision_user(&world, "g.null")?;
        patched(&world, &path, &json!({ "op": "Replace", "path": "title", "value": null }))?;
        patched(&world, &path, &json!({ "op": "replace", "value": { "preferredLanguage": null } }))?;
        let after = read(&world, &path)?;
        assert_eq!((after.get("title"), after.get("preferredLanguage")), (None, None));
        assert_eq!(after["displayName"], "Mara Lind");
        Ok(())
    }

    #[test]
    fn scim_user_create_test() -> Result<()> {
        let world = World::shared()?;
        let body = user("g.scim.create");
        let made = read(&world, &format!("/Users/{}", create(&world, "Users", &body)?))?;
        for name in ["externalId", "userName", "active", "displayName", "emails", "name", "title", ENTERPRISE]
        {
            assert_eq!(made[name], body[name], "{name}");
        }
        Ok(())
    }

    #[test]
    fn scim_user_update_test() -> Result<()> {
        let world = World::shared()?;
        let body = user("g.scim.update");
        let path = format!("/Users/{}", create(&world, "Users", &body)?);
        let mut whole = body.clone();
        whole["title"] = json!("Lead");
        assert_eq!(world.scim(Method::PUT, &path, Some(&whole))?.status, 200);
        let after = read(&world, &path)?;
        assert_eq!((&after["title"], &after["externalId"]), (&json!("Lead"), &body["externalId"]));
        Ok(())
    }

    #[test]
    fn scim_group_create_test() -> Result<()> {
        let world = World::shared()?;
        let one = provision_user(&world, "g.scim.member")?;
        let mut body = group("g-scim-create");
        body["members"] = json!([{ "value": id_of(&one) }]);
        let made = create(&world, "Groups", &body)?;
        assert_eq!(members(&world, &made)?, [id_of(&one)]);
        Ok(())
    }

    #[test]
    fn scim_group_update_test() -> Result<()> {
        let world = World::shared()?;
        let one = provision_user(&world, "g.scim.put")?;
        let mut body = group("g-scim-update");
        let made = create(&world, "Groups", &body)?;
        body["displayName"] = json!("g-scim-updated");
        body["members"] = json!([{ "value": id_of(&one) }]);
        assert_eq!(world.scim(Method::PUT, &format!("/Groups/{made}"), Some(&body))?.status, 200);
        assert_eq!(read(&world, &format!("/Groups/{made}"))?["displayName"], "g-scim-updated");
        assert_eq!(members(&world, &made)?, [id_of(&one)]);
        Ok(())
    }

    #[test]
    fn scim_user_pagination_test() -> Result<()> {
        // A directory of its own: others come and go between two pages.
        let world = World::new(&[], &[])?;
        let mut made: Vec<String> = (0..11)
            .map(|number| create(&world, "Users", &user(&format!("g.page{number}"))))
            .collect::<Result<_>>()?;
        let mut seen = Vec::new();
        for (start, items) in [(1, 5), (6, 5), (11, 1), (12, 0)] {
            let page = read(&world, &format!("/Users?startIndex={start}&count=5"))?;
            assert_eq!((&page["totalResults"], &page["startIndex"]), (&json!(11), &json!(start)));
            assert_eq!(page["itemsPerPage"], items, "{page}");
            let resources = page["Resources"].as_array().context("no resources")?;
            seen.extend(resources.iter().filter_map(|one| one["id"].as_str().map(str::to_owned)));
        }
        seen.sort();
        made.sort();
        assert_eq!(seen, made, "each of them once");
        let none = read(&world, "/Users?count=0")?;
        assert_eq!((&none["totalResults"], &none["Resources"]), (&json!(11), &json!([])));
        Ok(())
    }

    #[test]
    fn validate_credentials_test() -> Result<()> {
        let world = World::shared()?;
        let query = "/scim/v2/Users?filter=userName+eq+%2295a3c1f0-5d6e-4a53-9f1e-6f0b6a3f7a11%22";
        let with = |token: &str| world.send(world.request(Method::GET, query).bearer_auth(token));
        assert_eq!(with(&world.scim_token)?.status, 200);
        let refused = with(&format!("{}x", world.scim_token))?;
        assert_refused(&refused, 401, None)?;
        assert!(
            refused.header("www-authenticate").contains("Bearer"),
            "{}",
            refused.header("www-authenticate")
        );
        Ok(())
    }
}
