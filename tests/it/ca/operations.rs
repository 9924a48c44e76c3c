//! What operations see: metrics, and the alarms of the doctor and the log.

use std::time::Duration;

use anyhow::{Context as _, Result};
use reqwest::Method;
use sallyport_protocol::ProblemCode;
use sallyport_tests::{World, wait_until};
use serde_json::{Value, json};

const LONG: Duration = Duration::from_mins(2);

fn scraped(world: &World) -> Result<String> {
    let answer = world.send(world.request(Method::GET, "/metrics"))?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    Ok(answer.text())
}

/// The value of the sample with exactly this name and these labels.
fn sample(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

/// The first sample that begins so.
fn beginning<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    text.lines().find(|line| line.starts_with(start))
}

fn findings(world: &World) -> Result<Vec<Value>> {
    // Exit 1 when something does not work: what was found is on stdout all the same.
    let found = world.wait(world.admin()?.doctor())?;
    Ok(serde_json::from_value(serde_json::to_value(found)?)?)
}

fn log(world: &World) -> Result<String> {
    Ok(std::fs::read_to_string(world.folder().join("sallyport-ca.err"))?)
}

#[test]
fn metrics_count_operations_and_say_how_things_stand() -> Result<()> {
    let world = World::new(&["--host-domain", "*.corp.test"], &[])?;
    let someone = world.engineer("metrics-mara")?;
    world.log_in(&someone)?;
    let stranger = world.stranger("metrics-stranger")?;
    let (_, request) = world.sign_in(&stranger)?;
    world.refused(&request, ProblemCode::NoGrant)?;
    let missing = "/Users/01JABCDEFGHJKMNPQRSTVWXYZ0";
    assert_eq!(world.scim(Method::GET, missing, None)?.status, 404);
    let wrong = world.request(Method::GET, "/scim/v2/Users").bearer_auth("sps_canary");
    assert_eq!(world.send(wrong)?.status, 401);

    let text = scraped(&world)?;
    let requests = "sallyport_scim_requests_total";
    let counted = |labels: &str| sample(&text, &format!("{requests}{{{labels}}}"));
    let created = "connection=\"entra\",resource=\"users\",operation=\"create\",status=\"201\"";
    assert_eq!(counted(created), Some(2.0), "{text}");
    let read = "connection=\"entra\",resource=\"users\",operation=\"read\",status=\"404\"";
    assert_eq!(counted(read), Some(1.0), "{text}");
    let refused = "connection=\"\",resource=\"users\",operation=\"list\",status=\"401\"";
    assert_eq!(counted(refused), Some(1.0), "{text}");
    let seconds = "sallyport_scim_request_duration_seconds";
    let all = "resource=\"users\",operation=\"create\"";
    assert_eq!(sample(&text, &format!("{seconds}_count{{{all}}}")), Some(2.0), "{text}");
    assert_eq!(sample(&text, &format!("{seconds}_bucket{{le=\"+Inf\",{all}}}")), Some(2.0), "{text}");
    let certificates = "sallyport_certificates_total";
    assert_eq!(sample(&text, &format!("{certificates}{{kind=\"user\",outcome=\"issued\"}}")), Some(1.0));
    assert_eq!(sample(&text, &format!("{certificates}{{kind=\"user\",outcome=\"no_grant\"}}")), Some(1.0));
    let expiry = beginning(&text, "sallyport_scim_credential_expires_timestamp_seconds{connection=\"entra\"");
    let at: i64 = expiry.and_then(|line| line.rsplit(' ').next()).context("no expiry")?.parse()?;
    let listed = world.wait(world.admin()?.scim_tokens())?;
    assert_eq!(listed.iter().map(|token| token.expires_at.as_second()).collect::<Vec<_>>(), [at]);
    assert_eq!(sample(&text, "sallyport_scim_silent{connection=\"entra\"}"), Some(0.0), "{text}");
    assert!(
        beginning(&text, "sallyport_scim_last_request_timestamp_seconds{connection=\"entra\"}").is_some()
    );
    assert_eq!(sample(&text, "sallyport_hosts_behind"), Some(0.0), "{text}");
    for secret in ["canary", "metrics-mara", &someone.oid, &world.scim_token] {
        assert!(!text.contains(secret), "{secret} is in the metrics");
    }
    Ok(())
}

#[test]
fn every_metric_is_described_and_openmetrics_is_to_be_had() -> Result<()> {
    let world = World::shared()?;
    let text = scraped(&world)?;
    let described: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap_or_default();
        let parts = ["_bucket", "_sum", "_count"];
        let base = parts.iter().find_map(|part| name.strip_suffix(part)).unwrap_or(name);
        assert!(described.contains(&base) || described.contains(&name), "{name} has no type");
        let value = line.rsplit(' ').next().unwrap_or_default();
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
    let request = world.request(Method::GET, "/metrics");
    let answer = world.send(request.header("accept", "application/openmetrics-text; version=1.0.0"))?;
    assert!(answer.header("content-type").starts_with("application/openmetrics-text"));
    assert!(answer.text().ends_with("# EOF\n"));
    Ok(())
}

