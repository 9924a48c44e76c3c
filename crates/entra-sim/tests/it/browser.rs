//! The authorization code flow as a browser and a public client see it.

use crate::common::*;
use serde_json::json;

#[tokio::test]
async fn mara_signs_in_and_gets_a_token_with_the_nonce() {
    let sim = start().await;
    let url = authorize_url(&sim, &[]);
    let back = sign_in(&mut Browser::new(), &url, "Mara.Lind@contoso.test", "correct horse").await;
    let location = back.headers()["location"].to_str().unwrap().to_owned();
    assert!(location.starts_with("http://localhost:53682/?code="), "{location}");
    let answer = landed(&back);
    assert_eq!(answer["state"], "st&te");
    assert!(answer.contains_key("session_state") && !answer.contains_key("iss"));

    let (status, body) = redeem(&sim, &answer["code"]).await;
    assert_eq!(status, 200);
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["scope"], "openid profile");
    assert!(body["refresh_token"].is_string() && body["access_token"].is_string());
    assert_eq!(body["expires_in"], body["ext_expires_in"]);
    assert!(body.get("client_info").is_none() && body.get("foci").is_none());
    let claims = verified(&sim, body["id_token"].as_str().unwrap()).await;
    assert_eq!(claims["iss"], sim.issuer());
    assert_eq!(claims["aud"], CLIENT);
    assert_eq!((&claims["oid"], &claims["tid"]), (&json!(MARA), &json!(TENANT)));
    assert_eq!(claims["nonce"], "n-1");

    let (status, again) = redeem(&sim, &answer["code"]).await;
    assert_eq!(
        (status, &again["error"], &again["error_codes"]),
        (400, &json!("invalid_grant"), &json!([54005]))
    );
}

#[tokio::test]
async fn the_page_carries_the_request_and_prefills_the_hint() {
    let sim = start().await;
    let url = authorize_url(&sim, &[("login_hint", "o\"<mar@contoso.test")]);
    let page = Browser::new().get(&url).await;
    assert_eq!(page.headers()["x-frame-options"], "DENY");
    let (action, fields) = forms(&page.text().await.unwrap()).pop().unwrap();
    assert_eq!(action, format!("{}/{TENANT}/oauth2/v2.0/authorize", sim.base()));
    assert_eq!(fields["state"], "st&te");
    assert_eq!(fields["loginfmt"], "o\"<mar@contoso.test");
}

#[tokio::test]
async fn wrong_people_stay_on_the_page_and_are_told_why() {
    let sim = start().await;
    for (name, password, why) in [
        ("mara.lind@contoso.test", "wrong", "AADSTS50126"),
        ("nobody@contoso.test", "x", "AADSTS50034"),
        ("idle@contoso.test", "idle", "AADSTS50057"),
    ] {
        let page = sign_in(&mut Browser::new(), &authorize_url(&sim, &[]), name, password).await;
        assert_eq!(page.status(), 200);
        let html = page.text().await.unwrap();
        assert!(html.contains(why), "{name}: {html}");
        assert_eq!(forms(&html).pop().unwrap().1["loginfmt"], name);
    }
}

#[tokio::test]
async fn nothing_is_sent_to_an_address_that_is_not_registered() {
    let sim = start().await;
    for (change, why) in [
        (("redirect_uri", "http://localhost:1/cb"), "AADSTS50011"),
        (("redirect_uri", "https://evil.test"), "AADSTS50011"),
        (("client_id", TENANT), "AADSTS700016"),
        (("client_id", ""), "AADSTS900144"),
    ] {
        let page = Browser::new().get(&authorize_url(&sim, &[change])).await;
        assert_eq!(page.status(), 400);
        assert!(page.text().await.unwrap().contains(why), "{change:?}");
    }
    let common = authorize_url(&sim, &[]).replace(TENANT, "common");
    assert!(Browser::new().get(&common).await.text().await.unwrap().contains("AADSTS50194"));
}

#[tokio::test]
async fn a_bad_request_goes_back_with_its_state() {
    let sim = start().await;
    for (change, error, code) in [
        (("code_challenge", ""), "invalid_request", "AADSTS50147"),
        (("code_challenge", "short"), "invalid_request", "AADSTS501491"),
        (("response_type", "id_token"), "unsupported_response_type", "AADSTS70005"),
        (("scope", ""), "invalid_request", "AADSTS900144"),
        (("prompt", "none"), "login_required", "AADSTS50058"),
    ] {
        let answer = landed(&Browser::new().get(&authorize_url(&sim, &[change])).await);
        assert_eq!(answer["error"], error, "{change:?}");
        assert!(answer["error_description"].starts_with(code), "{answer:?}");
        assert_eq!(answer["state"], "st&te");
    }
}

#[tokio::test]
async fn fragment_and_form_post_bring_the_code_too() {
    let sim = start().await;
    let url = authorize_url(&sim, &[("response_mode", "fragment")]);
    let back = sign_in(&mut Browser::new(), &url, "mara.lind@contoso.test", "correct horse").await;
    assert!(back.headers()["location"].to_str().unwrap().starts_with("http://localhost:53682/#code="));
    let url = authorize_url(&sim, &[("response_mode", "form_post")]);
    let back = sign_in(&mut Browser::new(), &url, "mara.lind@contoso.test", "correct horse").await;
    let (action, fields) = forms(&back.text().await.unwrap()).pop().unwrap();
    assert_eq!(action, REDIRECT);
    assert_eq!(fields["state"], "st&te");
    assert_eq!(redeem(&sim, &fields["code"]).await.0, 200);
}

