//! Clients that are slow, silent or many, over real sockets.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::{get, post};
use jiff::Timestamp;
use sallyport_domain::Clock;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::{Limits, bind, bind_socket, create_root};
use crate::app::SharedClock;
use crate::config::{Listen, Surface, Tls};
use crate::http::limited;

/// What the server gives in these tests, where nothing has to happen before.
const SHORT: Duration = Duration::from_millis(300);
/// Where something has to.
const MEDIUM: Duration = Duration::from_secs(2);
/// Within this, what must happen has happened, on a busy machine too.
const LONG: Duration = Duration::from_secs(20);
const LIMITS: Limits = Limits {
    connections: 100,
    connections_of_one: 100,
    handshake: SHORT,
    headers: SHORT,
    write: SHORT,
    slowest: 1024,
};
/// More than the kernel's buffers of both sides hold.
const LARGE: usize = 64 * 1024 * 1024;
const REQUEST: &str = "GET /small HTTP/1.1\r\nHost: ca\r\n\r\n";

struct Now;

impl Clock for Now {
    fn now(&self) -> Timestamp {
        sallyport_client::SystemClock.now()
    }
}

fn routes() -> Router {
    let routes = Router::new()
        .route("/small", get(|| async { "small" }))
        .route("/large", get(|| async { vec![b'x'; LARGE] }))
        .route("/hang", post(|_: Bytes| std::future::pending::<()>()))
        .route("/take", post(|body: Bytes| async move { body.len().to_string() }));
    limited(routes, 1024, SHORT)
}

/// A server that stops when dropped.
struct Server {
    address: SocketAddr,
    folder: tempfile::TempDir,
    _stop: watch::Sender<bool>,
}

impl Server {
    async fn start(tls: Tls, limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        create_root(folder.path(), Now.now()).unwrap();
        let listen = Listen {
            address: "127.0.0.1:0".parse().unwrap(),
            tls,
            surfaces: [Surface::Ops].into(),
            proxies: Vec::new(),
        };
        let bound = bind(&listen, folder.path(), SharedClock(Arc::new(Now)), limits).await.unwrap();
        let address = bound.url().rsplit('/').next().unwrap().parse().unwrap();
        let (stopper, stop) = watch::channel(false);
        tokio::spawn(bound.serve(routes(), stop));
        Self { address, folder, _stop: stopper }
    }

    async fn plain(limits: Limits) -> Self {
        Self::start(Tls::Plain, limits).await
    }

    async fn connect(&self) -> TcpStream {
        // A small window, so that not reading is felt soon.
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(16 * 1024).unwrap();
        socket.connect(self.address).await.unwrap()
    }
}

