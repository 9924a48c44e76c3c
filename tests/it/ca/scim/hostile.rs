//! What nobody sends in good faith: refused in SCIM's own form and at once, with nothing stored and nothing broken.

mod addresses;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use sallyport_tests::World;
use sallyport_tests::world::Answer;
use serde_json::{Value, json};

use super::{PATCH_OP, assert_refused, create, group, members, patch, read, user};

/// Milliseconds on a free machine; the tests run beside others, in a build without optimisation.
const AT_ONCE: Duration = Duration::from_secs(5);

fn raw(world: &World, method: Method, path: &str, body: Vec<u8>) -> Result<Answer> {
    let begun = Instant::now();
    let request = world.request(method, &format!("/scim/v2{path}")).bearer_auth(&world.scim_token);
    let answer = world.send(request.header("content-type", "application/scim+json").body(body))?;
    ensure!(begun.elapsed() < AT_ONCE, "{path}: answered after {:?}", begun.elapsed());
    Ok(answer)
}

/// Every request that has a body, with this one: each refused, and no resource the other for it.
fn refused_everywhere(body: &[u8], status: u16, kind: Option<&str>) -> Result<()> {
    let world = World::shared()?;
    let person = format!("/Users/{}", create(&world, "Users", &user(&unique()))?);
    let group = format!("/Groups/{}", create(&world, "Groups", &group(&unique()))?);
    let before = (read(&world, &person)?, read(&world, &group)?);
    let requests = [
        (Method::POST, "/Users"),
        (Method::POST, "/Groups"),
        (Method::POST, "/.search"),
        (Method::POST, "/Users/.search"),
        (Method::PUT, &person),
        (Method::PUT, &group),
        (Method::PATCH, &person),
        (Method::PATCH, &group),
    ];
    for (method, path) in requests {
        let answer = raw(&world, method.clone(), path, body.to_vec())?;
        assert_refused(&answer, status, kind).with_context(|| format!("{method} {path}"))?;
    }
    assert_eq!((read(&world, &person)?, read(&world, &group)?), before);
    unharmed(&world)
}

/// Nothing of what these tests send was stored, and the server has not stumbled.
fn unharmed(world: &World) -> Result<()> {
    for path in ["/Users?filter=userName+sw+%22hostile.%22", "/Groups?filter=displayName+sw+%22hostile.%22"] {
        assert_eq!(read(world, path)?["totalResults"], 0, "{path}");
    }
    assert!(!world.ca.stderr().contains("panicked"), "{}", world.ca.stderr());
    Ok(())
}

fn unique() -> String {
    format!("attacked-{}", sallyport_entra_sim::Sim::new_oid())
}

/// A body that would be a fine user or group, but for one member.
fn body_with(member: &str) -> String {
    format!(
        "{{\"userName\":\"hostile.user@contoso.test\",\"displayName\":\"hostile.group\",\"Operations\":[],{member}}}"
    )
}

#[test]
fn bodies_over_a_mebibyte() -> Result<()> {
    let body = body_with(&format!("\"title\":\"{}\"", "x".repeat(1024 * 1024)));
    refused_everywhere(body.as_bytes(), 413, None)
}

#[test]
fn a_body_over_a_mebibyte_that_does_not_say_its_length() -> Result<()> {
    let world = World::shared()?;
    let mut stream = connect(&world)?;
    let head = format!(
        "POST /scim/v2/Users HTTP/1.1\r\nHost: ca\r\nAuthorization: Bearer {}\r\nTransfer-Encoding: chunked\r\n\r\n",
        world.scim_token
    );
    stream.write_all(head.as_bytes())?;
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    for _ in 0..17 {
        // The server may have said its word and hung up before the last of it.
        if stream.write_all(chunk.as_bytes()).is_err() {
            break;
        }
    }
    let mut first = [0; 12];
    stream.read_exact(&mut first)?;
    assert_eq!(&first, b"HTTP/1.1 413");
    unharmed(&world)
}

#[test]
fn depth_bombs() -> Result<()> {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        for depth in [33, 1_000, 100_000] {
            let member = format!("\"x\":{}1{}", open.repeat(depth), close.repeat(depth));
            refused_everywhere(body_with(&member).as_bytes(), 400, Some("invalidSyntax"))?;
        }
        // Without an end, as far as a body goes.
        let endless = format!("{{\"x\":{}", open.repeat(200_000 / open.len()));
        refused_everywhere(endless.as_bytes(), 400, Some("invalidSyntax"))?;
    }
    Ok(())
}

