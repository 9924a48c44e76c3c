//! Who may have a certificate, whatever the token says.

use anyhow::Result;
use reqwest::Method;
use sallyport_entra_sim::Sim;
use sallyport_protocol::{IssueUserRequest, ProblemCode};
use sallyport_tests::World;
use serde_json::json;

use super::claims;

#[test]
fn in_no_granted_group() -> Result<()> {
    let world = World::shared()?;
    let quinn = world.stranger("quinn")?;
    let (_, request) = world.sign_in(&quinn)?;
    world.refused(&request, ProblemCode::NoGrant)?;
    let refusals = world.record()?;
    let refusals = refusals.with("certificate.refused", "object_id", &quinn.oid);
    assert_eq!(refusals.len(), 1, "a refusal of a verified person is on record");
    assert_eq!(refusals[0]["detail"]["code"], "no_grant");
    Ok(())
}

#[test]
fn not_provisioned() -> Result<()> {
    let world = World::shared()?;
    let rosa = world.engineer("rosa")?;
    let applicant = world.applicant()?;
    // The same address, another object id: an account that was made again, and that nobody sent here yet.
    let other = Sim::new_oid().to_string();
    let token = world.mint(&rosa, Some(&applicant.nonce()?), claims(json!({ "oid": other })))?;
    let problem = world.refused(&applicant.browser(&token)?, ProblemCode::NotProvisioned)?;
    assert!(problem.detail.contains("assigns"), "what to do: {problem}");
    assert_eq!(world.record()?.with("certificate.refused", "object_id", &other).len(), 1);
    Ok(())
}

#[test]
fn suspended() -> Result<()> {
    let world = World::shared()?;
    let rita = world.engineer("rita")?;
    let (_, request) = world.sign_in(&rita)?;
    world.edit(|tenant| tenant.user_mut(&rita.oid).map(|user| user.enabled = false))?;
    world.provision()?;
    world.refused(&request, ProblemCode::Suspended)?;

    world.edit(|tenant| tenant.user_mut(&rita.oid).map(|user| user.enabled = true))?;
    world.provision()?;
    world.issue(&request)?;
    Ok(())
}

#[test]
fn deleted() -> Result<()> {
    let world = World::shared()?;
    let ruth = world.engineer("ruth")?;
    let (_, request) = world.sign_in(&ruth)?;
    world.edit(|tenant| tenant.remove_user(&ruth.oid, true))?;
    world.provision()?;
    world.refused(&request, ProblemCode::NotProvisioned)?;
    Ok(())
}

#[test]
fn taken_out_of_the_group() -> Result<()> {
    let world = World::shared()?;
    let rolf = world.engineer("rolf")?;
    world.log_in(&rolf)?;
    let oid = rolf.oid.parse()?;
    world.edit(|tenant| tenant.group_mut("engineers").map(|group| group.members.remove(&oid)))?;
    world.provision()?;
    let (_, request) = world.sign_in(&rolf)?;
    world.refused(&request, ProblemCode::NoGrant)?;
    Ok(())
}

#[test]
fn another_person_than_the_one_asked_for() -> Result<()> {
    let world = World::shared()?;
    let (sara, sven) = (world.engineer("sara")?, world.engineer("sven")?);
    let (applicant, request) = world.sign_in(&sara)?;
    let ask = IssueUserRequest { asked_as: Some(sven.upn.clone()), ..request };
    let problem = world.refused(&applicant.signed(ask)?, ProblemCode::WrongPerson)?;
    assert!(problem.detail.contains(&sven.upn) && problem.detail.contains(&sara.upn), "{problem}");
    Ok(())
}

#[test]
fn asked_for_by_any_of_their_addresses_in_any_case() -> Result<()> {
    let world = World::shared()?;
    let mail = json!({ "mail": "Tilda.Alias@Fabrikam.test" });
    let tilda = world.hire("tilda", mail, true)?;
    world.provision()?;
    for address in ["tilda@contoso.test", "TILDA@Contoso.TEST", "tilda.alias@fabrikam.test"] {
        let (applicant, request) = world.sign_in(&tilda)?;
        let ask = IssueUserRequest { asked_as: Some(address.to_owned()), ..request };
        world.issue(&applicant.signed(ask)?)?;
    }
    let (applicant, request) = world.sign_in(&tilda)?;
    let ask = IssueUserRequest { asked_as: Some("tilda@contoso.test.evil".to_owned()), ..request };
    world.refused(&applicant.signed(ask)?, ProblemCode::WrongPerson)?;
    Ok(())
}

#[test]
fn a_guest() -> Result<()> {
    let world = World::shared()?;
    let guest = json!({ "guest": true });
    let uma = world.hire("uma_fabrikam.test#EXT#@contoso.test", guest, true)?;
    world.provision()?;
    let (_, request) = world.sign_in(&uma)?;
    world.refused(&request, ProblemCode::GuestRefused)?;
    Ok(())
}

#[test]
fn a_guest_that_only_the_directory_knows_for_one() -> Result<()> {
    let world = World::shared()?;
    let ulla = world.engineer("ulla")?;
    let found =
        world.scim(Method::GET, "/Users?filter=userName+eq+%22ulla%40contoso.test%22", None)?.json()?;
    let id = found["Resources"][0]["id"].as_str().unwrap_or_default().to_owned();
    let patch = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "Add", "path": "userType", "value": "Guest" }] });
    assert_eq!(world.scim(Method::PATCH, &format!("/Users/{id}"), Some(&patch))?.status, 200);
    let (_, request) = world.sign_in(&ulla)?;
    world.refused(&request, ProblemCode::GuestRefused)?;
    Ok(())
}

#[test]
fn a_guest_where_guests_are_welcome() -> Result<()> {
    let world = World::new(&[], &[("SALLYPORT_CA_LOGIN_GUESTS", "true")])?;
    let udo = world.hire("udo_fabrikam.test#EXT#@contoso.test", json!({ "guest": true }), true)?;
    world.provision()?;
    let reply = world.log_in(&udo)?.1;
    assert!(reply.principals.contains(&"udo".to_owned()), "{reply:?}");
    Ok(())
}
