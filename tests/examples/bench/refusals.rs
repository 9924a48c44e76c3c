//! How long a directory waits for a refusal, beside a plain read of one user: `cargo xtask bench refusals`.
//!
//! Each round asks for everything once, the plain read among it, so that a machine that is busy is busy for all; what
//! counts is the median, and its ratio to the read's.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use sallyport_tests::World;
use serde_json::{Value, json};

const ROUNDS: usize = 40;
const WARM_UP: usize = 5;

/// A request of bad faith, and how it is answered.
struct Bad {
    name: &'static str,
    method: Method,
    path: String,
    body: Vec<u8>,
    status: u16,
}

struct Row {
    name: &'static str,
    bytes: usize,
    took: Vec<Duration>,
}

pub(crate) fn run() -> Result<()> {
    let world = World::new(&[], &[])?;
    let mut body = json!({ "userName": "mara@contoso.test", "displayName": "Mara" });
    body["roles"] = (0..250).map(|number| json!({ "value": number.to_string() })).collect();
    let created = world.scim(Method::POST, "/Users", Some(&body))?.json()?;
    let user = format!("/Users/{}", created["id"].as_str().context("no id")?);
    let kinds = kinds(&user);
    let row = |name, bytes| Row { name, bytes, took: Vec::new() };
    let mut rows = vec![row("a user, read", 0)];
    rows.extend(kinds.iter().map(|bad| row(bad.name, bad.body.len())));
    for round in 0..WARM_UP + ROUNDS {
        let mut times = vec![timed(&world, Method::GET, &user, &[], 200)?];
        for bad in &kinds {
            let took = timed(&world, bad.method.clone(), &bad.path, &bad.body, bad.status);
            times.push(took.with_context(|| bad.name)?);
        }
        if round >= WARM_UP {
            rows.iter_mut().zip(times).for_each(|(row, took)| row.took.push(took));
        }
    }
    println!("{}", Table(rows));
    Ok(())
}

fn timed(world: &World, method: Method, path: &str, body: &[u8], status: u16) -> Result<Duration> {
    let request = world.request(method, &format!("/scim/v2{path}")).bearer_auth(&world.scim_token);
    let request = request.body(body.to_vec());
    let begun = Instant::now();
    let answer = world.send(request)?;
    let took = begun.elapsed();
    ensure!(answer.status == status, "{} instead of {status}: {}", answer.status, answer.text());
    Ok(took)
}

fn kinds(user: &str) -> Vec<Bad> {
    let bad = |name, method, path: &str, body: Vec<u8>| Bad {
        name,
        method,
        path: path.to_owned(),
        body,
        status: 400,
    };
    let post = |name, body: String| bad(name, Method::POST, "/Users", body.into_bytes());
    let search = |name, filter: String| {
        bad(name, Method::POST, "/.search", json!({ "filter": filter }).to_string().into_bytes())
    };
    let patch = |name, operations: Vec<Value>| {
        bad(name, Method::PATCH, user, json!({ "Operations": operations }).to_string().into_bytes())
    };
    let large = "x".repeat(1024 * 1024);
    let members: Vec<_> = (0..50_000).map(|number| format!("\"a{number}\":1")).collect();
    let terms = vec!["value eq \"x\""; 40].join(" or ");
    let remove = json!({ "op": "remove", "path": format!("roles[{terms}]") });
    vec![
        Bad { status: 413, ..post("a body over a mebibyte", format!("{{\"title\":\"{large}\"}}")) },
        post("brackets, 100,000 deep", format!("{{\"a\":{}", "[".repeat(100_000))),
        post("objects, 100,000 deep", "{\"a\":".repeat(100_000)),
        post("50,000 members", format!("{{{}}}", members.join(","))),
        bad("a mebibyte that ends in no UTF-8", Method::POST, "/Users", no_utf8()),
        post("a member twice", "{\"userName\":\"a\",\"active\":true,\"ACTIVE\":false}".to_owned()),
        patch("10,000 operations", vec![json!({ "op": "Add", "path": "title", "value": "x" }); 10_000]),
        patch("900 operations with much to compare", vec![remove; 900]),
        search("a filter of 100 KiB", format!("userName eq \"{}\"", "x".repeat(100 * 1024))),
        search("6,000 terms", vec!["userName eq \"x\""; 6_000].join(" or ")),
        search("parentheses, 1,000 deep", format!("{}title pr{}", "(".repeat(1_000), ")".repeat(1_000))),
        Bad {
            status: 404,
            ..bad("an id that is nobody's", Method::GET, "/Users/01JABCDEFGHJKMNPQRSTVWXYZ0", Vec::new())
        },
    ]
}

fn no_utf8() -> Vec<u8> {
    let mut body = format!("{{\"title\":\"{}", "x".repeat(1024 * 1024 - 64)).into_bytes();
    body.extend(b"\xff\"}");
    body
}

struct Table(Vec<Row>);

impl fmt::Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |row: &Row| {
            let mut took = row.took.clone();
            took.sort_unstable();
            let at = |part: usize| took.get(took.len() * part / 100).copied().unwrap_or_default();
            (at(50), at(90))
        };
        let (read, _) = self.0.first().map(of).unwrap_or_default();
        writeln!(out, "{:<40} {:>10} {:>10} {:>10} {:>8}", "refused", "bytes", "p50 ms", "p90 ms", "ratio")?;
        for row in &self.0 {
            let (median, high) = of(row);
            let millis = |time: Duration| time.as_secs_f64() * 1_000.0;
            let ratio = median.as_secs_f64() / read.as_secs_f64();
            writeln!(
                out,
                "{:<40} {:>10} {:>10.2} {:>10.2} {ratio:>8.1}",
                row.name,
                row.bytes,
                millis(median),
                millis(high)
            )?;
        }
        Ok(())
    }
}
