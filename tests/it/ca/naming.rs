//! What administrators see of names, and what they decide.

use anyhow::{Context as _, Result};
use reqwest::Method;
use sallyport_entra_sim::Sim;
use sallyport_protocol::ProblemCode;
use sallyport_tests::{Someone, World};
use serde_json::{Value, json};

use super::machines::Machine;

const WITHOUT_DOTS: &str = r#"ToLower(Replace(Replace([userPrincipalName], , "(?<Suffix>@(.)*)", "Suffix", "", , ), ".", , ,"", , ))"#;

fn names(world: &World, arguments: &[&str]) -> Result<Value> {
    let arguments = [&["names"], arguments, &["--format", "json"]].concat();
    Ok(serde_json::from_str(&world.ca.command(&arguments)?.ok()?)?)
}

/// What is listed about one person.
fn issues(world: &World, someone: &Someone) -> Result<Vec<Value>> {
    let all = names(world, &["list"])?;
    let all = all.as_array().context("no list")?;
    Ok(all.iter().filter(|issue| issue["subject"] == someone.oid.as_str()).cloned().collect())
}

/// Of the one of that user name who is not gone.
fn posix_name(world: &World, someone: &Someone) -> Result<Option<String>> {
    let people = world.wait(world.admin()?.users())?;
    let here = people.into_iter().find(|user| user.user_name == someone.upn && user.state != "gone");
    Ok(here.context("nobody")?.posix_name)
}

#[test]
fn a_rename_waits_for_a_decision_and_the_old_name_stays_reserved() -> Result<()> {
    let world = World::shared()?;
    let hanna = world.engineer("hanna.old")?;
    world.log_in(&hanna)?;
    assert!(issues(&world, &hanna)?.is_empty());
    world.edit(|tenant| {
        tenant.user_mut(&hanna.oid).map(|user| user.upn = "hanna.new@contoso.test".to_owned())
    })?;
    world.provision()?;
    let proposed = issues(&world, &hanna)?;
    assert_eq!(proposed.len(), 1, "{proposed:?}");
    assert_eq!((&proposed[0]["kind"], &proposed[0]["proposed"]), (&json!("rename"), &json!("hanna.new")));
    assert_eq!(world.view("hanna.new@contoso.test")?.posix_name.as_deref(), Some("hanna.old"));

    names(&world, &["keep", &hanna.oid])?;
    assert!(issues(&world, &hanna)?.is_empty());
    names(&world, &["approve", &hanna.oid])?;
    assert_eq!(world.view("hanna.new@contoso.test")?.posix_name.as_deref(), Some("hanna.new"));
    let hanna = Someone { upn: "hanna.new@contoso.test".to_owned(), ..hanna };
    assert!(world.log_in(&hanna)?.1.principals.contains(&"hanna.new".to_owned()));

    let thief = world.hire("hanna.old@fabrikam.test", json!({}), true)?;
    world.provision()?;
    let (_, request) = world.sign_in(&thief)?;
    world.refused(&request, ProblemCode::NameConflict)?;
    let taken = issues(&world, &thief)?;
    assert_eq!((&taken[0]["kind"], &taken[0]["with"]), (&json!("conflict"), &json!([hanna.oid])));
    names(&world, &["assign", &thief.oid, "hanna.fabrikam"])?;
    assert!(world.issue(&request)?.principals.contains(&"hanna.fabrikam".to_owned()));
    Ok(())
}