#[test]
fn ten_thousand_operations() -> Result<()> {
    let world = World::shared()?;
    for (path, operation) in [
        (
            format!("/Users/{}", create(&world, "Users", &user(&unique()))?),
            json!({ "op": "Add", "path": "title", "value": "hostile" }),
        ),
        (
            format!("/Groups/{}", create(&world, "Groups", &group(&unique()))?),
            json!({ "op": "remove", "path": "members" }),
        ),
    ] {
        let before = read(&world, &path)?;
        let body = json!({ "schemas": [PATCH_OP], "Operations": vec![operation; 10_000] }).to_string();
        assert_refused(&raw(&world, Method::PATCH, &path, body.into_bytes())?, 400, Some("tooMany"))?;
        assert_eq!(read(&world, &path)?, before);
    }
    unharmed(&world)
}

#[test]
fn few_operations_with_much_work() -> Result<()> {
    let world = World::shared()?;
    let mut body = user(&unique());
    body["roles"] = (0..250).map(|number| json!({ "value": number.to_string() })).collect();
    let path = format!("/Users/{}", create(&world, "Users", &body)?);
    let before = read(&world, &path)?;
    let terms = vec!["value eq \"x\""; 40].join(" or ");
    let operations = vec![json!({ "op": "remove", "path": format!("roles[{terms}]") }); 900];
    let body = json!({ "Operations": operations }).to_string();
    assert_refused(&raw(&world, Method::PATCH, &path, body.into_bytes())?, 400, Some("tooMany"))?;
    assert_eq!(read(&world, &path)?, before);
    Ok(())
}

#[test]
fn filters_of_a_hundred_kibibytes() -> Result<()> {
    let world = World::shared()?;
    let path = format!("/Users/{}", create(&world, "Users", &user(&unique()))?);
    let before = read(&world, &path)?;
    for filter in [
        format!("userName eq \"{}\"", "x".repeat(100 * 1024)),
        vec!["userName eq \"x\""; 6000].join(" or "),
        "(".repeat(100 * 1024),
        "not (".repeat(20 * 1024),
        "a[".repeat(50 * 1024),
    ] {
        let search = json!({ "filter": filter }).to_string();
        for place in ["/.search", "/Users/.search", "/Groups/.search"] {
            let answer = raw(&world, Method::POST, place, search.clone().into_bytes())?;
            assert_refused(&answer, 400, Some("invalidFilter"))?;
        }
        let operations = json!([{ "op": "remove", "path": format!("emails[{filter}]") }]);
        assert_refused(&patch(&world, &path, &operations)?, 400, Some("invalidPath"))?;
        let list = json!({ "attributes": [filter] }).to_string();
        assert_refused(
            &raw(&world, Method::POST, "/.search", list.into_bytes())?,
            400,
            Some("invalidValue"),
        )?;
    }
    assert_eq!(read(&world, &path)?, before);
    unharmed(&world)
}

#[test]
fn deep_filters() -> Result<()> {
    let world = World::shared()?;
    for filter in [
        format!("{}title pr{}", "(".repeat(1000), ")".repeat(1000)),
        format!("{}title pr{}", "not (".repeat(1000), ")".repeat(1000)),
    ] {
        let search = json!({ "filter": filter }).to_string();
        let answer = raw(&world, Method::POST, "/.search", search.into_bytes())?;
        assert_refused(&answer, 400, Some("invalidFilter"))?;
    }
    Ok(())
}

/// Values are texts, whatever they look like: nothing here compiles a pattern out of them.
#[test]
fn regexes_of_doom() -> Result<()> {
    let world = World::shared()?;
    let doom = format!("{}!", "a".repeat(2_000));
    let mut body = user(&unique());
    body["title"] = json!(doom);
    let path = format!("/Users/{}", create(&world, "Users", &body)?);
    for pattern in [
        "(a+)+$",
        "(a|aa)+$",
        "(.*a){30}",
        "^(([a-z])+.)+[A-Z]([a-z])+$",
        "%a%a%a%a%a%a%",
        "a*a*a*a*b",
        "\\\\E(a+)+",
    ] {
        for op in ["eq", "co", "sw", "ew"] {
            let search = json!({ "filter": format!("title {op} {}", json!(pattern)) }).to_string();
            let answer = raw(&world, Method::POST, "/Users/.search", search.into_bytes())?;
            assert_eq!((answer.status, &answer.json()?["totalResults"]), (200, &json!(0)), "{op} {pattern}");
            let operations =
                json!([{ "op": "remove", "path": format!("emails[value {op} {}]", json!(pattern)) }]);
            let begun = Instant::now();
            assert_eq!(patch(&world, &path, &operations)?.status, 200);
            assert!(begun.elapsed() < AT_ONCE);
        }
    }
    assert_eq!(read(&world, &path)?["title"], doom);
    Ok(())
}

