//! What lets a directory write: rotation, ends and their extension, Basic, OAuth, source networks, wrong ones.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, Result};
use reqwest::{Method, RequestBuilder};
use sallyport_entra_sim::provision::{Credential, Cycle, Mapping, Provisioner};
use sallyport_tests::world::Answer;
use sallyport_tests::{World, wait_until};
use serde_json::Value;

const LONG: Duration = Duration::from_secs(30);
const USERS: &str = "/scim/v2/Users";

fn users(world: &World) -> RequestBuilder {
    world.request(Method::GET, USERS)
}

fn status(world: &World, request: RequestBuilder) -> Result<u16> {
    let answer = world.send(request)?;
    if answer.status != 200 {
        assert_eq!(answer.header("content-type"), "application/scim+json", "{}", answer.text());
    }
    Ok(answer.status)
}

fn with_token(world: &World, token: &str) -> Result<u16> {
    status(world, users(world).bearer_auth(token))
}

/// Everything about a new credential, as JSON: id, token, kind.
fn created(world: &World, arguments: &[&str]) -> Result<(String, String)> {
    let command = [&["scim-token", "create", "--format", "json"], arguments].concat();
    let created: Value = serde_json::from_str(&world.ca.command(&command)?.ok()?)?;
    let text = |key: &str| created[key].as_str().map(str::to_owned).with_context(|| format!("no {key}"));
    Ok((text("id")?, text("token")?))
}

fn listed(world: &World, id: &str) -> Result<Value> {
    let list = world.ca.command(&["scim-token", "list", "--format", "json"])?.ok()?;
    let list: Value = serde_json::from_str(&list)?;
    let found = list.as_array().and_then(|list| list.iter().find(|token| token["id"] == id));
    found.cloned().with_context(|| format!("{id} is not in {list}"))
}

#[test]
fn two_tokens_live_at_once_while_one_takes_over() -> Result<()> {
    let world = World::shared()?;
    let (old, new) = (created(&world, &["--name", "rotated"])?, created(&world, &["--name", "rotated"])?);
    assert_eq!((with_token(&world, &old.1)?, with_token(&world, &new.1)?), (200, 200));
    let refused = world.ca.command(&["scim-token", "revoke", "rotated"])?.refused()?;
    assert!(refused.contains(&old.0) && refused.contains(&new.0), "two bear the name: {refused}");
    world.ca.command(&["scim-token", "revoke", &old.0])?.ok()?;
    assert_eq!((with_token(&world, &old.1)?, with_token(&world, &new.1)?), (401, 200));
    let seen = listed(&world, &new.0)?;
    assert!(seen["last_used_at"].is_string() && seen["connection"] == "entra", "{seen}");
    world.ca.command(&["scim-token", "revoke", "rotated"])?.ok()?;
    assert_eq!(with_token(&world, &new.1)?, 401, "the only one left of that name");
    let refused = world.ca.command(&["scim-token", "extend", &new.0])?.refused()?;
    assert!(refused.contains("revoked"), "{refused}");
    Ok(())
}

#[test]
fn a_token_lives_a_year_and_one_that_expired_can_be_extended() -> Result<()> {
    let world = World::shared()?;
    let (id, _) = created(&world, &[])?;
    let seen = listed(&world, &id)?;
    let time = |key: &str| -> Result<jiff::Timestamp> { Ok(seen[key].as_str().context("no time")?.parse()?) };
    assert_eq!(time("expires_at")?.duration_since(time("created_at")?).as_hours(), 365 * 24);

    let (id, token) = created(&world, &["--name", "short", "--ttl", "1s"])?;
    wait_until("a token to expire", LONG, || (with_token(&world, &token).ok()? == 401).then_some(()))?;
    world.ca.command(&["scim-token", "extend", "short", "--ttl", "30d"])?.ok()?;
    assert_eq!(with_token(&world, &token)?, 200, "nothing had to change in Entra");
    assert_eq!(world.record()?.with("scim_token.extended", "token", &id).len(), 1);
    let refused = world.ca.command(&["scim-token", "extend", "short", "--ttl", "1000d"])?.refused()?;
    assert!(refused.contains("730 days"), "{refused}");
    world.ca.command(&["scim-token", "extend", "nobody"])?.refused()?;
    Ok(())
}

