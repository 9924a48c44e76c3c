//! A POSIX name belongs to one person for ever, and never to the system's.

use anyhow::{Context as _, Result};
use reqwest::Method;
use sallyport_protocol::ProblemCode;
use sallyport_protocol::admin::UserView;
use sallyport_tests::world::GROUP;
use sallyport_tests::{Someone, World};
use serde_json::{Value, json};

#[test]
fn two_people_whose_names_collide() -> Result<()> {
    let world = World::shared()?;
    let first = world.engineer("vera")?;
    let before = world.log_in(&first)?.1;
    let second = world.hire("vera@fabrikam.test", json!({}), true)?;
    world.provision()?;
    let (_, request) = world.sign_in(&second)?;
    world.refused(&request, ProblemCode::NameConflict)?;
    assert_eq!(state(&world, &second)?, ("conflict".to_owned(), Some("name_taken".to_owned())));

    assert_eq!(world.log_in(&first)?.1.principals, before.principals, "the first is unharmed");
    assert_eq!(state(&world, &first)?, ("active".to_owned(), None));
    Ok(())
}

#[test]
fn names_that_differ_in_case_only_collide() -> Result<()> {
    let world = World::shared()?;
    world.engineer("viola")?;
    let second = world.hire("VIOLA@fabrikam.test", json!({}), true)?;
    world.provision()?;
    let (_, request) = world.sign_in(&second)?;
    world.refused(&request, ProblemCode::NameConflict)?;
    Ok(())
}

#[test]
fn a_reserved_name() -> Result<()> {
    for upn in ["postgres@contoso.test", "ROOT@contoso.test", "ubuntu@contoso.test", "_apt@contoso.test"] {
        no_name(upn, "name_reserved")?;
    }
    Ok(())
}

#[test]
fn an_impossible_name() -> Result<()> {
    let upns = [
        ".wanda@contoso.test",
        "wan..da@contoso.test",
        "1wanda@contoso.test",
        "wanda+x@contoso.test",
        "wändä@contoso.test",
    ];
    for upn in upns {
        no_name(upn, "name_impossible")?;
    }
    no_name(&format!("{}@contoso.test", "w".repeat(33)), "name_impossible")
}