#[tokio::test]
async fn a_session_signs_in_silently_until_the_person_is_disabled() {
    let sim = start().await;
    let mut browser = Browser::new();
    sign_in(&mut browser, &authorize_url(&sim, &[]), "mara.lind@contoso.test", "correct horse").await;
    let none = authorize_url(&sim, &[("prompt", "none")]);
    assert!(landed(&browser.get(&none).await).contains_key("code"));
    let other = authorize_url(&sim, &[("login_hint", "omar.haddad@contoso.test")]);
    assert_eq!(browser.get(&other).await.status(), 200);
    assert_eq!(browser.get(&authorize_url(&sim, &[("prompt", "login")])).await.status(), 200);
    sim.set_enabled(MARA, false).unwrap();
    assert_eq!(landed(&browser.get(&none).await)["error"], "login_required");
}

#[tokio::test]
async fn the_account_picker_and_the_consent_page_lead_back() {
    let sim = start().await;
    let mut browser = Browser::new();
    let url = authorize_url(&sim, &[("prompt", "consent")]);
    let page = sign_in(&mut browser, &url, "mara.lind@contoso.test", "correct horse").await;
    let mut both = forms(&page.text().await.unwrap());
    let (action, decline) = both.pop().unwrap();
    assert_eq!(landed(&browser.post(&action, &decline).await)["error"], "access_denied");
    let page = sign_in(&mut browser, &url, "mara.lind@contoso.test", "correct horse").await;
    let (action, accept) = forms(&page.text().await.unwrap()).remove(0);
    assert!(landed(&browser.post(&action, &accept).await).contains_key("code"));
    let page = browser.get(&authorize_url(&sim, &[("prompt", "select_account")])).await;
    let (action, pick) = forms(&page.text().await.unwrap()).remove(0);
    assert!(landed(&browser.post(&action, &pick).await).contains_key("code"));
}

#[tokio::test]
async fn a_code_is_worth_nothing_without_its_verifier_and_address() {
    let sim = start().await;
    let form = |change: (&'static str, &'static str)| {
        let mut form = std::collections::BTreeMap::from([
            ("client_id", CLIENT),
            ("grant_type", "authorization_code"),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ]);
        form.insert(change.0, change.1);
        form
    };
    for (change, status, error, number) in [
        (("code_verifier", "0000000000000000000000000000000000000000000"), 400, "invalid_grant", 501_481),
        (("redirect_uri", "http://localhost:53683"), 400, "invalid_grant", 500_112),
        (("code_verifier", ""), 400, "invalid_request", 900_144),
        (("client_secret", "s"), 401, "invalid_client", 700_025),
        (("client_id", TENANT), 400, "unauthorized_client", 700_016),
        (("grant_type", "password"), 400, "unsupported_grant_type", 70_003),
    ] {
        let back = sign_in(&mut Browser::new(), &authorize_url(&sim, &[]), MARA_UPN, "correct horse").await;
        let code = landed(&back).remove("code").unwrap();
        let mut form = form(change);
        form.insert("code", &code);
        let form: Vec<_> = form.into_iter().collect();
        let (got, body) = token(&sim, &form).await;
        assert_eq!(
            (got, &body["error"], &body["error_codes"]),
            (status, &json!(error), &json!([number])),
            "{change:?}"
        );
        for member in ["error_description", "timestamp", "trace_id", "correlation_id", "error_uri"] {
            assert!(body[member].is_string(), "{member}");
        }
    }
}

const MARA_UPN: &str = "mara.lind@contoso.test";

#[tokio::test]
async fn a_code_expires_after_ten_minutes() {
    let sim = start().await;
    let back = sign_in(&mut Browser::new(), &authorize_url(&sim, &[]), MARA_UPN, "correct horse").await;
    sim.set_clock_offset(601);
    assert_eq!(redeem(&sim, &landed(&back)["code"]).await.1["error_codes"], json!([70_008]));
}

#[tokio::test]
async fn refreshed_tokens_have_no_nonce_and_end_with_the_person() {
    let sim = start().await;
    let back = sign_in(&mut Browser::new(), &authorize_url(&sim, &[]), MARA_UPN, "correct horse").await;
    let (_, first) = redeem(&sim, &landed(&back)["code"]).await;
    let old = first["refresh_token"].as_str().unwrap().to_owned();
    let form = [("client_id", CLIENT), ("grant_type", "refresh_token"), ("refresh_token", old.as_str())];
    let (status, second) = token(&sim, &form).await;
    assert_eq!(status, 200);
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    let claims = verified(&sim, second["id_token"].as_str().unwrap()).await;
    assert!(claims.get("nonce").is_none());
    assert_ne!(claims["uti"], part(first["id_token"].as_str().unwrap(), 1)["uti"]);
    assert_eq!(token(&sim, &form).await.0, 200, "the replaced token stays good");
    sim.set_enabled(MARA, false).unwrap();
    let (status, body) = token(&sim, &form).await;
    assert_eq!(
        (status, &body["error"], &body["error_codes"]),
        (400, &json!("invalid_grant"), &json!([50_057]))
    );
    sim.set_enabled(MARA, true).unwrap();
    sim.set_clock_offset(5);
    sim.revoke_sessions(MARA).unwrap();
    assert_eq!(token(&sim, &form).await.1["error_codes"], json!([50_173]));
}

#[tokio::test]
async fn client_info_names_the_person_and_tenant_when_asked_for() {
    let sim = start().await;
    let back = sign_in(&mut Browser::new(), &authorize_url(&sim, &[]), MARA_UPN, "correct horse").await;
    let answer = landed(&back);
    let (_, body) = token(
        &sim,
        &[
            ("client_id", CLIENT),
            ("grant_type", "authorization_code"),
            ("code", &answer["code"]),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
            ("client_info", "1"),
        ],
    )
    .await;
    let info = part(body["client_info"].as_str().unwrap(), 0);
    assert_eq!(info, json!({ "uid": MARA, "utid": TENANT }));
}