#[test]
fn invalid_utf8() -> Result<()> {
    let mut body = body_with("\"title\":\"?\"").into_bytes();
    let at = body.iter().rposition(|byte| *byte == b'?').context("no mark")?;
    for bytes in [&b"\xff"[..], b"\xc3\x28", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\xc0\xaf"] {
        let mut broken = body.clone();
        broken.splice(at..=at, bytes.iter().copied());
        refused_everywhere(&broken, 400, Some("invalidSyntax"))?;
    }
    // Half of a pair, and the mark of another encoding.
    body.splice(at..=at, *b"\\ud800");
    refused_everywhere(&body, 400, Some("invalidSyntax"))?;
    refused_everywhere(
        &[b"\xef\xbb\xbf", body_with("\"a\":1").as_bytes()].concat(),
        400,
        Some("invalidSyntax"),
    )?;
    let world = World::shared()?;
    assert_refused(&raw(&world, Method::GET, "/Users/%ff%fe", Vec::new())?, 404, None)?;
    assert_refused(&raw(&world, Method::GET, "/Users/%00", Vec::new())?, 404, None)?;
    assert_refused(&raw(&world, Method::GET, "/Schemas/%ff", Vec::new())?, 404, None)?;
    for (query, what) in [
        ("filter=userName+eq+%22%ff%22", "invalidFilter"),
        ("filter=userName+ne+%22%c3%28%22", "invalidFilter"),
        ("count=1&attributes=%ff", "invalidValue"),
    ] {
        let answer = raw(&world, Method::GET, &format!("/Users?{query}"), Vec::new())?;
        assert_refused(&answer, 400, Some(what))?;
    }
    Ok(())
}

#[test]
fn duplicate_keys() -> Result<()> {
    for body in [
        body_with("\"userName\":\"hostile.twice@contoso.test\",\"displayName\":\"hostile.twice\""),
        body_with("\"a\":{\"b\":[{\"c\":1,\"c\":2}]}"),
        body_with("\"active\":false,\"active\":true"),
        body_with("\"\\u0061\":1,\"a\":2"),
    ] {
        refused_everywhere(body.as_bytes(), 400, Some("invalidSyntax"))?;
    }
    let world = World::shared()?;
    // Names that differ by case only are one name (RFC 7643, section 2.1).
    let twice = body_with("\"active\":true,\"ACTIVE\":false");
    assert_refused(&raw(&world, Method::POST, "/Users", twice.into_bytes())?, 400, Some("invalidSyntax"))?;
    assert_refused(
        &raw(&world, Method::GET, "/Users?filter=title+pr&Filter=active+pr", Vec::new())?,
        400,
        Some("invalidValue"),
    )?;
    unharmed(&world)
}

#[test]
fn no_json_and_other_json() -> Result<()> {
    for body in [
        "",
        "{",
        "[]",
        "null",
        "7",
        "\"x\"",
        "nonsense",
        "{} {}",
        "{'a':1}",
        "{\"a\":1,}",
        "{\"a\":01}",
        "{\"a\":1e999}",
        "{\"a\":NaN}",
        "<user/>",
        "a=b",
    ] {
        refused_everywhere(body.as_bytes(), 400, Some("invalidSyntax"))?;
    }
    Ok(())
}

#[test]
fn countless_attributes_and_values() -> Result<()> {
    let many: Vec<_> = (0..501).map(|number| format!("\"a{number}\":1")).collect();
    refused_everywhere(body_with(&many.join(",")).as_bytes(), 400, Some("invalidSyntax"))?;
    let world = World::shared()?;
    let values: Vec<_> = (0..251).map(|number| json!({ "value": number.to_string() })).collect();
    let mut body = user("hostile.values");
    body["roles"] = json!(values);
    assert_refused(
        &raw(&world, Method::POST, "/Users", body.to_string().into_bytes())?,
        400,
        Some("tooMany"),
    )?;
    let names: Vec<_> = (0..101).map(|number| format!("a{number}")).collect();
    let path = format!("/Users?attributes={}", names.join(","));
    assert_refused(&raw(&world, Method::GET, &path, Vec::new())?, 400, Some("tooMany"))?;
    unharmed(&world)
}