#[test]
fn another_expression_is_previewed_then_applied() -> Result<()> {
    let world = World::new(&["--host-domain", "*.corp.test"], &[])?;
    let otto = world.engineer("otto.berg")?;
    world.engineer("ottoberg")?;
    let ida = world.engineer("ida.lind")?;
    let preview = names(&world, &["preview", "--expression", WITHOUT_DOTS])?;
    assert_eq!(preview["summary"]["people"], 3);
    assert_eq!((&preview["summary"]["renamed"], &preview["summary"]["collisions"]), (&json!(1), &json!(1)));
    let of = |someone: &Someone| -> Result<Value> {
        let people = preview["people"].as_array().context("no people")?;
        people.iter().find(|person| person["subject"] == someone.oid.as_str()).cloned().context("not there")
    };
    let person = of(&ida)?;
    assert_eq!(
        (&person["current"], &person["proposed"], &person["problem"]),
        (&json!("ida.lind"), &json!("idalind"), &Value::Null)
    );
    assert_eq!(person["attributes"], json!({ "userPrincipalName": "ida.lind@contoso.test" }));
    assert_eq!(of(&otto)?["problem"]["code"], "name_taken");
    assert!(issues(&world, &ida)?.is_empty(), "a preview changed something");

    names(&world, &["apply", "--expression", WITHOUT_DOTS])?;
    assert_eq!(world.view(&ida.upn)?.posix_name.as_deref(), Some("ida.lind"));
    assert_eq!(issues(&world, &ida)?[0]["kind"], "rename");
    let done = names(&world, &["approve", "--all"])?;
    assert_eq!(done.as_array().map(Vec::len), Some(1), "{done}");
    assert_eq!(world.view(&ida.upn)?.posix_name.as_deref(), Some("idalind"));
    assert_eq!(world.view(&otto.upn)?.posix_name.as_deref(), Some("otto.berg"));
    let wei = world.engineer("Wei.Khan")?;
    assert_eq!(world.view(&wei.upn)?.posix_name.as_deref(), Some("weikhan"));
    Ok(())
}

#[test]
fn a_file_whose_expression_is_not_in_force_is_told() -> Result<()> {
    let mut world = World::new(&[], &[])?;
    let ida = world.engineer("ida.lind")?;
    let told = |world: &World| -> Result<Value> {
        let found: Value = serde_json::from_str(&world.ca.command(&["doctor", "--format", "json"])?.ok()?)?;
        let of = |finding: &&Value| finding["check"] == "names_expression";
        found.as_array().and_then(|all| all.iter().find(of)).cloned().with_context(|| format!("{found}"))
    };
    assert_eq!(told(&world)?["health"], "ok");
    names(&world, &["apply", "--expression", WITHOUT_DOTS])?;
    let finding = told(&world)?;
    assert_eq!(finding["health"], "warning");
    assert!(finding["detail"].as_str().is_some_and(|detail| detail.contains(WITHOUT_DOTS)), "{finding}");
    assert!(finding["remedy"].as_str().is_some_and(|remedy| remedy.contains("names apply")), "{finding}");
    world.ca.stop()?;
    world.ca.start()?;
    let log = world.ca.log();
    assert!(log.contains("names.expression was changed in the file") && log.contains("names apply"), "{log}");
    // The file's again, as the remedy says.
    names(&world, &["apply"])?;
    assert_eq!(told(&world)?["health"], "ok");
    assert_eq!(world.view(&ida.upn)?.posix_name.as_deref(), Some("ida.lind"));
    Ok(())
}

#[test]
fn a_spreadsheet_is_previewed_where_there_is_no_ca() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("people.csv");
    let text = "oid,userPrincipalName,city\r\no1,Mara.Lind@contoso.test,\"Ulm\nor so\"\r\n\r\n\
                ,mara.lind@fabrikam.test,\r\no3,root@contoso.test,\r\nO1,mara@contoso.test,\r\n";
    std::fs::write(&file, text)?;
    let preview = |format| -> Result<String> {
        let mut command = sallyport_tests::command::limited(sallyport_tests::bin("sallyport-ca")?);
        command.current_dir(folder.path()).args(["names", "preview", "--format", format, "--csv"]).arg(&file);
        sallyport_tests::command::run(&mut command)?.ok()
    };
    let mut found: Value = serde_json::from_str(&preview("json")?)?;
    let summary = found["summary"].take();
    for (key, count) in [
        ("people", 4),
        ("unchanged", 0),
        ("named", 1),
        ("renamed", 0),
        ("kept", 0),
        ("collisions", 1),
        ("refused", 2),
    ] {
        assert_eq!(summary[key], json!(count), "{key}: {summary}");
    }
    let people = found["people"].as_array_mut().context("no people")?;
    for person in &mut *people {
        let detail = person["problem"].as_object_mut().and_then(|problem| problem.remove("detail"));
        assert!(detail.is_none_or(|detail| detail.is_string()));
    }
    let wanted = json!([
        { "subject": "o1", "current": null, "proposed": "mara.lind", "problem": null, "attributes":
            { "oid": "o1", "userPrincipalName": "Mara.Lind@contoso.test", "city": "Ulm\nor so" } },
        { "subject": "line 5", "current": null, "proposed": "mara.lind",
            "attributes": { "userPrincipalName": "mara.lind@fabrikam.test" },
            "problem": { "code": "name_taken", "with": ["o1"] } },
        { "subject": "o3", "current": null, "proposed": null,
            "attributes": { "oid": "o3", "userPrincipalName": "root@contoso.test" },
            "problem": { "code": "name_reserved", "with": [] } },
        { "subject": "o1", "current": null, "proposed": "mara",
            "attributes": { "oid": "O1", "userPrincipalName": "mara@contoso.test" },
            "problem": { "code": "row_twice", "with": ["line 2"] } },
    ]);
    assert_eq!(json!(people), wanted);
    assert!(preview("text")?.contains("(with line 2)"));
    Ok(())
}

