//! A server on loopback that answers as badly as each test wants.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sallyport_domain::HostPatterns;
use sallyport_protocol::{Bootstrap, Problem};
use serde::Serialize;
use ssh_key::{Algorithm, PrivateKey};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinHandle;

use crate::CaUrl;

pub(crate) fn key(seed: u8) -> PrivateKey {
    PrivateKey::random(&mut ChaCha8Rng::from_seed([seed; 32]), Algorithm::Ed25519).unwrap()
}

pub(crate) fn bootstrap_document() -> Bootstrap {
    Bootstrap {
        issuer: "https://login.contoso.test/v2.0".into(),
        tenant: "11111111-2222-3333-4444-555555555555".parse().unwrap(),
        client_id: "client".into(),
        device_login: "off".into(),
        user_ca_keys: vec![],
        host_ca_keys: vec![],
        host_domains: HostPatterns::default(),
        tls_roots: vec!["a root".into()],
        versions: vec![1],
    }
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) endless: bool,
}

impl Answer {
    pub(crate) fn new(status: u16, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type", media_type.to_owned())];
        Self { status, headers, body: body.into(), endless: false }
    }

    pub(crate) fn json(value: &impl Serialize) -> Self {
        Self::new(200, "application/json; charset=utf-8", serde_json::to_vec(value).unwrap())
    }

    pub(crate) fn problem(problem: &Problem) -> Self {
        Self::new(problem.status, Problem::MEDIA_TYPE, serde_json::to_vec(problem).unwrap())
    }

    /// Of no announced length, for ever.
    pub(crate) fn endless(media_type: &str) -> Self {
        Self { endless: true, ..Self::new(200, media_type, []) }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn into_response(self) -> Response<Body> {
        let mut response = Response::builder().status(StatusCode::from_u16(self.status).unwrap());
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        let body = if self.endless { Body::new(Endless) } else { Body::from(self.body) };
        response.body(body).unwrap()
    }
}

struct Endless;

impl axum::body::HttpBody for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Infallible>>> {
        std::task::Poll::Ready(Some(Ok(hyper::body::Frame::data(Bytes::from_static(&[b' '; 4096])))))
    }
}

pub(crate) struct TestServer {
    url: CaUrl,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

impl TestServer {
    pub(crate) async fn start(answer: impl Fn(&Seen) -> Answer + Clone + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let (router, seen) = router(answer);
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, seen, task }
    }

    pub(crate) fn on_socket(
        path: &std::path::Path,
        answer: impl Fn(&Seen) -> Answer + Clone + Send + Sync + 'static,
    ) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let (router, seen) = router(answer);
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url: "http://localhost".parse().unwrap(), seen, task }
    }

    pub(crate) fn url(&self) -> CaUrl {
        self.url.clone()
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn router(
    answer: impl Fn(&Seen) -> Answer + Clone + Send + Sync + 'static,
) -> (axum::Router, Arc<Mutex<Vec<Seen>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&seen);
    let router = axum::Router::new().fallback(move |request: Request<Body>| {
        let (record, answer) = (Arc::clone(&record), answer.clone());
        async move {
            let (parts, body) = request.into_parts();
            let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
            let seen = Seen { method: parts.method, uri: parts.uri, headers: parts.headers, body };
            let response = answer(&seen).into_response();
            record.lock().unwrap().push(seen);
            response
        }
    });
    (router, seen)
}
