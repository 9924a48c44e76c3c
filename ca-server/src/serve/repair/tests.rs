//! The stream under hyper itself: what hyper then takes for requests is what counts.

use std::convert::Infallible;
use std::time::Duration;

use axum::http::Response;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// Method, target and body, and what was wrong with the line.
type Seen = (String, String, String, Option<Unreadable>);

/// What hyper makes of these bytes, sent in these pieces and then ended: the requests, and what it handed over below.
async fn served(pieces: &[Vec<u8>], repair: bool) -> (Vec<Seen>, Vec<u8>) {
    let (mut client, server) = tokio::io::duplex(1024 * 1024);
    let (heads, seen) = (Heads::default(), Arc::new(Mutex::new(Vec::new())));
    let read = Arc::new(Mutex::new(Vec::new()));
    let (from, to) = tokio::io::split(server);
    let from = Noting { stream: Repairing::new(from, heads.clone(), repair), read: Arc::clone(&read) };
    let stream = tokio::io::join(from, to);
    let noted = Arc::clone(&seen);
    let service = service_fn(move |request: Request<Incoming>| {
        let unreadable = heads.read(&request);
        let noted = Arc::clone(&noted);
        async move {
            let (parts, body) = request.into_parts();
            // Some answer without having read the body.
            let body = if parts.uri.path().ends_with("/unread") {
                String::new()
            } else {
                let Ok(body) = body.collect().await else { return Ok(Response::new("half".to_owned())) };
                String::from_utf8_lossy(&body.to_bytes()).into_owned()
            };
            noted.lock().unwrap().push((parts.method.to_string(), parts.uri.to_string(), body, unreadable));
            Ok::<_, Infallible>(Response::new("answer".to_owned()))
        }
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    let connection = tokio::spawn(http.half_close(true).serve_connection(TokioIo::new(stream), service));
    for piece in pieces {
        // Gone already, where it did not like the last one.
        let _ = client.write_all(piece).await;
        tokio::task::yield_now().await;
    }
    let _ = client.shutdown().await;
    let mut answers = Vec::new();
    let all = tokio::time::timeout(Duration::from_secs(20), client.read_to_end(&mut answers)).await;
    let _ = all.expect("the connection stays open");
    let _ = connection.await;
    let seen = seen.lock().unwrap().clone();
    let read = read.lock().unwrap().clone();
    (seen, read)
}

/// Keeps what is read from it.
struct Noting<S> {
    stream: S,
    read: Arc<Mutex<Vec<u8>>>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Noting<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        self.read.lock().unwrap().extend_from_slice(&buf.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn seen(bytes: &str) -> Vec<Seen> {
    run(served(&[bytes.as_bytes().to_vec()], true)).0
}

fn targets(bytes: &str) -> Vec<String> {
    seen(bytes).into_iter().map(|(_, target, ..)| target).collect()
}

const RAW: &str = "GET /scim/v2/Users?filter=userName+eq+\"a\" HTTP/1.1\r\nHost: ca\r\n\r\n";
/// With spaces, which are read as they must be meant.
const SPACED: &str = "GET /scim/v2/Users?filter=userName eq \"a\" HTTP/1.1\r\nHost: ca\r\n\r\n";
const READ_AS: &str = "/scim/v2/Users?filter=userName+eq+%22a%22";
const LENGTH: &str = "POST /scim/v2/Users HTTP/1.1\r\nHost: ca\r\nContent-Length: 5\r\n\r\nhello";
const CHUNKED: &str =
    "POST /scim/v2/Users HTTP/1.1\r\nHost: ca\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";

#[test]
fn quotes_are_read_on_every_request_of_a_connection() {
    let bytes = [RAW, RAW, LENGTH, RAW, CHUNKED, "\r\n", RAW, SPACED].concat();
    let read = ["/scim/v2/Users", READ_AS];
    let spaced = READ_AS.replace('+', "%20");
    assert_eq!(targets(&bytes), [read[1], read[1], read[0], read[1], read[0], read[1], &spaced]);
}

#[test]
fn a_body_that_nobody_reads_is_still_a_body() {
    for unread in [LENGTH, CHUNKED] {
        let bytes = [&unread.replace("/Users", "/unread"), RAW].concat();
        let targets = targets(&bytes);
        // Hyper may as well hang up.
        assert!(targets == ["/scim/v2/unread", READ_AS] || targets == ["/scim/v2/unread"], "{targets:?}");
    }
}

/// Bodies are the attacker's: what looks like a request line in one stays as it is, to the byte.
#[test]
fn lines_in_bodies_are_no_request_lines() {
    let body = format!("{RAW}{RAW}\r\n\r\n{RAW}");
    let length = format!("POST /x HTTP/1.1\r\nHost: ca\r\nContent-Length: {}\r\n\r\n{body}{RAW}", body.len());
    let chunk = format!("{:x}\r\n{body}\r\n", body.len());
    let chunked = format!(
        "POST /x HTTP/1.1\r\nHost: ca\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}{chunk}0\r\n\r\n{RAW}"
    );
    for (bytes, expected) in [(length, body.clone()), (chunked, [body.clone(), body].concat())] {
        let seen = seen(&bytes);
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[0].2, expected);
        assert_eq!((seen[1].1.as_str(), seen[1].2.as_str()), (READ_AS, ""));
    }
}

/// What makes two servers disagree about where a request ends. Hyper decides, and sees what was sent.
#[test]
fn smuggling() {
    let inner = "GET /scim/v2/Users?smuggled=\"1\" HTTP/1.1\r\nHost: ca\r\n\r\n";
    let post = |headers: &str, body: &str| format!("POST /x HTTP/1.1\r\nHost: ca\r\n{headers}\r\n\r\n{body}");
    let length = inner.len();
    let both = "Transfer-Encoding: chunked\r\nContent-Length: 4";
    for (name, bytes) in [
        ("content_length_and_chunked", post(both, &format!("0\r\n\r\n{inner}"))),
        (
            "chunked_and_content_length",
            post(
                &format!("Content-Length: {length}\r\nTransfer-Encoding: chunked"),
                &format!("{length:x}\r\n{inner}\r\n0\r\n\r\n"),
            ),
        ),
        ("two_content_lengths", post(&format!("Content-Length: 0\r\nContent-Length: {length}"), inner)),
        (
            "two_equal_content_lengths",
            post(&format!("Content-Length: {length}\r\nContent-Length: {length}"), inner),
        ),
        ("a_list_of_content_lengths", post(&format!("Content-Length: {length}, {length}"), inner)),
        ("content_length_with_a_sign", post(&format!("Content-Length: +{length}"), inner)),
        (
            "chunked_behind_another_coding",
            post("Transfer-Encoding: gzip, chunked", &format!("0\r\n\r\n{inner}")),
        ),
        (
            "another_coding_behind_chunked",
            post("Transfer-Encoding: chunked, gzip", &format!("0\r\n\r\n{inner}")),
        ),
        ("chunked_misspelt", post("Transfer-Encoding: xchunked", &format!("0\r\n\r\n{inner}"))),
        ("chunked_with_a_tab", post("Transfer-Encoding:\tchunked", &format!("0\r\n\r\n{inner}"))),
        ("space_before_the_colon", post("Transfer-Encoding : chunked", &format!("0\r\n\r\n{inner}"))),
        ("folded_header", post("Transfer-Encoding:\r\n chunked", &format!("0\r\n\r\n{inner}"))),
        ("chunk_extension", post("Transfer-Encoding: chunked", &format!("0;x=\"y\"\r\n\r\n{inner}"))),
        (
            "chunk_extension_with_a_bare_line_feed",
            post("Transfer-Encoding: chunked", &format!("5;\nhello\r\n0\r\n\r\n{inner}")),
        ),
        ("trailers", post("Transfer-Encoding: chunked", &format!("0\r\nX: {RAW}\r\n\r\n{inner}"))),
        (
            "trailers_that_look_like_requests",
            post("Transfer-Encoding: chunked", &format!("0\r\n{RAW}{inner}")),
        ),
        (
            "chunk_size_too_large",
            post("Transfer-Encoding: chunked", &format!("fffffffffffffffff\r\n{inner}")),
        ),
        (
            "chunk_size_with_zeros",
            post("Transfer-Encoding: chunked", &format!("000000000000{length:x}\r\n{inner}\r\n0\r\n\r\n")),
        ),
        ("chunk_without_its_end", post("Transfer-Encoding: chunked", &format!("3\r\nabc{inner}0\r\n\r\n"))),
        ("bare_line_feeds", format!("POST /x HTTP/1.1\nHost: ca\nContent-Length: {length}\n\n{inner}")),
        ("bare_carriage_return", post("X: a\rContent-Length: 0", inner)),
        ("header_with_a_null", post("X: a\0b", inner)),
        ("request_line_in_a_header", post(&format!("X: {}", inner.trim_end()), inner)),
        ("upgrade", post("Connection: upgrade\r\nUpgrade: websocket", inner)),
        ("connect", format!("CONNECT ca:443 HTTP/1.1\r\nHost: ca\r\n\r\n{inner}")),
        ("http_1_0_with_a_length", format!("POST /x HTTP/1.0\r\nContent-Length: {length}\r\n\r\n{inner}")),
        ("http_1_0_kept_alive", format!("GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n{inner}")),
        (
            "http_1_0_chunked",
            format!("POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{inner}"),
        ),
        ("http_0_9", format!("GET /scim/v2/\"\r\n{inner}")),
        ("http_2", format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{inner}")),
        ("close", post("Connection: close", inner)),
        ("expect_continue", post(&format!("Expect: 100-continue\r\nContent-Length: {length}"), inner)),
        ("half_a_body", post("Content-Length: 1000", inner)),
    ] {
        // The same bytes with the inner address as hyper alone would have it, under hyper alone.
        let encoded = bytes.replace("smuggled=\"1\"", "smuggled=@1@");
        let (mut alone, _) = run(served(&[encoded.into_bytes()], false));
        for seen in &mut alone {
            seen.1 = seen.1.replace("@1@", "%221%22");
            seen.2 = seen.2.replace("@1@", "\"1\"");
        }
        let (repaired, _) = run(served(&[bytes.clone().into_bytes()], true));
        // Never another request than hyper sees by itself; fewer, where this has lost its place.
        assert_eq!(repaired, alone[..repaired.len()], "{name}");
        for seen in repaired {
            assert!(seen.2.is_empty() || bytes.contains(&seen.2), "{name}: a body was changed: {seen:?}");
        }
    }
}

#[test]
fn addresses_that_cannot_be_served_are_told_and_never_followed() {
    let long = format!("GET /scim/v2/Users?filter={} HTTP/1.1\r\nHost: ca\r\n\r\n", "\"".repeat(200_000));
    let spaces = RAW.replace("/Users?", "/Us ers?");
    for (bytes, why) in [(long, Unreadable::TooLong), (spaces, Unreadable::Space)] {
        let (got, target) = ("GET".to_owned(), "/scim/v2/".to_owned());
        let first = (got, target, String::new(), Some(why));
        let seen = seen(&[&bytes, RAW].concat());
        assert_eq!(seen[0], first);
        assert_eq!((seen[1].1.as_str(), seen[1].3), (READ_AS, None), "its neighbour is not concerned");
    }
}

#[test]
fn a_line_without_an_end_ends() {
    let endless = format!("GET /scim/v2/{}", "x".repeat(LONGEST_REFUSED + READ));
    assert_eq!(seen(&endless), []);
}

/// Some requests one after the other, from what is dangerous.
fn stream() -> impl Strategy<Value = String> {
    let body = "[a-z0-9\r\n \"]{0,60}";
    let request = prop_oneof![
        Just(RAW.to_owned()),
        Just(SPACED.to_owned()),
        Just(RAW.replace("/Users?", "/Us ers?")),
        Just(RAW.replace("/scim/", "/other/").replace('"', "'")),
        "/scim/v2/[a-z\"|{}<>^#?=&+\u{e9}]{0,40}"
            .prop_map(|target| format!("GET {target} HTTP/1.1\r\nHost: ca\r\n\r\n")),
        body.prop_map(|body| format!(
            "POST /scim/v2/\"x\" HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )),
        body.prop_map(|body| {
            let chunk =
                if body.is_empty() { String::new() } else { format!("{:X}\r\n{body}\r\n", body.len()) };
            format!("PUT /scim/v2/x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}{chunk}0\r\n\r\n")
        }),
        Just("\r\n".to_owned()),
    ];
    prop::collection::vec(request, 0..6).prop_map(|requests| requests.concat())
}

fn cut(bytes: &[u8], lengths: &[usize]) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    let mut rest = bytes;
    for length in lengths.iter().cycle().take(2_000) {
        if rest.is_empty() {
            break;
        }
        let (piece, after) = rest.split_at((*length).min(rest.len()));
        pieces.push(piece.to_vec());
        rest = after;
    }
    pieces.push(rest.to_vec());
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// However the bytes come, hyper reads the same.
    #[test]
    fn pieces_make_no_difference(stream in stream(), lengths in prop::collection::vec(1usize..40, 1..8)) {
        let whole = run(served(&[stream.clone().into_bytes()], true));
        let pieces = run(served(&cut(stream.as_bytes(), &lengths), true));
        prop_assert_eq!(whole, pieces);
    }

    /// Where nothing has to be repaired, hyper reads what was sent, to the byte.
    #[test]
    fn what_is_right_passes_unchanged(stream in stream(), lengths in prop::collection::vec(1usize..40, 1..8)) {
        let stream = stream.replace(['"', '|', '{', '}', '<', '>', '^', '\u{e9}'], "-").replace(" eq ", "+eq+").replace("/Us ers", "/Users").replace('#', "");
        let pieces = cut(stream.as_bytes(), &lengths);
        let (alone, read_alone) = run(served(&pieces, false));
        let (repaired, read) = run(served(&pieces, true));
        prop_assert_eq!(&repaired, &alone);
        prop_assert!(read_alone.starts_with(&read) || read.starts_with(&read_alone));
        prop_assert!(stream.as_bytes().starts_with(&read));
    }

    /// Anything at all: hyper never sees a request that it would not have seen, nor one body more.
    #[test]
    fn noise_stays_noise(noise in prop::collection::vec(any::<u8>(), 0..600), lengths in prop::collection::vec(1usize..40, 1..8)) {
        let (alone, _) = run(served(&cut(&noise, &lengths), false));
        let (repaired, _) = run(served(&cut(&noise, &lengths), true));
        prop_assert_eq!(repaired, alone);
    }
}