#[test]
fn a_row_without_an_object_id_is_who_has_its_name_here() -> Result<()> {
    let world = World::shared()?;
    let vera = world.engineer("vera.sheet")?;
    let file = world.folder().join("sheet.csv");
    let path = file.to_str().context("no text")?;
    for (header, oid) in
        [("userPrincipalName", String::new()), ("oid,userPrincipalName", format!("{},", vera.oid))]
    {
        let gap = if oid.is_empty() { "" } else { "," };
        std::fs::write(
            &file,
            format!("{header}\n{oid}Vera.Sheet@contoso.test\n{gap}vera.sheet@fabrikam.test\n"),
        )?;
        let preview = names(&world, &["preview", "--csv", path])?;
        let [here, namesake] = preview["people"].as_array().context("no people")?.as_slice() else {
            anyhow::bail!("two rows: {preview}");
        };
        assert_eq!((&here["subject"], &here["problem"]), (&json!(vera.oid), &Value::Null), "{header}");
        assert_eq!((&here["current"], &here["proposed"]), (&json!("vera.sheet"), &json!("vera.sheet")));
        assert_eq!((&namesake["subject"], &namesake["current"]), (&json!("line 3"), &Value::Null));
        assert_eq!(namesake["problem"]["code"], "name_taken");
        assert_eq!(namesake["problem"]["with"], json!([vera.oid]));
    }
    Ok(())
}

#[test]
fn a_name_is_released_in_two_steps() -> Result<()> {
    let world = World::shared()?;
    let first = world.engineer("rosalind")?;
    let in_use = world.ca.command(&["names", "release", "rosalind"])?.refused()?;
    assert!(in_use.contains("is not gone"), "{in_use}");
    world.edit(|tenant| tenant.remove_user(&first.oid, true))?;
    world.provision()?;
    let second = world.engineer("rosalind")?;
    assert_eq!(posix_name(&world, &second)?, None);
    let asked = names(&world, &["release", "rosalind"])?;
    let confirm = asked["confirm"].as_str().context("no word")?;
    assert_eq!(asked["next"], second.upn.as_str());
    world.ca.command(&["names", "release", "rosalind", "--confirm", "wrong"])?.refused()?;
    assert_eq!(names(&world, &["release", "rosalind", "--confirm", confirm])?["freed"], true);
    // Whoever waited for it has it.
    assert_eq!(posix_name(&world, &second)?.as_deref(), Some("rosalind"));
    assert!(issues(&world, &second)?.is_empty());
    Ok(())
}

#[test]
fn an_account_given_to_one_person_is_nobody_elses_name_until_it_is_taken_back() -> Result<()> {
    let world = World::shared()?;
    let owner = world.engineer("john.hunter")?;
    let adopt = ["names", "adopt", "jhunter", "--user", &owner.oid, "--host", "db*.corp.test"];
    world.ca.command(&adopt)?.ok()?;
    let other = world.engineer("jhunter")?;
    let (_, request) = world.sign_in(&other)?;
    world.refused(&request, ProblemCode::NameConflict)?;
    assert_eq!(world.view(&other.upn)?.reason.as_deref(), Some("name_adopted"));
    let listed = issues(&world, &other)?;
    assert_eq!((&listed[0]["kind"], &listed[0]["with"]), (&json!("conflict"), &json!([owner.oid])));
    let preview = names(&world, &["preview"])?;
    let people = preview["people"].as_array().context("no people")?;
    let shown = people.iter().find(|person| person["subject"] == other.oid.as_str()).context("nobody")?;
    assert_eq!(shown["problem"]["code"], "name_adopted");
    let refused = world.ca.command(&["names", "assign", &other.oid, "jhunter"])?.refused()?;
    assert!(refused.contains("john.hunter@contoso.test") && refused.contains("--remove"), "{refused}");
    world.ca.command(&[&adopt[..], &["--remove"]].concat())?.ok()?;
    assert!(world.issue(&request)?.principals.contains(&"jhunter".to_owned()));
    Ok(())
}