/// Whether the server answers on this connection.
async fn answers(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> bool {
    if stream.write_all(REQUEST.as_bytes()).await.is_err() {
        return false;
    }
    let mut answer = [0; 12];
    let read = timeout(LONG, stream.read_exact(&mut answer)).await.expect("neither an answer nor an end");
    read.is_ok() && answer == *b"HTTP/1.1 200"
}

/// Reads to the end that the server makes.
async fn end(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut said = Vec::new();
    match timeout(LONG, stream.read_to_end(&mut said)).await.expect("the connection stays open") {
        Err(error) if error.kind() != io::ErrorKind::ConnectionReset => panic!("{error}"),
        _ => String::from_utf8(said).unwrap(),
    }
}

/// Waits until a new connection is answered: its place was given back.
async fn until_there_is_room(server: &Server) {
    let begun = Instant::now();
    while !answers(&mut server.connect().await).await {
        assert!(begun.elapsed() < LONG, "the place is never given back");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn headers_that_drip_in_are_cut_off() {
    let server = Server::plain(LIMITS).await;
    let (mut read, mut write) = server.connect().await.into_split();
    let drip = tokio::spawn(async move {
        write.write_all(b"GET / HTTP/1.1\r\nX-Slow: ").await?;
        loop {
            write.write_all(b"x").await?;
            sleep(SHORT / 10).await;
        }
        #[expect(unreachable_code, reason = "says what the block gives")]
        io::Result::Ok(())
    });
    end(&mut read).await;
    drop(read);
    timeout(LONG, drip).await.unwrap().unwrap().unwrap_err();
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed() {
    let server = Server::plain(LIMITS).await;
    end(&mut server.connect().await).await;
}

#[tokio::test]
async fn a_connection_that_idles_between_requests_is_closed() {
    let server = Server::plain(Limits { headers: MEDIUM, ..LIMITS }).await;
    let mut stream = server.connect().await;
    for _ in 0..3 {
        sleep(MEDIUM / 5).await;
        assert!(answers(&mut stream).await);
        let mut rest = [0; 1024];
        while !rest.ends_with(b"small") {
            let length = stream.read(&mut rest).await.unwrap();
            assert!(length > 0, "used often enough, and closed");
            rest.rotate_left(length);
        }
    }
    end(&mut stream).await;
}

#[tokio::test]
async fn a_body_that_never_comes_is_answered_and_cut_off() {
    let server = Server::plain(LIMITS).await;
    let mut stream = server.connect().await;
    stream
        .write_all(b"POST /take HTTP/1.1\r\nHost: ca\r\nContent-Length: 1000\r\n\r\nonly this")
        .await
        .unwrap();
    let said = end(&mut stream).await;
    assert!(said.starts_with("HTTP/1.1 408"), "{said}");
}

#[tokio::test]
async fn an_answer_that_never_comes_is_our_own_fault() {
    let server = Server::plain(Limits { headers: MEDIUM, ..LIMITS }).await;
    let mut stream = server.connect().await;
    stream.write_all(b"POST /hang HTTP/1.1\r\nHost: ca\r\nContent-Length: 3\r\n\r\nall").await.unwrap();
    let said = end(&mut stream).await;
    assert!(said.starts_with("HTTP/1.1 500"), "{said}");
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_while_it_comes() {
    let server = Server::plain(LIMITS).await;
    let mut stream = server.connect().await;
    stream.write_all(b"POST /take HTTP/1.1\r\nHost: ca\r\nTransfer-Encoding: chunked\r\n\r\n").await.unwrap();
    for _ in 0..20 {
        // The server may have hung up by now, which is the point.
        let _ = stream.write_all(b"64\r\n").await;
        let _ = stream.write_all(&[b'x'; 100]).await;
        let _ = stream.write_all(b"\r\n").await;
    }
    let said = end(&mut stream).await;
    assert!(said.starts_with("HTTP/1.1 413"), "{said}");
}

#[tokio::test]
async fn who_asks_and_does_not_read_is_cut_off() {
    let server = Server::plain(Limits { connections: 1, write: MEDIUM, ..LIMITS }).await;
    let mut stream = server.connect().await;
    stream.write_all(REQUEST.replace("small", "large").as_bytes()).await.unwrap();
    stream.readable().await.unwrap();
    assert!(!answers(&mut server.connect().await).await, "the one place is taken");
    until_there_is_room(&server).await;
}

#[tokio::test]
async fn under_tls_too() {
    let private = Tls::Private { names: Vec::new() };
    let limits = Limits { connections: 1, handshake: MEDIUM, write: MEDIUM, ..LIMITS };
    let server = Server::start(private, limits).await;
    let mut silent = server.connect().await;
    end(&mut silent).await;

    let config = sallyport_trust_roots::unverified().unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    let connect = || async { connector.connect(name.clone(), server.connect().await).await };
    let mut stream = connect().await.unwrap();
    stream.write_all(REQUEST.replace("small", "large").as_bytes()).await.unwrap();
    stream.read_exact(&mut [0; 12]).await.unwrap();
    assert!(connect().await.is_err(), "the one place is taken");
    let begun = Instant::now();
    while connect().await.is_err() {
        assert!(begun.elapsed() < LONG, "the place is never given back");
        sleep(Duration::from_millis(20)).await;
    }
    drop(stream);
}

#[tokio::test]
async fn who_reads_slowly_and_goes_on_gets_everything() {
    let server = Server::plain(Limits { write: MEDIUM, ..LIMITS }).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /large HTTP/1.1\r\nHost: ca\r\nConnection: close\r\n\r\n").await.unwrap();
    let (mut total, mut buffer, begun) = (0, vec![0; 512 * 1024], Instant::now());
    loop {
        let length = stream.read(&mut buffer).await.unwrap();
        if length == 0 {
            break;
        }
        total += length;
        // Until it has taken longer than the patience with somebody who reads nothing.
        if begun.elapsed() < MEDIUM * 2 {
            sleep(Duration::from_millis(10)).await;
        }
    }
    assert!(total > LARGE && begun.elapsed() > MEDIUM * 3 / 2, "{total} bytes in {:?}", begun.elapsed());
}

#[tokio::test]
async fn one_address_has_its_share_of_connections() {
    let server = Server::plain(Limits { connections_of_one: 2, headers: LONG, ..LIMITS }).await;
    let mut held = [server.connect().await, server.connect().await];
    for stream in &mut held {
        assert!(answers(stream).await);
    }
    assert!(!answers(&mut server.connect().await).await);
    drop(held);
    until_there_is_room(&server).await;
}

#[tokio::test]
async fn the_listener_has_its_number_of_connections() {
    let server = Server::plain(Limits { connections: 2, headers: LONG, ..LIMITS }).await;
    let mut held = [server.connect().await, server.connect().await];
    for stream in &mut held {
        assert!(answers(stream).await);
    }
    assert!(!answers(&mut server.connect().await).await);
    drop(held);
    until_there_is_room(&server).await;
}

#[tokio::test]
async fn the_administrators_socket_has_its_limits() {
    let server = Server::plain(LIMITS).await;
    let path = server.folder.path().join("admin.sock");
    let (_stopper, stop) = watch::channel(false);
    let bound = bind_socket(&path, Limits { connections: 2, headers: MEDIUM, ..LIMITS }).unwrap();
    tokio::spawn(bound.serve(routes(), stop));
    let mut held = [UnixStream::connect(&path).await.unwrap(), UnixStream::connect(&path).await.unwrap()];
    for stream in &mut held {
        assert!(answers(stream).await);
    }
    assert!(!answers(&mut UnixStream::connect(&path).await.unwrap()).await);
    for stream in &mut held {
        end(stream).await;
    }
    assert!(answers(&mut UnixStream::connect(&path).await.unwrap()).await);
}
