//! What administrators are shown of names before anything is switched on.

use anyhow::{Context as _, Result};
use reqwest::Method;
use sallyport_entra_sim::Sim;
use sallyport_tests::World;
use serde_json::{Value, json};

const EXTENSION: &str = "urn:ietf:params:scim:schemas:extension:sallyport:2.0:User";

fn preview(world: &World, arguments: &[&str]) -> Result<Value> {
    let arguments = [&["names", "preview", "--format", "json"], arguments].concat();
    Ok(serde_json::from_str(&world.ca.command(&arguments)?.ok()?)?)
}

/// Subject, current and proposed name and the problem's code, of each.
fn told(preview: &Value) -> Result<Vec<[Value; 4]>> {
    let people = preview["people"].as_array().context("no people")?;
    let of = |person: &Value| {
        let [subject, current, proposed] = ["subject", "current", "proposed"].map(|key| person[key].clone());
        [subject, current, proposed, person["problem"]["code"].clone()]
    };
    Ok(people.iter().map(of).collect())
}

/// A user of another tenant.
fn foreign(world: &World, token: &str, upn: &str) -> Result<String> {
    let oid = Sim::new_oid().to_string();
    let body = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": upn, "externalId": oid, "active": true });
    let request = world.request(Method::POST, "/scim/v2/Users").bearer_auth(token);
    let made = world.send(request.body(body.to_string()))?;
    assert_eq!(made.status, 201, "{}", made.text());
    Ok(oid)
}

#[test]
fn one_connections_people_are_shown_and_everybodys_names_count() -> Result<()> {
    let world = World::new(&[], &[])?;
    let mara = world.engineer("mara.lind")?;
    let tenant = "22222222-0d3a-4f6e-9a41-5c2f8e90d311";
    world.ca.command(&["connection", "add", "fabrikam", "--tenant", tenant])?.ok()?;
    let token = world.ca.command(&["scim-token", "create", "--connection", "fabrikam"])?.ok()?;
    let namesake = foreign(&world, token.trim(), "mara.lind@fabrikam.test")?;
    let other = foreign(&world, token.trim(), "nils.berg@fabrikam.test")?;

    let ours = told(&preview(&world, &["--connection", "entra"])?)?;
    assert_eq!(ours, [[json!(mara.oid), json!("mara.lind"), json!("mara.lind"), Value::Null]]);
    let theirs = preview(&world, &["--connection", "fabrikam"])?;
    let mut people = told(&theirs)?;
    people.sort_by_key(|person| person[2].to_string());
    let wanted = [
        [json!(namesake), Value::Null, json!("mara.lind"), json!("name_taken")],
        [json!(other), Value::Null, json!("nils.berg"), Value::Null],
    ];
    assert_eq!(people, wanted);
    assert_eq!(theirs["summary"]["collisions"], 1);
    let refused = world.ca.command(&["names", "preview", "--connection", "nowhere"])?.refused()?;
    assert!(refused.contains("connection list"), "{refused}");
    Ok(())
}

#[test]
fn a_file_is_judged_against_everybody_who_is_here() -> Result<()> {
    let world = World::new(&[], &[])?;
    let waiting = world.hire("waiting@contoso.test", json!({}), false)?;
    let holder = world.engineer("holder")?;
    let uid = world.view(&holder.upn)?.uid.context("no uid")?;
    let file = world.folder().join("people.csv");
    let path = file.to_str().context("no text")?;
    let [one, two, three, four] = [(); 4].map(|()| Sim::new_oid().to_string());
    let text = format!(
        "oid,userPrincipalName,posixName,uidNumber\n{one},waiting@fabrikam.test,,\n{two},somebody@contoso.test,fine,\n\
         {three},number@contoso.test,,{uid}\n{four},low@contoso.test,,12\n"
    );
    std::fs::write(&file, text)?;
    let shown = preview(&world, &["--csv", path])?;
    let wanted = [
        [json!(one), Value::Null, json!("waiting"), json!("name_taken")],
        [json!(two), Value::Null, json!("fine"), Value::Null],
        [json!(three), Value::Null, json!("number"), json!("uid_taken")],
        [json!(four), Value::Null, json!("low"), json!("uid_impossible")],
    ];
    assert_eq!(told(&shown)?, wanted);
    assert_eq!(shown["people"][0]["problem"]["with"], json!([waiting.oid]));
    assert_eq!(shown["people"][2]["problem"]["with"], json!([holder.oid]));

    let file = world.folder().join("people.json");
    let path = file.to_str().context("no text")?;
    let scim = |oid: &str, name: &str, number: u32| {
        json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", EXTENSION], "externalId": oid,
            "userName": format!("{name}@contoso.test"), EXTENSION: { "uidNumber": number } })
    };
    let list =
        json!([scim(&one, "first", 54_321), scim(&two, "second", 54_321), scim(&three, "third", 54_322)]);
    std::fs::write(&file, list.to_string())?;
    let codes: Vec<_> =
        told(&preview(&world, &["--json", path])?)?.into_iter().map(|[.., code]| code).collect();
    assert_eq!(codes, [json!("uid_taken"), json!("uid_taken"), Value::Null]);
    Ok(())
}

/// What has to be looked at comes first, and everybody is there.
#[test]
fn the_text_lists_everybody_in_groups() -> Result<()> {
    let world = World::new(&[], &[])?;
    let stays = world.engineer("stays.here")?;
    let refused = world.hire("root@contoso.test", json!({}), true)?;
    let named = world.hire("new.one@contoso.test", json!({}), false)?;
    world.provision()?;
    let text = world.ca.command(&["names", "preview"])?.ok()?;
    let order = [
        "expression  ",
        "people   ",
        "\nrefused:\n",
        &refused.oid,
        "\nnamed:\n",
        &named.oid,
        "\nunchanged:\n",
    ];
    let places: Vec<_> = order.iter().map(|part| text.find(part)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}\n{text}");
    let line = format!("{}  stays.here@contoso.test  stays.here -> stays.here", stays.oid);
    assert!(text.ends_with(&line), "{text}");
    let text = world.ca.command(&["names", "preview", "--changes"])?.ok()?;
    assert!(text.ends_with("\n1 unchanged, not listed") && !text.contains(&stays.oid), "{text}");
    assert!(text.contains(&refused.oid) && text.contains(&named.oid), "{text}");
    Ok(())
}