#[test]
fn a_directory_that_fell_silent_is_an_alarm_until_it_speaks() -> Result<()> {
    let world = World::new(&[], &[("SALLYPORT_CA_SCIM_SILENT_AFTER", "3s")])?;
    let silent = |text: &str| sample(text, "sallyport_scim_silent{connection=\"entra\"}");
    let is = |wanted: f64| {
        // Exactly 0 or 1.
        silent(&scraped(&world).ok()?).filter(|value| (value - wanted).abs() < 0.5).map(|_| ())
    };
    wait_until("the silence to show", LONG, || is(1.0))?;
    let found = findings(&world)?;
    let alarm = found.iter().find(|finding| finding["check"] == "scim_silent").context("no finding")?;
    assert_eq!(alarm["health"], "error", "{alarm}");
    assert!(alarm["remedy"].as_str().is_some_and(|remedy| remedy.contains("quarantine")), "{alarm}");
    world.ca.command(&["doctor"])?.refused()?;
    let told = || log(&world).ok()?.contains("has fallen silent").then_some(());
    wait_until("the log to tell", LONG, told)?;

    assert_eq!(world.scim(Method::GET, "/Users", None)?.status, 200);
    is(0.0).context("still silent")?;
    Ok(())
}

#[test]
fn a_directory_half_of_whose_operations_are_refused_is_told_before_it_stops() -> Result<()> {
    let world = World::new(&[], &[])?;
    let operations = |text: &str| {
        let of = |name: &str| sample(text, &format!("sallyport_{name}{{connection=\"entra\"}}"));
        Some((of("scim_operations_last_day")?, of("scim_operations_refused_last_day")?))
    };
    let (before, refused) = operations(&scraped(&world)?).context("no metric")?;
    assert!(refused < 0.5, "{refused} were refused");
    // As a mapping that sends some people twice.
    let cycle = 40_u8;
    for number in 0..cycle {
        let name = format!("refused-{number}@contoso.test");
        let user = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name });
        assert_eq!(world.scim(Method::GET, "/Users/01JABCDEFGHJKMNPQRSTVWXYZ0", None)?.status, 404);
        assert_eq!(world.scim(Method::POST, "/Users", Some(&user))?.status, 201);
        assert_eq!(world.scim(Method::POST, "/Users", Some(&user))?.status, 409);
    }
    let (all, refused) = operations(&scraped(&world)?).context("no metric")?;
    let cycle = f64::from(cycle);
    assert!((all - before - 2.0 * cycle).abs() < 0.5 && (refused - cycle).abs() < 0.5, "{refused} of {all}");
    let found = findings(&world)?;
    let alarm = found.iter().find(|finding| finding["check"] == "scim_operations").context("no finding")?;
    assert_eq!(alarm["health"], "warning", "{alarm}");
    assert!(alarm["remedy"].as_str().is_some_and(|remedy| remedy.contains("log --failed")), "{alarm}");
    let told = || log(&world).ok()?.contains("has many of its operations refused").then_some(());
    wait_until("the log to tell", LONG, told)
}

#[test]
fn the_end_of_a_credential_is_announced() -> Result<()> {
    let mut world = World::new(&[], &[])?;
    let create =
        |name: &str| world.ca.command(&["scim-token", "create", "--name", name, "--format", "json"])?.ok();
    let id = |json: String| -> Result<String> {
        let json: Value = serde_json::from_str(&json)?;
        Ok(json["id"].as_str().context("no id")?.to_owned())
    };
    let (soon, fine) = (id(create("ends-soon")?)?, id(create("ends-late")?)?);
    world.ca.command(&["scim-token", "create", "--name", "for-an-hour", "--ttl", "1h"])?.ok()?;
    world.ca.stop()?;
    // A year later, but for five days.
    let store = rusqlite::Connection::open(world.ca.folder().join("sallyport.db"))?;
    let year = 360_i64 * 24 * 3600 * 1_000_000;
    let aged =
        "UPDATE scim_tokens SET created_at = created_at - ?1, expires_at = expires_at - ?1 WHERE id = ?2";
    assert_eq!(store.execute(aged, rusqlite::params![year, soon])?, 1);
    drop(store);
    world.ca.start()?;
    let told = || log(&world).ok()?.contains("a SCIM credential expires soon").then_some(());
    wait_until("the log to tell", LONG, told)?;
    let found = findings(&world)?;
    let ending: Vec<_> = found.iter().filter(|finding| finding["check"] == "scim_expiry").collect();
    assert_eq!(ending.len(), 1, "{found:?}");
    assert_eq!(ending[0]["health"], "warning");
    let text = ending[0].to_string();
    assert!(text.contains("ends-soon") && text.contains(&format!("extend {soon}")), "{text}");
    assert!(!text.contains(&fine), "{text}");

    world.ca.command(&["scim-token", "extend", "ends-soon"])?.ok()?;
    let found = findings(&world)?;
    assert!(found.iter().all(|finding| finding["check"] != "scim_expiry"), "{found:?}");
    Ok(())
}

#[test]
fn the_doctor_says_that_the_server_does_not_run() -> Result<()> {
    let mut world = World::new(&[], &[])?;
    let found: Value = serde_json::from_str(&world.ca.command(&["doctor", "--format", "json"])?.ok()?)?;
    let checks = |found: &Value| -> Vec<String> {
        let names = found.as_array().into_iter().flatten().filter_map(|finding| finding["check"].as_str());
        names.map(str::to_owned).collect()
    };
    for check in ["scim_credentials", "scim_silent", "hosts"] {
        assert!(checks(&found).contains(&check.to_owned()), "{found}");
    }
    assert!(!checks(&found).contains(&"server".to_owned()), "{found}");
    world.ca.stop()?;
    let found: Value = serde_json::from_str(&world.ca.command(&["doctor", "--format", "json"])?.ok()?)?;
    assert_eq!((&found[0]["check"], &found[0]["health"]), (&json!("server"), &json!("warning")), "{found}");
    Ok(())
}