#[test]
fn a_resource_does_not_grow_for_ever() -> Result<()> {
    let world = World::shared()?;
    let path = format!("/Users/{}", create(&world, "Users", &user(&unique()))?);
    let large = "x".repeat(600 * 1024);
    let grow = |name: &str| patch(&world, &path, &json!([{ "op": "Add", "path": name, "value": large }]));
    assert_eq!(grow("custom1")?.status, 200);
    assert_refused(&grow("custom2")?, 400, Some("tooMany"))?;
    let after = read(&world, &path)?;
    assert_eq!((after["custom1"].as_str().map(str::len), after.get("custom2")), (Some(large.len()), None));
    assert_eq!(patch(&world, &path, &json!([{ "op": "Remove", "path": "custom1" }]))?.status, 200);
    Ok(())
}

#[test]
fn ids_of_other_connections() -> Result<()> {
    let world = World::new(&[], &[])?;
    let tenant = "22222222-0d3a-4f6e-9a41-5c2f8e90d311";
    world.ca.command(&["connection", "add", "fabrikam", "--tenant", tenant])?.ok()?;
    let other = world.ca.command(&["scim-token", "create", "--connection", "fabrikam"])?.ok()?;
    let as_other = |method: Method, path: &str, body: &Value| -> Result<Answer> {
        let request = world.request(method, &format!("/scim/v2{path}")).bearer_auth(&other);
        world.send(request.body(body.to_string()))
    };
    let (victim, prey) =
        (create(&world, "Users", &user("victim"))?, create(&world, "Groups", &group("prey"))?);
    let own =
        as_other(Method::POST, "/Groups", &group("own"))?.json()?["id"].as_str().context("no id")?.to_owned();
    let add = json!({ "Operations": [{ "op": "Add", "path": "members", "value": [{ "value": victim }] }] });
    let answer = as_other(Method::PATCH, &format!("/Groups/{own}"), &add)?;
    assert_eq!((answer.status, &answer.json()?["members"]), (200, &json!([])), "answered, and not stored");
    let mut valid = user("stolen");
    valid["Operations"] = json!([]);
    for path in [format!("/Users/{victim}"), format!("/Groups/{prey}")] {
        for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE] {
            assert_refused(&as_other(method, &path, &valid)?, 404, None)?;
        }
    }
    for filter in [
        format!("id eq \"{victim}\""),
        format!("id eq \"{prey}\""),
        "userName sw \"victim\"".to_owned(),
        "members pr".to_owned(),
    ] {
        let found = as_other(Method::POST, "/.search", &json!({ "filter": filter }))?;
        assert_eq!(found.json()?["totalResults"], 0, "{filter}");
    }
    assert_eq!(members(&world, &prey)?, Vec::<String>::new());
    assert_eq!(read(&world, &format!("/Users/{victim}"))?["userName"], "victim@contoso.test");
    Ok(())
}

/// .NET's client does without what firewalls like to insist on, and writes addresses in more than one way.
#[test]
fn a_request_without_a_user_agent_and_with_a_charset() -> Result<()> {
    let world = World::shared()?;
    let mut stream = connect(&world)?;
    let body = user(&unique()).to_string();
    let head = format!(
        "POST /scim/v2/Users HTTP/1.1\r\nHost: ca\r\nauthorization: bearer {}\r\nContent-Type: application/scim+json; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        world.scim_token,
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    Ok(())
}

#[test]
fn media_types_that_others_send() -> Result<()> {
    let world = World::shared()?;
    for media_type in
        ["application/json", "application/scim+json", "text/plain", "application/json;charset=UTF-8;odata=x"]
    {
        let request = world.request(Method::POST, "/scim/v2/Users").bearer_auth(&world.scim_token);
        let answer =
            world.send(request.header("content-type", media_type).body(user(&unique()).to_string()))?;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (201, "application/scim+json"),
            "{media_type}"
        );
    }
    Ok(())
}

fn connect(world: &World) -> Result<TcpStream> {
    let address = world.ca.url().trim_start_matches("http://").to_owned();
    let stream = TcpStream::connect(&address).with_context(|| address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    Ok(stream)
}
