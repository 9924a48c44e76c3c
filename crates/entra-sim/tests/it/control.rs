//! Changing the tenant from another process, and forging tokens.

use reqwest::Method;
use sallyport_entra_sim::{
    ControlClient, MintKey, MintRequest, Options, SelfSigned, Sim, Tenant, http_client,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::common::*;

fn control(sim: &Sim) -> ControlClient {
    ControlClient::new(client(), sim.issuer().parse().unwrap())
}

fn request(value: Value) -> MintRequest {
    serde_json::from_value(value).unwrap()
}

#[tokio::test]
async fn users_and_groups_change_while_it_runs() {
    let sim = start().await;
    let control = control(&sim);
    let user = json!({ "upn": "new@contoso.test", "password": "p" });
    let oid = control.call(Method::POST, &["users"], &[], Some(&user)).await.unwrap()["oid"].clone();
    let oid = oid.as_str().unwrap();
    let twice = control.call(Method::POST, &["users"], &[], Some(&user)).await.unwrap_err();
    assert!(twice.to_string().contains("new@contoso.test"), "{twice}");
    control.call(Method::PUT, &["groups", "ssh-prod-admins", "members", oid], &[], None).await.unwrap();
    control.call(Method::PATCH, &["users", oid], &[], Some(&json!({ "enabled": false }))).await.unwrap();
    let tenant = control.directory().await.unwrap();
    assert!(!tenant.user("new@contoso.test").unwrap().enabled);
    assert_eq!(tenant.groups[0].members.len(), 2);
    control.call(Method::DELETE, &["users", "new@contoso.test"], &[("hard", "true")], None).await.unwrap();
    assert!(sim.tenant().user(oid).is_none());
    let missing = control.call(Method::DELETE, &["users", oid], &[], None).await.unwrap_err();
    assert!(missing.to_string().contains("no user"), "{missing}");
    let unknown = json!({ "nmae": "x" });
    assert!(control.call(Method::PATCH, &["users", MARA], &[], Some(&unknown)).await.is_err());
}

#[tokio::test]
async fn a_forged_token_says_what_it_is_told_to_say() {
    let sim = start().await;
    let other = json!({ "user": MARA, "nonce": "n", "claims": { "tid": CLIENT, "exp": null, "extra": [1] } });
    let claims = verified(&sim, &sim.mint(&request(other)).unwrap()).await;
    assert_eq!(
        (&claims["tid"], &claims["extra"], &claims["nonce"]),
        (&json!(CLIENT), &json!([1]), &json!("n"))
    );
    assert!(claims.get("exp").is_none());

    let fresh = sim.mint(&request(json!({ "user": MARA }))).unwrap();
    let old = sim.mint(&request(json!({ "user": MARA, "age": 3600 }))).unwrap();
    let iat = |token: &str| part(token, 1)["iat"].as_i64().unwrap();
    assert!((3599..=3601).contains(&(iat(&fresh) - iat(&old))));

    let none = sim.mint(&request(json!({ "user": MARA, "header": { "alg": "none", "kid": null } }))).unwrap();
    assert!(none.ends_with('.'));
    assert_eq!(part(&none, 0), json!({ "alg": "none", "typ": "JWT" }));
    assert!(sim.mint(&request(json!({ "user": "nobody@contoso.test" }))).is_err());
}

#[tokio::test]
async fn the_hs256_forgery_is_keyed_with_the_public_key() {
    let sim = start().await;
    let token = sim.mint(&request(json!({ "user": MARA, "header": { "alg": "HS256" } }))).unwrap();
    let signature = token.rsplit('.').next().unwrap();
    // 32 bytes: an HMAC, not a signature of the modulus' length.
    assert_eq!(signature.len(), 43);
    assert_eq!(part(&token, 0)["alg"], "HS256");
}

#[tokio::test]
async fn a_foreign_key_bears_a_known_name() {
    let sim = start().await;
    let own = sim.mint(&MintRequest { user: Some(MARA.to_owned()), ..MintRequest::default() }).unwrap();
    let foreign =
        MintRequest { user: Some(MARA.to_owned()), key: MintKey::Foreign, ..MintRequest::default() };
    let foreign = sim.mint(&foreign).unwrap();
    assert_eq!(part(&own, 0), part(&foreign, 0));
    let task = tokio::spawn(async move { verified(&sim, &foreign).await });
    assert!(task.await.unwrap_err().is_panic(), "the signature must not verify");
}

#[tokio::test]
async fn keys_rotate_with_and_without_the_old_one() {
    let sim = start().await;
    let old = sim.mint(&MintRequest { user: Some(MARA.to_owned()), ..MintRequest::default() }).unwrap();
    let kid = sim.rotate_keys(true).unwrap();
    let new = sim.mint(&MintRequest { user: Some(MARA.to_owned()), ..MintRequest::default() }).unwrap();
    assert_eq!(part(&new, 0)["kid"], json!(kid));
    verified(&sim, &old).await;
    verified(&sim, &new).await;
    let retired = MintRequest { key: MintKey::Retired, ..MintRequest::default() };
    assert_eq!(part(&sim.mint(&retired).unwrap(), 0), part(&old, 0));
    let body = json!({ "keep_old": false });
    control(&sim).call(Method::POST, &["keys", "rotate"], &[], Some(&body)).await.unwrap();
    let keys = format!("{}/{TENANT}/discovery/v2.0/keys", sim.base());
    let keys: Value = client().get(keys).send().await.unwrap().json().await.unwrap();
    assert_eq!(keys["keys"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn discovery_names_the_tenant_or_a_template() {
    let sim = start().await;
    let get = async |path: &str| {
        let url = format!("{}/{path}/v2.0/.well-known/openid-configuration", sim.base());
        let response = client().get(url).send().await.unwrap();
        (response.status().as_u16(), response.json::<Value>().await.unwrap())
    };
    let (_, own) = get(TENANT).await;
    assert_eq!(own["issuer"], sim.issuer());
    assert!(own.get("code_challenge_methods_supported").is_none());
    assert_eq!(own["token_endpoint"], format!("{}/{TENANT}/oauth2/v2.0/token", sim.base()));
    assert_eq!(get("contoso.test").await.1["issuer"], sim.issuer());
    assert_eq!(get("common").await.1["issuer"], format!("{}/{{tenantid}}/v2.0", sim.base()));
    let (status, unknown) = get(CLIENT).await;
    assert_eq!((status, &unknown["error_codes"]), (400, &json!([90_002])));
}

#[tokio::test]
async fn over_tls_only_its_root_is_needed() {
    let dir = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tls = SelfSigned::generate(listener.local_addr().unwrap().ip(), Some("login.contoso.test")).unwrap();
    let root = dir.path().join("root.pem");
    std::fs::write(&root, tls.root_pem()).unwrap();
    let options = Options { tls: Some(tls), ..Options::default() };
    let sim = Sim::start(Tenant::from_toml(FILE).unwrap(), listener, options).unwrap();
    assert!(sim.issuer().starts_with("https://127.0.0.1:"));
    let port = sim.address().port();
    let trusting = http_client(&[root]).unwrap();
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("https://{host}:{port}/{TENANT}/discovery/v2.0/keys");
        assert_eq!(trusting.get(url).send().await.unwrap().status(), 200);
    }
    let url = format!("https://localhost:{port}/{TENANT}/discovery/v2.0/keys");
    assert!(http_client(&[]).unwrap().get(url).send().await.is_err());
    assert!(http_client(&[dir.path().join("absent.pem")]).is_err());
}

#[tokio::test]
async fn a_dropped_simulator_answers_no_more() {
    let sim = start().await;
    let url = format!("{}/devicelogin", sim.base());
    let browser = client();
    assert_eq!(browser.get(&url).send().await.unwrap().status(), 200);
    drop(sim);
    let mut answered = true;
    for _ in 0..100 {
        answered = browser.get(&url).send().await.is_ok();
        if !answered {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert!(!answered);
}
