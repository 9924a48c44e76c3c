//! Requests that are no requests.

use anyhow::Result;
use reqwest::Method;
use sallyport_protocol::{IssueUserRequest, ProblemCode, path};
use sallyport_tests::World;
use serde_json::{Value, json};

fn post(world: &World, body: impl Into<reqwest::Body>) -> Result<sallyport_protocol::Problem> {
    let request =
        world.request(Method::POST, path::USER_CERTIFICATE).header("content-type", "application/json");
    world.send(request.body(body))?.problem()
}

#[test]
fn malformed_json_is_named_by_its_place() -> Result<()> {
    let world = World::shared()?;
    let whole = json!({ "id_token": "t", "public_key": "k", "signature": "s" });
    let with = |key: &str, value: Value| {
        let mut body = whole.clone();
        body[key] = value;
        body.to_string()
    };
    let cases = [
        (String::new(), "EOF"),
        ("{".to_owned(), "EOF"),
        ("[]".to_owned(), "expected"),
        ("{}".to_owned(), "id_token"),
        (with("ttl_seconds", json!("8h")), "ttl_seconds"),
        (with("ttl_seconds", json!(-1)), "ttl_seconds"),
        (with("previous", json!({ "certificate": 1 })), "previous.certificate"),
        (with("surprise", json!(1)), "surprise"),
        (format!("{whole} {whole}"), "follows"),
    ];
    for (body, place) in cases {
        let problem = post(&world, body.clone())?;
        assert_eq!(problem.code, ProblemCode::Malformed, "{body}: {problem}");
        assert!(problem.detail.contains(place), "{body}: {problem}");
    }
    Ok(())
}

#[test]
fn a_malformed_request_does_not_come_back() -> Result<()> {
    let world = World::shared()?;
    let problem = post(&world, r#"{"id_token": 1, "secret": "canary"}"#)?;
    assert!(!problem.detail.contains("canary"), "{problem}");
    Ok(())
}

#[test]
fn a_body_over_the_limit() -> Result<()> {
    let world = World::shared()?;
    let body = json!({ "id_token": "x".repeat(70_000), "public_key": "k", "signature": "s" });
    assert_eq!(post(&world, body.to_string())?.code, ProblemCode::TooLarge);
    Ok(())
}

#[test]
fn an_address_with_line_breaks() -> Result<()> {
    let world = World::shared()?;
    let someone = world.engineer("request-lines")?;
    let (applicant, request) = world.sign_in(&someone)?;
    for address in ["request-lines@contoso.test\n", "a\nb", "\u{85}", &"x".repeat(400)] {
        let ask = IssueUserRequest { asked_as: Some(address.to_owned()), ..request.clone() };
        world.refused(&applicant.signed(ask)?, ProblemCode::Malformed)?;
    }
    Ok(())
}

#[test]
fn nobody_is_at_home() -> Result<()> {
    let world = World::shared()?;
    for path in
        ["/", "/v1", "/v1/certificates", "/v1/certificates/user/", "/v1/certificates/USER", "/index.html"]
    {
        let problem = world.send(world.request(Method::GET, path))?.problem()?;
        assert_eq!(problem.code, ProblemCode::NotFound, "{path}");
    }
    let problem = world.send(world.request(Method::GET, path::USER_CERTIFICATE))?.problem()?;
    assert_eq!(problem.code, ProblemCode::MethodNotAllowed);
    Ok(())
}

#[test]
fn an_authorization_header_says_nothing_here() -> Result<()> {
    let world = World::shared()?;
    let someone = world.engineer("request-authorization")?;
    for header in ["Bearer nonsense", "Sallyport v1,key=x", &format!("Bearer {}", world.scim_token)] {
        let (_, ask) = world.sign_in(&someone)?;
        let request = world.request(Method::POST, path::USER_CERTIFICATE).header("authorization", header);
        assert_eq!(world.send(request.json(&ask))?.status, 200, "{header}");
    }
    Ok(())
}