#[test]
fn what_the_site_rules_out_in_its_configuration() -> Result<()> {
    let settings =
        [("SALLYPORT_CA_NAMES_DOTS", "false"), ("SALLYPORT_CA_NAMES_RESERVED", r#"["svc-*", "helpdesk"]"#)];
    let world = World::new(&[], &settings)?;
    no_name_in(&world, "wanda.berg@contoso.test", "name_impossible")?;
    no_name_in(&world, "SVC-build@contoso.test", "name_reserved")?;
    no_name_in(&world, "helpdesk@contoso.test", "name_reserved")?;
    for name in ["wanda", "helpdesk2", "svcbuild"] {
        let fine = world.engineer(name)?;
        assert_eq!(world.view(&fine.upn)?.posix_name.as_deref(), Some(name));
    }
    // Nor does an administrator give one by hand.
    let refused = world.ca.command(&["names", "assign", "wanda@contoso.test", "wanda.b"])?.refused()?;
    assert!(refused.contains("dot"), "{refused}");
    Ok(())
}

fn no_name(upn: &str, reason: &str) -> Result<()> {
    let world = World::shared()?;
    no_name_in(&world, upn, reason)
}

fn no_name_in(world: &World, upn: &str, reason: &str) -> Result<()> {
    let someone = world.hire(upn, json!({}), true)?;
    world.provision()?;
    let (_, request) = world.sign_in(&someone)?;
    let problem = world.refused(&request, ProblemCode::NameConflict)?;
    assert!(problem.detail.contains("administrator"), "{problem}");
    let view = world.view(upn)?;
    assert_eq!((view.reason.as_deref(), view.posix_name, view.uid), (Some(reason), None, None), "{upn}");
    Ok(())
}

#[test]
fn a_renamed_person_keeps_the_name() -> Result<()> {
    let world = World::shared()?;
    let xenia = world.engineer("xenia.old")?;
    let before = world.log_in(&xenia)?.1;
    world.edit(|tenant| {
        tenant.user_mut(&xenia.oid).map(|user| user.upn = "xenia.new@contoso.test".to_owned())
    })?;
    world.provision()?;
    let after = world.log_in(&xenia)?.1;
    assert_eq!(after.principals, before.principals);
    assert_eq!(world.view("xenia.new@contoso.test")?.posix_name.as_deref(), Some("xenia.old"));
    Ok(())
}

#[test]
fn a_re_created_account_is_another_person_who_does_not_get_the_name() -> Result<()> {
    let world = World::shared()?;
    let first = world.engineer("yara")?;
    let held = world.log_in(&first)?.1.principals;
    world.edit(|tenant| tenant.remove_user(&first.oid, true))?;
    world.provision()?;
    let second = world.engineer("yara")?;
    assert_ne!(first.oid, second.oid);
    let (_, request) = world.sign_in(&second)?;
    world.refused(&request, ProblemCode::NameConflict)?;

    let people = world.wait(world.admin()?.users())?;
    let mut of_that_name: Vec<_> = people.iter().filter(|person| person.user_name == second.upn).collect();
    of_that_name.sort_by_key(|person| person.posix_name.is_none());
    let [gone, new] = of_that_name[..] else { panic!("{of_that_name:?}") };
    assert_eq!((gone.state.as_str(), gone.posix_name.as_deref()), ("gone", Some("yara")));
    assert_eq!((new.state.as_str(), new.posix_name.as_deref()), ("conflict", None));
    assert!(held.contains(&format!("u:{}", gone.id)), "{held:?}");
    Ok(())
}

/// Of the name that came back with another object id: no account, number, group or grant of who had it before.
#[test]
fn a_re_created_account_inherits_nothing() -> Result<()> {
    let world = World::shared()?;
    let first = world.engineer("ylva")?;
    let held = world.log_in(&first)?.1.principals;
    let before = world.view(&first.upn)?;
    world.edit(|tenant| tenant.remove_user(&first.oid, true))?;
    world.provision()?;
    let second = world.stranger("ylva")?;
    let (_, request) = world.sign_in(&second)?;
    world.refused(&request, ProblemCode::NameConflict)?;
    let find = || -> Result<UserView> {
        let mut people = world.wait(world.admin()?.users())?;
        people.retain(|person| person.user_name == second.upn && person.id != before.id);
        let [person] = &people[..] else { panic!("{people:?}") };
        Ok(person.clone())
    };
    let person = find()?;
    assert_eq!((person.posix_name, person.uid, person.groups), (None, None, Vec::new()));

    world.ca.command(&["names", "assign", &second.oid, "ylva.second"])?.ok()?;
    world.refused(&request, ProblemCode::NoGrant)?;
    let oid = second.oid.parse()?;
    world.edit(|tenant| {
        tenant.group_mut(GROUP)?.members.insert(oid);
        Ok(())
    })?;
    world.provision()?;
    let person = find()?;
    assert_eq!(person.posix_name.as_deref(), Some("ylva.second"));
    assert!(before.uid.is_some() && person.uid.is_some() && person.uid != before.uid, "{person:?}");
    let issued = world.issue(&request)?.principals;
    assert!(issued.iter().all(|principal| !held.contains(principal)), "{issued:?}: {held:?}");
    Ok(())
}

#[test]
fn an_external_id_that_moves_is_never_followed() -> Result<()> {
    let world = World::shared()?;
    let (zoe, thief) = (world.engineer("zoe")?, world.stranger("zoe.thief")?);
    let id = resource(&world, &zoe)?;
    let moved = claim(&world, &id, &uuid_like(&thief.oid)?)?;
    assert_eq!(moved, 200);
    assert_eq!(state(&world, &zoe)?, ("suspended".to_owned(), Some("link".to_owned())));
    let (_, request) = world.sign_in(&zoe)?;
    world.refused(&request, ProblemCode::Suspended)?;

    // Set right again, it is the same person with the same name.
    assert_eq!(claim(&world, &id, &zoe.oid)?, 200);
    assert!(world.log_in(&zoe)?.1.principals.contains(&"zoe".to_owned()));
    Ok(())
}

#[test]
fn two_resources_with_one_object_id() -> Result<()> {
    let world = World::shared()?;
    let (zita, other) = (world.engineer("zita")?, world.engineer("zita.other")?);
    let (_, request) = world.sign_in(&zita)?;
    let (_, other_request) = world.sign_in(&other)?;
    assert_eq!(claim(&world, &resource(&world, &other)?, &zita.oid)?, 200);
    for someone in [&zita, &other] {
        assert_eq!(state(&world, someone)?, ("suspended".to_owned(), Some("link".to_owned())), "{someone:?}");
    }
    world.refused(&request, ProblemCode::Suspended)?;
    world.refused(&other_request, ProblemCode::Suspended)?;

    // The claim withdrawn, each is who they were.
    assert_eq!(claim(&world, &resource_by_name(&world, &other)?, &other.oid)?, 200);
    for (request, name) in [(request, "zita"), (other_request, "zita.other")] {
        assert!(world.issue(&request)?.principals.contains(&name.to_owned()));
    }
    Ok(())
}

#[test]
fn an_external_id_that_is_no_object_id() -> Result<()> {
    let world = World::shared()?;
    let zara = world.engineer("zara")?;
    assert_eq!(claim(&world, &resource(&world, &zara)?, "zara")?, 200);
    assert_eq!(state(&world, &zara)?, ("conflict".to_owned(), Some("no_object_id".to_owned())));
    let (_, request) = world.sign_in(&zara)?;
    world.refused(&request, ProblemCode::NameConflict)?;
    Ok(())
}

/// An object id that nobody has.
fn uuid_like(oid: &str) -> Result<String> {
    let last = oid.chars().next_back().context("an empty id")?;
    let other = if last == '0' { '1' } else { '0' };
    Ok(format!("{}{other}", &oid[..oid.len() - 1]))
}

fn state(world: &World, someone: &Someone) -> Result<(String, Option<String>)> {
    let view = world.view(&someone.upn)?;
    Ok((view.state, view.reason))
}

/// The id of the person's SCIM resource.
fn resource(world: &World, someone: &Someone) -> Result<String> {
    find(world, &format!("externalId+eq+%22{}%22", someone.oid))
}

fn resource_by_name(world: &World, someone: &Someone) -> Result<String> {
    find(world, &format!("userName+eq+%22{}%22", someone.upn.replace('@', "%40")))
}

fn find(world: &World, filter: &str) -> Result<String> {
    let found = world.scim(Method::GET, &format!("/Users?filter={filter}"), None)?.json()?;
    let id = found["Resources"][0]["id"].as_str().with_context(|| format!("{found}"))?;
    Ok(id.to_owned())
}

/// Lets a resource claim an object id; the status.
fn claim(world: &World, id: &str, oid: &str) -> Result<u16> {
    let patch: Value = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "Replace", "path": "externalId", "value": oid }] });
    Ok(world.scim(Method::PATCH, &format!("/Users/{id}"), Some(&patch))?.status)
}