#[test]
fn a_name_that_a_host_gave_up_goes_to_who_waits_for_it() -> Result<()> {
    let world = World::shared()?;
    let (gives_up, retires) = (Machine::new(&world, "gives-up")?, Machine::new(&world, "retires")?);
    for (machine, name) in [(&gives_up, "lotte.local"), (&retires, "karl.local")] {
        machine.enroll(&machine.token("env=prod")?)?;
        machine.report(&[name])?;
    }
    let (lotte, karl) = (world.engineer("lotte.local")?, world.engineer("karl.local")?);
    for waiting in [&lotte, &karl] {
        assert_eq!(world.view(&waiting.upn)?.reason.as_deref(), Some("name_foreign"));
    }
    gives_up.report(&[])?;
    assert_eq!(world.view(&lotte.upn)?.posix_name.as_deref(), Some("lotte.local"));
    world.ca.command(&["admin", "host", "retire", "retires.corp.test"])?.ok()?;
    assert_eq!(world.view(&karl.upn)?.posix_name.as_deref(), Some("karl.local"));
    Ok(())
}

/// Somebody whom the directory sends with a number; the id of the resource.
fn numbered(world: &World, someone: &Someone, uid: u32) -> Result<String> {
    let body = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": someone.upn,
        "externalId": someone.oid, "active": true,
        "urn:ietf:params:scim:schemas:extension:sallyport:2.0:User": { "uidNumber": uid } });
    let answer = world.scim(Method::POST, "/Users", Some(&body))?;
    assert_eq!(answer.status, 201, "{}", answer.text());
    Ok(answer.json()?["id"].as_str().context("no id")?.to_owned())
}

#[test]
fn a_number_that_somebody_has_stays_theirs_and_both_are_listed() -> Result<()> {
    let world = World::shared()?;
    let [first, second] = ["has.number", "wants.number"]
        .map(|name| Someone { oid: Sim::new_oid().to_string(), upn: format!("{name}@contoso.test") });
    let body = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "externalId": Sim::new_oid(),
        "displayName": "numbered", "members": [{ "value": numbered(&world, &first, 54_400)? }] });
    let team = world.scim(Method::POST, "/Groups", Some(&body))?.json()?;
    let team = team["id"].as_str().context("no id")?;
    world.ca.command(&["admin", "grant", "add", "--group", team, "--tag", "env=numbered"])?.ok()?;
    assert_eq!(world.view(&first.upn)?.uid, Some(54_400));

    numbered(&world, &second, 54_400)?;
    let (has, wants) = (world.view(&first.upn)?, world.view(&second.upn)?);
    assert_eq!((has.state.as_str(), has.uid), ("active", Some(54_400)), "neither is changed");
    assert_eq!((wants.reason.as_deref(), wants.uid, wants.posix_name), (Some("uid_taken"), None, None));
    for (someone, kind, other) in [(&first, "number", &second), (&second, "conflict", &first)] {
        let listed = issues(&world, someone)?;
        assert_eq!(
            (&listed[0]["kind"], &listed[0]["with"]),
            (&json!(kind), &json!([other.oid])),
            "{listed:?}"
        );
    }
    Ok(())
}

#[test]
fn a_number_that_the_directory_gives_twice_is_nobodys() -> Result<()> {
    let world = World::shared()?;
    let people: Vec<Someone> = ["twin.one", "twin.two"]
        .map(|name| Someone { oid: Sim::new_oid().to_string(), upn: format!("{name}@contoso.test") })
        .into();
    for someone in &people {
        numbered(&world, someone, 54_321)?;
    }
    for (someone, other) in [(&people[0], &people[1]), (&people[1], &people[0])] {
        let listed = issues(&world, someone)?;
        assert_eq!(
            (&listed[0]["kind"], &listed[0]["with"]),
            (&json!("conflict"), &json!([other.oid])),
            "{listed:?}"
        );
        let view = world.view(&someone.upn)?;
        assert_eq!((view.reason.as_deref(), view.uid), (Some("uid_taken"), None));
    }
    Ok(())
}
