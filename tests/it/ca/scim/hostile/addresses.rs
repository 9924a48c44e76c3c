//! Addresses as they should not be written, over a socket of our own: a proper client would set them right on the way.

use std::io::{BufRead as _, BufReader};

use super::*;

/// One connection, with answers read one by one.
struct Line {
    stream: BufReader<TcpStream>,
    token: String,
}

/// An answer, as it came.
#[derive(Debug)]
struct Said {
    status: u16,
    media_type: String,
    closes: bool,
    body: Value,
}

impl Line {
    fn open(world: &World) -> Result<Self> {
        Ok(Self { stream: BufReader::new(connect(world)?), token: world.scim_token.clone() })
    }

    /// Sends a head with these headers (each ended), and a body as it is.
    fn send(&mut self, line: &str, headers: &str, body: &str) -> Result<()> {
        let head = format!("{line}\r\nHost: ca\r\nAuthorization: Bearer {}\r\n{headers}\r\n", self.token);
        Ok(self.stream.get_mut().write_all(&[head.as_bytes(), body.as_bytes()].concat())?)
    }

    fn get(&mut self, target: &str) -> Result<Said> {
        self.send(&format!("GET /scim/v2{target} HTTP/1.1"), "", "")?;
        self.answer()
    }

    fn answer(&mut self) -> Result<Said> {
        let begun = Instant::now();
        let mut line = || -> Result<String> {
            let mut line = String::new();
            self.stream.read_line(&mut line)?;
            Ok(line.trim_end().to_owned())
        };
        let first = line()?;
        let status = first.split(' ').nth(1).with_context(|| format!("no answer: {first:?}"))?.parse()?;
        let (mut length, mut media_type, mut closes) = (0, String::new(), false);
        loop {
            let header = line()?.to_ascii_lowercase();
            match header.split_once(": ") {
                Some(("content-length", value)) => length = value.parse()?,
                Some(("content-type", value)) => value.clone_into(&mut media_type),
                Some(("connection", value)) => closes = value == "close",
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        ensure!(begun.elapsed() < AT_ONCE, "{first}: after {:?}", begun.elapsed());
        Ok(Said { status, media_type, closes, body: serde_json::from_slice(&body).unwrap_or_default() })
    }
}

impl Said {
    /// A refusal in SCIM's own form, and the sentence in it.
    fn refused(&self, status: u16) -> Result<&str> {
        ensure!(self.status == status && self.media_type == "application/scim+json", "{self:?}");
        let told = status.to_string();
        ensure!(self.body["status"].as_str() == Some(told.as_str()), "a string: {self:?}");
        self.body["detail"].as_str().context("no detail")
    }
}

#[test]
fn quotes_in_an_address_as_they_are() -> Result<()> {
    let world = World::shared()?;
    let name = unique();
    let id = create(&world, "Users", &user(&name))?;
    let raw = format!("/Users?filter=userName+eq+\"{name}@contoso.test\"");
    let found = |said: Said| -> Result<()> {
        ensure!(said.status == 200 && said.body["Resources"][0]["id"] == *id, "{said:?}");
        ensure!(!said.closes, "the connection is kept");
        Ok(())
    };
    let mut line = Line::open(&world)?;
    found(line.get(&raw)?).context("the first of a connection")?;
    found(line.get(&raw)?).context("the second")?;
    let body = json!({ "filter": "title pr", "count": 0 }).to_string();
    let length = format!("Content-Length: {}\r\n", body.len());
    line.send("POST /scim/v2/.search HTTP/1.1", &length, &body)?;
    assert_eq!(line.answer()?.status, 200);
    found(line.get(&raw)?).context("behind a body")?;
    let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    line.send("POST /scim/v2/.search HTTP/1.1", "Transfer-Encoding: chunked\r\n", &chunked)?;
    assert_eq!(line.answer()?.status, 200);
    found(line.get(&raw)?).context("behind a body in chunks")?;
    // Before their answers are read, and with a body between them.
    line.send(&format!("GET /scim/v2{raw} HTTP/1.1"), "", "")?;
    line.send("POST /scim/v2/.search HTTP/1.1", &length, &body)?;
    line.send(&format!("GET /scim/v2{raw} HTTP/1.1"), "", "")?;
    found(line.answer()?)?;
    assert_eq!(line.answer()?.status, 200);
    found(line.answer()?)?;
    found(line.get(&raw.replace('"', "%22"))?).context("as it should be")?;
    unharmed(&world)
}

#[test]
fn other_bytes_that_no_address_has() -> Result<()> {
    let world = World::shared()?;
    let mut line = Line::open(&world)?;
    for title in ["a<b>c", "{a}|{b}", "a\\\\b", "a^b`c", "Gr\u{fc}n", "mara#EXT#@contoso"] {
        let mut body = user(&unique());
        body["title"] = json!(title.replace("\\\\", "\\"));
        let id = create(&world, "Users", &body)?;
        let said = line.get(&format!("/Users?filter=title+eq+\"{title}\"+and+id+eq+\"{id}\""))?;
        assert_eq!((said.status, &said.body["totalResults"]), (200, &json!(1)), "{title}: {said:?}");
    }
    Ok(())
}

/// In a filter a space is read; where it could be the end of the address, it is told.
#[test]
fn spaces_in_an_address_as_they_are() -> Result<()> {
    let world = World::shared()?;
    let name = unique();
    let id = create(&world, "Users", &user(&name))?;
    let mut line = Line::open(&world)?;
    for _ in 0..2 {
        let said =
            line.get(&format!("/Users?filter=userName eq \"{name}@contoso.test\" and active eq true"))?;
        assert!(said.status == 200 && said.body["Resources"][0]["id"] == *id && !said.closes, "{said:?}");
    }
    for target in ["/Users/a b", "/Users ?filter=title pr", "/Users?filter=title pr HTTP/1.1"] {
        let said = Line::open(&world)?.get(target)?;
        assert!(said.refused(400)?.contains("%20") && said.closes, "{said:?}");
    }
    unharmed(&world)
}

/// An address that is too long is told as well; headers that are, are refused by HTTP, which has no words for it.
#[test]
fn addresses_and_headers_without_end() -> Result<()> {
    let world = World::shared()?;
    let said = Line::open(&world)?.get(&format!("/Users?filter={}", "x".repeat(20 * 1024)))?;
    said.refused(400)?;
    assert_eq!(said.body["scimType"], "invalidFilter");
    for length in [25 * 1024, 100 * 1024, 900 * 1024] {
        let said = Line::open(&world)?.get(&format!("/Users?filter={}", "\"".repeat(length)))?;
        assert!(said.refused(414)?.contains("/.search") && said.closes, "{said:?}");
    }
    let mut line = Line::open(&world)?;
    // The server may have said its word and hung up before the last of it.
    let _ = line.send("GET /scim/v2/Users HTTP/1.1", &format!("X: {}\r\n", "x".repeat(100 * 1024)), "");
    let said = line.answer()?;
    assert_eq!((said.status, said.body, said.closes), (431, Value::Null, true));
    unharmed(&world)
}

/// What is refused by HTTP elsewhere, is here too: SCIM's addresses alone are seen through.
#[test]
fn other_surfaces_are_as_strict_as_they_were() -> Result<()> {
    let world = World::shared()?;
    for target in ["/v1/krl?a=\"b\"", "/healthz?a=\"b\"", "http://ca/scim/v2/Users?a=\"b\""] {
        let mut line = Line::open(&world)?;
        line.send(&format!("GET {target} HTTP/1.1"), "", "")?;
        assert_eq!(line.answer()?.status, 400, "{target}");
    }
    Ok(())
}

/// A body that does not come is waited for, and then it is told whose fault that is.
#[test]
fn a_body_that_never_comes() -> Result<()> {
    let world = World::shared()?;
    let mut lines = Vec::new();
    for (target, form) in
        [("/scim/v2/Users", "scim"), ("/scim/token", "oauth"), ("/v1/certificates/user", "problem")]
    {
        let mut line = Line::open(&world)?;
        line.send(&format!("POST {target} HTTP/1.1"), "Content-Length: 100\r\n", "{\"userName\":")?;
        line.stream.get_ref().set_read_timeout(Some(Duration::from_mins(1)))?;
        lines.push((line, form));
    }
    for (mut line, form) in lines {
        // Waited for here: the answer itself comes at once.
        line.stream.fill_buf()?;
        let said = line.answer()?;
        assert_eq!(said.status, 408, "{said:?}");
        assert_eq!(line.stream.read_to_end(&mut Vec::new())?, 0, "the rest is not waited for");
        let told = match form {
            "scim" => said.refused(408)?,
            "oauth" => said.body["error_description"].as_str().context("no description")?,
            _ => {
                assert_eq!(said.body["code"], "too_slow");
                said.body["detail"].as_str().context("no detail")?
            }
        };
        assert!(told.contains("after 30 seconds"), "{told}");
    }
    let log = world.ca.command(&["provisioning", "log", "--failed", "--format", "json"])?.ok()?;
    let log: Vec<Value> = serde_json::from_str(&log)?;
    assert!(log.iter().any(|event| event["status"] == 408), "the directory's administrator sees it: {log:?}");
    unharmed(&world)
}