#[test]
fn a_user_with_a_password() -> Result<()> {
    let world = World::shared()?;
    let (user, password) = created(&world, &["--kind", "basic"])?;
    let as_user = |user: &str, password: &str| status(&world, users(&world).basic_auth(user, Some(password)));
    assert_eq!(as_user(&user, &password)?, 200);
    let (_, other) = created(&world, &["--kind", "basic"])?;
    for (user, wrong) in [(user.as_str(), other.as_str()), ("", &password), ("root", &password), (&user, "")]
    {
        assert_eq!(as_user(user, wrong)?, 401, "{user}");
    }
    assert_eq!(as_user(&user, &world.scim_token)?, 401, "a token is no password");
    assert_eq!(with_token(&world, &password)?, 401, "a password is no token");
    for broken in ["Basic", "Basic !!!", "Basic bm9jb2xvbg=="] {
        assert_eq!(status(&world, users(&world).header("authorization", broken))?, 401, "{broken}");
    }
    let answer = world.send(users(&world))?;
    let offered: Vec<_> =
        answer.headers.get_all("www-authenticate").iter().filter_map(|value| value.to_str().ok()).collect();
    assert_eq!(offered, ["Bearer", "Basic realm=\"Sallyport\""]);
    let text = world.ca.command(&["scim-token", "create", "--kind", "basic"])?.ok()?;
    assert!(text.starts_with("user ") && text.contains("\npassword  spp_"), "{text}");
    Ok(())
}

fn ask(world: &World, form: &str) -> RequestBuilder {
    let request = world.request(Method::POST, "/scim/token");
    request.header("content-type", "application/x-www-form-urlencoded").body(form.to_owned())
}

fn error(answer: &Answer, status: u16, code: &str) -> Result<()> {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.json()?["error"], code);
    assert_eq!(answer.header("cache-control"), "no-store");
    Ok(())
}

#[test]
fn an_oauth_client_shows_its_secret_in_form_or_header() -> Result<()> {
    let world = World::shared()?;
    let (client, secret) = created(&world, &["--kind", "oauth", "--name", "gallery"])?;
    let form =
        format!("grant_type=client_credentials&client_id={client}&client_secret={secret}&scope=ignored");
    let in_header = ask(&world, "grant_type=client_credentials").basic_auth(&client, Some(&secret));
    for request in [ask(&world, &form), in_header, ask(&world, &form).basic_auth(&client, Some(&secret))] {
        let answer = world.send(request)?;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!((answer.header("cache-control"), answer.header("pragma")), ("no-store", "no-cache"));
        let body = answer.json()?;
        assert_eq!((&body["token_type"], &body["expires_in"]), (&"Bearer".into(), &3600.into()));
        assert_eq!(with_token(&world, body["access_token"].as_str().context("no token")?)?, 200);
    }
    assert_eq!(with_token(&world, &secret)?, 401, "the secret itself opens nothing");
    assert_eq!(status(&world, users(&world).basic_auth(&client, Some(&secret)))?, 401);

    let (_, other) = created(&world, &["--kind", "oauth"])?;
    let wrong = form.replace(&secret, &other);
    error(&world.send(ask(&world, &wrong))?, 401, "invalid_client")?;
    error(&world.send(ask(&world, &wrong).basic_auth(&client, Some(&secret)))?, 400, "invalid_request")?;
    error(&world.send(ask(&world, "grant_type=client_credentials"))?, 401, "invalid_client")?;
    let password = form.replace("client_credentials", "password");
    error(&world.send(ask(&world, &password))?, 400, "unsupported_grant_type")?;
    let without = form.replace("grant_type=client_credentials&", "");
    error(&world.send(ask(&world, &without))?, 400, "invalid_request")?;
    let twice = format!("{form}&client_secret={other}");
    error(&world.send(ask(&world, &twice))?, 400, "invalid_request")?;
    error(&world.send(ask(&world, &format!("{form}&x={}", "y".repeat(10_000))))?, 400, "invalid_request")?;
    Ok(())
}

