//! The device code grant: the terminal on one side, the person's browser on the other.

use std::collections::BTreeMap;

use sallyport_entra_sim::Sim;
use serde_json::{Value, json};

use crate::common::*;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
const NAME: &str = "mara.lind@contoso.test";
const PASSWORD: &str = "correct horse";

async fn begin(sim: &Sim) -> Value {
    let url = format!("{}/{TENANT}/oauth2/v2.0/devicecode", sim.base());
    let (status, body) =
        post_form(&url, &[("client_id", CLIENT), ("scope", "openid profile offline_access")]).await;
    assert_eq!(status, 200);
    body
}

async fn poll(sim: &Sim, device: &Value) -> (u16, Value) {
    let code = device["device_code"].as_str().unwrap();
    token(sim, &[("client_id", CLIENT), ("grant_type", GRANT), ("device_code", code)]).await
}

/// Types the code and signs in; gives the forms of the confirmation page.
async fn confirmation(device: &Value) -> Vec<(String, BTreeMap<String, String>)> {
    let mut browser = Browser::new();
    let page = browser.get(device["verification_uri"].as_str().unwrap()).await;
    let (action, mut fields) = forms(&page.text().await.unwrap()).remove(0);
    fields.insert("otc".to_owned(), device["user_code"].as_str().unwrap().to_lowercase());
    let page = browser.post(&action, &fields).await;
    let (action, mut fields) = forms(&page.text().await.unwrap()).remove(0);
    fields.insert("loginfmt".to_owned(), NAME.to_owned());
    fields.insert("passwd".to_owned(), PASSWORD.to_owned());
    let html = browser.post(&action, &fields).await.text().await.unwrap();
    assert!(html.contains(device["user_code"].as_str().unwrap()), "the person sees what they confirm");
    forms(&html)
}

fn refused(answer: &(u16, Value)) -> (u16, &str, u64) {
    (answer.0, answer.1["error"].as_str().unwrap(), answer.1["error_codes"][0].as_u64().unwrap())
}

#[tokio::test]
async fn the_answer_has_exactly_entras_members() {
    let sim = start().await;
    let device = begin(&sim).await;
    let members: Vec<&str> = device.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        members,
        ["device_code", "expires_in", "interval", "message", "user_code", "verification_uri"]
    );
    assert_eq!((&device["expires_in"], &device["interval"]), (&json!(900), &json!(5)));
    let code = device["user_code"].as_str().unwrap();
    assert!(code.len() == 9 && code.bytes().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()));
    let page = format!("{}/devicelogin", sim.base());
    let message = format!(
        "To sign in, use a web browser to open the page {page} and enter the code {code} to authenticate."
    );
    assert_eq!((&device["verification_uri"], &device["message"]), (&json!(page), &json!(message)));
}

#[tokio::test]
async fn pending_then_confirmed_then_used_up() {
    let sim = start().await;
    let device = begin(&sim).await;
    let pending = poll(&sim, &device).await;
    assert_eq!(refused(&pending), (400, "authorization_pending", 70_016));
    for member in ["error_description", "timestamp", "trace_id", "correlation_id", "error_uri"] {
        assert!(pending.1[member].is_string(), "{member}");
    }
    let (action, fields) = confirmation(&device).await.remove(0);
    assert_eq!(refused(&poll(&sim, &device).await).1, "authorization_pending", "signed in is not confirmed");
    let code = device["device_code"].as_str().unwrap();
    let old_name = [("client_id", CLIENT), ("grant_type", "device_code"), ("device_code", code)];
    assert_eq!(refused(&token(&sim, &old_name).await).1, "authorization_pending", "MSAL for Node.js says so");
    let page = Browser::new().post(&action, &fields).await;
    assert!(page.text().await.unwrap().contains("You have signed in"));
    let (status, body) = poll(&sim, &device).await;
    assert_eq!(status, 200);
    let claims = verified(&sim, body["id_token"].as_str().unwrap()).await;
    assert_eq!(claims["oid"], MARA);
    assert!(claims.get("nonce").is_none());
    assert!(body["refresh_token"].is_string());
    assert_eq!(refused(&poll(&sim, &device).await).0, 400);
}

#[tokio::test]
async fn declined_expired_unknown_and_disabled() {
    let sim = start().await;
    let device = begin(&sim).await;
    let (action, fields) = confirmation(&device).await.remove(1);
    Browser::new().post(&action, &fields).await;
    assert_eq!(refused(&poll(&sim, &device).await).1, "authorization_declined");

    let unknown = json!({ "device_code": "nonsense" });
    assert_eq!(refused(&poll(&sim, &unknown).await), (400, "bad_verification_code", 70_018));

    let device = begin(&sim).await;
    let (action, fields) = confirmation(&device).await.remove(0);
    Browser::new().post(&action, &fields).await;
    sim.set_enabled(MARA, false).unwrap();
    assert_eq!(refused(&poll(&sim, &device).await), (400, "invalid_grant", 50_057));

    let device = begin(&sim).await;
    sim.set_clock_offset(901);
    assert_eq!(refused(&poll(&sim, &device).await), (400, "expired_token", 70_019));
}

#[tokio::test]
async fn public_client_flows_can_be_off() {
    let sim = start().await;
    sim.edit(|tenant| {
        tenant.app.allow_public_client = false;
        Ok(())
    })
    .unwrap();
    let url = format!("{}/{TENANT}/oauth2/v2.0/devicecode", sim.base());
    let answer = post_form(&url, &[("client_id", CLIENT), ("scope", "openid")]).await;
    assert_eq!(refused(&answer), (401, "invalid_client", 7_000_218));
}

#[tokio::test]
async fn a_wrong_code_or_password_stays_on_its_page() {
    let sim = start().await;
    let page = format!("{}/devicelogin", sim.base());
    let form = |pairs: &[(&str, &str)]| pairs.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect();
    let html = Browser::new().post(&page, &form(&[("otc", "WRONGCODE")])).await.text().await.unwrap();
    assert!(html.contains("did not work"));
    let device = begin(&sim).await;
    let code = device["user_code"].as_str().unwrap();
    let wrong = form(&[("otc", code), ("loginfmt", NAME), ("passwd", "wrong")]);
    assert!(Browser::new().post(&page, &wrong).await.text().await.unwrap().contains("AADSTS50126"));
    let forged = form(&[("otc", code), ("ctx", "made-up"), ("decision", "continue")]);
    Browser::new().post(&page, &forged).await;
    assert_eq!(refused(&poll(&sim, &device).await).1, "authorization_pending");
}