#[test]
fn an_access_token_ends_with_its_client_and_outlives_a_restart() -> Result<()> {
    let mut world = World::new(&[], &[])?;
    let (client, secret) = created(&world, &["--kind", "oauth", "--name", "gallery"])?;
    let form = format!("grant_type=client_credentials&client_id={client}&client_secret={secret}");
    let token = world.send(ask(&world, &form))?.json()?["access_token"].as_str().context("none")?.to_owned();
    world.ca.stop()?;
    world.ca.start()?;
    assert_eq!(with_token(&world, &token)?, 200);
    world.ca.command(&["scim-token", "revoke", "gallery"])?.ok()?;
    assert_eq!(with_token(&world, &token)?, 401);
    error(&world.send(ask(&world, &form))?, 401, "invalid_client")?;

    let (client, secret) = created(&world, &["--kind", "oauth", "--ttl", "3s"])?;
    let form = format!("grant_type=client_credentials&client_id={client}&client_secret={secret}");
    let granted = world.send(ask(&world, &form))?.json()?;
    assert!(granted["expires_in"].as_u64().context("no end")? <= 3, "no longer than its client: {granted}");
    let token = granted["access_token"].as_str().context("no token")?;
    wait_until("it to end", LONG, || (with_token(&world, token).ok()? == 401).then_some(()))?;
    Ok(())
}

/// A world whose server believes a proxy on loopback.
fn behind_a_proxy() -> Result<World> {
    let mut world = World::new(&[], &[])?;
    let file = world.ca.folder().join("sallyport.toml");
    let text = std::fs::read_to_string(&file)?;
    let believing = text.replace("# proxies = ", "proxies = ");
    assert_ne!(text, believing);
    std::fs::write(&file, believing)?;
    world.ca.stop()?;
    world.ca.start()?;
    Ok(world)
}

#[test]
fn a_connection_takes_requests_from_its_networks_only() -> Result<()> {
    let world = behind_a_proxy()?;
    world.ca.command(&["connection", "set", "entra", "--network", "192.0.2.0/24", "2001:db8::/32"])?.ok()?;
    let (client, secret) = created(&world, &["--kind", "oauth"])?;
    let form = format!("grant_type=client_credentials&client_id={client}&client_secret={secret}");
    for (from, wanted) in [
        ("192.0.2.7", 200),
        ("203.0.113.1, 192.0.2.7", 200),
        ("2001:db8::1", 200),
        ("192.0.2.7, 203.0.113.1", 403),
        ("203.0.113.1", 403),
        ("nonsense", 403),
    ] {
        let request = users(&world).bearer_auth(&world.scim_token).header("x-forwarded-for", from);
        assert_eq!(status(&world, request)?, wanted, "{from}");
        let token = world.send(ask(&world, &form).header("x-forwarded-for", from))?;
        assert_eq!(token.status, wanted, "{from}");
    }
    assert_eq!(with_token(&world, &world.scim_token)?, 403, "the proxy itself is not inside");
    let wrong = users(&world).bearer_auth("sps_wrong").header("x-forwarded-for", "203.0.113.1");
    assert_eq!(status(&world, wrong)?, 401, "a stranger learns nothing of networks");
    world.ca.command(&["connection", "set", "entra", "--any-network"])?.ok()?;
    assert_eq!(with_token(&world, &world.scim_token)?, 200);
    let refused = world.ca.command(&["connection", "set", "entra", "--network", "everywhere"])?.refused()?;
    assert!(refused.contains("192.0.2.0/24"), "what to write: {refused}");
    Ok(())
}

#[test]
fn wrong_credentials_from_one_address_wait_and_the_good_one_does_not() -> Result<()> {
    let world = behind_a_proxy()?;
    let wrong = |from: &str, token: &str| {
        status(&world, users(&world).bearer_auth(token).header("x-forwarded-for", from))
    };
    let answers: Vec<u16> =
        (0..80).map(|number| wrong("198.51.100.1", &format!("sps_guess{number}"))).collect::<Result<_>>()?;
    assert_eq!(answers[..50], [401; 50]);
    assert!(answers[60..].contains(&429), "{answers:?}");
    assert_eq!(wrong("198.51.100.1", &world.scim_token)?, 200, "Entra behind the same address goes on");
    let (_, fresh) = created(&world, &[])?;
    assert_eq!(wrong("198.51.100.1", &fresh)?, 200, "one that was never used as well");
    assert_eq!(wrong("198.51.100.2", "sps_other")?, 401);
    Ok(())
}

#[test]
fn refusals_are_logged_without_their_secrets_and_not_without_end() -> Result<()> {
    let world = World::new(&[], &[])?;
    for number in 0..200 {
        assert_eq!(with_token(&world, &format!("sps_canary{number}"))?, 401);
    }
    let answer = world.send(world.request(Method::POST, USERS).bearer_auth(&world.scim_token).body("{"))?;
    assert_eq!(answer.status, 400);
    let log = std::fs::read_to_string(world.folder().join("sallyport-ca.err"))?;
    let lines: Vec<_> = log.lines().filter(|line| line.contains("a SCIM request was refused")).collect();
    assert!(!log.contains("canary"), "a secret is in the log");
    assert!(!lines.is_empty() && lines.len() < 100, "{} lines", lines.len());
    for part in ["status=401", "the credential is unknown", "127.0.0.1", "WARN"] {
        assert!(lines[0].contains(part), "{part} is missing: {}", lines[0]);
    }
    Ok(())
}

fn findings(world: &World) -> Result<Vec<Value>> {
    let found = world.wait(world.admin()?.doctor())?;
    let found: Vec<Value> = serde_json::from_value(serde_json::to_value(found)?)?;
    Ok(found.into_iter().filter(|finding| finding["check"] == "scim_refused").collect())
}

/// The entries of those who were turned away.
fn turned_away(world: &World) -> Result<Vec<Value>> {
    let log = world.ca.command(&["provisioning", "log", "--failed", "--format", "json"])?.ok()?;
    let log: Vec<Value> = serde_json::from_str(&log)?;
    Ok(log.into_iter().filter(|event| event["operation"] == "connect").collect())
}

#[test]
fn a_wrong_paste_is_seen_where_an_administrator_looks() -> Result<()> {
    let world = World::new(&[], &[])?;
    let (expired, expired_token) = created(&world, &["--ttl", "5m"])?;
    let (_, revoked) = created(&world, &["--name", "old"])?;
    world.ca.command(&["scim-token", "revoke", "old"])?.ok()?;
    let found = findings(&world)?;
    assert!(found.len() == 1 && found[0]["health"] == "ok", "{found:?}");

    let store = rusqlite::Connection::open(world.ca.folder().join("sallyport.db"))?;
    store.busy_timeout(LONG)?;
    let end = "UPDATE scim_tokens SET expires_at = created_at WHERE id = ?1";
    assert_eq!(store.execute(end, [&expired])?, 1);
    let cut = &world.scim_token[..world.scim_token.len() - 1];
    for shown in [cut, "eyJ0eXAiOiJKV1QifQ.e30.x", &revoked, &expired_token] {
        assert_eq!(with_token(&world, shown)?, 401);
    }
    assert_eq!(status(&world, users(&world))?, 401);
    assert_eq!(world.send(ask(&world, "grant_type=client_credentials"))?.status, 401);
    for address in ["/Users", "/scim/Users?filter=userName+eq+%22x%22", "/scim/v2/v2/Users"] {
        let answer = world.send(world.request(Method::GET, address).bearer_auth(&world.scim_token))?;
        assert_eq!(answer.status, 404, "{address}");
    }

    let found = findings(&world)?;
    let told = |what: &str| -> Result<&Value> {
        let of = |finding: &&Value| finding["detail"].as_str().is_some_and(|detail| detail.contains(what));
        found.iter().find(of).with_context(|| format!("{what}: {found:?}"))
    };
    for (what, remedy) in [
        ("the credential is unknown: requests turned away: 1 since", "scim-token create"),
        ("the token is one of Entra's own: requests turned away: 1 since", "Secret Token"),
        ("no credential: requests turned away: 2 since", "Secret Token"),
        ("entra: the credential has expired: requests turned away: 1 since", "extend"),
        ("entra: the credential was revoked: requests turned away: 1 since", "scim-token create"),
        ("the address is none of SCIM's: requests turned away: 3 since", "/scim/v2"),
    ] {
        let finding = told(what)?;
        assert_eq!(finding["health"], "warning", "{finding}");
        assert!(finding["remedy"].as_str().is_some_and(|text| text.contains(remedy)), "{finding}");
        assert!(finding["detail"].as_str().is_some_and(|text| text.ends_with("the last from 127.0.0.1")));
    }
    assert_eq!(found.len(), 6, "{found:?}");
    // The look around comes each half a minute, and each reason has its entry once.
    let entries = || turned_away(&world).ok().filter(|entries| entries.len() == 6);
    let entries = wait_until("the log to tell", 2 * LONG, entries)?;
    let expired = entries.iter().find(|entry| entry["detail"].to_string().contains("expired"));
    let expired = expired.context("not told")?;
    assert_eq!((&expired["connection"], &expired["status"]), (&"entra".into(), &401.into()));
    assert!(!format!("{entries:?}{found:?}").contains(cut), "a secret is told");
    Ok(())
}

/// Ten thousand strangers: what is remembered of them does not grow, and nothing is written for each.
#[test]
fn a_storm_of_strangers_fills_no_log() -> Result<()> {
    const STORM: usize = 10_000;
    let world = World::new(&[], &[])?;
    let rows = || -> Result<i64> {
        let store = rusqlite::Connection::open(world.ca.folder().join("sallyport.db"))?;
        store.busy_timeout(LONG)?;
        let count =
            |table: &str| store.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0));
        let (log, chain): (i64, i64) = (count("provisioning")?, count("audit")?);
        Ok(log + chain)
    };
    let before = rows()?;
    let mut stream = TcpStream::connect(world.ca.url().trim_start_matches("http://"))?;
    stream.set_read_timeout(Some(LONG))?;
    let mut answers = BufReader::new(stream.try_clone()?);
    let reader = std::thread::spawn(move || -> Result<usize> {
        let (mut refused, mut line) = (0, String::new());
        while refused < STORM && answers.read_line(&mut line)? > 0 {
            refused += usize::from(line.contains("HTTP/1.1 401 "));
            line.clear();
        }
        Ok(refused)
    });
    for number in 0..STORM {
        let request =
            format!("GET {USERS} HTTP/1.1\r\nHost: ca\r\nAuthorization: Bearer sps_{number}\r\n\r\n");
        stream.write_all(request.as_bytes())?;
    }
    let refused = reader.join().map_err(|_| anyhow::anyhow!("the reader broke"))??;
    assert_eq!(refused, STORM);
    let found = findings(&world)?;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0]["detail"].as_str().is_some_and(|text| text.contains("away: 10000 since")), "{found:?}");
    let entries = wait_until("the log to tell", 2 * LONG, || {
        turned_away(&world).ok().filter(|entries| !entries.is_empty())
    })?;
    assert!(entries.len() == 1 && rows()? == before + 1, "{entries:?}");
    Ok(())
}

/// The simulator as Entra: with the same cycle, whatever it shows.
#[test]
fn a_cycle_with_each_kind_of_credential() -> Result<()> {
    let world = World::new(&[], &[])?;
    let (user, password) = created(&world, &["--kind", "basic"])?;
    let (client, secret) = created(&world, &["--kind", "oauth"])?;
    let token_url: reqwest::Url = format!("{}/scim/token", world.ca.url()).parse()?;
    let cycle = |credential: Credential| {
        let (from, to) = (world.sim.base().parse()?, format!("{}/scim/v2", world.ca.url()).parse()?);
        let service = Provisioner::new(world.http.clone(), from, to, credential, None, Mapping::default());
        anyhow::Ok(world.wait(service.run(Some(Cycle::Initial), &mut |_| {})))
    };
    let basic = Credential::basic(&user, &password).context("no credential")?;
    for (name, credential) in
        [("shown.basic", basic), ("shown.client", Credential::client(&client, &secret, token_url.clone()))]
    {
        let someone = world.hire(name, serde_json::json!({}), true)?;
        let report = cycle(credential)??;
        assert!(report.failures.is_empty() && report.users.created == 1, "{name}: {report:?}");
        world.log_in(&someone)?;
    }
    for wrong in [
        Credential::basic(&user, &secret).context("no credential")?,
        Credential::client(&client, &password, token_url),
    ] {
        let refused = cycle(wrong)?.err().context("accepted")?.to_string();
        assert!(refused.contains("401"), "{refused}");
        assert!(!refused.contains(&secret) && !refused.contains(&password));
    }
    Ok(())
}
